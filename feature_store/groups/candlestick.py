"""Candlestick patterns: TA-Lib's, as −1 (bearish), 0 (absent) or 1 (bullish), and how many of each came lately.

Patterns compare bodies and shadows with averages of the last bars, and on a price grid the two are often equal. Prices
are handed over as whole numbers, so that such ties are not settled by the rounding of binary fractions.
"""

import numpy as np
import pandas as pd
import talib

from feature_store.arrays import arrays, whole
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


def compute(bars: pd.DataFrame) -> pd.DataFrame:
    """Return one column a pattern and the counts over the last five bars (float64, NaN in warm-up)."""
    prices = tuple(whole(price) for price in arrays(bars, "open", "high", "low", "close"))
    columns = {name: np.sign(getattr(talib, f"CDL{name.upper()}")(*prices)).astype(np.float64) for name in PATTERNS}
    signals = np.array(list(columns.values())) if len(bars) else np.empty((0, 0))
    for name, sign in (("bullish", 1.0), ("bearish", -1.0)):
        columns[f"{name}_count_5"] = window_sum((signals == sign).sum(axis=0).astype(np.float64), 5)
    return pd.DataFrame(columns, index=bars.index)
