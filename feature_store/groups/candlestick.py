"""Candlestick patterns: TA-Lib's, as −1 (bearish), 0 (absent) or 1 (bullish), and how many of each came lately.

Patterns compare bodies and shadows with averages of the last bars, and on a price grid the two are often equal. Prices
are handed over as whole numbers, so that such ties are not settled by the rounding of binary fractions.
"""

import numpy as np
import talib

from feature_store.arrays import Bars, Columns, whole
from feature_store.window_moments import window_sum

LOOKBACK = 40

PATTERNS = (
    "3inside",
    "3outside",
    "3linestrike",
    "advanceblock",
    "belthold",
    "closingmarubozu",
    "doji",
    "dojistar",
    "dragonflydoji",
    "engulfing",
    "eveningstar",
    "gravestonedoji",
    "hammer",
    "hangingman",
    "harami",
    "haramicross",
    "highwave",
    "hikkake",
    "invertedhammer",
    "longline",
    "marubozu",
    "matchinglow",
    "morningstar",
    "rickshawman",
    "separatinglines",
    "shootingstar",
    "shortline",
    "spinningtop",
    "stalledpattern",
    "xsidegap3methods",
)

_FUNCTIONS = tuple(getattr(talib, f"CDL{name.upper()}") for name in PATTERNS)


def compute(bars: Bars) -> Columns:
    """Return one column a pattern and the counts over the last five bars (float64, NaN in warm-up)."""
    prices = tuple(whole(price) for price in (bars.open, bars.high, bars.low, bars.close))
    signals = np.sign([pattern(*prices) for pattern in _FUNCTIONS]).astype(np.float64)
    columns = dict(zip(PATTERNS, signals, strict=True))
    for name, sign in (("bullish", 1.0), ("bearish", -1.0)):
        columns[f"{name}_count_5"] = window_sum((signals == sign).sum(axis=0).astype(np.float64), 5)
    return columns
