"""Price statistics: returns over many horizons, and the shape and memory of their distribution.

Returns are log returns of closes in units of their own deviation; 0 where nothing moved.
"""

import numpy as np

from feature_store.arrays import Bars, Columns, change, earlier, log_return, ratio
from feature_store.window_moments import (
    window_correlation,
    window_deviation,
    window_mean,
    window_moment,
    window_score,
    window_sum,
)
from feature_store.window_order import streak, window_drawdown, window_rank

LOOKBACK = 600

_HORIZONS = (1, 2, 3, 8, 13, 34, 55, 89, 144)


def compute(bars: Bars) -> Columns:
    """Return the statistical columns of each bar (float64, NaN in warm-up)."""
    return _returns(bars) | _shape(bars) | _memory(bars) | _paths(bars) | _excursions(bars)


def _returns(bars: Bars) -> Columns:
    """Return over each horizon ÷ (deviation of 100 bars × √horizon), and the close's place in its own past."""
    close, returns = bars.close[LOOKBACK - 200 :], bars.returns[LOOKBACK - 200 :]
    deviation = window_deviation(returns, 100)
    columns = {f"return_{n}": ratio(log_return(close, n), deviation * np.sqrt(n)) for n in _HORIZONS}
    for n in (50, 100, 200):
        columns[f"close_score_{n}"] = window_score(np.log(close), n)
    columns["size_rank_100"] = window_rank(np.abs(returns), 100)
    return columns


def _shape(bars: Bars) -> Columns:
    """Skewness, kurtosis (normal 3) and the share of rises."""
    returns = bars.returns[LOOKBACK - 100 :]
    columns = {}
    for n in (20, 50, 100):
        columns[f"skewness_{n}"] = window_moment(returns, n, 3)
    for n in (50, 100):
        columns[f"kurtosis_{n}"] = window_moment(returns, n, 4)
    columns["up_share_20"] = window_mean(np.where(np.isnan(returns), np.nan, (returns > 0) * 1.0), 20)
    columns["up_share_50"] = window_mean(np.where(np.isnan(returns), np.nan, (returns > 0) * 1.0), 50)
    return columns


def _memory(bars: Bars) -> Columns:
    """Autocorrelation; variance ratios (Lo and MacKinlay 1988): over 1 trends, under 1 reverts, 1 if nothing moved."""
    returns = bars.returns[LOOKBACK - 109 :]
    columns = {f"autocorrelation_{lag}_100": window_correlation(returns, earlier(returns, lag), 100) for lag in (1, 2)}
    columns["autocorrelation_1_30"] = window_correlation(returns, earlier(returns, 1), 30)
    single = window_sum(returns**2, 100)
    for n in (5, 10):
        longer = window_sum(window_sum(returns, n) ** 2, 100)
        columns[f"variance_ratio_{n}_100"] = ratio(longer, n * single, neutral=1.0)
    return columns


def _paths(bars: Bars) -> Columns:
    """Signed efficiency (Kaufman): net move ÷ path, turns of direction, and the run that is under way."""
    close, returns = bars.close[LOOKBACK - 101 :], bars.returns[LOOKBACK - 101 :]
    columns = {}
    for n in (10, 50, 100):
        columns[f"efficiency_{n}"] = ratio(change(close, n), window_sum(np.abs(change(close)), n))
    signs = np.sign(returns)
    columns["turn_share_20"] = window_mean((signs * earlier(signs, 1) < 0) * 1.0, 20)
    columns["streak_20"] = streak(signs, 20)
    return columns


def _excursions(bars: Bars) -> Columns:
    """Deepest fall and steepest rise of closes inside the window, in ATR."""
    close, unit = bars.close[LOOKBACK - 100 :], bars.unit[LOOKBACK - 100 :]
    columns = {}
    for n in (20, 100):
        columns[f"deepest_fall_{n}_atr"] = window_drawdown(close, n) / unit
        columns[f"steepest_rise_{n}_atr"] = window_drawdown(-close, n) / unit
    return columns
