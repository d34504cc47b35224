"""Splitters that know when a label ends: nothing in a training part overlaps what it is judged on.

scikit-learn's grammar (`split`, `get_n_splits`), with the label ends `t1` beside `X`. Bars are counted on the grid of
`bars` (default: the stamps of `X`). A row at position i ends at `max(position of t1, i + purge)`; it may train for a
block that starts at position s if that is `≤ s − embargo`. Source: López de Prado (2018), Advances in Financial Machine
Learning, §7.4; in an expanding walk-forward nothing trains after the block, so the embargo widens the gap before it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from market.errors import DataError
from training.edges import draw

Split = tuple[np.ndarray, np.ndarray]


class PurgedWalkForward:
    """Walk-forward over blocks of equal calendar time; the first block only trains.

    `n_splits` blocks are judged, each by what came before it (all of it if `expanding`, else the last block's length).
    `edges` (n_splits + 2 stamps) pins the blocks `(edge, next edge]`; by default they divide the range of `X` evenly.

    >>> ts = pd.date_range("2024-01-01", periods=1200, freq="15min", tz="UTC")
    >>> X, t1 = pd.DataFrame(index=ts), pd.Series(ts, index=ts)
    >>> train, test = next(PurgedWalkForward(n_splits=2, purge=5, embargo=10).split(X, t1=t1))
    >>> int(train[-1]), int(test[0])
    (385, 400)
    """

    def __init__(
        self,
        n_splits: int = 10,
        purge: int = 50,
        embargo: int = 100,
        expanding: bool = True,
        edges: Sequence[pd.Timestamp] | None = None,
    ) -> None:
        self.n_splits = n_splits
        self.purge = purge
        self.embargo = embargo
        self.expanding = expanding
        self.edges = edges

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of judged blocks."""
        return self.n_splits

    def split(
        self,
        X: pd.DataFrame,
        y: Any = None,
        groups: Any = None,
        *,
        t1: pd.Series,
        bars: pd.DatetimeIndex | None = None,
    ) -> Iterator[Split]:
        """Yield (train, test) positions into `X`, in time order; `t1` is indexed like `X`, NaT where there is none."""
        start, end = row_spans(X, t1, bars, self.purge)
        edges = pd.DatetimeIndex(self.edges) if self.edges is not None else equal_edges(X.index, self.n_splits + 1)
        if len(edges) != self.n_splits + 2:
            raise DataError(f"{self.n_splits} folds need {self.n_splits + 2} edges, found {len(edges)}.")
        grid = pd.DatetimeIndex(X.index if bars is None else bars)
        first_bars = grid.searchsorted(edges, side="right")
        for first, stop, before in zip(first_bars[1:-1], first_bars[2:], first_bars[:-2], strict=True):
            train = end <= first - self.embargo
            if not self.expanding:
                train &= start >= before
            yield np.flatnonzero(train), np.flatnonzero((start >= first) & (start < stop))


class PurgedKFold:
    """K contiguous blocks of equal row counts; both neighbours of a block are purged and embargoed.

    A row after the block trains only if it starts `embargo` bars or more after the last label of the block has ended.
    """

    def __init__(self, n_splits: int = 3, purge: int = 50, embargo: int = 100) -> None:
        self.n_splits = n_splits
        self.purge = purge
        self.embargo = embargo

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of blocks."""
        return self.n_splits

    def split(
        self,
        X: pd.DataFrame,
        y: Any = None,
        groups: Any = None,
        *,
        t1: pd.Series,
        bars: pd.DatetimeIndex | None = None,
    ) -> Iterator[Split]:
        """Yield (train, test) positions into `X`; `t1` is indexed like `X`."""
        start, end = row_spans(X, t1, bars, self.purge)
        label_end = row_spans(X, t1, bars, 0)[1]
        for test in np.array_split(np.arange(len(X)), self.n_splits):
            if len(test) == 0:
                raise DataError(f"{len(X)} rows are too few for {self.n_splits} folds.")
            before = end <= start[test[0]] - self.embargo
            after = start >= label_end[test].max() + self.embargo
            yield np.flatnonzero(before | (after & (start > start[test[-1]]))), test


def purged_holdout(
    X: pd.DataFrame, t1: pd.Series, share: float, purge: int, embargo: int, bars: pd.DatetimeIndex | None = None
) -> Split:
    """Return (train, test) positions where the last `share` of rows tests and the purged rest trains."""
    start, end = row_spans(X, t1, bars, purge)
    test = np.arange(round(len(X) * (1.0 - share)), len(X))
    return np.flatnonzero(end <= start[test[0]] - embargo), test


def row_spans(
    X: pd.DataFrame, t1: pd.Series, bars: pd.DatetimeIndex | None, purge: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return bar positions of each row's start and of its end, `max(t1, start + purge)`.

    Raises DataError where `X` and `t1` are not indexed alike or a row stands at no bar.
    """
    grid = pd.DatetimeIndex(X.index if bars is None else bars)
    if not X.index.equals(t1.index):
        raise DataError("X and t1 must be indexed by the same stamps.")
    start = grid.get_indexer(pd.DatetimeIndex(X.index))
    if (start < 0).any():
        raise DataError(f"Row {X.index[int(np.argmin(start))]} stands at no bar.")
    label_end = np.where(t1.isna(), start, grid.searchsorted(pd.DatetimeIndex(t1), side="left"))
    return start, np.maximum(label_end, start + purge)


def equal_edges(ts: pd.Index, blocks: int) -> pd.DatetimeIndex:
    """Return `blocks` + 1 stamps that divide the range of `ts` into equal calendar time; block i is `(edge, next]`.

    The first edge stands just before the first stamp, so that every stamp is in a block.
    """
    stamps = pd.DatetimeIndex(ts)
    if len(stamps) < 2:
        raise DataError(f"{len(stamps)} rows cannot be divided into {blocks} blocks.")
    return draw(stamps[0] - pd.Timedelta(microseconds=1), stamps[-1], blocks - 1)
