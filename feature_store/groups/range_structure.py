"""Range structure: the shape of bars, gaps between them, and where price stands between recent extremes.

Distances are in ATR(14). A bar without range has no wicks (0) and closes in its middle (0.5).
"""

import numpy as np
import talib

from feature_store.arrays import Bars, Columns, earlier, ratio, together, whole
from feature_store.described import Catalogue, Described
from feature_store.window_moments import window_mean
from feature_store.window_order import bars_since_highest, last_swing_high, window_rank

LOOKBACK = 600

CATALOGUE: Catalogue = {
    "body_share": Described("(Close − open) ÷ range", "own", "share", -1.0, 1.0),
    "upper_wick_share": Described("(High − the higher of open and close) ÷ range", "own", "share", 0.0, 1.0),
    "lower_wick_share": Described("(The lower of open and close − low) ÷ range", "own", "share", 0.0, 1.0),
    "close_place": Described("(Close − low) ÷ range", "own", "share", 0.0, 1.0),
    "body_share_mean_{n}": Described("Mean size of the body's share of the range, {0} bars", "own", "share", 0.0, 1.0),
    "wick_balance_{n}": Described(
        "Mean of lower − upper wick, shares of the range, {0} bars", "own", "share", -1.0, 1.0
    ),
    "close_place_mean_{n}": Described("Mean place of the close in its bar, {0} bars", "own", "share", 0.0, 1.0),
    "range_rank_{n}": Described(
        "Share of the last {0} ranges that are under this one, ties half", "own", "share", 0.0, 1.0
    ),
    "gap_atr": Described("Open − close before", "own", "ATR", -14.0, 14.0),
    "gap_size_mean_{n}_atr": Described("Mean size of gaps, {0} bars", "own", "ATR", 0.0, 14.0),
    "largest_gap_{n}_atr": Described("Largest opening gap of {0} bars, with its sign", "own", "ATR", -np.inf, np.inf),
    "bars_since_largest_gap_{n}": Described("Bars since the largest opening gap of {0}", "own", "bars", 0.0, 99.0),
    "largest_gap_{n}_origin_distance_atr": Described(
        "Close − the close before the largest opening gap of {0} bars", "own", "ATR", -np.inf, np.inf
    ),
    "true_range_atr": Described(
        "True range", "Wilder (1978), New Concepts in Technical Trading Systems", "ATR", 0.0, 14.0
    ),
    "overlap_share": Described(
        "What this range and the one before share ÷ what they cover together", "own", "share", 0.0, 1.0
    ),
    "inside_bar": Described("1 if the range lies inside the one before", "own", "0 or 1", 0.0, 1.0),
    "outside_bar": Described("1 if the range reaches beyond the one before on both sides", "own", "0 or 1", 0.0, 1.0),
    "higher_high_share_{n}": Described("Share of {0} bars with a high above the one before", "own", "share", 0.0, 1.0),
    "lower_low_share_{n}": Described("Share of {0} bars with a low under the one before", "own", "share", 0.0, 1.0),
    "place_in_range_{n}": Described(
        "(Close − lowest low) ÷ (highest high − lowest low), {0} bars", "own", "share", 0.0, 1.0
    ),
    "range_{n}_atr": Described("Highest high − lowest low, {0} bars", "own", "ATR", 0.0, np.inf),
    "bars_since_high_{n}": Described("Bars since the highest high of {0}", "own", "bars", 0.0, 199.0),
    "bars_since_low_{n}": Described("Bars since the lowest low of {0}", "own", "bars", 0.0, 199.0),
    "breakout_{n}_atr": Described(
        "Close above the highest high of the {0} bars before, else 0", "own", "ATR", 0.0, 14.0
    ),
    "breakdown_{n}_atr": Described(
        "Close under the lowest low of the {0} bars before, else 0", "own", "ATR", 0.0, 14.0
    ),
    "swing_high_distance_atr": Described(
        "Newest high that three bars on either side do not exceed (of 60 bars) − close", "own", "ATR", -np.inf, np.inf
    ),
    "swing_low_distance_atr": Described(
        "Close − newest low that three bars on either side do not undercut (of 60 bars)", "own", "ATR", -np.inf, np.inf
    ),
}


def compute(bars: Bars) -> Columns:
    """Return the range columns of each bar (float64, NaN in warm-up)."""
    return together(PARTS, bars)


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


def _largest_gap(bars: Bars) -> Columns:
    """Size, age and origin of the largest opening gap of 100 bars, of equal ones (in whole prices) the newest."""
    open_, close, unit = (series[LOOKBACK - 101 :] for series in (bars.open, bars.close, bars.unit))
    before = earlier(close, 1)
    age = bars_since_highest(np.abs(whole(open_) - whole(before)), 100)
    at = np.arange(len(age)) - np.nan_to_num(age).astype(np.int64)
    return {
        "largest_gap_100_atr": (open_ - before)[at] / unit,
        "bars_since_largest_gap_100": age,
        "largest_gap_100_origin_distance_atr": (close - before[at]) / unit,
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


PARTS = (_bar_shape, _against_previous, _largest_gap, _extremes, _swings)
