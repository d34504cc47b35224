"""Price statistics: returns over many horizons, and the shape and memory of their distribution.

Returns are log returns of closes in units of their own deviation; 0 where nothing moved.
"""

import numpy as np

from feature_store.arrays import Bars, Columns, change, earlier, log_return, ratio, together
from feature_store.described import Catalogue, Described
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

CATALOGUE: Catalogue = {
    "return_{n}": Described(
        "Log return over {0} bars ÷ (deviation of 100 returns × √{0})", "own", "deviations", -np.inf, np.inf
    ),
    "close_score_{n}": Described(
        "(Log close − mean) ÷ deviation, {0} bars", "own", "deviations", -199.0 / 200.0**0.5, 199.0 / 200.0**0.5
    ),
    "size_rank_{n}": Described(
        "Share of the last {0} returns that are smaller in size, ties half", "own", "share", 0.0, 1.0
    ),
    "skewness_{n}": Described(
        "Skewness of {0} returns", "Third standardised moment, divisor n", "number", -98.0 / 99.0**0.5, 98.0 / 99.0**0.5
    ),
    "kurtosis_{n}": Described(
        "Kurtosis of {0} returns: 3 is normal, 0 that nothing moved",
        "Fourth standardised moment, divisor n",
        "number",
        0.0,
        98.0 + 1.0 / 99.0,
    ),
    "up_share_{n}": Described("Share of {0} bars whose close rose", "own", "share", 0.0, 1.0),
    "autocorrelation_{n}_{n}": Described(
        "Correlation of returns with those {0} bars before, {1} bars",
        "Box and Jenkins (1970), Time Series Analysis",
        "correlation",
        -1.0,
        1.0,
    ),
    "variance_ratio_{n}_{n}": Described(
        "Mean squared return over {0} bars ÷ {0} times that over one, {1} bars: over 1 trends, under 1 reverts",
        "Lo and MacKinlay (1988), Rev. Financial Studies 1",
        "ratio",
        0.0,
        np.inf,
    ),
    "efficiency_{n}": Described(
        "Net move ÷ sum of the sizes of moves, {0} bars, with its sign",
        "Kaufman (1995), Smarter Trading",
        "share",
        -1.0,
        1.0,
    ),
    "turn_share_{n}": Described("Share of {0} bars that move against the bar before", "own", "share", 0.0, 1.0),
    "streak_{n}": Described(
        "Bars in a row that moved this way, with its sign, counted up to {0}", "own", "bars", -20.0, 20.0
    ),
    "deepest_fall_{n}_atr": Described("Largest fall from a close to a later one, {0} bars", "own", "ATR", 0.0, np.inf),
    "steepest_rise_{n}_atr": Described("Largest rise from a close to a later one, {0} bars", "own", "ATR", 0.0, np.inf),
}


def compute(bars: Bars) -> Columns:
    """Return the statistical columns of each bar (float64, NaN in warm-up)."""
    return together(PARTS, bars)


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


PARTS = (_returns, _shape, _memory, _paths, _excursions)
