"""Sums and moments over a moving window, each row from its own window alone.

Running sums are faster, and remember every value that ever passed through them: their rounding depends on where history
began. Here row i is a function of `values[i - window + 1 : i + 1]`, added in that order, so that a tail gives the same
bits as full history. Rows before the first full window are NaN, and a NaN in the window gives NaN.

A block of rows is worked on side by side, oldest value first, so that the processor adds several rows at once. In what
follows, row k of a block has the window `span[k : k + window]`.
"""

import numpy as np

from market.compiled import compiled

BLOCK = 256
"""Rows of a block: few enough to stay in the processor's nearest memory."""


@compiled
def add_distances(span: np.ndarray, origins: np.ndarray, window: int, totals: np.ndarray) -> None:
    """Set each row's total to the sum of its window's distances from the row's origin."""
    totals[:] = 0.0
    fours = window - window % 4
    for j in range(0, fours, 4):
        for k in range(len(totals)):
            origin = origins[k]
            total = totals[k] + (span[k + j] - origin) + (span[k + j + 1] - origin)
            totals[k] = total + (span[k + j + 2] - origin) + (span[k + j + 3] - origin)
    for j in range(fours, window):
        for k in range(len(totals)):
            totals[k] += span[k + j] - origins[k]


@compiled
def add_squares(span: np.ndarray, origins: np.ndarray, means: np.ndarray, window: int, totals: np.ndarray) -> None:
    """Set each row's total to the sum of squares of what its distances from the origin exceed their mean by."""
    totals[:] = 0.0
    fours = window - window % 4
    for j in range(0, fours, 4):
        for k in range(len(totals)):
            origin, mean = origins[k], means[k]
            total = totals[k] + (span[k + j] - origin - mean) ** 2 + (span[k + j + 1] - origin - mean) ** 2
            totals[k] = total + (span[k + j + 2] - origin - mean) ** 2 + (span[k + j + 3] - origin - mean) ** 2
    for j in range(fours, window):
        for k in range(len(totals)):
            totals[k] += (span[k + j] - origins[k] - means[k]) ** 2


@compiled
def window_sum(values: np.ndarray, window: int) -> np.ndarray:
    """Return the sum of the last `window` values."""
    out = np.full(len(values), np.nan)
    origins = np.zeros(BLOCK)
    for first in range(0, len(values) - window + 1, BLOCK):
        add_distances(values[first:], origins, window, out[first + window - 1 :][:BLOCK])
    return out


@compiled
def window_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of the last `window` values; of equal values exactly that value."""
    out = np.full(len(values), np.nan)
    for first in range(0, len(values) - window + 1, BLOCK):
        newest, totals = values[first + window - 1 :][:BLOCK], out[first + window - 1 :][:BLOCK]
        add_distances(values[first:], newest, window, totals)
        for k in range(len(totals)):
            totals[k] = newest[k] + totals[k] / window
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
    means = np.empty(BLOCK)
    for first in range(0, len(values) - window + 1, BLOCK):
        newest, squares = values[first + window - 1 :][:BLOCK], out[first + window - 1 :][:BLOCK]
        add_distances(values[first:], newest, window, means[: len(newest)])
        means /= window
        add_squares(values[first:], newest, means, window, squares)
        for k in range(len(squares)):
            squares[k] = np.sqrt(squares[k] / (window - 1))
    return out


@compiled
def window_score(values: np.ndarray, window: int) -> np.ndarray:
    """Return how many standard deviations (ddof 1) the newest value is from the window's mean; 0 if all are equal."""
    out = np.full(len(values), np.nan)
    means = np.empty(BLOCK)
    for first in range(0, len(values) - window + 1, BLOCK):
        newest, squares = values[first + window - 1 :][:BLOCK], out[first + window - 1 :][:BLOCK]
        add_distances(values[first:], newest, window, means[: len(newest)])
        means /= window
        add_squares(values[first:], newest, means, window, squares)
        for k in range(len(squares)):
            deviation = np.sqrt(squares[k] / (window - 1))
            squares[k] = 0.0 if deviation == 0.0 else -means[k] / deviation
    return out


@compiled
def window_absolute_deviation(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean absolute deviation from the window's mean; of equal values exactly 0."""
    out = np.full(len(values), np.nan)
    means = np.empty(BLOCK)
    for first in range(0, len(values) - window + 1, BLOCK):
        newest, distances = values[first + window - 1 :][:BLOCK], out[first + window - 1 :][:BLOCK]
        add_distances(values[first:], newest, window, means[: len(newest)])
        means /= window
        distances[:] = 0.0
        for j in range(window):
            older = values[first + j :]
            for k in range(len(distances)):
                distances[k] += abs(older[k] - newest[k] - means[k])
        distances /= window
    return out


@compiled
def window_moment(values: np.ndarray, window: int, order: int) -> np.ndarray:
    """Return the standardised central moment: order 3 is skewness, order 4 kurtosis (normal 3); 0 if all are equal."""
    out = np.full(len(values), np.nan)
    means, squares = np.empty(BLOCK), np.empty(BLOCK)
    for first in range(0, len(values) - window + 1, BLOCK):
        newest, powers = values[first + window - 1 :][:BLOCK], out[first + window - 1 :][:BLOCK]
        add_distances(values[first:], newest, window, means[: len(newest)])
        means /= window
        add_squares(values[first:], newest, means, window, squares[: len(newest)])
        powers[:] = 0.0
        for j in range(window):
            older = values[first + j :]
            for k in range(len(powers)):
                distance = older[k] - newest[k] - means[k]
                square = distance * distance
                powers[k] += distance * square if order == 3 else square * square
        for k in range(len(powers)):
            variance = squares[k] / window
            powers[k] = 0.0 if variance == 0.0 else powers[k] / window / variance ** (order / 2.0)
    return out


@compiled
def window_correlation(x: np.ndarray, y: np.ndarray, window: int) -> np.ndarray:
    """Return Pearson's correlation of the last `window` pairs; 0 if either stands still."""
    out = np.full(len(x), np.nan)
    mean_x, mean_y, xx, yy = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    for first in range(0, len(x) - window + 1, BLOCK):
        newest_x, newest_y = x[first + window - 1 :][:BLOCK], y[first + window - 1 :][:BLOCK]
        xy = out[first + window - 1 :][:BLOCK]
        add_distances(x[first:], newest_x, window, mean_x[: len(xy)])
        add_distances(y[first:], newest_y, window, mean_y[: len(xy)])
        mean_x /= window
        mean_y /= window
        add_squares(x[first:], newest_x, mean_x, window, xx[: len(xy)])
        add_squares(y[first:], newest_y, mean_y, window, yy[: len(xy)])
        xy[:] = 0.0
        for j in range(window):
            older_x, older_y = x[first + j :], y[first + j :]
            for k in range(len(xy)):
                xy[k] += (older_x[k] - newest_x[k] - mean_x[k]) * (older_y[k] - newest_y[k] - mean_y[k])
        for k in range(len(xy)):
            spread = np.sqrt(xx[k]) * np.sqrt(yy[k])
            xy[k] = 0.0 if spread == 0.0 else xy[k] / spread
    return out
