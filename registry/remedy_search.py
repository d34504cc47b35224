"""What would have changed failed gates: the folds traded otherwise, and what of that is more than luck does.

Computed on the folds alone. A change is proposed only where its account earns, and is better than what was judged,
beyond what the best of everything tried shows by luck; without skill nothing is proposed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtest.observed import Scores
from registry import better_than_luck as luck
from registry.better_than_luck import FALL, Tested
from registry.changes import Tried, changes
from registry.development import Change, Development, Played, as_judged, scored, traded
from registry.development_figures import FIGURES, Judged
from registry.gates import Gate, meets
from registry.measures import SEED

LEVEL = 0.05

Values = dict[str, float | None]


class Outcome(NamedTuple):
    """A change and what it makes of the gates on the folds, with p-values beyond the best of all tries.

    `earns` is that its account earns by luck, `better` by gate that it is better than what was judged by luck, `luck`
    by gate how much better the best of all tries is by luck at the level of 5 %. `turned` are failed gates that it
    meets and what was judged does not, `lost` gates the other way round; `closed` sums which share of what each failed
    gate lacks is closed.
    """

    tried: Tried
    trades: int
    figures: Values
    earns: float
    better: dict[str, float]
    luck: Values
    turned: tuple[str, ...]
    lost: tuple[str, ...]
    closed: float

    @property
    def proposed(self) -> bool:
        """Return whether it earns and moves a failed gate beyond luck, and turns more gates than it loses, or none."""
        moved = any(p <= LEVEL for p in self.better.values())
        return self.earns <= LEVEL and moved and len(self.lost) <= max(len(self.turned) - 1, 0)


class Search(NamedTuple):
    """What the folds made as they were judged (`now`) in so many `trades`, and every outcome, best first.

    `why` is why nothing could be computed, "" where it was.
    """

    folds: int
    trades: int
    now: Values
    outcomes: tuple[Outcome, ...]
    why: str = ""

    @property
    def proposals(self) -> list[Outcome]:
        """Return the outcomes that are proposed, the best of each kind of change, best first."""
        kinds: dict[str, Outcome] = {}
        for one in self.outcomes:
            if one.proposed:
                kinds.setdefault(one.tried.kind, one)
        return list(kinds.values())


class _Question(NamedTuple):
    """The gates that follow from trading, those of them that failed and fail on the folds as well, and what these made.

    `trades` are those of the folds as they were judged: without any there is nothing to be better than.
    """

    asked: list[Gate]
    lacking: list[Gate]
    now: Values
    trades: int


def search(found: Development, gates: Sequence[Gate], judged: Judged) -> Search:
    """Return what every change makes of the failed ones among `gates` on the folds."""
    asked = [gate for gate in gates if gate.asked and gate.name in (*FIGURES, FALL)]
    given = scored(found)
    base = traded(found, Change(), given)
    if not as_judged(found, base):
        return _nothing(found, "the folds cannot be traded as they were judged: settings or code have changed since")
    now = _figures(found, base, judged)
    lacking = [gate for gate in asked if not gate.passed and not _met(gate, now)]
    if not lacking:
        return _nothing(found, "no failed benchmark fails on the folds that depends on how they are traded")
    question = _Question(asked, lacking, now, _trades(base))
    tries = changes(found.venue, found.trades and any(gate.name == FALL for gate in lacking))
    played = [base, *(traded(found, one.change, _scores(found, one, given)) for one in tries)]
    risk = [found.venue.risk.per_trade, *(one.change.per_trade or found.venue.risk.per_trade for one in tries)]
    directions = {gate.name: gate.direction for gate in lacking} if question.trades else {}
    tested = luck.tested(luck.accounts_of(found, played, risk), directions, judged, SEED, LEVEL)
    outcomes = [
        _outcome(question, one, at, tested, _trades(played[at]), _figures(found, played[at], judged))
        for at, one in enumerate(tries, start=1)
    ]
    outcomes.sort(key=lambda one: (len(one.lost) - len(one.turned), -one.closed))
    return Search(len(base), question.trades, {gate.name: now[gate.name] for gate in asked}, tuple(outcomes))


def _outcome(asked: _Question, one: Tried, at: int, tested: Tested, trades: int, then: Values) -> Outcome:
    """Return what account `at` made of the gates: where nothing was traded before, being better is to earn."""
    earns = float(tested.earns[at])
    better = {gate.name: float(tested.better[gate.name][at]) if asked.trades else earns for gate in asked.lacking}
    return Outcome(
        tried=one,
        trades=trades,
        figures={gate.name: then[gate.name] for gate in asked.asked},
        earns=earns,
        better=better,
        luck={name: _known(values[at]) for name, values in tested.luck.items()},
        turned=tuple(gate.name for gate in asked.lacking if _met(gate, then) and better[gate.name] <= LEVEL),
        lost=tuple(gate.name for gate in asked.asked if _met(gate, asked.now) and not _met(gate, then)),
        closed=sum(_closed(gate, asked.now, then) for gate in asked.lacking),
    )


def window_like(found: Development, window: Mapping[str, Any], trials: float) -> Judged:
    """Return what a window as long as the judged one is asked, by its first and last instant alone."""
    length = pd.Timestamp(window["cut_off"]) - pd.Timestamp(window["oos_start"])
    years = sum(block.span for block in found.blocks)
    days = sum(len(np.unique(found.tape.day[block.begin : block.stop])) for block in found.blocks)
    return Judged(length / pd.Timedelta(days=365.25) / years, days / years, trials)


def _scores(found: Development, one: Tried, given: Sequence[Scores]) -> Sequence[Scores]:
    return given if one.change.exits is None else scored(found, one.change.exits)


def _trades(played: Sequence[Played]) -> int:
    return sum(len(fold.r) for fold in played)


def _nothing(found: Development, why: str) -> Search:
    return Search(len(found.blocks), sum(block.told[0] for block in found.blocks), {}, (), why)


def _figures(found: Development, played: Sequence[Played], judged: Judged) -> Values:
    """Return every figure of one account; the fall is the median fold's, marked at each close."""
    sums = luck.accounts_of(found, [played], [found.venue.risk.per_trade]).sums
    with np.errstate(invalid="ignore", divide="ignore"):
        values: Values = {name: _known(float(one(sums, judged)[0])) for name, one in FIGURES.items()}
    return values | {FALL: float(np.median([fold.fall for fold in played])) if _trades(played) else None}


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _met(gate: Gate, values: Values) -> bool:
    return meets(values[gate.name], gate.wanted, gate.direction)


def _closed(gate: Gate, now: Values, then: Values) -> float:
    """Return which share of what the gate lacks is closed, at most 1: 0 where nothing is known of it."""
    after, before = then[gate.name], now[gate.name]
    if after is None:
        return 0.0
    lacks = abs(gate.wanted - (before or 0.0)) or 1.0
    sign = 1.0 if gate.direction == ">=" else -1.0
    return float(np.clip(sign * (after - (before or 0.0)) / lacks, -1.0, 1.0))


def told(found: Search) -> dict[str, Any]:
    """Return a search as plain values, for a file."""
    outcomes = [
        {"kind": one.tried.kind, "setting": one.tried.setting, "told": one.tried.told}
        | {
            name: getattr(one, name)
            for name in ("trades", "figures", "earns", "better", "luck", "turned", "lost", "proposed")
        }
        for one in found.outcomes
    ]
    head = {name: getattr(found, name) for name in ("folds", "trades", "now", "why")}
    return head | {"tried": len(outcomes), "level": LEVEL, "outcomes": outcomes}
