"""Volatility: how far price moves per bar, by several estimators, and how that compares with its own past.

Levels are in percent of price, the rest are ratios. Where nothing moved, a level is 0 and a ratio is 1 (its log 0).
"""

import numpy as np
import talib

from feature_store.arrays import STANDSTILL, Bars, Columns, change, earlier, ratio
from feature_store.window_moments import window_correlation, window_deviation, window_mean, window_sum
from feature_store.window_order import window_ulcer

LOOKBACK = 600


def compute(bars: Bars) -> Columns:
    """Return the volatility columns of each bar (float64, NaN in warm-up)."""
    return _ranges(bars) | _deviations(bars) | _estimators(bars) | _bands(bars) | _asymmetry(bars)


def _ranges(bars: Bars) -> Columns:
    high, low, close = bars.high, bars.low, bars.close
    span = bars.true_range[LOOKBACK - 100 :]
    mean = {n: window_mean(span, n) for n in (5, 20, 100)}
    average_range = talib.EMA(high - low, 9)
    smooth = talib.EMA(average_range, 9)
    quiet = smooth <= STANDSTILL * close
    mass = np.where(quiet, 1.0, ratio(average_range, smooth, neutral=1.0))
    extent = talib.MAX(high[LOOKBACK - 100 :], 14) - talib.MIN(low[LOOKBACK - 100 :], 14)
    crossings = ratio(window_sum(span, 14), extent, neutral=np.sqrt(14.0))
    return {
        "atr_14_percent": talib.NATR(high, low, close, 14),
        "true_range_5_to_20": ratio(mean[5], mean[20], neutral=1.0),
        "true_range_20_to_100": ratio(mean[20], mean[100], neutral=1.0),
        "mass_25": np.where(np.isnan(mass), np.nan, window_sum(mass, 25)),
        "choppiness_14": 100.0 * np.log10(np.where(crossings == 0.0, 1.0, crossings)) / np.log10(14.0),
        "ulcer_14": window_ulcer(close[LOOKBACK - 14 :], 14),
    }


def _deviations(bars: Bars) -> Columns:
    """Standard deviation of log returns (percent per bar), ratios of horizons, and the deviation of that deviation."""
    returns = 100.0 * bars.returns[LOOKBACK - 200 :]
    deviation = {n: window_deviation(returns, n) for n in (10, 20, 50, 100, 200)}
    return {
        **{f"deviation_{n}_percent": deviation[n] for n in (10, 20, 100)},
        "deviation_10_to_50": ratio(deviation[10], deviation[50], neutral=1.0),
        "deviation_20_to_100": ratio(deviation[20], deviation[100], neutral=1.0),
        "deviation_50_to_200": ratio(deviation[50], deviation[200], neutral=1.0),
        "deviation_of_deviation_50": ratio(window_deviation(deviation[10], 50), window_mean(deviation[10], 50)),
    }


def _estimators(bars: Bars) -> Columns:
    """Range-based deviations over 20 bars (percent per bar), the first also against closes alone.

    Sources: Parkinson (1980), J. Business 53; Yang and Zhang (2000), J. Business 73, with the term of Rogers and
    Satchell (1991), Ann. Appl. Probab. 1.
    """
    open_, high, low, close = (price[LOOKBACK - 21 :] for price in (bars.open, bars.high, bars.low, bars.close))
    returns = 100.0 * bars.returns[LOOKBACK - 21 :]
    up, down, inside = (100.0 * np.log(price / open_) for price in (high, low, close))
    overnight = 100.0 * np.log(open_ / earlier(close, 1))
    parkinson = np.sqrt(window_mean((up - down) ** 2, 20) / (4.0 * np.log(2.0)))
    rogers_satchell = window_mean(up * (up - inside) + down * (down - inside), 20)
    weight = 0.34 / (1.34 + 21.0 / 19.0)
    opens, insides = window_deviation(overnight, 20) ** 2, window_deviation(inside, 20) ** 2
    yang_zhang = np.sqrt(opens + weight * insides + (1.0 - weight) * np.maximum(rogers_satchell, 0.0))
    return {
        "parkinson_20_percent": parkinson,
        "yang_zhang_20_percent": yang_zhang,
        "parkinson_to_close_20": ratio(parkinson, np.sqrt(window_mean(returns**2, 20)), neutral=1.0),
        "overnight_share_20": ratio(opens, opens + insides),
    }


def _bands(bars: Bars) -> Columns:
    """Bollinger and Keltner bands: the place inside them, their width, and how tight one lies in the other."""
    high, low, close, unit = bars.high, bars.low, bars.close, bars.unit
    deviation, middle = window_deviation(close, 20), window_mean(close, 20)
    range_change = talib.EMA(high - low, 10)
    before = earlier(range_change, 10)
    steady = (range_change <= STANDSTILL * close) | (before <= STANDSTILL * close)
    return {
        "bollinger_position_20": ratio(close - middle, 2.0 * deviation),
        "bollinger_width_20_percent": 400.0 * deviation / middle,
        "squeeze_20": deviation / unit,
        "keltner_position_20": (close - talib.EMA(close, 20)) / (2.0 * unit),
        "chaikin_10": np.where(steady, 0.0, ratio(change(range_change, 10), before)),
    }


def _asymmetry(bars: Bars) -> Columns:
    """Share of variance from falls, share from jumps (Barndorff-Nielsen and Shephard 2004), clustering, leverage."""
    returns = 100.0 * bars.returns[LOOKBACK - 101 :]
    sizes = np.abs(returns)
    columns = {}
    for n in (20, 100):
        falls = window_sum(np.minimum(returns, 0.0) ** 2, n)
        columns[f"downside_share_{n}"] = ratio(falls, window_sum(returns**2, n), neutral=0.5)
    smooth = window_sum(sizes * earlier(sizes, 1), 50) * np.pi / 2.0
    columns["jump_share_50"] = np.maximum(1.0 - ratio(smooth, window_sum(returns**2, 50), neutral=1.0), 0.0)
    columns["clustering_100"] = window_correlation(sizes, earlier(sizes, 1), 100)
    columns["leverage_100"] = window_correlation(sizes, earlier(returns, 1), 100)
    return columns
