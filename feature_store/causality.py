"""Proof that features look only at the past, and that a tail of LOOKBACK bars is enough of it.

`check` changes everything that was not yet available at a cut, in every source, wildly, and takes it away altogether:
no feature at or before the cut may change by a bit. That catches what a comparison of stamps cannot, such as an
unfinished bar of a higher timeframe that carries its opening stamp. `tail_check` computes rows from their LOOKBACK bars
alone and compares them with full history. Neither trusts the code under test: both take any `compute`.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from feature_store import own_groups
from feature_store.compute import Companions, Progress, compute, table
from feature_store.groups import lookback, supported, timeframe_of
from feature_store.sources import Compute, Sources
from market.errors import DataError
from market.perturbation import cut_points
from market.timeframe import DAY, Timeframe, infer

CUTS = 200

TOLERANCE = 1e-9
"""How far a tail may differ from full history, in standard deviations of the column."""

_FORGETTING = 20
"""At so many cut points groups of the user's own forget, before each computation, what they have seen."""

_ROWS_BEFORE = 64
_MOST_ROWS_AFTER = 2000


class Leak(NamedTuple):
    """A feature that changed at `ts` when only bars after `cut` did: its value before that change, and after."""

    column: str
    ts: pd.Timestamp
    before: float
    after: float
    cut: pd.Timestamp


class Examination(NamedTuple):
    """What `examine` found: one leak for each column, cut points by kind, and how many columns were compared."""

    leaks: list[Leak]
    cuts: dict[str, int]
    columns: int


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
    cuts: int = CUTS,
    seed: int = 0,
    compute: Compute = compute,
    tail: int | None = None,
    companions: Companions | None = None,
) -> list[Leak]:
    """Return the leaks that `examine` finds: one for each column, at its first row."""
    return examine(bars, groups, cuts, seed, compute, tail, companions).leaks


def examine(
    bars: pd.DataFrame,
    groups: Sequence[str] | None = None,
    cuts: int = CUTS,
    seed: int = 0,
    compute: Compute = compute,
    tail: int | None = None,
    companions: Companions | None = None,
    progress: Progress | None = None,
) -> Examination:
    """Return what `cuts` cut points show, drawn anywhere, at session gaps and around changes of clocks.

    `bars`, `groups` and `companions` as for `compute`. At each cut whatever becomes knowable later is once multiplied
    by noise (prices, volume, spread) and once removed. `tail` is the number of bars that a row needs, by default the
    declared lookback. `progress(done, cuts)` is called after each cut.

    Raises DataError where no row has that many bars behind it and one after it.
    """
    sources = Sources.of(bars, companions)
    ts = pd.DatetimeIndex(sources.bars.index)
    timeframe = infer(ts)
    needed = lookback(groups, timeframe) if tail is None else tail
    if len(ts) <= needed:
        raise DataError(f"{len(ts)} bars are too few to look for leaks: these features need {needed + 1} or more.")
    random = np.random.default_rng(seed)
    points = cut_points(ts, needed - 1, len(ts) - 2, cuts, random)
    cut_rows = np.sort(np.concatenate([*points.values()]))
    leaks: dict[str, Leak] = {}
    columns, renew = 0, max(len(cut_rows) // _FORGETTING, 1)
    for done, row in enumerate(cut_rows, start=1):
        window = sources.part(*_reach(ts, row, needed, timeframe), before=needed)
        if done % renew == 0:
            own_groups.renew()
        expected = window.features(compute, groups).loc[: ts[row]]
        columns = expected.shape[1]
        for altered in _altered(window, ts[row], random):
            if done % renew == 0:
                own_groups.renew()
            for leak in _differences(expected, altered.features(compute, groups), ts[row]):
                leaks.setdefault(leak.column, leak)
        if progress is not None:
            progress(done, len(cut_rows))
    return Examination(list(leaks.values()), {kind: len(rows) for kind, rows in points.items()}, columns)


def _reach(ts: pd.DatetimeIndex, row: int, needed: int, timeframe: Timeframe) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the stamps of the first and the last bar to look at around a cut after `row`."""
    after = min(_MOST_ROWS_AFTER, 2 * DAY.minutes // timeframe.minutes + 50)
    return ts[max(row + 1 - needed - _ROWS_BEFORE, 0)], ts[min(row + after, len(ts) - 1)]


def _altered(sources: Sources, cut: pd.Timestamp, random: np.random.Generator) -> Iterator[Sources]:
    """Yield the sources with what is not knowable at `cut` made wild, and with it taken away."""
    yield sources.scrambled(cut, random)
    yield sources.known(cut)


def _differences(expected: pd.DataFrame, found: pd.DataFrame, cut: pd.Timestamp) -> list[Leak]:
    """Return the first row of each column where the two are not the same bits (NaN equals NaN)."""
    before, after = (frame.to_numpy(dtype=np.float64) for frame in (expected, found.reindex_like(expected)))
    changed = (before.view(np.int64) != after.view(np.int64)) & ~(np.isnan(before) & np.isnan(after))
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
    companions: Companions | None = None,
) -> list[Drift]:
    """Return the columns that differ between full history and a tail, at `rows` random rows; the worst for each column.

    Compared in float64, before the cast: columns of whole numbers must be equal, others within `TOLERANCE` of their
    standard deviation. `compute` defaults to the groups themselves, `tail` to each group's declared lookback; of
    `companions`, what was knowable at the tail's own stamps is left.
    Raises DataError where no row has that many bars behind it.
    """
    sources = Sources.of(bars, companions)
    timeframe = timeframe_of(sources.bars, groups)
    if compute is not None:
        needed = lookback(groups, timeframe) if tail is None else tail
        given = partial(Sources.features, compute=compute, groups=groups)
        return _drifts(sources, given, needed, rows, np.random.default_rng(seed))
    drifts = []
    for name in supported(groups, sources.companions):
        needed = lookback([name], timeframe) if tail is None else tail
        drifts += _drifts(sources, partial(_group, name, timeframe), needed, rows, np.random.default_rng(seed))
    return drifts


def _group(name: str, timeframe: Timeframe | None, sources: Sources) -> pd.DataFrame:
    return table(sources.bars, name, timeframe, sources.companions)


def _drifts(
    sources: Sources,
    features: Callable[[Sources], pd.DataFrame],
    needed: int,
    rows: int,
    random: np.random.Generator,
) -> list[Drift]:
    ts = sources.bars.index
    if len(ts) < needed:
        raise DataError(f"{len(ts)} bars are too few to try a tail of {needed}.")
    full = features(sources)
    values = full.to_numpy(dtype=np.float64)[needed - 1 :]
    whole = (values == np.rint(values)).all(axis=0)
    allowed = np.where(whole, 0.0, TOLERANCE * values.std(axis=0))
    worst: dict[str, tuple[float, Drift]] = {}
    for row in random.integers(needed - 1, len(ts), size=rows):
        expected = full.iloc[row].to_numpy(dtype=np.float64)
        tail = sources.part(ts[row + 1 - needed], ts[row], before=1)
        found = features(tail).iloc[-1].to_numpy(dtype=np.float64)
        distance = np.abs(found - expected)
        for j in np.flatnonzero(~(distance <= allowed)):
            column = str(full.columns[j])
            if column not in worst or distance[j] > worst[column][0]:
                drift = Drift(column, ts[row], expected[j], found[j], allowed[j])
                worst[column] = (distance[j], drift)
    return [drift for _, drift in worst.values()]
