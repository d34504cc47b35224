"""Regime: how today's volatility, trend and memory compare with the last several hundred bars.

Ranks are shares of the past that lie under today's value (ties half): 0.5 where nothing varies. Other columns are 0
where nothing moved.
"""

import numpy as np
import talib

from feature_store.arrays import Bars, Columns, change, earlier, ratio, together
from feature_store.described import Catalogue, Described
from feature_store.window_lines import window_fit
from feature_store.window_moments import window_correlation, window_deviation, window_mean, window_score, window_sum
from feature_store.window_order import streak, window_rank

LOOKBACK = 620

CATALOGUE: Catalogue = {
    "volatility_rank_500": Described(
        "Share of 500 deviations of 20 returns that are under this one, ties half", "own", "share", 0.0, 1.0
    ),
    "volatility_third_500": Described(
        "Third of those 500 in which it is: −1 the calmest, 1 the wildest", "own", "−1, 0 or 1", -1.0, 1.0
    ),
    "slow_volatility_rank_500": Described(
        "Share of 500 deviations of 50 returns that are under this one, ties half", "own", "share", 0.0, 1.0
    ),
    "volatility_to_500": Described("Deviation of 20 returns ÷ of 500", "own", "ratio", 0.0, (499.0 / 19.0) ** 0.5),
    "range_rank_500": Described(
        "Share of 500 mean true ranges (14 bars, ÷ close) that are under this one, ties half", "own", "share", 0.0, 1.0
    ),
    "range_score_{n}": Described(
        "(Mean true range of 14 bars ÷ close − its mean) ÷ its deviation, {0} bars",
        "own",
        "deviations",
        -199.0 / 200.0**0.5,
        199.0 / 200.0**0.5,
    ),
    "turbulence_{n}": Described(
        "Mean squared return of 5 bars ÷ variance of {0}",
        "Kritzman and Li (2010), Financial Analysts J. 66, of one series",
        "ratio",
        0.0,
        np.inf,
    ),
    "trend_order": Described(
        "How many of close over SMA(20), that over SMA(50), that over SMA(200) hold less how many do not, ÷ 3",
        "own",
        "share",
        -1.0,
        1.0,
    ),
    "trend_order_mean_{n}": Described("Mean of that order over {0} bars", "own", "share", -1.0, 1.0),
    "trend_state": Described(
        "1 if all three hold, −1 if all are the other way round, else 0", "own", "−1, 0 or 1", -1.0, 1.0
    ),
    "trend_state_streak_{n}": Described(
        "Bars in a row with this state, with its sign, counted up to {0}", "own", "bars", -100.0, 100.0
    ),
    "above_sma_{n}_share": Described(
        "Share of {0} bars whose close was over its mean of {0}", "own", "share", 0.0, 1.0
    ),
    "line_{n}_fit": Described(
        "R² of the straight line through {0} closes, with the sign of its slope", "own", "share", -1.0, 1.0
    ),
    "top_{n}_distance_atr": Described("Highest close of {0} bars − close", "own", "ATR", 0.0, np.inf),
    "bottom_{n}_distance_atr": Described("Close − lowest close of {0} bars", "own", "ATR", 0.0, np.inf),
    "place_in_range_{n}": Described(
        "(Close − lowest close) ÷ (highest − lowest close), {0} bars", "own", "share", 0.0, 1.0
    ),
    "efficiency_{n}": Described(
        "Net move ÷ sum of the sizes of moves, {0} bars, with its sign",
        "Kaufman (1995), Smarter Trading",
        "share",
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
    "autocorrelation_{n}": Described(
        "Correlation of returns with the ones before, {0} bars",
        "Box and Jenkins (1970), Time Series Analysis",
        "correlation",
        -1.0,
        1.0,
    ),
    "clustering_{n}": Described(
        "Correlation of sizes of returns with the ones before, {0} bars", "own", "correlation", -1.0, 1.0
    ),
    "drift_{n}": Described("Mean return ÷ its standard error, {0} bars", "own", "standard errors", -np.inf, np.inf),
}


def compute(bars: Bars) -> Columns:
    """Return the regime columns of each bar (float64, NaN in warm-up)."""
    return together(PARTS, bars)


def _volatility(bars: Bars) -> Columns:
    """Ranks and scores of volatility, and how unusual the last day's moves are."""
    returns = bars.returns[LOOKBACK - 549 :]
    deviation = {n: window_deviation(returns, n) for n in (20, 50, 500)}
    span = window_mean(bars.true_range / bars.close, 14)
    rank = window_rank(deviation[20], 500)
    return {
        "volatility_rank_500": rank,
        "volatility_third_500": (rank > 2.0 / 3.0) * 1.0 - (rank < 1.0 / 3.0),
        "slow_volatility_rank_500": window_rank(deviation[50], 500),
        "volatility_to_500": ratio(deviation[20], deviation[500], neutral=1.0),
        "range_rank_500": window_rank(span, 500),
        "range_score_200": window_score(span[LOOKBACK - 200 :], 200),
        "turbulence_500": ratio(window_mean(returns**2, 5), deviation[500] ** 2),
    }


def _trend(bars: Bars) -> Columns:
    """State of the trend: averages in order (−1 to 1), how long so, how long price held above, fit, fall from the top.

    The state is 1 or −1 where the close and all three averages are in order, else 0.
    """
    close, unit = bars.close[LOOKBACK - 500 :], bars.unit[LOOKBACK - 500 :]
    sma = {n: window_mean(close, n) for n in (20, 50, 200)}
    known = np.where(np.isnan(sma[200]), np.nan, 1.0)
    order = (np.sign(close - sma[20]) + np.sign(sma[20] - sma[50]) + np.sign(sma[50] - sma[200])) / 3.0
    state = np.trunc(order)
    top, bottom = talib.MAX(close, 500), talib.MIN(close, 500)
    return {
        "trend_order": order,
        "trend_order_mean_50": window_mean(order, 50),
        "trend_state": state,
        "trend_state_streak_100": streak(state, 100),
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


PARTS = (_volatility, _trend, _memory)
