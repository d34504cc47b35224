"""The only way to a feature, in batch and live: batch is live with a longer tail.

Bars are cut into chunks at 1 January and 1 July (UTC); each group is computed on a chunk with its own LOOKBACK bars
before it. So memory does not grow with history, a column does not depend on which other groups are asked for, and a row
does not depend on where the call ends. Where a call begins matters less than one float32 step.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from feature_store.groups import GROUPS, chosen, lookback, timeframe_of
from market.errors import DataError
from market.timeframe import Timeframe

Progress = Callable[[int, int], None]

_PRICES = ("open", "high", "low", "close")
_COLUMNS = (*_PRICES, "volume", "spread")


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
    edges = _chunk_edges(pd.DatetimeIndex(checked.index))
    parts = []
    for done, (start, end) in enumerate(edges, start=1):
        parts.append(_chunk(checked, names, timeframe, start, end))
        if progress is not None:
            progress(done, len(edges))
    return pd.concat(parts)


def table(bars: pd.DataFrame, name: str, timeframe: Timeframe | None) -> pd.DataFrame:
    """Return one group on `bars` in a single piece: float64, NaN in the first LOOKBACK − 1 rows.

    `bars` is as `by_ts` returns them. Raises DataError where a later value is not finite.
    """
    features = GROUPS[name].compute(bars).add_prefix(f"{name}__")
    warm = lookback([name], timeframe) - 1
    values = features.to_numpy(dtype=np.float64, copy=True)
    values[:warm] = np.nan
    bad = np.argwhere(~np.isfinite(values[warm:]))
    if len(bad):
        row, column = bad[0]
        raise DataError(
            f"Feature {features.columns[column]} at {bars.index[warm + row]} is {values[warm + row, column]}: "
            "it must be finite once its warm-up is over. Check the bars before it with `assay validate`."
        )
    return pd.DataFrame(values, index=bars.index, columns=features.columns)


def by_ts(bars: pd.DataFrame) -> pd.DataFrame:
    """Return bars indexed by `ts`, with the columns that features read, all of them checked.

    Raises DataError naming every missing column at once, or the first row that is not finite, has a price that is not
    positive, or is stamped out of order.
    """
    indexed = bars.set_index("ts") if "ts" in bars.columns else bars
    missing = [name for name in _COLUMNS if name not in indexed.columns]
    if missing:
        raise DataError(f"Bars lack the columns {', '.join(missing)}: features need {', '.join(_COLUMNS)}.")
    ts = indexed.index
    if not isinstance(ts, pd.DatetimeIndex) or ts.tz is None:
        raise DataError("Bars must be indexed by `ts`, or carry a column `ts`, of stamps with a time zone (UTC).")
    if not (ts.is_monotonic_increasing and ts.is_unique):
        at = ts[1:][np.diff(ts.as_unit("us").asi8) <= 0][0]
        raise DataError(f"Bars are out of order or doubled at {at}: stamps must increase strictly.")
    values = indexed[list(_COLUMNS)].astype(np.float64)
    bad = ~np.isfinite(values.to_numpy()) | ~(values.to_numpy() > 0.0) & np.isin(_COLUMNS, _PRICES)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        found = values.iat[row, column]
        raise DataError(f"Bar {ts[row]} has {_COLUMNS[column]} {found}: it must be finite, and a price over 0.")
    return values


def _chunk_edges(ts: pd.DatetimeIndex) -> list[tuple[int, int]]:
    """Return row ranges [start, end) cut where the half-year of the stamps changes."""
    half_years = ts.year * 2 + (ts.month > 6)
    cuts = np.flatnonzero(np.diff(half_years)) + 1
    return list(zip([0, *cuts], [*cuts, len(ts)], strict=True))


def _chunk(bars: pd.DataFrame, names: Sequence[str], timeframe: Timeframe | None, start: int, end: int) -> pd.DataFrame:
    """Return rows [start, end) of the features as float32."""
    return pd.concat([_rows(bars, name, timeframe, start, end) for name in names], axis=1)


def _rows(bars: pd.DataFrame, name: str, timeframe: Timeframe | None, start: int, end: int) -> pd.DataFrame:
    before = min(start, lookback([name], timeframe) - 1)
    features = table(bars.iloc[start - before : end], name, timeframe)
    return features.iloc[before:].astype(np.float32)
