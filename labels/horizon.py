"""Proof that a label is known at its later exit: not later, and not before.

In the way of the features: bars after that exit are changed wildly and taken away, and neither outcome, net R nor exit
may change; the bar of that exit is changed, and something must. The first finds a `t1` that is too early, the second
one that is merely large, which would purge more than it must. Nothing here trusts the code under test.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from labels.barriers import triple_barrier
from market.errors import DataError
from market.execution import Costs, Exits
from market.perturbation import cut_points, scrambled
from market.tape import DEFAULT_MARKET, indexed

Label = Callable[[pd.DataFrame], pd.DataFrame]

_TRIES = 8  # wild bars at an exit, one of which at least must move the label; one in a hundred happens not to


class Misdated(NamedTuple):
    """A label at `ts` that is not known at `t1`, its later exit.

    Either `column` became `after` when only bars after `t1` changed; or, where `late`, the label stayed as it was
    (`column` is `t1`, `before` and `after` are the same) whatever the bar at `t1` was: it was known before.
    """

    column: str
    ts: pd.Timestamp
    before: object
    after: object
    t1: pd.Timestamp
    late: bool


class Examination(NamedTuple):
    """What `examine` found: one misdated label for each column and fault, and the labels tried, by kind of bar."""

    misdated: list[Misdated]
    labels: dict[str, int]


def examine(
    bars: pd.DataFrame,
    exits: Exits,
    costs: Costs,
    market: str = DEFAULT_MARKET,
    rows: int = 200,
    seed: int = 0,
    label: Callable[..., pd.DataFrame] = triple_barrier,
    progress: Callable[[int, int], None] | None = None,
) -> Examination:
    """Return what the labels of `rows` bars show, drawn anywhere, at session gaps and around changes of clocks.

    All arguments but `rows` and `seed` are those of `triple_barrier`, for which `label` may stand in. Every label that
    has ended by the later exit of a drawn one is compared with it. `progress(done, rows)` is called after each.

    Raises DataError where no bar has an ATR behind it and a horizon before it.
    """
    known = indexed(bars)
    ts = pd.DatetimeIndex(known.index)
    first, last = exits.atr_period, len(ts) - exits.bars - 2
    if first > last:
        raise DataError(f"{len(ts)} bars are too few to date labels: these need {len(ts) - last + first} or more.")
    random = np.random.default_rng(seed)
    drawn = cut_points(ts, first, last, rows, random)
    misdated: dict[tuple[str, bool], Misdated] = {}
    for done, row in enumerate(every := np.sort(np.concatenate([*drawn.values()])), start=1):
        start = max(row - exits.atr_period - exits.bars, 0)
        window = known.iloc[start : row + 3 * exits.bars + 2]
        for fault in _faults(window, ts[row], exits.bars, _labelled(label, exits, costs, market), random):
            misdated.setdefault((fault.column, fault.late), fault)
        if progress is not None:
            progress(done, len(every))
    return Examination(list(misdated.values()), {kind: len(found) for kind, found in drawn.items()})


def _labelled(label: Callable[..., pd.DataFrame], exits: Exits, costs: Costs, market: str) -> Label:
    return lambda bars: label(bars, exits, costs, market=market)


def _faults(
    window: pd.DataFrame, ts: pd.Timestamp, horizon: int, label: Label, random: np.random.Generator
) -> list[Misdated]:
    """Return what is wrong with the label at `ts`, and with those that ended by its later exit.

    A label exists where `horizon` bars follow it: so many stay where bars are taken away. A bar that stands still has
    no label, and no fault.
    """
    expected = label(window)
    if ts not in expected.index:
        return []
    ends = expected[["t1_long", "t1_short"]].max(axis=1)
    t1 = ends.loc[ts]
    at = int(window.index.get_loc(t1))
    ended = expected[ends <= t1]
    early = []
    for altered in (scrambled(window, slice(at + 1, None), random), window.iloc[: at + horizon + 1]):
        early += _differences(ended, label(altered).reindex(ended.index), ends)
    for _ in range(_TRIES):
        moved = label(scrambled(window, slice(at, at + 1), random)).reindex([ts])
        if not moved.equals(expected.loc[[ts]]):
            return early
    return [*early, Misdated("t1", ts, t1, t1, t1, True)]


def _differences(expected: pd.DataFrame, found: pd.DataFrame, ends: pd.Series) -> list[Misdated]:
    """Return the first label of each column where the two differ."""
    changed = ~(expected.eq(found) | (expected.isna() & found.isna()))
    return [
        Misdated(name, ts, expected.at[ts, name], found.at[ts, name], ends.loc[ts], False)
        for name in changed.columns[changed.any()]
        for ts in (changed.index[changed[name].to_numpy().argmax()],)
    ]
