"""Order flow: which side pushed with how much volume, and how far a unit of it moves the price.

A bar's volume is counted as relative to its mean of 100 bars, so its unit does not matter; signed by the tick rule, by
the place of the close in the bar, or by how far the close moved. Without any volume in the window, and where nothing
moved, a column is 0 and a ratio is 1. Left out of series that have no volume.
"""

import numpy as np

from feature_store.arrays import Bars, Columns, change, earlier, ratio
from feature_store.described import Catalogue, Described
from feature_store.window_flow import bulk_balance, tick_rule
from feature_store.window_moments import (
    window_correlation,
    window_deviation,
    window_mean,
    window_score,
    window_sum,
)

LOOKBACK = 360
NEEDS_VOLUME = True

_BASIS_POINTS = 1e4
_LONGEST_PAUSE = 20
"""Unmoved bars after which the tick rule knows no direction any more."""

_EASLEY = "Easley, López de Prado and O'Hara (2012), Rev. Financial Studies 25"

CATALOGUE: Catalogue = {
    "tick_imbalance_{n}": Described(
        "Volume of bars that moved up less down, an unmoved bar as the one before, ÷ volume of {0} bars",
        "Lee and Ready (1991), J. Finance 46",
        "share",
        -1.0,
        1.0,
    ),
    "place_imbalance_{n}": Described(
        "Volume signed by the place of the close in its bar (1 at the high, −1 at the low) ÷ volume of {0} bars",
        "Chaikin in Achelis (1995)",
        "share",
        -1.0,
        1.0,
    ),
    "bulk_imbalance_{n}": Described(
        "Volume of buyers less sellers, by the move of the close in deviations, ÷ volume of {0} bars",
        _EASLEY,
        "share",
        -1.0,
        1.0,
    ),
    "vpin_{n}": Described(
        "Imbalance of buyers and sellers of each bar, whatever its side, ÷ volume of {0} bars",
        _EASLEY,
        "share",
        0.0,
        1.0,
    ),
    "vpin_{n}_to_{n}": Described(
        "Imbalance of buyers and sellers, whatever its side: share of {0} bars ÷ share of {1}",
        _EASLEY,
        "ratio",
        0.0,
        np.inf,
    ),
    "flow_memory_{n}": Described(
        "Correlation of signed volume with that of the bar before, over {0} bars",
        "Lillo and Farmer (2004), Studies in Nonlinear Dynamics 8",
        "correlation",
        -1.0,
        1.0,
    ),
    "amihud_{n}": Described(
        "Absolute return of a bar ÷ its volume relative to 100 bars, mean of the bars of {0} that traded",
        "Amihud (2002), J. Financial Markets 5",
        "basis points",
        0.0,
        np.inf,
    ),
    "amihud_{n}_score_{n}": Described(
        "Move that usual volume makes, mean of {0} bars, against its own {1}",
        "Amihud (2002), J. Financial Markets 5",
        "deviations",
        -np.inf,
        np.inf,
    ),
    "kyle_{n}": Described(
        "Slope of returns on signed relative volume, over {0} bars",
        "Kyle (1985), Econometrica 53; López de Prado (2018), section 19.4.1",
        "basis points",
        -np.inf,
        np.inf,
    ),
    "hasbrouck_{n}": Described(
        "Slope of returns on the signed root of relative volume, over {0} bars",
        "Hasbrouck (2009), J. Finance 64; López de Prado (2018), section 19.4.3",
        "basis points",
        -np.inf,
        np.inf,
    ),
    "impact_fit_{n}": Described(
        "Correlation of returns with signed relative volume: how far flow alone explains them, over {0} bars",
        "López de Prado (2018), section 19.4",
        "correlation",
        -1.0,
        1.0,
    ),
}


def compute(bars: Bars) -> Columns:
    """Return the order-flow columns of each bar (float64, NaN in warm-up)."""
    signs = tick_rule(change(bars.close), _LONGEST_PAUSE)
    relative = ratio(bars.volume, window_mean(bars.volume, 100))
    columns = _imbalance(bars, signs) | _toxicity(bars)
    return columns | _illiquidity(bars.returns, relative) | _impact(bars.returns, signs, relative)


def _imbalance(bars: Bars, signs: np.ndarray) -> Columns:
    """Signed volume ÷ volume, by the tick rule and by the place of the close, and the memory of the former."""
    volume, signed = bars.volume, signs * bars.volume
    place = ratio((bars.close - bars.low) - (bars.high - bars.close), bars.high - bars.low)
    columns = {}
    for n in (5, 100):
        total = window_sum(volume, n)
        columns[f"tick_imbalance_{n}"] = ratio(window_sum(signed, n), total)
        columns[f"place_imbalance_{n}"] = ratio(window_sum(place * volume, n), total)
    columns["flow_memory_100"] = window_correlation(signed, earlier(signed, 1), 100)
    return columns


def _toxicity(bars: Bars) -> Columns:
    """Imbalance by bulk classification: net of sides, and whatever the side (VPIN over bars of time)."""
    balance = bulk_balance(ratio(bars.returns, window_deviation(bars.returns, 100))) * bars.volume
    total = {n: window_sum(bars.volume, n) for n in (10, 20, 50, 100)}
    vpin = {n: ratio(window_sum(np.abs(balance), n), total[n]) for n in (20, 100)}
    return {
        **{f"bulk_imbalance_{n}": ratio(window_sum(balance, n), total[n]) for n in (10, 50)},
        **{f"vpin_{n}": vpin[n] for n in vpin},
        "vpin_20_to_100": ratio(vpin[20], vpin[100], neutral=1.0),
    }


def _illiquidity(returns: np.ndarray, relative: np.ndarray) -> Columns:
    """Amihud's measure: the move that usual volume makes, as a level and against its own past."""
    impact, traded = _BASIS_POINTS * ratio(np.abs(returns), relative), (relative > 0.0) * 1.0
    level = {n: ratio(window_sum(impact, n), window_sum(traded, n)) for n in (20, 100)}
    return {
        **{f"amihud_{n}": level[n] for n in level},
        "amihud_20_score_100": window_score(level[20], 100),
    }


def _impact(returns: np.ndarray, signs: np.ndarray, relative: np.ndarray) -> Columns:
    """Slopes of returns on signed volume (Kyle's lambda) and on its root (Hasbrouck's), and how well that explains."""
    flow, root = signs * relative, signs * np.sqrt(relative)
    return {
        "impact_fit_50": window_correlation(returns, flow, 50),
        "impact_fit_200": window_correlation(returns, flow, 200),
        "kyle_50": _slope(returns, flow, 50),
        "kyle_200": _slope(returns, flow, 200),
        "hasbrouck_50": _slope(returns, root, 50),
    }


def _slope(returns: np.ndarray, flow: np.ndarray, window: int) -> np.ndarray:
    """Return the least-squares slope of returns (basis points) on flow, 0 where either stands still."""
    explained = window_correlation(returns, flow, window) * window_deviation(returns, window)
    return _BASIS_POINTS * ratio(explained, window_deviation(flow, window))
