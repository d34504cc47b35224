"""Splitters that know when a label ends: nothing in a training part overlaps what it is judged on.

scikit-learn's grammar (`split`, `get_n_splits`), with the label ends `t1` beside `X`; scikit-learn's own tools take
splitters that are bound to their labels (`training.labelled_splitter`). Which rows are purged says `training.purging`;
`training.audit` counts them. The purge is in bars, an embargo in bars (a whole number) or in time (a Timedelta). Bars
are counted on the grid of `bars`, by default the stamps of `X`. A training part is empty where the gaps leave nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from market.errors import DataError, UsageError
from training.edges import draw
from training.purged_splitter import PurgedSplitter
from training.purging import Block, Gap, Layout, Spans, check_gap, nanoseconds


@dataclass(frozen=True)
class PurgedWalkForward(PurgedSplitter):
    """Walk-forward over blocks of equal calendar time; the first block only trains, nothing trains after its block.

    `n_splits` blocks are judged, each by what came before it: all of it if `expanding`, else what starts within
    `length` (bars or a Timedelta) before the block, by default since the start of the block before. `edges`
    (n_splits + 2 stamps) pins the blocks `(edge, next edge]`; by default they divide the range of `X` evenly.

    >>> ts = pd.date_range("2024-01-01", periods=1200, freq="15min", tz="UTC")
    >>> X, t1 = pd.DataFrame(index=ts), pd.Series(ts, index=ts)
    >>> train, test = next(PurgedWalkForward(n_splits=2, purge=5, embargo=10).split(X, t1=t1))
    >>> int(train[-1]), int(test[0])
    (385, 400)
    >>> rolling = PurgedWalkForward(2, purge=5, embargo=pd.Timedelta("1D"), expanding=False, length=200)
    >>> [(int(train[0]), int(train[-1]), int(test[0])) for train, test in rolling.split(X, t1=t1)]
    [(200, 299, 400), (600, 699, 800)]
    """

    n_splits: int = 10
    purge: int = 50
    embargo: Gap = 100
    expanding: bool = True
    edges: Sequence[pd.Timestamp] | None = None
    length: Gap | None = None
    LEAST: ClassVar = {"n_splits": 1}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.length is None:
            return
        check_gap("length", self.length)
        if self.expanding or not self.length:
            raise UsageError(
                f"length={self.length} with expanding={self.expanding}: only a rolling window has a length."
            )

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of judged blocks."""
        return self.n_splits

    def layouts(self, spans: Spans) -> Iterator[Layout]:
        """Yield each block with the rows before it."""
        edges = self._edges(spans)
        bars = np.searchsorted(spans.bars, edges.as_unit("ns").asi8, side="right").tolist()
        for at, (before, start, stop) in enumerate(zip(bars[:-2], bars[1:-1], bars[2:], strict=True), start=1):
            first, end = np.searchsorted(spans.position, [start, stop]).tolist()
            if first == end:
                raise DataError(
                    f"Block {at} of {self.n_splits}, after {edges[at]} up to {edges[at + 1]}, holds no row: import the "
                    "bars that are missing there, or ask for fewer splits."
                )
            since = 0 if self.expanding else self._since(spans, start, before)
            yield Layout(since, first, (Block(first, end, spans.tick(start)),))

    def _edges(self, spans: Spans) -> pd.DatetimeIndex:
        if self.edges is None:
            return equal_edges(pd.DatetimeIndex(spans.bars[spans.position], tz="UTC"), self.n_splits + 1)
        edges = pd.DatetimeIndex(self.edges)
        if len(edges) != self.n_splits + 2:
            raise DataError(f"{self.n_splits} folds need {self.n_splits + 2} edges, found {len(edges)}.")
        if not edges.is_monotonic_increasing:
            raise DataError(f"Edges must rise, found {[str(edge) for edge in edges]}.")
        return edges

    def _since(self, spans: Spans, start: int, before: int) -> int:
        """Return the first row of the window of the block that starts at the bar `start`."""
        if isinstance(self.length, int | np.integer):
            bar = start - int(self.length)
        elif self.length is not None:
            bar = int(np.searchsorted(spans.bars, spans.bars[start] - nanoseconds(self.length)))
        else:
            bar = before
        return int(np.searchsorted(spans.position, bar))


@dataclass(frozen=True)
class PurgedKFold(PurgedSplitter):
    """K contiguous blocks of equal row counts; both neighbours of a block are purged and embargoed.

    A row after the block trains only if it starts the embargo or more after the last label of the block has ended.

    >>> ts = pd.date_range("2024-01-01", periods=90, freq="1h", tz="UTC")
    >>> X, t1 = pd.DataFrame(index=ts), pd.Series(ts + pd.Timedelta("4h"), index=ts)
    >>> train, test = list(PurgedKFold(3, purge=0, embargo=10).split(X, t1=t1))[1]
    >>> test[[0, -1]].tolist(), train[train < 30].max().item(), train[train > 30].min().item()
    ([30, 59], 16, 73)
    """

    n_splits: int = 3
    purge: int = 50
    embargo: Gap = 100
    LEAST: ClassVar = {"n_splits": 2}

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of blocks."""
        return self.n_splits

    def layouts(self, spans: Spans) -> Iterator[Layout]:
        """Yield each block with all other rows."""
        for block in _groups(spans, self.n_splits):
            yield Layout(0, len(spans.start), (block,))


@dataclass(frozen=True)
class PurgedHoldout(PurgedSplitter):
    """One split: the last `share` of rows tests, the purged rest trains."""

    share: float = 0.2
    purge: int = 50
    embargo: Gap = 100
    LEAST: ClassVar = {}

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return 1."""
        return 1

    def layouts(self, spans: Spans) -> Iterator[Layout]:
        """Yield the tail with what is before it."""
        rows = len(spans.start)
        first = round(rows * (1.0 - self.share))
        if not 0 < first < rows:
            raise DataError(f"A share of {self.share} of {rows} rows leaves nothing to train on or nothing to judge.")
        yield Layout(0, first, (Block(first, rows, int(spans.start[first])),))


@dataclass(frozen=True)
class CombinatorialPurgedCV(PurgedSplitter):
    """Every choice of `n_test` of `n_groups` contiguous groups of equal row counts is judged by the purged others.

    C(N, k) splits make φ = (k/N)·C(N, k) paths, each a prediction of every row from parts that never trained on it: a
    distribution of outcomes instead of one. Source: López de Prado (2018), §12.4.

    >>> cv = CombinatorialPurgedCV(n_groups=6, n_test=2)
    >>> cv.get_n_splits(), cv.n_paths
    (15, 5)
    >>> cv.paths[:2].tolist()
    [[0, 0, 1, 2, 3, 4], [1, 5, 5, 6, 7, 8]]
    """

    n_groups: int = 10
    n_test: int = 2
    purge: int = 50
    embargo: Gap = 100
    LEAST: ClassVar = {"n_groups": 2, "n_test": 1}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_test >= self.n_groups:
            raise UsageError(f"n_test is {self.n_test} of {self.n_groups} groups: at least one group must train.")

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return C(n_groups, n_test)."""
        return comb(self.n_groups, self.n_test)

    @property
    def n_paths(self) -> int:
        """Return φ: how many splits judge each group, and so how many paths there are."""
        return comb(self.n_groups - 1, self.n_test - 1)

    @property
    def paths(self) -> np.ndarray:
        """Return (paths, groups): the number of the split that predicts each group on each path."""
        chosen = list(self._chosen())
        judging = [[at for at, judged in enumerate(chosen) if group in judged] for group in range(self.n_groups)]
        return np.array(judging).T

    def layouts(self, spans: Spans) -> Iterator[Layout]:
        """Yield each choice of groups with all other rows."""
        blocks = _groups(spans, self.n_groups)
        for judged in self._chosen():
            yield Layout(0, len(spans.start), tuple(blocks[group] for group in judged))

    def to_paths(self, predictions: Sequence[np.ndarray]) -> np.ndarray:
        """Return (paths, rows, …): the predictions of each path from those of each split, in the order of `split`.

        Each of `predictions` is (test rows, …), as long as the test part that it predicts.

        >>> ts = pd.date_range("2024-01-01", periods=6, freq="1h", tz="UTC")
        >>> cv, X, t1 = CombinatorialPurgedCV(3, 2, purge=0, embargo=0), pd.DataFrame(index=ts), pd.Series(ts, ts)
        >>> cv.to_paths([np.full(len(test), at) for at, (_, test) in enumerate(cv.split(X, t1=t1))]).tolist()
        [[0, 0, 0, 0, 1, 1], [1, 1, 2, 2, 2, 2]]
        """
        parts = [np.asarray(part) for part in predictions]
        rows = sum(map(len, parts)) // self.n_paths
        sizes = [len(group) for group in np.array_split(np.arange(rows), self.n_groups)]
        wanted = [sum(sizes[group] for group in judged) for judged in self._chosen()]
        if [len(part) for part in parts] != wanted:
            raise DataError(
                f"Predictions of {len(parts)} splits, of {', '.join(str(len(part)) for part in parts[:3])} … rows, are "
                f"not those of the {len(wanted)} test parts of {self}: give one for each row of each part, in order."
            )
        pieces: list[list[np.ndarray]] = [[] for _ in sizes]
        for part, judged in zip(parts, self._chosen(), strict=True):
            for group, piece in zip(judged, np.split(part, np.cumsum([sizes[g] for g in judged])[:-1]), strict=True):
                pieces[group].append(piece)
        return np.concatenate([np.stack(group) for group in pieces], axis=1)

    def _chosen(self) -> Iterator[tuple[int, ...]]:
        return combinations(range(self.n_groups), self.n_test)


SPLITTERS: dict[str, type[PurgedSplitter]] = {
    "walk_forward": PurgedWalkForward,
    "k_fold": PurgedKFold,
    "holdout": PurgedHoldout,
    "combinatorial": CombinatorialPurgedCV,
}


def equal_edges(ts: pd.Index, blocks: int) -> pd.DatetimeIndex:
    """Return `blocks` + 1 stamps that divide the range of `ts` into equal calendar time; block i is `(edge, next]`.

    The first edge stands just before the first stamp, so that every stamp is in a block.
    """
    stamps = pd.DatetimeIndex(ts)
    if len(stamps) < 2:
        raise DataError(f"{len(stamps)} rows cannot be divided into {blocks} blocks.")
    return draw(stamps[0] - pd.Timedelta(microseconds=1), stamps[-1].ceil("us"), blocks - 1)


def _groups(spans: Spans, count: int) -> list[Block]:
    """Return `count` contiguous blocks of equal row counts, the first ones longer by a row where they must be."""
    rows = len(spans.start)
    if rows < count:
        raise DataError(f"{rows} rows are too few for {count} folds.")
    bounds = np.cumsum([0, *(len(part) for part in np.array_split(np.arange(rows), count))]).tolist()
    return [Block(first, stop, int(spans.start[first])) for first, stop in pairwise(bounds)]
