"""Volatility: how far price moves per bar, by several estimators, and how that compares with its own past.

Levels are in percent of price, the rest are ratios. Where nothing moved, a level is 0 and a ratio is 1 (its log 0).
"""

import numpy as np
import talib

from feature_store.arrays import STANDSTILL, Bars, Columns, change, earlier, ratio, together
from feature_store.described import Catalogue, Described
from feature_store.window_moments import window_correlation, window_deviation, window_mean, window_sum
from feature_store.window_order import window_ulcer

LOOKBACK = 600

CATALOGUE: Catalogue = {
    "atr_{n}_percent": Described(
        "Wilder's average true range of {0} bars ÷ close",
        "Wilder (1978), New Concepts in Technical Trading Systems, ch. 3; TA-Lib NATR",
        "percent",
        0.0,
        np.inf,
    ),
    "true_range_5_to_20": Described("Mean true range of 5 bars ÷ of 20", "own", "ratio", 0.0, 4.0),
    "true_range_20_to_100": Described("Mean true range of 20 bars ÷ of 100", "own", "ratio", 0.0, 5.0),
    "mass_25": Described(
        "Mass index: sum over 25 bars of EMA(9) of ranges ÷ its own EMA(9)",
        "Dorsey (1992), Stocks & Commodities",
        "ratio",
        0.0,
        125.0,
    ),
    "choppiness_{n}": Described(
        "100 × log(sum of true ranges ÷ (highest − lowest)) ÷ log({0}), {0} bars",
        "Dreiss (1993), choppiness index",
        "points",
        0.0,
        np.inf,
    ),
    "ulcer_{n}": Described(
        "Root mean square of falls from the highest close so far in {0} bars",
        "Martin and McCann (1989), The Investor's Guide to Fidelity Funds",
        "percent",
        0.0,
        100.0,
    ),
    "deviation_{n}_percent": Described(
        "Standard deviation of log returns of {0} bars", "TA-Lib STDDEV with n − 1", "percent", 0.0, np.inf
    ),
    "deviation_10_to_50": Described("Deviation of 10 returns ÷ of 50", "own", "ratio", 0.0, (49.0 / 9.0) ** 0.5),
    "deviation_20_to_100": Described("Deviation of 20 returns ÷ of 100", "own", "ratio", 0.0, (99.0 / 19.0) ** 0.5),
    "deviation_50_to_200": Described("Deviation of 50 returns ÷ of 200", "own", "ratio", 0.0, (199.0 / 49.0) ** 0.5),
    "deviation_of_deviation_50": Described(
        "Deviation of 50 deviations of 10 returns ÷ their mean", "own", "ratio", 0.0, 50.0**0.5
    ),
    "parkinson_{n}_percent": Described(
        "√(mean of log(high ÷ low)² ÷ 4 log 2), {0} bars", "Parkinson (1980), J. Business 53", "percent", 0.0, np.inf
    ),
    "garman_klass_{n}_percent": Described(
        "√(mean of log(high ÷ low)² / 2 − (2 log 2 − 1) log(close ÷ open)²), {0} bars",
        "Garman and Klass (1980), J. Business 53",
        "percent",
        0.0,
        np.inf,
    ),
    "rogers_satchell_{n}_percent": Described(
        "√(mean of u (u − c) + d (d − c)), logs of high, low and close ÷ open, {0} bars",
        "Rogers and Satchell (1991), Ann. Appl. Probab. 1",
        "percent",
        0.0,
        np.inf,
    ),
    "yang_zhang_{n}_percent": Described(
        "√(variance of gaps + k × variance of close ÷ open + (1 − k) × Rogers and Satchell), {0} bars",
        "Yang and Zhang (2000), J. Business 73",
        "percent",
        0.0,
        np.inf,
    ),
    "parkinson_to_close_{n}": Described(
        "Parkinson's deviation ÷ root mean square of returns, {0} bars", "own", "ratio", 0.0, np.inf
    ),
    "overnight_share_{n}": Described(
        "Variance of gaps ÷ (variance of gaps + of close ÷ open), {0} bars", "own", "share", 0.0, 1.0
    ),
    "bollinger_position_20": Described(
        "(Close − mean) ÷ (2 deviations), 20 bars: −1 and 1 are the bands",
        "Bollinger (2001), Bollinger on Bollinger Bands",
        "ratio",
        -9.5 / 20.0**0.5,
        9.5 / 20.0**0.5,
    ),
    "bollinger_width_20_percent": Described(
        "4 deviations ÷ mean, 20 bars",
        "Bollinger (2001), Bollinger on Bollinger Bands; TA-Lib BBANDS",
        "percent",
        0.0,
        400.0 * 20.0**0.5,
    ),
    "squeeze_{n}": Described(
        "Deviation of {0} closes ÷ ATR: how tight Bollinger's bands lie inside Keltner's",
        "Carter (2005), Mastering the Trade",
        "ATR",
        0.0,
        np.inf,
    ),
    "keltner_position_{n}": Described(
        "(Close − EMA({0})) ÷ 2 ATR: −1 and 1 are the bands", "Raschke after Keltner (1960)", "ratio", -np.inf, np.inf
    ),
    "chaikin_{n}": Described(
        "Growth of the EMA({0}) of ranges over {0} bars", "Chaikin in Achelis (1995)", "share", -1.0, np.inf
    ),
    "downside_share_{n}": Described(
        "Share of squared returns that come from falls, {0} bars", "own", "share", 0.0, 1.0
    ),
    "jump_share_{n}": Described(
        "1 − π/2 × sum of products of successive sizes ÷ sum of squares, not under 0, {0} returns",
        "Barndorff-Nielsen and Shephard (2004), J. Financial Econometrics 2",
        "share",
        0.0,
        1.0,
    ),
    "clustering_{n}": Described(
        "Correlation of sizes of returns with the ones before, {0} bars", "own", "correlation", -1.0, 1.0
    ),
    "leverage_{n}": Described(
        "Correlation of sizes of returns with the returns before, {0} bars", "Black (1976)", "correlation", -1.0, 1.0
    ),
}


def compute(bars: Bars) -> Columns:
    """Return the volatility columns of each bar (float64, NaN in warm-up)."""
    return together(PARTS, bars)


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

    Sources: Parkinson (1980) and Garman and Klass (1980), J. Business 53; Rogers and Satchell (1991), Ann. Appl.
    Probab. 1; Yang and Zhang (2000), J. Business 73. Under 0, which rounding can make of it, a variance counts as 0.
    """
    open_, high, low, close = (price[LOOKBACK - 21 :] for price in (bars.open, bars.high, bars.low, bars.close))
    returns = 100.0 * bars.returns[LOOKBACK - 21 :]
    up, down, inside = (100.0 * np.log(price / open_) for price in (high, low, close))
    overnight = 100.0 * np.log(open_ / earlier(close, 1))
    parkinson = np.sqrt(window_mean((up - down) ** 2, 20) / (4.0 * np.log(2.0)))
    garman_klass = window_mean((up - down) ** 2 / 2.0 - (2.0 * np.log(2.0) - 1.0) * inside**2, 20)
    rogers_satchell = np.maximum(window_mean(up * (up - inside) + down * (down - inside), 20), 0.0)
    weight = 0.34 / (1.34 + 21.0 / 19.0)
    opens, insides = window_deviation(overnight, 20) ** 2, window_deviation(inside, 20) ** 2
    yang_zhang = np.sqrt(opens + weight * insides + (1.0 - weight) * rogers_satchell)
    return {
        "parkinson_20_percent": parkinson,
        "garman_klass_20_percent": np.sqrt(np.maximum(garman_klass, 0.0)),
        "rogers_satchell_20_percent": np.sqrt(rogers_satchell),
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


PARTS = (_ranges, _deviations, _estimators, _bands, _asymmetry)
