"""Momentum: how fast price moves, and whether that is speeding up. RSI, stochastics, MACD, TSI, KST and kin.

Distances are in ATR(14). Oscillators keep their customary range. A market that stands still is neutral: RSI 50,
stochastics 0.5, everything else 0.
"""

import numpy as np
import talib

from feature_store.arrays import STANDSTILL, Bars, Columns, change, log_return, ratio, together
from feature_store.described import Catalogue, Described
from feature_store.window_moments import window_absolute_deviation, window_mean, window_sum

LOOKBACK = 600

CATALOGUE: Catalogue = {
    "rsi_{n}": Described(
        "RSI of {0} bars: average rise ÷ (average rise + average fall), Wilder's averages",
        "Wilder (1978), New Concepts in Technical Trading Systems, ch. 6; TA-Lib RSI",
        "points",
        0.0,
        100.0,
    ),
    "rsi_{n}_change_{n}": Described("RSI of {0} bars minus itself {1} bars ago", "own", "points", -100.0, 100.0),
    "stochastic_rsi_{n}": Described(
        "Place of RSI between its least and most of {0} bars",
        "Chande and Kroll (1994), The New Technical Trader; TA-Lib STOCHRSI",
        "share",
        0.0,
        1.0,
    ),
    "chande_{n}": Described(
        "(Rises − falls) ÷ (rises + falls), sums of {0} bars",
        "Chande and Kroll (1994), The New Technical Trader",
        "points",
        -100.0,
        100.0,
    ),
    "stochastic_{n}": Described(
        "%K: (close − lowest low) ÷ (highest high − lowest low) of {0} bars; minus 1 it is Williams' %R",
        "Lane (1984), Stocks & Commodities; TA-Lib STOCHF",
        "share",
        0.0,
        1.0,
    ),
    "stochastic_{n}_signal": Described(
        "%D: mean of three %K of {0} bars", "Lane (1984), Stocks & Commodities; TA-Lib STOCHF", "share", 0.0, 1.0
    ),
    "cci_20": Described(
        "(Typical price − its mean of 20 bars) ÷ (0.015 × its mean absolute deviation)",
        "Lambert (1980), Commodities; TA-Lib CCI",
        "points",
        -10.0 / 0.015,
        10.0 / 0.015,
    ),
    "ultimate": Described(
        "Buying pressure ÷ true range over 7, 14 and 28 bars, weighed 4, 2, 1",
        "Williams (1985), Stocks & Commodities; TA-Lib ULTOSC",
        "points",
        0.0,
        100.0,
    ),
    "macd_atr": Described("EMA(12) − EMA(26) of closes", "Appel (1979); TA-Lib MACD", "ATR", -np.inf, np.inf),
    "macd_signal_atr": Described("EMA(9) of MACD", "Appel (1979); TA-Lib MACD", "ATR", -np.inf, np.inf),
    "macd_histogram_atr": Described("MACD − its signal", "Appel (1979); TA-Lib MACD", "ATR", -np.inf, np.inf),
    "macd_histogram_change_{n}_atr": Described(
        "MACD histogram minus itself {0} bars ago", "own", "ATR", -np.inf, np.inf
    ),
    "macd_fast_histogram_atr": Described(
        "MACD histogram of EMA(5), EMA(13) and EMA(5)", "TA-Lib MACD", "ATR", -np.inf, np.inf
    ),
    "change_{n}_atr": Described("Close minus the close {0} bars ago", "TA-Lib MOM", "ATR", -np.inf, np.inf),
    "trix_{n}": Described(
        "Change of the EMA({0}) of the EMA({0}) of the EMA({0}) of closes",
        "Hutson (1983), Stocks & Commodities; TA-Lib TRIX",
        "percent",
        -100.0,
        np.inf,
    ),
    "tsi_{n}_{n}": Described(
        "EMA({1}) of EMA({0}) of moves ÷ the same of their sizes",
        "Blau (1991), Stocks & Commodities",
        "points",
        -100.0,
        100.0,
    ),
    "kst": Described(
        "Smoothed log returns of 10, 15, 20 and 30 bars, weighed 1 to 4",
        "Pring (1992), Stocks & Commodities",
        "percent",
        -np.inf,
        np.inf,
    ),
    "kst_difference": Described(
        "KST − its mean of nine bars", "Pring (1992), Stocks & Commodities", "percent", -np.inf, np.inf
    ),
    "awesome_atr": Described(
        "Mean of 5 middles (high + low) / 2 − mean of 34",
        "Williams (1998), New Trading Dimensions",
        "ATR",
        -np.inf,
        np.inf,
    ),
    "acceleration_atr": Described(
        "Awesome oscillator − its mean of five bars", "Williams (1998), New Trading Dimensions", "ATR", -np.inf, np.inf
    ),
    "bull_power_atr": Described("High − EMA(13)", "Elder (1993), Trading for a Living", "ATR", -np.inf, np.inf),
    "bear_power_atr": Described("Low − EMA(13)", "Elder (1993), Trading for a Living", "ATR", -np.inf, np.inf),
    "balance_of_power_{n}": Described(
        "Mean of (close − open) ÷ (high − low) over {0} bars",
        "Livshin (2001), Stocks & Commodities; TA-Lib BOP",
        "share",
        -1.0,
        1.0,
    ),
}

_FLAT_RSI = 0.01  # an RSI that moved less than this many points has no range to be placed in


def compute(bars: Bars) -> Columns:
    """Return the momentum columns of each bar (float64, NaN in warm-up)."""
    return together(PARTS, bars)


def rsi(close: np.ndarray, period: int) -> np.ndarray:
    """Return Wilder's RSI (0 to 100); 50 where the average move is under a ten-millionth of the price.

    Source: Wilder (1978), New Concepts in Technical Trading Systems, ch. 6.
    """
    moved = talib.RMA(np.abs(change(close)), timeperiod=period)
    return np.where(moved <= STANDSTILL * close, 50.0, talib.RSI(close, timeperiod=period))


def _relative_strength(bars: Bars) -> Columns:
    close = bars.close
    rsi_14 = rsi(close, 14)
    highest, lowest = talib.MAX(rsi_14, 14), talib.MIN(rsi_14, 14)
    width = np.where(highest - lowest < _FLAT_RSI, 0.0, highest - lowest)
    moves = change(close[LOOKBACK - 15 :])
    gains, losses = window_sum(np.maximum(moves, 0.0), 14), window_sum(np.maximum(-moves, 0.0), 14)
    return {
        "rsi_7": rsi(close, 7),
        "rsi_14": rsi_14,
        "rsi_14_change_5": change(rsi_14, 5),
        "stochastic_rsi_14": ratio(rsi_14 - lowest, width, neutral=0.5),
        "chande_14": 100.0 * ratio(gains - losses, gains + losses),
    }


def _stochastics(bars: Bars) -> Columns:
    """Lane's %K and %D as shares (0 to 1), Lambert's CCI and Williams' ultimate oscillator."""
    high, low, close = (price[LOOKBACK - 29 :] for price in (bars.high, bars.low, bars.close))
    lowest = talib.MIN(low, 14)
    k = ratio(close - lowest, talib.MAX(high, 14) - lowest, neutral=0.5)
    typical = (high + low + close) / 3.0
    distance = typical - window_mean(typical, 20)
    return {
        "stochastic_14": k,
        "stochastic_14_signal": window_mean(k, 3),
        "cci_20": ratio(distance, 0.015 * window_absolute_deviation(typical, 20)),
        "ultimate": _ultimate(high, low, close),
    }


def _ultimate(high: np.ndarray, low: np.ndarray, close: np.ndarray) -> np.ndarray:
    """Williams' ultimate oscillator (0 to 100; 50 without any range). Source: Williams (1985), Stocks & Commodities."""
    before = close - change(close)
    bottom = np.minimum(low, before)
    pressure, spread = close - bottom, np.maximum(high, before) - bottom
    seven, fourteen, twenty_eight = (
        ratio(window_sum(pressure, n), window_sum(spread, n), neutral=0.5) for n in (7, 14, 28)
    )
    return 100.0 * (4.0 * seven + 2.0 * fourteen + twenty_eight) / 7.0


def _convergence(bars: Bars) -> Columns:
    """MACD 12/26/9 and a fast 5/13/5, in ATR."""
    close, unit = bars.close, bars.unit
    line, signal, histogram = talib.MACD(close, 12, 26, 9)
    _, _, fast_histogram = talib.MACD(close, 5, 13, 5)
    return {
        "macd_atr": line / unit,
        "macd_signal_atr": signal / unit,
        "macd_histogram_atr": histogram / unit,
        "macd_histogram_change_3_atr": change(histogram, 3) / unit,
        "macd_fast_histogram_atr": fast_histogram / unit,
    }


def _changes(bars: Bars) -> Columns:
    close, unit = bars.close[LOOKBACK - 51 :], bars.unit[LOOKBACK - 51 :]
    return {f"change_{n}_atr": change(close, n) / unit for n in (5, 20, 50)}


def _rates_of_change(bars: Bars) -> Columns:
    """TRIX (percent), Blau's TSI (−100 to 100), Pring's KST (percent) with its distance from its signal line."""
    close, recent = bars.close, bars.close[LOOKBACK - 53 :]
    kst = sum(
        (weight * window_mean(100.0 * log_return(recent, n), smooth))
        for weight, n, smooth in ((1.0, 10, 10), (2.0, 15, 10), (3.0, 20, 10), (4.0, 30, 15))
    )
    return {
        "trix_15": talib.TRIX(close, 15),
        "tsi_25_13": _true_strength(close, 25, 13),
        "kst": kst,
        "kst_difference": kst - window_mean(kst, 9),
    }


def _true_strength(close: np.ndarray, long: int, short: int) -> np.ndarray:
    """Blau's true strength index (−100 to 100; 0 at a standstill). Source: Blau (1991), Stocks & Commodities."""
    moves = change(close)
    net = talib.EMA(talib.EMA(moves, long), short)
    gross = talib.EMA(talib.EMA(np.abs(moves), long), short)
    return 100.0 * ratio(net, np.where(gross <= STANDSTILL * close, np.inf, gross))


def _pressure(bars: Bars) -> Columns:
    """Awesome oscillator, Elder's bull and bear power, balance of power."""
    average = talib.EMA(bars.close, 13)[LOOKBACK - 38 :]
    open_, high, low, close, unit = (
        series[LOOKBACK - 38 :] for series in (bars.open, bars.high, bars.low, bars.close, bars.unit)
    )
    middle = (high + low) / 2.0
    awesome = (window_mean(middle, 5) - window_mean(middle, 34)) / unit
    return {
        "awesome_atr": awesome,
        "acceleration_atr": awesome - window_mean(awesome, 5),
        "bull_power_atr": (high - average) / unit,
        "bear_power_atr": (low - average) / unit,
        "balance_of_power_14": window_mean(ratio(close - open_, high - low), 14),
    }


PARTS = (_relative_strength, _stochastics, _convergence, _changes, _rates_of_change, _pressure)
