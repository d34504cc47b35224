"""The folds as they were judged, ready to be traded with something changed; the judged window is cut off before.

A fold's probabilities are those that its model gave to bars it had not seen, its account is fresh, and what a side is
expected to bring is known from its own training part: as in `training.judging`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtest.observed import Scores
from backtest.policy import Policy
from backtest.ratios import largest_fall
from backtest.rerun import Case, rerun
from backtest.trade_table import EXIT
from labels import time_decay
from labels.barriers import lone_trades
from market.execution import Exits
from market.settings import Research
from market.tape import Tape, read_only, tape
from training import ensemble, thresholds
from training.thresholds import Venue

EACH_VIEW = (0.5, 0.5)  # thresholds where no fold has some: the expected result alone decides

_OUTCOMES = ("t1_long", "t1_short", "r_long", "r_short", "y", "weight")


class Block(NamedTuple):
    """A fold: bars [begin, stop) of the tape and their probabilities (bars × 3, NaN where there are none).

    `choice` are its thresholds, None for "no trade"; `learnt` the labels (mask) of its training part, all known at the
    bar `latest`; `told` is what its figures say of its trades, `span` its share of a year.
    """

    begin: int
    stop: int
    p: np.ndarray
    choice: tuple[float, float] | None
    learnt: np.ndarray
    latest: int
    told: tuple[int, float | None]
    span: float


class Development(NamedTuple):
    """The blocks of a walk-forward with the bars and the labels (`at` is a label's bar; r: long, short) they are of."""

    tape: Tape
    blocks: tuple[Block, ...]
    venue: Venue
    at: np.ndarray
    y: np.ndarray
    w: np.ndarray
    r: np.ndarray
    oldest: float

    @property
    def trades(self) -> bool:
        """Return whether any fold has thresholds."""
        return any(block.choice is not None for block in self.blocks)


class Change(NamedTuple):
    """What is traded otherwise than it was judged: fields of the policy, the barriers, the risk of a trade."""

    policy: Mapping[str, Any] = {}
    exits: Exits | None = None
    per_trade: float | None = None


class Played(NamedTuple):
    """What a fold's account made: net R of each trade, the trading day of its exit, the largest fall of equity."""

    r: np.ndarray
    day: np.ndarray
    fall: float


def development(
    bars: pd.DataFrame,
    labels: pd.DataFrame,
    predictions: pd.DataFrame,
    training: Mapping[str, Any],
    venue: Venue,
    research: Research,
) -> Development:
    """Return the folds of `training` (what the training stage wrote), from the tables that it wrote and was made from.

    Bars, and labels that end, after the development window are cut off first: nothing of them is ever read.
    """
    end = pd.Timestamp(training["window"]["development_end"])
    known = bars.loc[:end]
    ends = labels[["t1_long", "t1_short"]].max(axis=1)
    labels = labels.loc[ends <= end, list(_OUTCOMES)]
    ts, stamps = pd.DatetimeIndex(known.index), pd.DatetimeIndex(labels.index)
    last = ts.get_indexer(pd.DatetimeIndex(ends.loc[stamps]))
    blocks = [
        _block(fold, pd.Timestamp(training["edges"][fold["fold"] + 1]), ts, predictions, stamps, last, research.embargo)
        for fold in training["folds"]
    ]
    return Development(
        tape(known, venue.costs, venue.exits.atr_period, venue.market, venue.guards.clamped),
        tuple(blocks),
        venue,
        ts.get_indexer(stamps),
        labels["y"].to_numpy(np.int64),
        labels["weight"].to_numpy(np.float64),
        labels[["r_long", "r_short"]].to_numpy(np.float64),
        research.oldest_weight,
    )


def _block(
    fold: Mapping[str, Any],
    edge: pd.Timestamp,
    ts: pd.DatetimeIndex,
    predictions: pd.DataFrame,
    stamps: pd.DatetimeIndex,
    last: np.ndarray,
    embargo: int,
) -> Block:
    begin = int(ts.searchsorted(pd.Timestamp(fold["test_start"])))
    stop = int(ts.searchsorted(edge, side="right"))
    inside = predictions.loc[predictions["fold"] == fold["fold"], list(ensemble.PROBABILITIES)]
    first, final = (pd.Timestamp(fold[name]) for name in ("train_start", "train_end"))
    latest = begin - embargo
    chosen = fold["thresholds"]
    return Block(
        begin,
        stop,
        inside.reindex(ts[begin:stop]).to_numpy(np.float64),
        (chosen["long"], chosen["short"]) if isinstance(chosen, Mapping) else None,
        np.asarray((stamps >= first) & (stamps <= final)) & (last <= latest),
        latest,
        (fold["trades"], fold["expectancy"]),
        (edge - ts[begin]) / pd.Timedelta(days=365.25),
    )


def scored(found: Development, exits: Exits | None = None) -> list[Scores]:
    """Return the scores of each fold, what a side is expected to bring under `exits` (by default those judged).

    Under other barriers the model still names the classes of those that it learnt: expected is the mean result under
    the new ones of the training labels of each class.
    """
    r = found.r if exits is None else _results(found, exits)
    return [_scored(found, block, r) for block in found.blocks]


def traded(found: Development, change: Change, given: Sequence[Scores]) -> list[Played]:
    """Return what each fold's account makes with `change`, `given` the scores under its barriers.

    Where no fold trades, whatever is changed but the thresholds is traded on each view whose expected result is above
    0.
    """
    venue = found.venue
    exits = change.exits or venue.exits
    risk = venue.risk if change.per_trade is None else venue.risk._replace(per_trade=change.per_trade)
    played = []
    for block, scores in zip(found.blocks, given, strict=True):
        policy = _policy(found, block, change)
        if not thresholds.decide(scores.score, policy.long_threshold, policy.short_threshold):
            played.append(Played(np.empty(0), np.empty(0, np.int64), 0.0))
            continue
        cut = Tape(*(values[block.begin : block.stop] for values in found.tape))
        outcome = rerun(Case(cut, scores, policy, exits, venue.costs, risk))
        day = cut.day[outcome.rows[:, EXIT].astype(np.int64)]
        played.append(Played(outcome.r, day, largest_fall(outcome.equity)))
    return played


def as_judged(found: Development, played: Sequence[Played]) -> bool:
    """Return whether the folds' accounts made what their figures say: as many trades, and the same mean R."""
    return all(
        len(one.r) == block.told[0] and (not len(one.r) or abs(float(one.r.mean()) - (block.told[1] or 0.0)) < 1e-9)
        for block, one in zip(found.blocks, played, strict=True)
    )


def _policy(found: Development, block: Block, change: Change) -> Policy:
    choice = block.choice
    if choice is None and change != Change() and not found.trades:
        choice = EACH_VIEW
    long, short = choice or (np.inf, -np.inf)
    policy = found.venue.guards._replace(long_threshold=long, short_threshold=short)
    return policy._replace(**change.policy)


def _scored(found: Development, block: Block, r: np.ndarray) -> Scores:
    rows = block.learnt & np.isfinite(r).all(axis=1)
    w = found.w[rows]
    if found.oldest != 1.0:
        w = w * time_decay(w, found.oldest)
    columns = ensemble.scores(block.p, ensemble.outcomes(found.y[rows], r[rows], w))
    event = np.isfinite(block.p).all(axis=1)
    return Scores(*(read_only(np.ascontiguousarray(values)) for values in (*columns.values(), event)))


def _results(found: Development, exits: Exits) -> np.ndarray:
    """Return net R (labels × long, short) of the labels' trades under other barriers; NaN past the development."""
    sides = (lone_trades(found.tape, found.at, side, exits, found.venue.costs) for side in (1, -1))
    return np.column_stack([side.r for side in sides])
