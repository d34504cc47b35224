"""The only average true range."""

import numpy as np
import pandas as pd
import talib

_PRICES = ("high", "low", "close")


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
