"""What may train beside a judged block: the rule of purge and embargo, on an axis of bars or of time.

With `reach = max(label end, start + purge)` a row may train before a block if `reach ≤ block start − embargo`, and
after it if `start ≥ block end + embargo`, where a block ends with the last of its labels, whichever row has it.
Several blocks are several conditions: between two of them the rows that satisfy both are kept. Intervals are half-open:
a label that ends on the very bar with which a block starts touches nothing of it. Source: López de Prado (2018),
Advances in Financial Machine Learning, §7.4; the embargo is on both sides, as in a walk-forward nothing trains after.
"""

import datetime as dt
import operator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from market.errors import DataError, UsageError

Gap = int | dt.timedelta
FOREVER = int(np.iinfo(np.int64).max)


class Spans(NamedTuple):
    """Where each row's label lies on one axis, of bars or (`in_time`) of nanoseconds; all arrays are int64.

    (rows,): `position` is the bar of a row, its label lies in [start, end], with the purge in [start, reach]; without a
    label it ends where it starts. `bars` (bars,) are the stamps of the grid. `embargo` is a length on the axis.
    """

    position: np.ndarray
    start: np.ndarray
    end: np.ndarray
    reach: np.ndarray
    bars: np.ndarray
    embargo: int
    in_time: bool

    def tick(self, bar: int) -> int:
        """Return where the bar at that position is on the axis."""
        return int(self.bars[bar]) if self.in_time else int(bar)


class Block(NamedTuple):
    """Rows [first, stop) that are judged together; the block begins at `start` on the axis."""

    first: int
    stop: int
    start: int


class Layout(NamedTuple):
    """A split before it is purged: rows [first, stop) might train, but for those of the judged `blocks`, in order."""

    first: int
    stop: int
    blocks: tuple[Block, ...]

    def test(self) -> np.ndarray:
        """Return the positions of the judged rows."""
        return np.concatenate([np.arange(block.first, block.stop) for block in self.blocks])


def training_rows(spans: Spans, layout: Layout) -> np.ndarray:
    """Return the positions of the rows that may train for all blocks of `layout`."""
    kept, first, earliest = [], layout.first, -FOREVER
    for block in layout.blocks:
        kept.append(_between(spans, first, block.first, earliest, block.start - spans.embargo))
        end = int(spans.end[block.first : block.stop].max()) + spans.embargo
        first, earliest = block.stop, max(earliest, end)
    kept.append(_between(spans, first, layout.stop, earliest, FOREVER))
    return np.concatenate(kept)


def rows_before(spans: Spans, start: int) -> np.ndarray:
    """Return the positions of the rows that may train for what begins at `start` on the axis, after all of them."""
    return _between(spans, 0, len(spans.start), -FOREVER, start - spans.embargo)


def _between(spans: Spans, first: int, stop: int, earliest: int, latest: int) -> np.ndarray:
    """Return which of the rows [first, stop) start at `earliest` or later and reach no further than `latest`."""
    first += int(np.searchsorted(spans.start[first:stop], earliest))
    return first + np.flatnonzero(spans.reach[first:stop] <= latest)


def measure(
    X: Any, t1: pd.Series | None, bars: pd.DatetimeIndex | None = None, purge: int = 0, embargo: Gap = 0
) -> Spans:
    """Return the spans of the labels `t1` of the rows `X`, in time if `embargo` is one, else in bars of `bars`.

    The grid is the stamps of `X` by default. A label that ends between two bars ends, in bars, with the later one.
    Raises DataError where rows and labels do not belong together, UsageError where there are no label ends.
    """
    rows, ends = _stamps_of(X), _label_ends(X, t1)
    grid = rows if bars is None else _nanoseconds(pd.DatetimeIndex(bars), "bars")
    position = np.arange(len(rows)) if bars is None else np.searchsorted(grid, rows)
    if len(strays := np.flatnonzero(np.append(grid, FOREVER)[position] != rows)):
        raise DataError(f"Row {X.index[strays[0]]} stands at no bar: `bars` must hold the stamp of every row of X.")
    if not isinstance(embargo, dt.timedelta):
        end = np.maximum(position, np.searchsorted(grid, ends))
        return Spans(position, position, end, np.maximum(end, position + purge), grid, embargo, in_time=False)
    end = np.maximum(rows, ends)
    purged = np.append(grid, FOREVER)[np.minimum(position + purge, len(grid))]
    return Spans(position, rows, end, np.maximum(end, purged), grid, nanoseconds(embargo), in_time=True)


def nanoseconds(length: dt.timedelta) -> int:
    """Return a length of time in nanoseconds.

    >>> nanoseconds(pd.Timedelta("15min"))
    900000000000
    """
    return int(pd.Timedelta(length).as_unit("ns").value)


def check_gap(name: str, value: Any) -> None:
    """Raise UsageError unless `value` is a number of bars or a length of time, not below 0.

    >>> check_gap("embargo", 0.01)
    Traceback (most recent call last):
    market.errors.UsageError: embargo is 0.01: wanted bars (a whole number) or a pd.Timedelta, no share.
    """
    if isinstance(value, dt.timedelta):
        if value < dt.timedelta(0):
            raise UsageError(f"{name} is {value}: wanted 0 or more.")
        return
    check_count(name, value, 0, "bars (a whole number) or a pd.Timedelta, no share")


def check_count(name: str, value: Any, least: int, wanted: str = "a whole number") -> None:
    """Raise UsageError unless `value` is a whole number of `least` or more."""
    try:
        enough = operator.index(value) >= least
    except TypeError:
        raise UsageError(f"{name} is {value!r}: wanted {wanted}.") from None
    if not enough:
        raise UsageError(f"{name} is {value}: wanted {least} or more.")


def _stamps_of(X: Any) -> np.ndarray:
    index = getattr(X, "index", None)
    if not isinstance(index, pd.DatetimeIndex):
        raise DataError(
            f"X ({type(X).__name__}) must be indexed by the stamps of its rows: a table with `ts` as its index."
        )
    return _nanoseconds(index, "X")


def _label_ends(X: Any, t1: pd.Series | None) -> np.ndarray:
    """Return the label ends in nanoseconds, the least number where there is none."""
    if t1 is None:
        raise UsageError(
            "No t1: a purged split needs the end of each label. Say split(X, t1=t1), or bind it for scikit-learn: "
            "LabelledSplitter(splitter, t1)."
        )
    if not isinstance(t1, pd.Series) or not X.index.equals(t1.index):
        raise DataError(f"X and t1 must be indexed by the same stamps: X has {len(X)} rows, t1 {len(t1)}.")
    if not isinstance(t1.dtype, pd.DatetimeTZDtype) and getattr(t1.dtype, "kind", "") != "M":
        raise DataError(
            f"t1 must hold stamps, found {t1.dtype}: the stamp with which each label ends, NaT where none is."
        )
    if (t1.dt.tz is None) != (X.index.tz is None):
        raise DataError(f"X is in {X.index.tz or 'no zone'}, t1 in {t1.dt.tz or 'no zone'}: give both in UTC.")
    early = (t1 < X.index).to_numpy()
    if early.any():
        at = int(np.argmax(early))
        raise DataError(f"The label of row {X.index[at]} ends at {t1.iloc[at]}, before it starts: t1 must be ≥ ts.")
    return pd.DatetimeIndex(t1).as_unit("ns").asi8


def _nanoseconds(index: pd.DatetimeIndex, name: str) -> np.ndarray:
    if not (index.is_monotonic_increasing and index.is_unique):
        raise DataError(f"The stamps of {name} must increase, each of them once: sort them and leave out the doubled.")
    return index.as_unit("ns").asi8
