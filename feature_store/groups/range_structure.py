"""Range structure: the shape of bars, gaps between them, and where price stands between recent extremes.

Distances are in ATR(14). A bar without range has no wicks (0) and closes in its middle (0.5).
"""

import numpy as np
import talib

from feature_store.arrays import Bars, Columns, earlier, ratio
from feature_store.window_moments import window_mean
from feature_store.window_order import bars_since_highest, last_swing_high, window_rank

LOOKBACK = 600


def compute(bars: Bars) -> Columns:
    """Return the range columns of each bar (float64, NaN in warm-up)."""
    return _bar_shape(bars) | _against_previous(bars) | _extremes(bars) | _swings(bars)


def _bar_shape(bars: Bars) -> Columns:
    open_, high, low, close = (price[LOOKBACK - 50 :] for price in (bars.open, bars.high, bars.low, bars.close))
    span = high - low
    upper = ratio(high - np.maximum(open_, close), span)
    lower = ratio(np.minimum(open_, close) - low, span)
    place = ratio(close - low, span, neutral=0.5)
    body = ratio(close - open_, span)
    return {
        "body_share": body,
        "upper_wick_share": upper,
        "lower_wick_share": lower,
        "close_place": place,
        "body_share_mean_10": window_mean(np.abs(body), 10),
        "wick_balance_10": window_mean(lower - upper, 10),
        "close_place_mean_20": window_mean(place, 20),
        "range_rank_50": window_rank(span, 50),
    }


def _against_previous(bars: Bars) -> Columns:
    """Gaps, overlap, inside and outside bars, higher highs and lower lows."""
    open_, high, low, close = (price[LOOKBACK - 21 :] for price in (bars.open, bars.high, bars.low, bars.close))
    span, unit = bars.true_range[LOOKBACK - 21 :], bars.unit[LOOKBACK - 21 :]
    high_before, low_before = earlier(high, 1), earlier(low, 1)
    gap = (open_ - earlier(close, 1)) / unit
    shared = np.maximum(np.minimum(high, high_before) - np.maximum(low, low_before), 0.0)
    covered = np.maximum(high, high_before) - np.minimum(low, low_before)
    higher, lower = (high > high_before) * 1.0, (low < low_before) * 1.0
    return {
        "gap_atr": gap,
        "gap_size_mean_20_atr": window_mean(np.abs(gap), 20),
        "true_range_atr": span / unit,
        "overlap_share": ratio(shared, covered, neutral=1.0),
        "inside_bar": ((high <= high_before) & (low >= low_before)) * 1.0,
        "outside_bar": ((high > high_before) & (low < low_before)) * 1.0,
        "higher_high_share_10": window_mean(higher, 10),
        "lower_low_share_10": window_mean(lower, 10),
    }


def _extremes(bars: Bars) -> Columns:
    high, low, close, unit = (series[LOOKBACK - 200 :] for series in (bars.high, bars.low, bars.close, bars.unit))
    columns = {}
    for n in (20, 50, 100, 200):
        top, bottom = talib.MAX(high, n), talib.MIN(low, n)
        columns[f"place_in_range_{n}"] = ratio(close - bottom, top - bottom, neutral=0.5)
        if n in (20, 200):
            columns[f"range_{n}_atr"] = (top - bottom) / unit
    for n in (50, 200):
        columns[f"bars_since_high_{n}"] = bars_since_highest(high, n)
        columns[f"bars_since_low_{n}"] = bars_since_highest(-low, n)
    before_high, before_low = earlier(talib.MAX(high, 20), 1), earlier(talib.MIN(low, 20), 1)
    columns["breakout_20_atr"] = np.maximum(close - before_high, 0.0) / unit
    columns["breakdown_20_atr"] = np.maximum(before_low - close, 0.0) / unit
    return columns


def _swings(bars: Bars) -> Columns:
    """Distance from the newest confirmed swing high and low (three bars on either side), in ATR."""
    high, low, close, unit = (series[LOOKBACK - 60 :] for series in (bars.high, bars.low, bars.close, bars.unit))
    return {
        "swing_high_distance_atr": (last_swing_high(high, 3, 60) - close) / unit,
        "swing_low_distance_atr": (close + last_swing_high(-low, 3, 60)) / unit,
    }
