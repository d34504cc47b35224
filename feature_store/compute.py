"""The only way to a feature, in batch and live: batch is live with a longer tail.

Bars are cut into chunks at 1 January and 1 July (UTC); each group is computed on a chunk with its own LOOKBACK bars
before it. So memory does not grow with history, a column does not depend on which other groups are asked for, and a row
does not depend on where the call ends. Where a call begins matters less than one float32 step. `latest` is the same for
one row: each group on exactly its own LOOKBACK bars.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from feature_store.arrays import COLUMNS, Bars
from feature_store.groups import GROUPS, chosen, lookback, timeframe_of
from market.errors import DataError
from market.timeframe import Timeframe

Progress = Callable[[int, int], None]

_PRICES = ("open", "high", "low", "close")


def compute(bars: pd.DataFrame, groups: Sequence[str] | None = None, progress: Progress | None = None) -> pd.DataFrame:
    """Return the features of each bar: float32 columns `<group>__<name>`, indexed by `ts` like the bars.

    `bars` is indexed by `ts` (close stamps, UTC) or carries it, with open high low close volume spread. `groups` None
    or empty means all. A row of a group is NaN until its LOOKBACK bars stand behind it, and finite from then on.
    `progress(done, chunks)` is called after each chunk.

    Raises UsageError for an unknown group, DataError for a missing column or value or for stamps out of order.
    """
    names = chosen(groups)
    checked = by_ts(bars)
    timeframe = timeframe_of(checked, names)
    whole = Bars.of(checked, timeframe)
    edges = _chunk_edges(pd.DatetimeIndex(checked.index))
    parts = []
    for done, (start, end) in enumerate(edges, start=1):
        parts.append(_rows(whole, names, timeframe, start, checked.index[start:end]))
        if progress is not None:
            progress(done, len(edges))
    return pd.concat(parts)


def latest(bars: pd.DataFrame, groups: Sequence[str] | None = None, timeframe: Timeframe | None = None) -> pd.DataFrame:
    """Return the features of the last of `bars` alone: one row, the same float32 columns as `compute`.

    It is the last row of `compute`, within one float32 step where that sees more bars: here each group sees exactly its
    own LOOKBACK bars, or all there are (then it is NaN). Bars before these are neither read nor checked. The timeframe
    is inferred unless it is told. Raises as `compute` does, and DataError where there is no bar.
    """
    names = chosen(groups)
    checked = by_ts(bars.iloc[-lookback(names, timeframe) :])
    if checked.empty:
        raise DataError("There are no bars: wanted at least the one whose features are asked for.")
    known = timeframe or timeframe_of(checked, names)
    return _rows(Bars.of(checked, known), names, known, len(checked) - 1, checked.index[-1:])


def table(bars: pd.DataFrame, name: str, timeframe: Timeframe | None) -> pd.DataFrame:
    """Return one group on `bars` in a single piece: float64, NaN in the first LOOKBACK − 1 rows.

    `bars` is as `by_ts` returns them. Raises DataError where a later value is not finite.
    """
    columns, counted = _group(Bars.of(bars, timeframe), name, lookback([name], timeframe) - 1)
    values = np.full((len(columns), len(bars)), np.nan)
    values[:, len(bars) - counted.shape[1] :] = counted
    return pd.DataFrame(values.T, index=bars.index, columns=columns)


def by_ts(bars: pd.DataFrame) -> pd.DataFrame:
    """Return bars indexed by `ts`, with the columns that features read, all of them checked.

    Raises DataError naming every missing column at once, or the first row that is not finite, has a price that is not
    positive, or is stamped out of order.
    """
    indexed = bars.set_index("ts") if "ts" in bars.columns else bars
    missing = [name for name in COLUMNS if name not in indexed.columns]
    if missing:
        raise DataError(f"Bars lack the columns {', '.join(missing)}: features need {', '.join(COLUMNS)}.")
    ts = indexed.index
    if not isinstance(ts, pd.DatetimeIndex) or ts.tz is None:
        raise DataError("Bars must be indexed by `ts`, or carry a column `ts`, of stamps with a time zone (UTC).")
    if not (ts.is_monotonic_increasing and ts.is_unique):
        at = ts[1:][np.diff(ts.as_unit("us").asi8) <= 0][0]
        raise DataError(f"Bars are out of order or doubled at {at}: stamps must increase strictly.")
    read = indexed if tuple(indexed.columns) == COLUMNS else indexed[list(COLUMNS)]
    values = read.to_numpy(dtype=np.float64)
    if not (np.isfinite(values).all() and (values[:, : len(_PRICES)] > 0.0).all()):
        bad = ~np.isfinite(values) | ~(values > 0.0) & np.isin(COLUMNS, _PRICES)
        row, column = np.argwhere(bad)[0]
        found = values[row, column]
        raise DataError(f"Bar {ts[row]} has {COLUMNS[column]} {found}: it must be finite, and a price over 0.")
    return pd.DataFrame(values, index=ts, columns=_index(COLUMNS), copy=False)


def _chunk_edges(ts: pd.DatetimeIndex) -> list[tuple[int, int]]:
    """Return row ranges [start, end) cut where the half-year of the stamps changes."""
    half_years = ts.year * 2 + (ts.month > 6)
    cuts = np.flatnonzero(np.diff(half_years)) + 1
    return list(zip([0, *cuts], [*cuts, len(ts)], strict=True))


def _rows(bars: Bars, names: Sequence[str], timeframe: Timeframe | None, start: int, ts: pd.Index) -> pd.DataFrame:
    """Return the features of the rows `ts`, the first of which is row `start`, as float32.

    Each group is computed on these rows and its own LOOKBACK − 1 bars before them.
    """
    end = start + len(ts)
    pieces: dict[int, Bars] = {}
    columns: list[str] = []
    blocks = []
    for name in names:
        warm = lookback([name], timeframe) - 1
        before = min(start, warm)
        if before not in pieces:
            pieces[before] = bars.part(start - before, end)
        group, counted = _group(pieces[before], name, warm)
        block = np.full((len(group), len(ts)), np.nan, dtype=np.float32)
        block[:, len(ts) - counted.shape[1] :] = counted
        columns += group
        blocks.append(block)
    return pd.DataFrame(np.concatenate(blocks).T, index=ts, columns=_index(tuple(columns)), copy=False)


def _group(bars: Bars, name: str, warm: int) -> tuple[list[str], np.ndarray]:
    """Return the full names of a group's columns, and their values on the rows that have `warm` bars before them.

    The values are float64, a row for each column. Raises DataError where one of them is not finite.
    """
    columns = dict(GROUPS[name].compute(bars).items())
    rows = max(len(bars) - warm, 0)
    counted = [column[len(column) - rows :] for column in columns.values()]
    values = np.concatenate([np.empty(0), *counted]).reshape(len(counted), rows)
    names = [f"{name}__{column}" for column in columns]
    if not np.isfinite(values).all():
        column, row = np.argwhere(~np.isfinite(values))[0]
        raise DataError(
            f"Feature {names[column]} at {bars.stamps[warm + row]} is {values[column, row]}: "
            "it must be finite once its warm-up is over. Check the bars before it with `assay validate`."
        )
    return names, values


@lru_cache
def _index(names: tuple[str, ...]) -> pd.Index:
    return pd.Index(names)
