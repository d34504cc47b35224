"""Bars as arrays, and divisions that mean something when there is nothing to divide by.

The neutral values are definitions, not repairs: where nothing moved, a distance is 0 ATR; a share of nothing is the
stated neutral number. A missing price never gets here: `feature_store.compute` refuses it.
"""

import numpy as np
import pandas as pd

from market.atr import atr

STANDSTILL = 1e-7
"""A market whose ATR is under this share of its price stands still (far under one tick of any instrument)."""


def arrays(bars: pd.DataFrame, *names: str) -> tuple[np.ndarray, ...]:
    """Return the named columns as contiguous float64 arrays, as TA-Lib and the window kernels want them."""
    return tuple(np.ascontiguousarray(bars[name].to_numpy(dtype=np.float64)) for name in names)


def whole(prices: np.ndarray) -> np.ndarray:
    """Return prices as whole numbers of 10⁻⁸ (float64), whose sums and differences are exact.

    On a price grid ties are frequent, and in binary fractions rounding settles them, by the level of the price: on
    15-minute gold, prices times ten made or unmade one "spinning top" in every 550 bars.

    >>> float(whole(np.array([0.3]))[0] - whole(np.array([0.1]))[0])
    20000000.0
    """
    return np.rint(prices * 1e8)


def ratio(numerator: np.ndarray, denominator: np.ndarray, neutral: float = 0.0) -> np.ndarray:
    """Return numerator ÷ denominator, and `neutral` where the denominator is exactly 0; NaN stays NaN.

    >>> ratio(np.array([1.0, 0.0, np.nan]), np.array([2.0, 0.0, 1.0]), neutral=0.5).tolist()
    [0.5, 0.5, nan]
    """
    divided = np.full(np.broadcast(numerator, denominator).shape, neutral, dtype=np.float64)
    np.divide(numerator, denominator, out=divided, where=denominator != 0.0)
    return divided


def atr_unit(bars: pd.DataFrame) -> np.ndarray:
    """Return ATR(14) as the unit of distances (price units): infinite in a market that stands still.

    Dividing by it gives 0 ATR there, instead of the quotient of two vanishing numbers.
    """
    unit = atr(bars)
    return np.where(unit <= STANDSTILL * bars["close"].to_numpy(), np.inf, unit)


def earlier(values: np.ndarray, bars_ago: int) -> np.ndarray:
    """Return what `values` were `bars_ago` rows before, NaN where that is before the first row.

    >>> earlier(np.array([1.0, 2.0, 3.0]), 2).tolist()
    [nan, nan, 1.0]
    """
    shifted = np.full(len(values), np.nan)
    shifted[bars_ago:] = values[: max(len(values) - bars_ago, 0)]
    return shifted


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
