"""Sums and moments over a moving window, each row from its own window alone.

Running sums are faster still, and remember every value that ever passed through them: their rounding depends on where
history began. Here row i is a function of `values[i - window + 1 : i + 1]`, merged in a fixed order, so that a tail
gives the same bits as full history. Rows before the first full window are NaN, and a NaN in the window gives NaN.

Where a kernel has to look at every value of a window, a block of rows is worked on side by side, so that the processor
does several rows at once.
"""

import numpy as np

from feature_store.window_merging import CUBES, FOURTHS, MEAN, PAIRS, SQUARES, SUM, merged
from market.compiled import compiled

BLOCK = 256
"""Rows of a block: few enough to stay in the processor's nearest memory."""


@compiled
def window_sum(values: np.ndarray, window: int) -> np.ndarray:
    """Return the sum of the last `window` values."""
    out = np.full(len(values), np.nan)
    out[window - 1 :] = merged(values.reshape(1, -1), window, SUM)[0]
    return out


@compiled
def window_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of the last `window` values; of equal values exactly that value."""
    out = np.full(len(values), np.nan)
    out[window - 1 :] = merged(values.reshape(1, -1), window, MEAN)[0]
    return out


@compiled
def window_filter(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the sum of the last `len(weights)` values times `weights`, whose first entry weighs the newest value."""
    window = len(weights)
    out = np.full(len(values), np.nan)
    for first in range(window - 1, len(values), BLOCK):
        totals = out[first:][:BLOCK]
        totals[:] = 0.0
        for age in range(window):
            older = values[first - age :]
            for k in range(len(totals)):
                totals[k] += weights[age] * older[k]
    return out


@compiled
def window_deviation(values: np.ndarray, window: int) -> np.ndarray:
    """Return the standard deviation (ddof 1) of the last `window` values; of equal values exactly 0."""
    out = np.full(len(values), np.nan)
    out[window - 1 :] = np.sqrt(merged(values.reshape(1, -1), window, SQUARES)[1] / (window - 1))
    return out


@compiled
def window_score(values: np.ndarray, window: int) -> np.ndarray:
    """Return how many standard deviations (ddof 1) the newest value is from the window's mean; 0 if all are equal."""
    out = np.full(len(values), np.nan)
    known = merged(values.reshape(1, -1), window, SQUARES)
    means, squares = known[0], known[1]
    for k in range(len(means)):
        deviation = np.sqrt(squares[k] / (window - 1))
        out[k + window - 1] = 0.0 if deviation == 0.0 else (values[k + window - 1] - means[k]) / deviation
    return out


@compiled
def window_absolute_deviation(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean absolute deviation from the window's mean; of equal values exactly 0."""
    out = np.full(len(values), np.nan)
    means = merged(values.reshape(1, -1), window, MEAN)[0]
    for first in range(0, len(means), BLOCK):
        distances, centres = out[first + window - 1 :][:BLOCK], means[first:][:BLOCK]
        distances[:] = 0.0
        for j in range(window):
            older = values[first + j :]
            for k in range(len(distances)):
                distances[k] += abs(older[k] - centres[k])
        distances /= window
    return out


@compiled
def window_moment(values: np.ndarray, window: int, order: int) -> np.ndarray:
    """Return the standardised central moment: order 3 is skewness, order 4 kurtosis (normal 3); 0 if all are equal."""
    out = np.full(len(values), np.nan)
    known = merged(values.reshape(1, -1), window, CUBES if order == 3 else FOURTHS)
    squares, powers = known[1], known[order - 1]
    for k in range(len(powers)):
        variance = squares[k] / window
        scale = variance * np.sqrt(variance) if order == 3 else variance * variance
        out[k + window - 1] = 0.0 if variance == 0.0 else powers[k] / window / scale
    return out


@compiled
def window_correlation(x: np.ndarray, y: np.ndarray, window: int) -> np.ndarray:
    """Return Pearson's correlation of the last `window` pairs; 0 if either stands still."""
    out = np.full(len(x), np.nan)
    known = merged(np.stack((x, y)), window, PAIRS)
    xx, yy, xy = known[1], known[3], known[4]
    for k in range(len(xy)):
        spread = np.sqrt(xx[k]) * np.sqrt(yy[k])
        out[k + window - 1] = 0.0 if spread == 0.0 else xy[k] / spread
    return out
