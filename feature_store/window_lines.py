"""Straight lines and waves fitted to a moving window, each row from its own window alone.

Rows before the first full window are NaN, and a NaN in the window gives NaN.
"""

import numpy as np

from feature_store.window_moments import BLOCK, add_distances, add_squares
from market.compiled import compiled


@compiled
def add_products(span: np.ndarray, newest: np.ndarray, window: int, totals: np.ndarray) -> None:
    """Set each row's total to the sum of its distances from the newest value, each times its place from the centre."""
    totals[:] = 0.0
    centre = (window - 1) / 2.0
    for j in range(window):
        place = j - centre
        for k in range(len(totals)):
            totals[k] += place * (span[k + j] - newest[k])


@compiled
def window_fit(values: np.ndarray, window: int) -> np.ndarray:
    """Return the signed R² of the least-squares line: the share of variance it explains, with the sign of its slope.

    0 if all values are equal.
    """
    out = np.full(len(values), np.nan)
    means, squares = np.empty(BLOCK), np.empty(BLOCK)
    spread = window * (window * window - 1.0) / 12.0
    for first in range(0, len(values) - window + 1, BLOCK):
        newest, products = values[first + window - 1 :][:BLOCK], out[first + window - 1 :][:BLOCK]
        add_distances(values[first:], newest, window, means[: len(newest)])
        means /= window
        add_squares(values[first:], newest, means, window, squares[: len(newest)])
        add_products(values[first:], newest, window, products)
        for k in range(len(products)):
            explained = products[k] * abs(products[k])
            products[k] = 0.0 if squares[k] == 0.0 else explained / (spread * squares[k])
    return out


@compiled
def window_residual(values: np.ndarray, window: int) -> np.ndarray:
    """Return the newest value minus the end of the least-squares line through the last `window` values."""
    out = np.full(len(values), np.nan)
    totals = np.empty(BLOCK)
    centre = (window - 1) / 2.0
    spread = window * (window * window - 1.0) / 12.0
    for first in range(0, len(values) - window + 1, BLOCK):
        newest, products = values[first + window - 1 :][:BLOCK], out[first + window - 1 :][:BLOCK]
        add_distances(values[first:], newest, window, totals[: len(newest)])
        add_products(values[first:], newest, window, products)
        for k in range(len(products)):
            products[k] = -(totals[k] / window + centre * products[k] / spread)
    return out


@compiled
def window_wave(values: np.ndarray, window: int, period: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the wave of `period` rows in the last `window` values, after their straight line is taken out.

    Three arrays: the share of the remaining variance in that wave (0 to about 1), and its cosine and sine parts at the
    newest row, in units of the remaining standard deviation. All 0 if nothing remains.
    """
    count = len(values)
    share, cosine, sine = np.full(count, np.nan), np.full(count, np.nan), np.full(count, np.nan)
    centre = (window - 1) / 2.0
    spread = window * (window * window - 1.0) / 12.0
    angle = 2.0 * np.pi / period
    waves = np.empty((2, window))
    for j in range(window):
        waves[0, j] = np.cos(angle * (window - 1 - j))
        waves[1, j] = np.sin(angle * (window - 1 - j))
    for i in range(window - 1, count):
        total, products, size = 0.0, 0.0, 0.0
        for j in range(window):
            distance = values[i - window + 1 + j] - values[i]
            total += distance
            products += (j - centre) * distance
            size = max(size, abs(distance))
        mean, slope = total / window, products / spread
        squares, along, across = 0.0, 0.0, 0.0
        for j in range(window):
            rest = values[i - window + 1 + j] - values[i] - mean - slope * (j - centre)
            squares += rest * rest
            along += rest * waves[0, j]
            across += rest * waves[1, j]
        deviation = np.sqrt(squares / window)
        if deviation <= 1e-12 * size:
            share[i], cosine[i], sine[i] = 0.0, 0.0, 0.0
        else:
            along, across = 2.0 * along / window, 2.0 * across / window
            share[i] = (along * along + across * across) / (2.0 * deviation * deviation)
            cosine[i], sine[i] = along / deviation, across / deviation
    return share, cosine, sine
