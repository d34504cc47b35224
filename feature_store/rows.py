"""The features of some rows: each group on these rows and its own LOOKBACK bars before them."""

from collections.abc import Sequence

import numpy as np

from feature_store.arrays import Bars, Columns
from feature_store.groups import lookback
from feature_store.parts import made
from market.errors import DataError
from market.timeframe import Timeframe


def rows(
    bars: Bars,
    names: Sequence[str],
    timeframe: Timeframe | None,
    start: int,
    wanted: frozenset[str] | None = None,
) -> tuple[list[str], np.ndarray]:
    """Return the names of the columns, and the features of the rows from `start` on: float32, a row for each column.

    Each group is computed on these rows and its own LOOKBACK − 1 bars before them; what has fewer before it is NaN.
    `wanted` limits the columns. Raises DataError where a later value is not finite.
    """
    pieces: dict[int, Bars] = {}
    columns: list[str] = []
    blocks = [np.empty((0, len(bars) - start), dtype=np.float32)]
    for name in names:
        warm = lookback([name], timeframe) - 1
        before = min(start, warm)
        if before not in pieces:
            pieces[before] = bars.part(start - before, len(bars))
        group = counted(pieces[before], name, timeframe, wanted)
        columns += group
        blocks.append(_block(group, pieces[before], warm, len(bars) - start))
    return columns, np.concatenate(blocks)


def counted(bars: Bars, name: str, timeframe: Timeframe | None, wanted: frozenset[str] | None = None) -> Columns:
    """Return the columns of a group by their full names (float64), on the rows that have LOOKBACK − 1 bars before them.

    Raises ValueError where the group gave a column fewer rows.
    """
    count = max(len(bars) - lookback([name], timeframe) + 1, 0)
    columns = made(name, bars, timeframe, wanted)
    for column, values in columns.items():
        if len(values) < count:
            raise ValueError(f"Feature {column} has {len(values)} values for {count} rows.")
    return {column: values[len(values) - count :] for column, values in columns.items()}


def finite(columns: Columns, bars: Bars, warm: int) -> None:
    """Raise DataError at the first of a group's `columns` that is not finite in float32, with its place."""
    for column, values in columns.items():
        with np.errstate(over="ignore"):
            bad = ~np.isfinite(values.astype(np.float32))
        if bad.any():
            row = int(bad.argmax())
            raise DataError(
                f"Feature {column} at {bars.stamps[warm + row]} is {values[row]}: "
                "it must be finite once its warm-up is over. Check the bars before it with `assay validate`."
            )


def _block(columns: Columns, bars: Bars, warm: int, count: int) -> np.ndarray:
    """Return a group's columns as float32, a row for each, NaN before their own first row."""
    own = max(len(bars) - warm, 0)
    flat = np.empty(len(columns) * own, dtype=np.float32)
    with np.errstate(over="ignore"):
        np.concatenate([np.empty(0), *columns.values()], out=flat, casting="same_kind")
    if not np.isfinite(flat).all():
        finite(columns, bars, warm)
    if own == count:
        return flat.reshape(len(columns), own)
    block = np.full((len(columns), count), np.nan, dtype=np.float32)
    block[:, count - own :] = flat.reshape(len(columns), own)
    return block
