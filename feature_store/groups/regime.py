"""Regime: how today's volatility, trend and memory compare with the last several hundred bars.

Ranks are shares of the past that lie under today's value (ties half): 0.5 where nothing varies. Other columns are 0
where nothing moved.
"""

import numpy as np
import talib

from feature_store.arrays import Bars, Columns, change, earlier, ratio
from feature_store.window_lines import window_fit
from feature_store.window_moments import window_correlation, window_deviation, window_mean, window_score, window_sum
from feature_store.window_order import window_rank

LOOKBACK = 620


def compute(bars: Bars) -> Columns:
    """Return the regime columns of each bar (float64, NaN in warm-up)."""
    return _volatility(bars) | _trend(bars) | _memory(bars)


def _volatility(bars: Bars) -> Columns:
    """Ranks and scores of volatility, and how unusual the last day's moves are."""
    returns = bars.returns[LOOKBACK - 549 :]
    deviation = {n: window_deviation(returns, n) for n in (20, 50, 500)}
    span = window_mean(bars.true_range / bars.close, 14)
    return {
        "volatility_rank_500": window_rank(deviation[20], 500),
        "slow_volatility_rank_500": window_rank(deviation[50], 500),
        "volatility_to_500": ratio(deviation[20], deviation[500], neutral=1.0),
        "range_rank_500": window_rank(span, 500),
        "range_score_200": window_score(span[LOOKBACK - 200 :], 200),
        "turbulence_500": ratio(window_mean(returns**2, 5), deviation[500] ** 2),
    }


def _trend(bars: Bars) -> Columns:
    """State of the trend: averages in order (−1 to 1), how long price held above, fit of a line, fall from the top."""
    close, unit = bars.close[LOOKBACK - 500 :], bars.unit[LOOKBACK - 500 :]
    sma = {n: window_mean(close, n) for n in (20, 50, 200)}
    known = np.where(np.isnan(sma[200]), np.nan, 1.0)
    order = (np.sign(close - sma[20]) + np.sign(sma[20] - sma[50]) + np.sign(sma[50] - sma[200])) / 3.0
    top, bottom = talib.MAX(close, 500), talib.MIN(close, 500)
    return {
        "trend_order": order,
        "trend_order_mean_50": window_mean(order, 50),
        "above_sma_200_share": window_mean((close > sma[200]) * known, 200),
        "line_200_fit": window_fit(bars.close[LOOKBACK - 200 :], 200),
        "top_500_distance_atr": (top - close) / unit,
        "bottom_500_distance_atr": (close - bottom) / unit,
        "place_in_range_500": ratio(close - bottom, top - bottom, neutral=0.5),
        "efficiency_200": ratio(change(close, 200), window_sum(np.abs(change(close)), 200)),
    }


def _memory(bars: Bars) -> Columns:
    """Slow memory: variance ratio of 20 bars, correlation of returns and of sizes with the ones before, drift."""
    returns = bars.returns[LOOKBACK - 319 :]
    sizes = np.abs(returns)
    previous = earlier(returns, 1)
    squares = window_sum(returns**2, 300)
    return {
        "variance_ratio_20_300": ratio(window_sum(window_sum(returns, 20) ** 2, 300), 20.0 * squares, neutral=1.0),
        "autocorrelation_300": window_correlation(returns, previous, 300),
        "clustering_300": window_correlation(sizes, np.abs(previous), 300),
        "drift_300": ratio(window_mean(returns, 300), window_deviation(returns, 300)) * np.sqrt(300.0),
    }
