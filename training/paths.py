"""Paths of combinatorial cross-validation: the trades of every group of history, each by a split that held it out.

A path takes the groups in time, each from another of the splits that held it out, so that it covers every development
row once. What the paths earned is a distribution of outcomes of the same procedure on the same market: read its median
and its bad end, never its mean. Source: López de Prado (2018), Advances in Financial Machine Learning, §12.4.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtest import metrics
from backtest.bootstrap import bootstrapped
from backtest.engine import run
from backtest.ratios import varies
from market.combinatorial_settings import Combinatorial
from training import ensemble
from training.dataset import Dataset, drop_labels_past
from training.ensemble import Outcomes
from training.judging import Judged
from training.plan import Plan
from training.skill import skill
from training.splits import CombinatorialPurgedCV
from training.thresholds import Choice, Venue

BAD_END = 0.05
HISTORIES = 2000  # of each path, where its trades are drawn anew
SEED = 0

_HIGH_IS_BAD = {"max_drawdown"}
_ENDS = ("skill_low", "skill_high")  # of an interval: a figure of one path, not of several
_DRAWN = {"expectancy": "mean"} | {name: name for name in ("profit_factor", "sharpe_per_trade", "win_rate")}
_DRAWN |= {"max_drawdown": "max_drawdown"}
_MOST_NOT_COMPUTABLE = 0.05

Figures = dict[str, float | int | None]


class Group(NamedTuple):
    """Rows that are held out together: positions [first, stop), and their last bar, which the next group follows."""

    first: int
    stop: int
    end: pd.Timestamp


class Path(NamedTuple):
    """A path: the split (from 1 on) that traded each group, all trades in time, and what they come to."""

    splits: list[int]
    trades: pd.DataFrame
    figures: Figures


def groups(data: Dataset, bars: pd.DataFrame, count: int) -> list[Group]:
    """Return the groups into which `CombinatorialPurgedCV` cuts the rows of `data`; they share out the bars as well."""
    stamps = pd.DatetimeIndex(bars.index)
    stops = np.cumsum([len(part) for part in np.array_split(np.arange(len(data.y)), count)]).tolist()
    begins = data.X.index[stops[:-1]]
    ends = [*stamps[stamps.searchsorted(begins) - 1], stamps[-1]]
    return [Group(first, stop, end) for first, stop, end in zip([0, *stops[:-1]], stops, ends, strict=True)]


def paths(data: Dataset, bars: pd.DataFrame, plan: Plan, wanted: Combinatorial, judged: Sequence[Judged]) -> list[Path]:
    """Return the paths that the splits `judged` make; the other arguments are those that they were judged with.

    `trades`, `profit_factor`, `win_rate`, `expectancy` (mean net R), `total_r`, `sharpe_per_trade` and `max_drawdown`
    (at exits, of an account that compounds the risk of a trade) come from the trades of all groups, `skill` (with
    `skill_low` and `skill_high`) from the predictions of all rows; None is not computable.
    """
    made = []
    cut = groups(data, bars, wanted.groups)
    for row in CombinatorialPurgedCV(wanted.groups, wanted.held_out).paths:
        holders = [judged[split] for split in row]
        trades = [traded(one, group, data, bars, plan.venue) for one, group in zip(holders, cut, strict=True)]
        path = pd.concat(trades)
        earned = figures(path["r"].to_numpy(), plan.venue.risk.per_trade)
        known = _skill(data, cut, holders, plan.venue.exits.bars)
        made.append(Path([one.figures["fold"] for one in holders], path, earned | known))
    return made


def traded(one: Judged, group: Group, data: Dataset, bars: pd.DataFrame, venue: Venue) -> pd.DataFrame:
    """Return the trades of a fresh account on a group that a split held out, by that split's model and thresholds.

    Bars before the group warm up the ATR, none after it are seen: what is open at its last close is closed there.
    """
    outcomes = Outcomes(**{side: tuple(paid) for side, paid in one.figures["outcomes"].items()})
    score = ensemble.score(_predicted(one, group, data), outcomes)
    policy = Choice(**one.figures["choice"]).policy(venue.guards)
    known = bars.loc[: group.end]
    return run(known, score, policy, venue.exits, venue.costs, venue.risk, venue.market).trades


def figures(r: np.ndarray, risk: float) -> Figures:
    """Return what trades that brought `r` (net R in exit order) come to; `risk` is a trade's share of equity."""
    return {
        "trades": len(r),
        "profit_factor": metrics.profit_factor(r),
        "win_rate": metrics.win_rate(r),
        "expectancy": metrics.expectancy(r),
        "total_r": float(r.sum()),
        "sharpe_per_trade": metrics.sharpe(r),
        "max_drawdown": metrics.drawdown_of_returns(r, risk),
    }


def distribution(told: Sequence[Figures]) -> dict[str, Figures]:
    """Return the `median` and the `bad_end` of each figure over the paths where it is computable.

    The bad end is the figure that at most one path in twenty falls short of, and one of the paths has it; of twenty
    paths or fewer that is the worst. Falls count as bad where they are large.
    """
    found: dict[str, Figures] = {"median": {}, "bad_end": {}}
    for name in (one for one in told[0] if one not in _ENDS):
        values = np.array([one[name] for one in told if one[name] is not None], dtype=np.float64)
        found["median"][name] = float(np.median(values)) if len(values) else None
        found["bad_end"][name] = _bad_end(name, values, "inverted_cdf") if len(values) else None
    return found


def drawn_anew(made: Sequence[Path], risk: float) -> Figures:
    """Return the bad end of what a path would have brought, had its trades come in other blocks of the same kind.

    All paths trade the same bars, so that they tell how much hangs on the model and little of how much on the market.
    Here each path's trades are drawn anew in blocks (`backtest.bootstrap`) and the histories of all paths are laid
    together: that of a path taken at random. Which histories of different paths belong together plays no part in such
    a mixture, so it does not matter that the paths are alike. Empty unless the trades of every path can be drawn.
    """
    results = [path.trades["r"].to_numpy() for path in made]
    if not all(varies(r) for r in results):
        return {}
    histories = pd.concat(bootstrapped(r, risk, HISTORIES, seed=SEED) for r in results)
    found: Figures = {}
    for name, column in _DRAWN.items():
        values = histories[column].dropna().to_numpy()
        enough = len(values) >= (1.0 - _MOST_NOT_COMPUTABLE) * len(histories)
        found[name] = _bad_end(name, values, "linear") if enough else None
    return found


def _bad_end(name: str, values: np.ndarray, method: Any) -> float:
    sign = -1.0 if name in _HIGH_IS_BAD else 1.0
    return float(sign * np.quantile(sign * values, BAD_END, method=method))


def _predicted(one: Judged, group: Group, data: Dataset) -> pd.DataFrame:
    """Return what a split predicted of a group that it held out."""
    return one.predictions.loc[data.X.index[group.first] : data.X.index[group.stop - 1]]


def _skill(data: Dataset, cut: Sequence[Group], holders: Sequence[Judged], block: int) -> Figures:
    """Return the skill in direction of a path; labels that end past the end of their group are left out."""
    predictions = pd.concat([_predicted(one, group, data) for one, group in zip(holders, cut, strict=True)])
    rows = [group.stop - group.first for group in cut]
    rates = np.repeat([one.figures["base_rate"] for one in holders], rows, axis=0)
    ends = pd.DatetimeIndex([group.end for group in cut]).repeat(rows)
    found = skill(drop_labels_past(data, ends), predictions, rates, block)
    return {name: found[name] for name in ("skill", *_ENDS)}
