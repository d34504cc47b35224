"""Proof that features look only at the past, and that a tail of LOOKBACK bars is enough of it.

`check` changes everything that was not yet available at a cut, wildly, and takes it away altogether: no feature at or
before the cut may change by a bit. That catches what a comparison of stamps cannot, such as an unfinished bar of a
higher timeframe that carries its opening stamp. `tail_check` computes rows from their LOOKBACK bars alone and compares
them with full history. Neither trusts the code under test: both take any `compute`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from feature_store.compute import by_ts, compute, table
from feature_store.groups import chosen, lookback, timeframe_of
from market.errors import DataError
from market.timeframe import DAY, infer

Compute = Callable[[pd.DataFrame, Sequence[str] | None], pd.DataFrame]

TOLERANCE = 1e-9
"""How far a tail may differ from full history, in standard deviations of the column."""

_ROWS_BEFORE = 64
_MOST_ROWS_AFTER = 2000


class Leak(NamedTuple):
    """A feature that changed at `ts` when only bars after `cut` did: its value before that change, and after."""

    column: str
    ts: pd.Timestamp
    before: float
    after: float
    cut: pd.Timestamp


class Drift(NamedTuple):
    """A feature that is not the same on a tail: its values at `ts`, and the difference allowed."""

    column: str
    ts: pd.Timestamp
    full: float
    tail: float
    allowed: float


def check(
    bars: pd.DataFrame,
    groups: Sequence[str] | None = None,
    cuts: int = 25,
    seed: int = 0,
    compute: Compute = compute,
    tail: int | None = None,
) -> list[Leak]:
    """Return the leaks found at `cuts` instants, half of them at session gaps; one for each column, at its first row.

    `bars` as for `compute`. At each cut the later bars are once multiplied by noise (prices, volume, spread) and once
    removed. `tail` is the number of bars that a row needs, by default the declared lookback. Raises DataError where no
    row has that many behind it.
    """
    checked = by_ts(bars)
    timeframe = infer(pd.DatetimeIndex(checked.index))
    reach = min(_MOST_ROWS_AFTER, 2 * DAY.minutes // timeframe.minutes + 50)
    needed = lookback(groups, timeframe) if tail is None else tail
    random = np.random.default_rng(seed)
    leaks: dict[str, Leak] = {}
    for cut in _cut_rows(pd.DatetimeIndex(checked.index), needed, cuts, random):
        window = checked.iloc[max(cut + 1 - needed - _ROWS_BEFORE, 0) : cut + 1 + reach]
        for leak in _leaks_at(window, checked.index[cut], groups, compute, random):
            leaks.setdefault(leak.column, leak)
    return list(leaks.values())


def _cut_rows(ts: pd.DatetimeIndex, needed: int, cuts: int, random: np.random.Generator) -> np.ndarray:
    """Return rows to cut after: half drawn from the last bars before gaps and the first after, the rest from anywhere.

    All have the `needed` bars behind them, so that there is something to compare, and at least one bar after them.
    """
    spacing = np.diff(ts.as_unit("us").asi8)
    ends = np.flatnonzero(spacing > np.median(spacing))
    first, last = needed - 1, len(ts) - 2
    if first > last:
        raise DataError(f"{len(ts)} bars are too few to look for leaks: these features need {needed + 1} or more.")
    at_gaps = np.union1d(ends, ends + 1)
    at_gaps = at_gaps[(at_gaps >= first) & (at_gaps <= last)]
    chosen = random.choice(at_gaps, size=min(cuts // 2, len(at_gaps)), replace=False)
    return np.r_[chosen, random.integers(first, last + 1, size=cuts - len(chosen))].astype(np.int64)


def _leaks_at(
    window: pd.DataFrame,
    cut: pd.Timestamp,
    groups: Sequence[str] | None,
    compute: Compute,
    random: np.random.Generator,
) -> list[Leak]:
    expected = compute(window, groups).loc[:cut]
    leaks = []
    for altered in (_scrambled(window, cut, random), window.loc[:cut]):
        leaks += _differences(expected, compute(altered, groups).loc[:cut], cut)
    return leaks


def _scrambled(bars: pd.DataFrame, cut: pd.Timestamp, random: np.random.Generator) -> pd.DataFrame:
    """Return bars that are unchanged up to the cut and wild after it, but still bars: low ≤ open, close ≤ high."""
    later = (bars.index > cut).nonzero()[0]
    altered = bars.copy()
    prices = bars[["open", "high", "low", "close"]].to_numpy()[later] * np.exp(random.normal(0.0, 0.5, (len(later), 4)))
    altered.iloc[later, altered.columns.get_indexer(["open", "close"])] = prices[:, [0, 3]]
    altered.iloc[later, altered.columns.get_loc("high")] = prices.max(axis=1)
    altered.iloc[later, altered.columns.get_loc("low")] = prices.min(axis=1)
    for name in ("volume", "spread"):
        noise = (bars[name].to_numpy()[later] + 1.0) * random.exponential(10.0, len(later))
        altered.iloc[later, altered.columns.get_loc(name)] = noise
    return altered


def _differences(expected: pd.DataFrame, found: pd.DataFrame, cut: pd.Timestamp) -> list[Leak]:
    """Return the first row of each column where the two are not the same bits (NaN equals NaN)."""
    before, after = expected.to_numpy(), found.reindex_like(expected).to_numpy()
    changed = ~((before == after) | (np.isnan(before) & np.isnan(after)))
    return [
        Leak(str(expected.columns[j]), expected.index[row], float(before[row, j]), float(after[row, j]), cut)
        for j in np.flatnonzero(changed.any(axis=0))
        for row in (int(changed[:, j].argmax()),)
    ]


def tail_check(
    bars: pd.DataFrame,
    groups: Sequence[str] | None = None,
    rows: int = 25,
    seed: int = 0,
    compute: Compute | None = None,
    tail: int | None = None,
) -> list[Drift]:
    """Return the columns that differ between full history and a tail, at `rows` random rows; the worst for each column.

    Compared in float64, before the cast: columns of whole numbers must be equal, others within `TOLERANCE` of their
    standard deviation. `compute` defaults to the groups themselves, `tail` to each group's declared lookback.
    Raises DataError where no row has that many bars behind it.
    """
    checked = by_ts(bars)
    timeframe = timeframe_of(checked, groups)
    if compute is not None:
        needed = lookback(groups, timeframe) if tail is None else tail
        return _drifts(checked, lambda some: compute(some, groups), needed, rows, np.random.default_rng(seed))
    drifts = []
    for name in chosen(groups):
        needed = lookback([name], timeframe) if tail is None else tail
        group = partial(table, name=name, timeframe=timeframe)
        drifts += _drifts(checked, group, needed, rows, np.random.default_rng(seed))
    return drifts


def _drifts(
    bars: pd.DataFrame,
    compute: Callable[[pd.DataFrame], pd.DataFrame],
    needed: int,
    rows: int,
    random: np.random.Generator,
) -> list[Drift]:
    if len(bars) < needed:
        raise DataError(f"{len(bars)} bars are too few to try a tail of {needed}.")
    full = compute(bars)
    values = full.to_numpy(dtype=np.float64)[needed - 1 :]
    whole = (values == np.rint(values)).all(axis=0)
    allowed = np.where(whole, 0.0, TOLERANCE * values.std(axis=0))
    worst: dict[str, tuple[float, Drift]] = {}
    for row in random.integers(needed - 1, len(bars), size=rows):
        expected = full.iloc[row].to_numpy(dtype=np.float64)
        found = compute(bars.iloc[row + 1 - needed : row + 1]).iloc[-1].to_numpy(dtype=np.float64)
        distance = np.abs(found - expected)
        for j in np.flatnonzero(~(distance <= allowed)):
            column = str(full.columns[j])
            if column not in worst or distance[j] > worst[column][0]:
                drift = Drift(column, bars.index[row], expected[j], found[j], allowed[j])
                worst[column] = (distance[j], drift)
    return [drift for _, drift in worst.values()]
