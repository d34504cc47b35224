"""A splitter with the labels that it splits: what scikit-learn's own tools, which know no label ends, can be given."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from market.errors import DataError
from training.purged_splitter import PurgedSplitter, Split


@dataclass(frozen=True)
class LabelledSplitter:
    """`splitter` bound to the label ends `t1`, for `cross_val_score`, `GridSearchCV` and the like as their `cv`.

    `X` may be a part of the rows of `t1`, as in a search inside a fold: bars are still counted on the grid of `bars`,
    by default all stamps of `t1`.

    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn.model_selection import cross_val_score
    >>> from training.splits import PurgedKFold
    >>> ts = pd.date_range("2024-01-01", periods=600, freq="1h", tz="UTC")
    >>> X, t1 = pd.DataFrame({"x": 1.0}, index=ts), pd.Series(ts + pd.Timedelta("4h"), index=ts)
    >>> cross_val_score(DummyRegressor(), X, X["x"], cv=LabelledSplitter(PurgedKFold(3), t1)).tolist()
    [1.0, 1.0, 1.0]
    """

    splitter: PurgedSplitter
    t1: pd.Series
    bars: pd.DatetimeIndex | None = None

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits."""
        return self.splitter.get_n_splits(X, y, groups)

    def split(self, X: pd.DataFrame, y: Any = None, groups: Any = None) -> Iterator[Split]:
        """Yield (train, test) positions into `X`; raises DataError where a split has no row left to train on."""
        grid = pd.DatetimeIndex(self.t1.index if self.bars is None else self.bars)
        splits = self.splitter.split(X, y, groups, t1=self._ends(X), bars=grid)
        for number, (train, test) in enumerate(splits, start=1):
            if len(train) == 0:
                raise DataError(
                    f"Split {number} of {self.get_n_splits()} has no row left to train on: {self.splitter} purges and "
                    f"embargoes all of them. Give more rows than {len(X)}, fewer splits or a shorter embargo."
                )
            yield train, test

    def _ends(self, X: pd.DataFrame) -> pd.Series | None:
        index = getattr(X, "index", None)
        if not isinstance(index, pd.DatetimeIndex) or index.equals(self.t1.index):
            return self.t1
        if len(unknown := index.difference(self.t1.index)):
            raise DataError(
                f"{len(unknown)} rows of X have no place in t1, first {unknown[0]}: bind the labels of all."
            )
        return self.t1.reindex(index)
