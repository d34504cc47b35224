"""The only way to a feature, in batch and live: batch is live with a longer tail.

Bars are cut into chunks at fixed calendar dates (`feature_store.chunks`); each group is computed on a chunk with its
own LOOKBACK bars before it. So a column does not depend on which other groups are asked for, and a row does not depend
on where the call ends. Where a call begins matters less than one float32 step. `latest` is the same for one row: each
group on exactly its own LOOKBACK bars.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from feature_store.arrays import Bars
from feature_store.checked import Companions, by_ts, checked, seen
from feature_store.chunks import chunks, edges, index
from feature_store.groups import COMPANIONS, lookback, supported, timeframe_of
from feature_store.rows import counted, finite, rows
from market.errors import DataError
from market.timeframe import Timeframe

__all__ = ["Companions", "Progress", "by_ts", "compute", "latest", "seen", "table"]

Progress = Callable[[int, int], None]


def compute(
    bars: pd.DataFrame,
    groups: Sequence[str] | None = None,
    progress: Progress | None = None,
    companions: Companions | None = None,
) -> pd.DataFrame:
    """Return the features of each bar: float32 columns `<group>__<name>`, indexed by `ts` like the bars.

    `bars` is indexed by `ts` (close stamps, UTC) or carries it, with open high low close volume spread. `groups` None
    or empty means all. A row of a group is NaN until its LOOKBACK bars stand behind it, and finite from then on.
    `progress(done, chunks)` is called after each chunk. `companions` are the bars of other symbols, of which a row sees
    those that have closed by its own `ts`; without any, the group of that name is left out of all.

    Raises UsageError for an unknown group or one that lacks companions, DataError for a missing column or value or for
    stamps out of order.
    """
    read = by_ts(bars)
    timeframe = timeframe_of(read, supported(groups, companions or {}))
    count = len(edges(pd.DatetimeIndex(read.index), timeframe))
    parts = []
    for part in chunks(read, groups, companions, timeframe):
        parts.append(part)
        if progress is not None:
            progress(len(parts), count)
    return pd.concat(parts)


def latest(
    bars: pd.DataFrame,
    groups: Sequence[str] | None = None,
    timeframe: Timeframe | None = None,
    companions: Companions | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return the features of the last of `bars` alone: one row, the same float32 columns as `compute`.

    It is the last row of `compute`, within one float32 step where that sees more bars: here each group sees exactly its
    own LOOKBACK bars, or all there are (then it is NaN). Bars before these are neither read nor checked. The timeframe
    is inferred unless it is told. `companions` are as for `compute`, and bars of them that no group sees are not read.
    `columns` (full names, of `groups`) says which are wanted: these and no others come back, in this order, the same
    bits, and little else is computed. Raises as `compute` does, and DataError where there is no bar or no such column.
    """
    names = supported(groups, companions or {})
    read = by_ts(bars.iloc[-lookback(names, timeframe) :])
    if read.empty:
        raise DataError("There are no bars: wanted at least the one whose features are asked for.")
    known = timeframe or timeframe_of(read, names)
    beside = checked(seen(companions, read.index[-min(lookback([COMPANIONS]), len(read)) :]))
    wanted = None if columns is None else frozenset(columns)
    found, values = rows(Bars.of(read, known, beside), names, known, len(read) - 1, wanted)
    if columns is not None:
        found, values = list(columns), values[_places(found, columns)]
    return pd.DataFrame(values.T, index=read.index[-1:], columns=index(tuple(found)), copy=False)


def table(
    bars: pd.DataFrame, name: str, timeframe: Timeframe | None, companions: Companions | None = None
) -> pd.DataFrame:
    """Return one group on `bars` in a single piece: float64, NaN in the first LOOKBACK − 1 rows.

    `bars` is as `by_ts` returns them, and so are `companions`. Raises DataError where a later value is not finite.
    """
    whole = Bars.of(bars, timeframe, companions)
    columns = counted(whole, name, timeframe)
    finite(columns, whole, lookback([name], timeframe) - 1)
    values = np.full((len(columns), len(bars)), np.nan)
    for row, column in zip(values, columns.values(), strict=True):
        row[len(row) - len(column) :] = column
    return pd.DataFrame(values.T, index=bars.index, columns=list(columns))


def _places(found: Sequence[str], columns: Sequence[str]) -> list[int]:
    """Return where each of `columns` stands among those found; DataError names those that do not."""
    places = {name: place for place, name in enumerate(found)}
    if missing := [name for name in columns if name not in places]:
        raise DataError(f"Features are wanted that are not made here: {', '.join(missing)}.")
    return [places[name] for name in columns]
