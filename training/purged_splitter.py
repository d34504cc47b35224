"""What all splitters share: scikit-learn's grammar, gaps that are checked, and the one rule of purging."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from training.purging import Gap, Layout, Spans, check_count, check_gap, measure, training_rows

Split = tuple[np.ndarray, np.ndarray]


class PurgedSplitter(ABC):
    """What every splitter is: layouts of judged blocks, purged by the one rule.

    `LEAST` names the parameters that are whole numbers, and the least that each may be.
    """

    purge: int
    embargo: Gap
    LEAST: ClassVar[dict[str, int]]

    def __post_init__(self) -> None:
        check_count("purge", self.purge, 0)
        check_gap("embargo", self.embargo)
        for name, least in self.LEAST.items():
            check_count(name, getattr(self, name), least)

    @abstractmethod
    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits."""

    @abstractmethod
    def layouts(self, spans: Spans) -> Iterator[Layout]:
        """Yield the splits before they are purged."""

    def split(
        self,
        X: pd.DataFrame,
        y: Any = None,
        groups: Any = None,
        *,
        t1: pd.Series | None = None,
        bars: pd.DatetimeIndex | None = None,
    ) -> Iterator[Split]:
        """Return an iterator of (train, test) positions into `X`, both rising; `y` and `groups` are not looked at.

        `t1` holds the stamp with which each row's label ends, indexed like `X`, NaT where there is none.
        """
        spans = measure(X, t1, bars, self.purge, self.embargo)
        return ((training_rows(spans, layout), layout.test()) for layout in self.layouts(spans))
