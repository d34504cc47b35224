"""Trend: where price stands against its averages, how straight its path is, and which way it points.

Distances and slopes are in ATR(14); 0 in a market that stands still.
"""

import numpy as np
import talib

from feature_store.arrays import STANDSTILL, Bars, Columns, change, earlier, ratio, together, true_range, whole
from feature_store.described import Catalogue, Described
from feature_store.window_lines import window_fit, window_residual
from feature_store.window_moments import window_mean, window_sum
from feature_store.window_order import bars_since_highest

LOOKBACK = 600

_WILDER = "Wilder (1978), New Concepts in Technical Trading Systems, ch. 4"
_HOSODA = "Hosoda (1969), Ichimoku Kinko Hyo"

CATALOGUE: Catalogue = {
    "close_to_sma_{n}_atr": Described("Close − its mean of {0} bars", "TA-Lib SMA", "ATR", -np.inf, np.inf),
    "sma_{n}_slope_{n}_atr": Described(
        "Mean of {0} closes minus itself {1} bars ago", "TA-Lib SMA", "ATR", -np.inf, np.inf
    ),
    "sma_{n}_to_{n}_atr": Described(
        "Mean of {0} closes − mean of {1}: the golden cross when it turns positive",
        "TA-Lib SMA",
        "ATR",
        -np.inf,
        np.inf,
    ),
    "detrended_{n}_atr": Described(
        "Detrended price: the close of {0} / 2 + 1 bars ago − the mean of {0}", "Achelis (1995)", "ATR", -np.inf, np.inf
    ),
    "above_sma_{n}_share": Described(
        "Share of the last {0} bars that closed above their mean of {0}", "own", "share", 0.0, 1.0
    ),
    "line_{n}_fit": Described(
        "R² of the least-squares line through {0} closes, with the sign of its slope",
        "TA-Lib CORREL",
        "share",
        -1.0,
        1.0,
    ),
    "line_{n}_residual_atr": Described(
        "Close − the end of the least-squares line through {0} closes", "TA-Lib LINEARREG", "ATR", -np.inf, np.inf
    ),
    "adx_{n}": Described(
        "Wilder's average of abs(DI+ − DI−) ÷ (DI+ + DI−) over {0} bars", f"{_WILDER}; TA-Lib ADX", "points", 0.0, 100.0
    ),
    "adx_{n}_change_{n}": Described("ADX of {0} bars minus itself {1} bars ago", "own", "points", -100.0, 100.0),
    "di_difference_{n}": Described("DI+ − DI− of {0} bars", _WILDER, "points", -100.0, 100.0),
    "di_plus_{n}": Described(
        "Upward movement ÷ true range, Wilder's averages of {0} bars",
        f"{_WILDER}; TA-Lib PLUS_DI",
        "points",
        0.0,
        100.0,
    ),
    "di_minus_{n}": Described(
        "Downward movement ÷ true range, Wilder's averages of {0} bars",
        f"{_WILDER}; TA-Lib MINUS_DI",
        "points",
        0.0,
        100.0,
    ),
    "aroon_up_{n}": Described(
        "100 × (1 − bars since the highest high of {0} + 1 bars ÷ {0}), the newest of equals",
        "Chande (1995), Stocks & Commodities; TA-Lib AROON",
        "points",
        0.0,
        100.0,
    ),
    "aroon_down_{n}": Described(
        "100 × (1 − bars since the lowest low of {0} + 1 bars ÷ {0}), the newest of equals",
        "Chande (1995), Stocks & Commodities; TA-Lib AROON",
        "points",
        0.0,
        100.0,
    ),
    "aroon_{n}": Described(
        "Aroon up − Aroon down", "Chande (1995), Stocks & Commodities; TA-Lib AROONOSC", "points", -100.0, 100.0
    ),
    "vortex_{n}": Described(
        "Sums of abs(high − low before) − abs(low − high before) ÷ sum of true ranges, {0} bars",
        "Botes and Siepman (2010), Stocks & Commodities",
        "ratio",
        -np.inf,
        np.inf,
    ),
    "vertical_horizontal_{n}": Described(
        "(Highest − lowest close) ÷ sum of the sizes of moves, {0} bars", "White (1991), Futures", "share", 0.0, 1.0
    ),
    "ichimoku_conversion_to_base_atr": Described(
        "Middle of the range of 9 bars − middle of 26", _HOSODA, "ATR", -np.inf, np.inf
    ),
    "ichimoku_close_to_base_atr": Described("Close − middle of the range of 26 bars", _HOSODA, "ATR", -np.inf, np.inf),
    "ichimoku_cloud_ahead_atr": Described(
        "Span A − span B of this bar, which are drawn 26 bars ahead", _HOSODA, "ATR", -np.inf, np.inf
    ),
    "ichimoku_above_cloud_atr": Described(
        "Close − the upper edge of the cloud that was drawn 26 bars ago", _HOSODA, "ATR", -np.inf, np.inf
    ),
    "ichimoku_below_cloud_atr": Described(
        "Close − the lower edge of the cloud that was drawn 26 bars ago", _HOSODA, "ATR", -np.inf, np.inf
    ),
}


def compute(bars: Bars) -> Columns:
    """Return the trend columns of each bar (float64, NaN in warm-up)."""
    return together(PARTS, bars)


def _averages(bars: Bars) -> Columns:
    close, unit = bars.close[LOOKBACK - 220 :], bars.unit[LOOKBACK - 220 :]
    sma = {n: window_mean(close, n) for n in (10, 20, 50, 100, 200)}
    return {
        **{f"close_to_sma_{n}_atr": (close - sma[n]) / unit for n in sma},
        "sma_20_slope_5_atr": change(sma[20], 5) / unit,
        "sma_50_slope_10_atr": change(sma[50], 10) / unit,
        "sma_200_slope_20_atr": change(sma[200], 20) / unit,
        "sma_50_to_200_atr": (sma[50] - sma[200]) / unit,
        "detrended_20_atr": (earlier(close, 11) - sma[20]) / unit,
        "above_sma_50_share": window_mean(np.where(np.isnan(sma[50]), np.nan, (close > sma[50]) * 1.0), 50),
    }


def _lines(bars: Bars) -> Columns:
    """Least-squares lines: signed R², and the close's distance from the line's end."""
    close, unit = bars.close[LOOKBACK - 100 :], bars.unit[LOOKBACK - 100 :]
    columns = {}
    for n in (20, 50, 100):
        columns[f"line_{n}_fit"] = window_fit(close, n)
        columns[f"line_{n}_residual_atr"] = window_residual(close, n) / unit
    return columns


def _directional(bars: Bars) -> Columns:
    """Wilder's directional movement (0 to 100); a bar of a market that stands still has no direction: 0.

    Source: Wilder (1978), New Concepts in Technical Trading Systems, ch. 4.
    """
    high, low, close = (whole(price) for price in (bars.high, bars.low, bars.close))
    span = talib.ATR(high, low, close, 14)
    moves = np.where(np.isnan(span), np.nan, span > STANDSTILL * close)
    plus, minus = talib.PLUS_DI(high, low, close, 14) * moves, talib.MINUS_DI(high, low, close, 14) * moves
    adx = talib.RMA(talib.DX(high, low, close, 14) * moves, 14)
    return {
        "adx_14": adx,
        "adx_14_change_5": change(adx, 5),
        "di_difference_14": plus - minus,
        "di_plus_14": plus,
        "di_minus_14": minus,
    }


def _paths(bars: Bars) -> Columns:
    """Aroon, vortex and the vertical horizontal filter."""
    high, low, close = (price[LOOKBACK - 29 :] for price in (bars.high, bars.low, bars.close))
    up, down = bars_since_highest(high, 26), bars_since_highest(-low, 26)
    span = window_sum(true_range(high, low, close), 14)
    plus = window_sum(np.abs(high - earlier(low, 1)), 14)
    minus = window_sum(np.abs(low - earlier(high, 1)), 14)
    travelled = window_sum(np.abs(change(close)), 28)
    return {
        "aroon_up_25": 100.0 - 4.0 * up,
        "aroon_down_25": 100.0 - 4.0 * down,
        "aroon_25": 4.0 * (down - up),
        "vortex_14": ratio(plus - minus, span),
        "vertical_horizontal_28": ratio(talib.MAX(close, 28) - talib.MIN(close, 28), travelled),
    }


def _ichimoku(bars: Bars) -> Columns:
    """Ichimoku's lines; the cloud over a bar is the one drawn 26 bars before, so it looks at the past alone."""
    high, low, close, unit = (series[LOOKBACK - 78 :] for series in (bars.high, bars.low, bars.close, bars.unit))
    conversion, base, span_b = (talib.MIDPRICE(high, low, n) for n in (9, 26, 52))
    span_a = (conversion + base) / 2.0
    cloud_a, cloud_b = earlier(span_a, 26), earlier(span_b, 26)
    return {
        "ichimoku_conversion_to_base_atr": (conversion - base) / unit,
        "ichimoku_close_to_base_atr": (close - base) / unit,
        "ichimoku_cloud_ahead_atr": (span_a - span_b) / unit,
        "ichimoku_above_cloud_atr": (close - np.maximum(cloud_a, cloud_b)) / unit,
        "ichimoku_below_cloud_atr": (close - np.minimum(cloud_a, cloud_b)) / unit,
    }


PARTS = (_averages, _lines, _directional, _paths, _ichimoku)
