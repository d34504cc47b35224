"""Microstructure of bars: the charged spread, and what bars alone reveal of the cost of trading.

Levels are in ATR(14) or in hundredths of a percent of price. Where the spread or the price does not vary, a score is 0.
"""

import numpy as np

from feature_store.arrays import Bars, Columns, change, earlier, ratio, together
from feature_store.described import Catalogue, Described
from feature_store.window_moments import window_correlation, window_deviation, window_mean, window_score
from feature_store.window_order import window_rank

LOOKBACK = 600

_BASIS_POINTS = 1e4

CATALOGUE: Catalogue = {
    "spread_atr": Described("Charged spread", "own", "ATR", 0.0, np.inf),
    "spread_basis_points": Described("Charged spread ÷ close", "own", "basis points", 0.0, np.inf),
    "spread_score_{n}": Described("(Spread − mean) ÷ deviation, {0} bars", "own", "deviations", -9.9, 9.9),
    "spread_rank_{n}": Described(
        "Share of the last {0} spreads that are under this one, ties half", "own", "share", 0.0, 1.0
    ),
    "spread_change_atr": Described("Spread − the one before", "own", "ATR", -np.inf, np.inf),
    "corwin_schultz_{n}": Described(
        "Spread that highs and lows of two bars imply, mean of {0} bars",
        "Corwin and Schultz (2012), J. Finance 67",
        "basis points",
        0.0,
        2e4,
    ),
    "abdi_ranaldo_{n}": Described(
        "Spread that closes and middles of two bars imply, {0} bars",
        "Abdi and Ranaldo (2017), Rev. Financial Studies 30",
        "basis points",
        0.0,
        np.inf,
    ),
    "roll_{n}": Described(
        "2 √(−covariance of successive returns), {0} bars; 0 if it is not negative",
        "Roll (1984), J. Finance 39",
        "basis points",
        0.0,
        np.inf,
    ),
    "unmoved_share_{n}": Described(
        "Share of {0} bars whose close is the one before",
        "Lesmond, Ogden and Trzcinka (1999), Rev. Financial Studies 12",
        "share",
        0.0,
        1.0,
    ),
    "reversal_share_{n}": Described("Share of {0} bars that move against the bar before", "own", "share", 0.0, 1.0),
    "successive_correlation_{n}": Described(
        "Correlation of returns with the ones before, {0} bars", "own", "correlation", -1.0, 1.0
    ),
    "noise_{n}": Described(
        "Deviation of changes of returns ÷ of returns, {0} bars: √2 for independent ones", "own", "ratio", 0.0, np.inf
    ),
}


def compute(bars: Bars) -> Columns:
    """Return the microstructure columns of each bar (float64, NaN in warm-up)."""
    return together(PARTS, bars)


def _spread(bars: Bars) -> Columns:
    close, spread, unit = (series[LOOKBACK - 200 :] for series in (bars.close, bars.spread, bars.unit))
    return {
        "spread_atr": spread / unit,
        "spread_basis_points": _BASIS_POINTS * spread / close,
        "spread_score_100": window_score(spread, 100),
        "spread_rank_200": window_rank(spread, 200),
        "spread_change_atr": change(spread) / unit,
    }


def _implied_spreads(bars: Bars) -> Columns:
    """Spreads that prices imply, in basis points, means of 20 and 100 bars.

    Sources: Corwin and Schultz (2012), J. Finance 67; Abdi and Ranaldo (2017), Rev. Financial Studies 30;
    Roll (1984), J. Finance 39. Negative estimates count as 0.
    """
    high, low, close, returns = (series[LOOKBACK - 101 :] for series in (bars.high, bars.low, bars.close, bars.returns))
    corwin_schultz = _corwin_schultz(high, low, close)
    middle = (np.log(high) + np.log(low)) / 2.0
    before = earlier(np.log(close), 1)
    abdi_ranaldo = 4.0 * (before - earlier(middle, 1)) * (before - middle)
    columns = {}
    for n in (20, 100):
        columns[f"corwin_schultz_{n}"] = _BASIS_POINTS * window_mean(corwin_schultz, n)
        columns[f"abdi_ranaldo_{n}"] = _BASIS_POINTS * np.sqrt(np.maximum(window_mean(abdi_ranaldo, n), 0.0))
        columns[f"roll_{n}"] = _BASIS_POINTS * _roll(returns, n)
    return columns


def _corwin_schultz(high: np.ndarray, low: np.ndarray, close: np.ndarray) -> np.ndarray:
    """Return the two-bar high-low spread as a share of price, the gap between the bars taken out first."""
    before = earlier(close, 1)
    shift = np.maximum(before - high, 0.0) - np.maximum(low - before, 0.0)
    top, bottom = high + shift, low + shift
    single = np.log(top / bottom) ** 2 + np.log(earlier(high, 1) / earlier(low, 1)) ** 2
    both = np.log(np.maximum(top, earlier(high, 1)) / np.minimum(bottom, earlier(low, 1))) ** 2
    scale = 3.0 - 2.0 * np.sqrt(2.0)
    alpha = (np.sqrt(2.0 * single) - np.sqrt(single)) / scale - np.sqrt(both / scale)
    return np.maximum(2.0 * np.expm1(alpha) / (1.0 + np.exp(alpha)), 0.0)


def _roll(returns: np.ndarray, window: int) -> np.ndarray:
    """Return Roll's spread as a share of price: 2 √(−covariance of successive returns), 0 if that is not negative."""
    products = returns * earlier(returns, 1)
    covariance = window_mean(products, window) - window_mean(returns, window) * window_mean(earlier(returns, 1), window)
    return 2.0 * np.sqrt(np.maximum(-covariance, 0.0))


def _reversals(bars: Bars) -> Columns:
    """How often bars do not move or take back the move before, and how noisy the last closes are."""
    returns = bars.returns[LOOKBACK - 51 :]
    before = earlier(returns, 1)
    known = np.isnan(before)
    return {
        "unmoved_share_50": window_mean(np.where(known, np.nan, (returns == 0) * 1.0), 50),
        "reversal_share_50": window_mean(np.where(known, np.nan, (returns * before < 0) * 1.0), 50),
        "successive_correlation_10": window_correlation(returns, before, 10),
        "noise_20": ratio(window_deviation(change(returns), 20), window_deviation(returns, 20)),
    }


PARTS = (_spread, _implied_spreads, _reversals)
