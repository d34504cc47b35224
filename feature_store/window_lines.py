"""Straight lines and waves fitted to a moving window, each row from its own window alone.

Rows before the first full window are NaN, and a NaN in the window gives NaN.
"""

import numpy as np

from feature_store.window_merging import LINE, WAVE, merged
from market.compiled import compiled

_LINE_ALONE = 1e-12
"""A window whose line leaves less than this share of its variance has nothing else: the rest is rounding."""


@compiled
def window_fit(values: np.ndarray, window: int) -> np.ndarray:
    """Return the signed R² of the least-squares line: the share of variance it explains, with the sign of its slope.

    0 if all values are equal.
    """
    out = np.full(len(values), np.nan)
    known = merged(values.reshape(1, -1), window, LINE)
    squares, products = known[1], known[2]
    spread = window * (window * window - 1.0) / 12.0
    for k in range(len(products)):
        explained = products[k] * abs(products[k])
        out[k + window - 1] = 0.0 if squares[k] == 0.0 else explained / (spread * squares[k])
    return out


@compiled
def window_residual(values: np.ndarray, window: int) -> np.ndarray:
    """Return the newest value minus the end of the least-squares line through the last `window` values."""
    out = np.full(len(values), np.nan)
    known = merged(values.reshape(1, -1), window, LINE)
    means, products = known[0], known[2]
    centre = (window - 1) / 2.0
    spread = window * (window * window - 1.0) / 12.0
    for k in range(len(means)):
        out[k + window - 1] = values[k + window - 1] - means[k] - centre * products[k] / spread
    return out


@compiled
def window_waves(values: np.ndarray, window: int, periods: np.ndarray) -> np.ndarray:
    """Return the wave of each of `periods` (rows) in the last `window` values, their straight line taken out first.

    An array of three rows for each period: the share of the remaining variance in that wave (0 to about 1), and its
    cosine and sine parts at the newest row, in units of the remaining standard deviation. All 0 if nothing remains.
    """
    out = np.full((len(periods), 3, len(values)), np.nan)
    line = merged(values.reshape(1, -1), window, LINE)
    spread = window * (window * window - 1.0) / 12.0
    for p in range(len(periods)):
        angle = 2.0 * np.pi / periods[p]
        wave = merged(values.reshape(1, -1), window, WAVE, angle)
        cosine, sine = np.cos(angle * (window - 1)), np.sin(angle * (window - 1))
        level, level_across, slope, slope_across = _waves_of_a_line(window, angle)
        for k in range(wave.shape[1]):
            rise = line[2, k] / spread
            rest = line[1, k] - rise * line[2, k]
            size = 0.0 if rest <= _LINE_ALONE * line[1, k] else 2.0 / np.sqrt(window * rest)
            along = cosine * wave[0, k] + sine * wave[1, k] - line[0, k] * level - rise * slope
            across = sine * wave[0, k] - cosine * wave[1, k] - line[0, k] * level_across - rise * slope_across
            out[p, 0, k + window - 1] = size * size * (along * along + across * across) / 2.0
            out[p, 1, k + window - 1] = size * along
            out[p, 2, k + window - 1] = size * across
    return out


@compiled
def _waves_of_a_line(window: int, angle: float) -> tuple[float, float, float, float]:
    """Return cosine and sine parts, at the newest row, of a level of 1 and of a slope of 1 around the centre."""
    level, level_across, slope, slope_across = 0.0, 0.0, 0.0, 0.0
    for j in range(window):
        place, age = j - (window - 1) / 2.0, angle * (window - 1 - j)
        level += np.cos(age)
        level_across += np.sin(age)
        slope += place * np.cos(age)
        slope_across += place * np.sin(age)
    return level, level_across, slope, slope_across
