"""Fractional differences: the log close made stationary at the least cost of memory, by a window of fixed width.

A whole difference (a return) forgets the level, the level itself never comes back. A difference of order d between 0
and 1 weighs older closes by ω₀ = 1, ωₖ = −ωₖ₋₁ (d − k + 1) ÷ k, cut where they fall under a thousandth. The width is
constant: an expanding one would change what it means as history grows. The weights do not add up to 0, so a difference
enters against its own mean, which takes the unit of prices out; 0 where nothing moved.
Source: Hosking (1981), Biometrika 68; López de Prado (2018), Advances in Financial Machine Learning, section 5.5.
"""

import numpy as np

from feature_store.arrays import Bars, Columns, ratio
from feature_store.described import Catalogue, Described
from feature_store.window_moments import window_deviation, window_filter, window_mean, window_score

LOOKBACK = 360

ORDERS = {"d02": 0.2, "d04": 0.4, "d06": 0.6}

_SOURCE = "López de Prado (2018), section 5.5"

CATALOGUE: Catalogue = {
    f"close_{name}_score_{{n}}": Described(
        f"Fractional difference of order {order} of the log close, against its own {{0}} bars",
        _SOURCE,
        "deviations",
        -np.inf,
        np.inf,
    )
    for name, order in ORDERS.items()
} | {
    f"close_{name}_distance_{{n}}": Described(
        f"Fractional difference of order {order} of the log close, less its mean of {{0}} bars",
        _SOURCE,
        "deviations of 200 returns",
        -np.inf,
        np.inf,
    )
    for name, order in ORDERS.items()
}


def weights(order: float, threshold: float = 1e-3) -> np.ndarray:
    """Return the weights of a fractional difference, that of the newest value first, down to the last over `threshold`.

    >>> weights(0.5, threshold=0.03).tolist()
    [1.0, -0.5, -0.125, -0.0625, -0.0390625]
    """
    found = [1.0]
    while abs(following := -found[-1] * (order - len(found) + 1.0) / len(found)) >= threshold:
        found.append(following)
    return np.array(found)


_WEIGHTS = {name: weights(order) for name, order in ORDERS.items()}


def compute(bars: Bars) -> Columns:
    """Return the fractional columns of each bar (float64, NaN in warm-up)."""
    close = np.log(bars.close)
    deviation = window_deviation(bars.returns, 200)
    columns = {}
    for name, weighed in _WEIGHTS.items():
        difference = window_filter(close, weighed)
        columns[f"close_{name}_score_250"] = window_score(difference, 250)
        columns[f"close_{name}_distance_100"] = ratio(difference - window_mean(difference, 100), deviation)
    return columns
