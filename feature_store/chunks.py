"""Features chunk by chunk: cut at fixed calendar dates, so that memory does not grow with history.

A chunk is as much of the calendar as holds about 12,000 bars of the timeframe: a third of a month of one-minute bars
(they begin on the 1st, 11th and 21st), a half-year of 15-minute bars. Each group is computed on a chunk and its own
LOOKBACK bars before it, and nothing else: so a chunk is the same bits whichever process computes it, and however many
there are.
"""

from collections.abc import Generator, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from feature_store import own_groups
from feature_store.arrays import Bars
from feature_store.checked import Companions, by_ts, checked
from feature_store.groups import lookback, supported, timeframe_of
from feature_store.rows import rows
from market import workers
from market.errors import DataError, UsageError
from market.timeframe import TIMEFRAMES, Timeframe, infer

_FEW = 8
"""So many chunks are computed before another process could start."""


class Task(NamedTuple):
    """A chunk to be computed: its bars and those before it that its groups see, and the row at which it begins.

    `own` is the folder of the user's own groups and the hashes of its files.
    """

    bars: Bars
    names: tuple[str, ...]
    timeframe: Timeframe | None
    start: int
    own: tuple[Path | None, dict[str, str]]


def chunks(
    bars: pd.DataFrame,
    groups: Sequence[str] | None = None,
    companions: Companions | None = None,
    timeframe: Timeframe | None = None,
    processes: int = 1,
) -> Generator[pd.DataFrame, None, None]:
    """Yield what `compute` returns, a table for each chunk in the order of time, with at most a few in memory.

    The timeframe is inferred unless it is told. With more than one of `processes`, others compute chunks as well, once
    they have started. Raises as `compute` does, before the first chunk or at one whose values are not finite.
    """
    names = supported(groups, companions or {})
    read = by_ts(bars)
    known = timeframe or timeframe_of(read, names)
    whole = Bars.of(read, known, checked(companions))
    cuts = edges(pd.DatetimeIndex(read.index), known)
    before = lookback(names, known) - 1
    own = (own_groups.entered_from(), own_groups.entered())
    tasks = (
        Task(whole.part(max(start - before, 0), end), names, known, min(start, before), own) for start, end in cuts
    )
    with closing(workers.in_order(_made, tasks, processes if len(cuts) > _FEW else 1)) as made:
        first: list[str] = []
        for (start, end), (columns, values) in zip(cuts, made, strict=True):
            first = first or columns
            _same(first, columns, read.index[start])
            yield pd.DataFrame(values.T, index=read.index[start:end], columns=index(tuple(columns)), copy=False)


def edges(ts: pd.DatetimeIndex, timeframe: Timeframe | None) -> list[tuple[int, int]]:
    """Return the row ranges [start, end) of the chunks."""
    thirds = (ts.year * 12 + ts.month - 1) * 3 + np.minimum((ts.day - 1) // 10, 2)
    cuts = np.flatnonzero(np.diff(thirds // _thirds(timeframe or _told_by(ts)))) + 1
    return list(zip([0, *cuts], [*cuts, len(ts)], strict=True))


@lru_cache
def index(names: tuple[str, ...]) -> pd.Index:
    """Return column names as pandas knows them."""
    return pd.Index(names)


def _thirds(timeframe: Timeframe) -> int:
    """Return how many thirds of a month a chunk of this timeframe spans.

    >>> [_thirds(TIMEFRAMES[name]) for name in ("1T", "5T", "15T", "1H")]
    [1, 6, 18, 72]
    """
    return max(timeframe.minutes * 6 // 5, 1)


def _told_by(ts: pd.DatetimeIndex) -> Timeframe:
    """Return the timeframe of the stamps; a quarter of an hour where they are too few or none of ours."""
    try:
        return infer(ts)
    except DataError:
        return TIMEFRAMES["15T"]


def _made(task: Task) -> tuple[list[str], np.ndarray]:
    """Return the names of the columns and the features of a chunk, in whichever process."""
    folder, files = task.own
    if own_groups.entered() != files and own_groups.enter(folder) != files:
        raise UsageError(f"The feature groups in {folder} were changed while they were computed: begin again.")
    return rows(task.bars, task.names, task.timeframe, task.start)


def _same(first: list[str], columns: list[str], ts: pd.Timestamp) -> None:
    """Raise DataError where a chunk has other columns than the first, as a group of the user's own may make them."""
    if columns != first:
        other = next((name for name in columns if name not in first), None) or next(
            (name for name in first if name not in columns), "their order"
        )
        raise DataError(f"The features of the bars from {ts} on are not those of the bars before them: {other}.")
