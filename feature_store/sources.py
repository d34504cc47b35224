"""What features are made from: the bars, and those of other instruments beside them, all by when they are knowable."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from feature_store.compute import Companions, by_ts
from market.perturbation import scrambled

Compute = Callable[..., pd.DataFrame]


class Sources(NamedTuple):
    """Bars and companions (symbol → bars, at any timeframe), indexed by `ts`, the instant at which each is knowable."""

    bars: pd.DataFrame
    companions: dict[str, pd.DataFrame]

    @classmethod
    def of(cls, bars: pd.DataFrame, companions: Companions | None) -> "Sources":
        """Return the sources, all of them checked; raises DataError as `by_ts` does."""
        return cls(by_ts(bars), {symbol: by_ts(beside) for symbol, beside in (companions or {}).items()})

    def features(self, compute: Compute, groups: Sequence[str] | None) -> pd.DataFrame:
        """Return what `compute` makes of them."""
        return compute(self.bars, groups, **({"companions": self.companions} if self.companions else {}))

    def part(self, start: pd.Timestamp, end: pd.Timestamp, before: int) -> "Sources":
        """Return the bars from `start` to `end`, and of each companion `before` bars of its own more."""

        def between(beside: pd.DataFrame) -> pd.DataFrame:
            first, last = beside.index.searchsorted(start), beside.index.searchsorted(end, side="right")
            return beside.iloc[max(int(first) - before, 0) : int(last)]

        return Sources(self.bars.loc[start:end], {name: between(beside) for name, beside in self.companions.items()})

    def known(self, cut: pd.Timestamp) -> "Sources":
        """Return what is knowable at `cut`."""
        return self._each(lambda bars: bars.iloc[: _later(bars, cut)])

    def scrambled(self, cut: pd.Timestamp, random: np.random.Generator) -> "Sources":
        """Return the sources with all that is not knowable at `cut` made wild."""
        return self._each(lambda bars: scrambled(bars, slice(_later(bars, cut), None), random))

    def _each(self, change: Callable[[pd.DataFrame], pd.DataFrame]) -> "Sources":
        return Sources(change(self.bars), {name: change(beside) for name, beside in self.companions.items()})


def _later(bars: pd.DataFrame, cut: pd.Timestamp) -> int:
    """Return the row of the first bar that is not knowable at `cut`."""
    return int(bars.index.searchsorted(cut, side="right"))
