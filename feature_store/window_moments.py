"""Sums and moments over a moving window, each row from its own window alone.

Running sums are faster, and remember every value that ever passed through them: their rounding depends on where history
began. Here row i is a function of `values[i - window + 1 : i + 1]`, added in that order, so that a tail gives the same
bits as full history. Rows before the first full window are NaN, and a NaN in the window gives NaN.
"""

import numpy as np

from market.compiled import compiled


@compiled
def window_sum(values: np.ndarray, window: int) -> np.ndarray:
    """Return the sum of the last `window` values."""
    out = np.full(len(values), np.nan)
    for i in range(window - 1, len(values)):
        total = 0.0
        for j in range(i - window + 1, i + 1):
            total += values[j]
        out[i] = total
    return out


@compiled
def window_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of the last `window` values; of equal values exactly that value."""
    out = np.full(len(values), np.nan)
    for i in range(window - 1, len(values)):
        pivot = values[i]
        total = 0.0
        for j in range(i - window + 1, i + 1):
            total += values[j] - pivot
        out[i] = pivot + total / window
    return out


@compiled
def window_filter(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the sum of the last `len(weights)` values times `weights`, whose first entry weighs the newest value."""
    window = len(weights)
    out = np.full(len(values), np.nan)
    for i in range(window - 1, len(values)):
        total = 0.0
        for age in range(window):
            total += weights[age] * values[i - age]
        out[i] = total
    return out


@compiled
def window_deviation(values: np.ndarray, window: int) -> np.ndarray:
    """Return the standard deviation (ddof 1) of the last `window` values; of equal values exactly 0."""
    out = np.full(len(values), np.nan)
    for i in range(window - 1, len(values)):
        pivot = values[i]
        total = 0.0
        for j in range(i - window + 1, i + 1):
            total += values[j] - pivot
        mean = total / window
        squares = 0.0
        for j in range(i - window + 1, i + 1):
            squares += (values[j] - pivot - mean) ** 2
        out[i] = np.sqrt(squares / (window - 1))
    return out


@compiled
def window_score(values: np.ndarray, window: int) -> np.ndarray:
    """Return how many standard deviations (ddof 1) the newest value is from the window's mean; 0 if all are equal."""
    out = np.full(len(values), np.nan)
    for i in range(window - 1, len(values)):
        pivot = values[i]
        total = 0.0
        for j in range(i - window + 1, i + 1):
            total += values[j] - pivot
        mean = total / window
        squares = 0.0
        for j in range(i - window + 1, i + 1):
            squares += (values[j] - pivot - mean) ** 2
        deviation = np.sqrt(squares / (window - 1))
        out[i] = 0.0 if deviation == 0.0 else -mean / deviation
    return out


@compiled
def window_absolute_deviation(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean absolute deviation from the window's mean; of equal values exactly 0."""
    out = np.full(len(values), np.nan)
    for i in range(window - 1, len(values)):
        pivot = values[i]
        total = 0.0
        for j in range(i - window + 1, i + 1):
            total += values[j] - pivot
        mean = total / window
        distances = 0.0
        for j in range(i - window + 1, i + 1):
            distances += abs(values[j] - pivot - mean)
        out[i] = distances / window
    return out


@compiled
def window_moment(values: np.ndarray, window: int, order: int) -> np.ndarray:
    """Return the standardised central moment: order 3 is skewness, order 4 kurtosis (normal 3); 0 if all are equal."""
    out = np.full(len(values), np.nan)
    for i in range(window - 1, len(values)):
        pivot = values[i]
        total = 0.0
        for j in range(i - window + 1, i + 1):
            total += values[j] - pivot
        mean = total / window
        squares, powers = 0.0, 0.0
        for j in range(i - window + 1, i + 1):
            distance = values[j] - pivot - mean
            squares += distance * distance
            powers += distance**order
        variance = squares / window
        out[i] = 0.0 if variance == 0.0 else powers / window / variance ** (order / 2.0)
    return out


@compiled
def window_correlation(x: np.ndarray, y: np.ndarray, window: int) -> np.ndarray:
    """Return Pearson's correlation of the last `window` pairs; 0 if either stands still."""
    out = np.full(len(x), np.nan)
    for i in range(window - 1, len(x)):
        total_x, total_y = 0.0, 0.0
        for j in range(i - window + 1, i + 1):
            total_x += x[j] - x[i]
            total_y += y[j] - y[i]
        mean_x, mean_y = total_x / window, total_y / window
        xx, yy, xy = 0.0, 0.0, 0.0
        for j in range(i - window + 1, i + 1):
            from_x = x[j] - x[i] - mean_x
            from_y = y[j] - y[i] - mean_y
            xx += from_x * from_x
            yy += from_y * from_y
            xy += from_x * from_y
        spread = np.sqrt(xx) * np.sqrt(yy)
        out[i] = 0.0 if spread == 0.0 else xy / spread
    return out
