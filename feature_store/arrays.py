"""Bars as arrays, what many groups derive from them, and quotients that mean something where nothing moved.

The neutral values are definitions, not repairs: where nothing moved, a distance is 0 ATR; a share of nothing is the
stated neutral number. A missing price never gets here: `feature_store.compute` refuses it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from market.atr import wilder
from market.compiled import compiled
from market.timeframe import Timeframe, infer

Columns = dict[str, np.ndarray]

COLUMNS = ("open", "high", "low", "close", "volume", "spread")
_NAMES = pd.Index(COLUMNS)

STANDSTILL = 1e-7
"""A market whose ATR is under this share of its price stands still (far under one tick of any instrument)."""


class Bars:
    """The bars that a group sees: contiguous float64 arrays, as TA-Lib and the window kernels want them.

    `ts` is the close stamps in whole microseconds since 1970. What several groups derive from the bars is made when it
    is first asked for, and once. `frame` is the same as a table indexed by `ts`, and `bars["close"]` its column.
    `companions` are the bars of other symbols, of which those count that have closed by a row's own `ts`.
    """

    def __init__(
        self,
        ts: np.ndarray,
        values: np.ndarray,
        timeframe: Timeframe | None = None,
        companions: "Mapping[str, Bars] | None" = None,
    ) -> None:
        self.ts, self._values, self._timeframe = ts, values, timeframe
        self.companions: Mapping[str, Bars] = companions or {}
        self.open, self.high, self.low, self.close, self.volume, self.spread = values

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        timeframe: Timeframe | None = None,
        companions: Mapping[str, pd.DataFrame] | None = None,
    ) -> "Bars":
        """Return the bars of a table indexed by `ts`; without a timeframe, it is inferred where it is asked for.

        `companions` are tables of other symbols' bars.
        """
        read = frame if tuple(frame.columns) == COLUMNS else frame[list(COLUMNS)]
        values = np.array(read.to_numpy(dtype=np.float64).T, order="C")
        beside = {symbol: cls.of(table) for symbol, table in (companions or {}).items()}
        return cls(pd.DatetimeIndex(frame.index).as_unit("us").asi8, values, timeframe, beside)

    def __reduce__(self) -> tuple[type["Bars"], tuple[Any, ...]]:
        """Tell how to make the same bars in another process: what was derived from them is not sent along."""
        return Bars, (self.ts, self._values, self._timeframe, self.companions)

    def part(self, start: int, end: int) -> "Bars":
        """Return rows [start, end), and of the companions what is known at one of them."""
        ts = self.ts[start:end]
        beside = {symbol: companion.known_at(ts) for symbol, companion in self.companions.items()}
        return Bars(ts, self._values[:, start:end], self._timeframe, beside)

    def known_at(self, ts: np.ndarray) -> "Bars":
        """Return the bars from the newest one at or before the first of `ts` to the newest at or before the last."""
        if not len(ts):
            return self.part(0, 0)
        first, last = np.searchsorted(self.ts, ts[[0, -1]], side="right")
        return self.part(max(int(first) - 1, 0), int(last))

    def copied(self) -> "Bars":
        """Return the same bars in arrays of their own."""
        beside = {symbol: bars.copied() for symbol, bars in self.companions.items()}
        return Bars(self.ts.copy(), self._values.copy(), self._timeframe, beside)

    def __len__(self) -> int:
        return len(self.ts)

    def __getitem__(self, name: str) -> pd.Series:
        return self.frame[name]

    @cached_property
    def stamps(self) -> pd.DatetimeIndex:
        """Return the stamps as pandas knows them."""
        return utc(self.ts)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Return the bars as a table."""
        return pd.DataFrame(self._values.T, index=self.stamps, columns=_NAMES, copy=False)

    @cached_property
    def timeframe(self) -> Timeframe:
        """Return the timeframe of the bars, from their most common spacing where nobody told it."""
        return infer(self.stamps) if self._timeframe is None else self._timeframe

    @cached_property
    def unit(self) -> np.ndarray:
        """Return ATR(14) as the unit of distances (price units): infinite in a market that stands still.

        Dividing by it gives 0 ATR there, instead of the quotient of two vanishing numbers.
        """
        unit = wilder(self.high, self.low, self.close)
        return np.where(unit <= STANDSTILL * self.close, np.inf, unit)

    @cached_property
    def returns(self) -> np.ndarray:
        """Return the log of each close over the one before, NaN on the first row."""
        return log_return(self.close)

    @cached_property
    def true_range(self) -> np.ndarray:
        """Return Wilder's true range (price units), NaN on the first row."""
        return true_range(self.high, self.low, self.close)


def together(parts: Sequence[Callable[[Bars], Columns]], bars: Bars) -> Columns:
    """Return the columns of the parts of a group, one part after the other."""
    columns: Columns = {}
    for part in parts:
        columns |= part(bars)
    return columns


def utc(microseconds: np.ndarray) -> pd.DatetimeIndex:
    """Return whole microseconds since 1970 as stamps."""
    return pd.DatetimeIndex(microseconds.view("M8[us]"), name="ts").tz_localize("UTC")


def whole(prices: np.ndarray) -> np.ndarray:
    """Return prices as whole numbers of 10⁻⁸ (float64), whose sums and differences are exact.

    On a price grid ties are frequent, and in binary fractions rounding settles them, by the level of the price: on
    15-minute gold, prices times ten made or unmade one "spinning top" in every 550 bars.

    >>> float(whole(np.array([0.3]))[0] - whole(np.array([0.1]))[0])
    20000000.0
    """
    return np.rint(prices * 1e8)


@compiled
def ratio(numerator: np.ndarray, denominator: np.ndarray, neutral: float = 0.0) -> np.ndarray:
    """Return numerator ÷ denominator, and `neutral` where the denominator is exactly 0; NaN stays NaN.

    >>> ratio(np.array([1.0, 0.0, np.nan]), np.array([2.0, 0.0, 1.0]), neutral=0.5).tolist()
    [0.5, 0.5, nan]
    """
    divided = np.empty(len(denominator))
    for i in range(len(divided)):
        divided[i] = numerator[i] / denominator[i] if denominator[i] != 0.0 else neutral
    return divided


@compiled
def earlier(values: np.ndarray, bars_ago: int) -> np.ndarray:
    """Return what `values` were `bars_ago` rows before, NaN where that is before the first row.

    >>> earlier(np.array([1.0, 2.0, 3.0]), 2).tolist()
    [nan, nan, 1.0]
    """
    shifted = np.full(len(values), np.nan)
    for i in range(bars_ago, len(values)):
        shifted[i] = values[i - bars_ago]
    return shifted


@compiled
def change(values: np.ndarray, bars_ago: int = 1) -> np.ndarray:
    """Return values minus what they were `bars_ago` rows before."""
    return values - earlier(values, bars_ago)


def log_return(close: np.ndarray, bars_ago: int = 1) -> np.ndarray:
    """Return the log of close over the close `bars_ago` rows before."""
    return np.log(close / earlier(close, bars_ago))


def true_range(high: np.ndarray, low: np.ndarray, close: np.ndarray) -> np.ndarray:
    """Return Wilder's true range (price units), NaN on the first row."""
    before = earlier(close, 1)
    return np.maximum(high, before) - np.minimum(low, before)
