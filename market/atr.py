"""The only average true range, and how it stands to its own mean."""

import numpy as np
import pandas as pd
import talib

from market.compiled import compiled

ATR_BARS = 100  # periods of ATR after which nothing of its start is left in a double
NORMAL_BARS = 500  # whose mean ATR is what is normal
FEWEST_BARS = 100  # of them with an ATR, below which nothing is

_PRICES = ("high", "low", "close")
_BLOCK = 4096  # rows at a time, so that sums stay in the processor's cache


def atr(bars: pd.DataFrame, period: int = 14) -> np.ndarray:
    """Return Wilder's average true range of each bar, in price units (float64, same length).

    Seeded with the simple mean of the first `period` true ranges; NaN before. Row i uses bars up to i only.
    Source: Wilder (1978), New Concepts in Technical Trading Systems, ch. 3.

    >>> flat = pd.DataFrame({"high": [2.0] * 4, "low": [1.0] * 4, "close": [1.5] * 4})
    >>> atr(flat, period=2).tolist()
    [nan, nan, 1.0, 1.0]
    """
    high, low, close = (np.ascontiguousarray(bars[name].to_numpy(dtype=np.float64)) for name in _PRICES)
    return wilder(high, low, close, period)


def wilder(high: np.ndarray, low: np.ndarray, close: np.ndarray, period: int = 14) -> np.ndarray:
    """Return what `atr` returns, of contiguous float64 arrays."""
    return np.asarray(talib.ATR(high, low, close, timeperiod=period))


@compiled
def volatility(atr: np.ndarray) -> np.ndarray:
    """Return each bar's ATR ÷ the mean of the ATRs of the last 500 bars, itself among them (float64, same length).

    It has no unit: 1 is what the bars are used to. ATRs that are not known yet are left out of the mean; NaN where
    fewer than 100 are known, or all are 0. Row i uses rows up to i only. A row with 500 ATRs behind it is the same
    number, to the bit, whatever stands before those.
    """
    out = np.full(len(atr), np.nan)
    first, total = 0, 0.0
    while first < len(atr) and np.isnan(atr[first]):
        first += 1
    for i in range(first, min(first + NORMAL_BARS - 1, len(atr))):
        total += atr[i]
        if i - first + 1 >= FEWEST_BARS:
            out[i] = _ratio(atr[i], total / (i - first + 1))
    for begin in range(first, len(atr) - NORMAL_BARS + 1, _BLOCK):
        sums = _window_sums(atr[begin : begin + NORMAL_BARS - 1 + _BLOCK], NORMAL_BARS)
        for k in range(len(sums)):
            i = begin + NORMAL_BARS - 1 + k
            out[i] = _ratio(atr[i], sums[k] / NORMAL_BARS)
    return out


@compiled
def _ratio(value: float, mean: float) -> float:
    return value / mean if mean > 0.0 else np.nan


@compiled
def _window_sums(values: np.ndarray, count: int) -> np.ndarray:
    """Return the sum of every `count` values in a row, len(values) − count + 1 of them.

    Each is made of sums of 1, 2, 4 … values: it hangs on its own values alone, which a running sum does not.
    """
    sums = np.zeros(len(values) - count + 1)
    part, width, begin = values, 1, 0
    while True:
        if count & width:
            sums += part[begin : begin + len(sums)]
            begin += width
        if begin == count:
            return sums
        part = part[: len(part) - width] + part[width:]
        width *= 2
