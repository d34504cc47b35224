"""What a window holds, from what its halves hold: each row from its own window alone, in few steps.

The windows of 2 rows are merged from those of 1, those of 4 from those of 2, and so on; a window of 100 is one of 4,
one of 32 and one of 64. So a row costs about twice the logarithm of its window, and still is a function of that
window's values alone, merged in one fixed order: a tail gives the same bits as full history, and of equal values no
rounding remains. A NaN in the window gives NaN, but for HIGHEST and FALL, where it means nothing.

Source: Chan, Golub and LeVeque (1983), American Statistician 37; Pébay (2008), Sandia Report SAND2008-6212.
"""

import numpy as np

from market.compiled import compiled

SUM, MEAN, SQUARES, CUBES, FOURTHS, LINE, PAIRS, WAVE, HIGHEST, FALL = np.arange(10)
"""What is known of a window, a row for each:

- SUM: the sum
- MEAN: the mean
- SQUARES: the mean, and the sum of squares of the distances from it; CUBES and FOURTHS: of their higher powers too
- LINE: those of SQUARES, and the sum of the values times their places from the window's centre
- PAIRS: those of SQUARES for two series, and the sum of the products of their distances from their means
- WAVE: the sums of the values times cosine and sine of `angle` times their places, counted from the window's first row
- HIGHEST: the highest value, and the place of the newest such one, counted so
- FALL: the highest value, the lowest, and the largest fall from a value to a later one

They are numbers of numpy, for whose every value `merged` is not compiled anew.
"""

_ROWS = (1, 1, 2, 3, 4, 3, 5, 2, 2, 3)
_BLOCK = 1024
"""Rows that are worked on together: few enough to stay in the processor's nearer memory."""


@compiled
def merged(series: np.ndarray, window: int, kind: int, angle: float = 0.0) -> np.ndarray:
    """Return what is known of each full window of `series` (one row, two for PAIRS), a column for each window.

    The first column is the window that begins with the first value. There is none where the series are shorter.
    """
    windows = max(series.shape[1] - window + 1, 0)
    known = np.empty((_ROWS[kind], windows))
    small = np.empty((_ROWS[kind], min(_BLOCK, windows) + window - 1))
    large, done, more = np.empty_like(small), np.empty((_ROWS[kind], _BLOCK)), np.empty((_ROWS[kind], _BLOCK))
    for first in range(0, windows, _BLOCK):
        count = min(_BLOCK, windows - first)
        rows = count + window - 1
        _single(series[:, first : first + rows], kind, small)
        size, covered = 1, 0
        while True:
            if window & size:
                if covered:
                    _merge(done, small, covered, covered, size, kind, angle, more, count)
                    done, more = more, done
                else:
                    done[:, :count] = small[:, :count]
                covered += size
            if 2 * size > window:
                break
            _merge(small, small, size, size, size, kind, angle, large, rows - 2 * size + 1)
            small, large = large, small
            size *= 2
        known[:, first : first + count] = done[:, :count]
    return known


@compiled
def _single(series: np.ndarray, kind: int, known: np.ndarray) -> None:
    """Set what is known of windows of one row."""
    rows = series.shape[1]
    known[:, :rows] = 0.0
    known[0, :rows] = series[0]
    if kind == PAIRS:
        known[2, :rows] = series[1]
    if kind == FALL:
        known[1, :rows] = series[0]


@compiled
def _merge(
    older: np.ndarray,
    newer: np.ndarray,
    after: int,
    a: int,
    b: int,
    kind: int,
    angle: float,
    known: np.ndarray,
    count: int,
) -> None:
    """Set what is known of `count` windows of a + b rows, from `older` of a rows and `newer[:, after:]` of b rows."""
    late = newer[:, after : after + count]
    if kind == SUM:
        _sum(older[0], late[0], known[0, :count])
    elif kind == WAVE:
        _wave(older, late, np.cos(angle * a), np.sin(angle * a), known[:, :count])
    elif kind == HIGHEST:
        _highest(older, late, float(a), known[:, :count])
    elif kind == FALL:
        _fall(older, late, known[:, :count])
    else:
        _moments(older, late, float(a), float(b), kind, known[:, :count])
        if kind == PAIRS:
            _moments(older[2:4], late[2:4], float(a), float(b), SQUARES, known[2:4, :count])


@compiled
def _sum(older: np.ndarray, newer: np.ndarray, total: np.ndarray) -> None:
    for k in range(len(total)):
        total[k] = older[k] + newer[k]


@compiled
def _moments(older: np.ndarray, newer: np.ndarray, a: float, b: float, kind: int, known: np.ndarray) -> None:
    """Merge means and sums of squares, and what else is known of that kind of the same distance of two means."""
    if kind in (CUBES, FOURTHS):
        _cubes(older, newer, a, b, known[2])
    if kind == FOURTHS:
        _fourths(older, newer, a, b, known[3])
    if kind == LINE:
        _products(older[0], newer[0], older[2], newer[2], a * b / 2.0, known[2])
    if kind == PAIRS:
        _pairs(older, newer, a * b / (a + b), known[4])
    if kind != MEAN:
        _squares(older[0], newer[0], older[1], newer[1], a * b / (a + b), known[1])
    _means(older[0], newer[0], b / (a + b), known[0])


@compiled
def _means(older: np.ndarray, newer: np.ndarray, share: float, mean: np.ndarray) -> None:
    for k in range(len(mean)):
        mean[k] = older[k] + (newer[k] - older[k]) * share


@compiled
def _squares(
    mean_a: np.ndarray, mean_b: np.ndarray, a: np.ndarray, b: np.ndarray, weight: float, squares: np.ndarray
) -> None:
    for k in range(len(squares)):
        distance = mean_b[k] - mean_a[k]
        squares[k] = a[k] + b[k] + distance * distance * weight


@compiled
def _products(
    mean_a: np.ndarray, mean_b: np.ndarray, a: np.ndarray, b: np.ndarray, weight: float, products: np.ndarray
) -> None:
    for k in range(len(products)):
        products[k] = a[k] + b[k] + (mean_b[k] - mean_a[k]) * weight


@compiled
def _pairs(older: np.ndarray, newer: np.ndarray, weight: float, products: np.ndarray) -> None:
    x_a, x_b, y_a, y_b, a, b = older[0], newer[0], older[2], newer[2], older[4], newer[4]
    for k in range(len(products)):
        products[k] = a[k] + b[k] + (x_b[k] - x_a[k]) * (y_b[k] - y_a[k]) * weight


@compiled
def _cubes(older: np.ndarray, newer: np.ndarray, a: float, b: float, cubes: np.ndarray) -> None:
    mean_a, mean_b, square_a, square_b, cube_a, cube_b = older[0], newer[0], older[1], newer[1], older[2], newer[2]
    total = a + b
    weight = a * b * (a - b) / (total * total)
    for k in range(len(cubes)):
        distance = mean_b[k] - mean_a[k]
        squares = 3.0 * distance * (a * square_b[k] - b * square_a[k]) / total
        cubes[k] = cube_a[k] + cube_b[k] + distance * distance * distance * weight + squares


@compiled
def _fourths(older: np.ndarray, newer: np.ndarray, a: float, b: float, fourths: np.ndarray) -> None:
    mean_a, mean_b, square_a, square_b, cube_a, cube_b = older[0], newer[0], older[1], newer[1], older[2], newer[2]
    fourth_a, fourth_b = older[3], newer[3]
    total = a + b
    weight = a * b * (a * a - a * b + b * b)
    for k in range(len(fourths)):
        distance = (mean_b[k] - mean_a[k]) / total
        square = distance * distance
        squares = 6.0 * square * (a * a * square_b[k] + b * b * square_a[k])
        cubes = 4.0 * distance * (a * cube_b[k] - b * cube_a[k])
        fourths[k] = fourth_a[k] + fourth_b[k] + total * square * square * weight + squares + cubes


@compiled
def _wave(older: np.ndarray, newer: np.ndarray, turned_by: float, turned_across: float, known: np.ndarray) -> None:
    cosine_a, cosine_b, sine_a, sine_b, cosine, sine = older[0], newer[0], older[1], newer[1], known[0], known[1]
    for k in range(len(cosine)):
        cosine[k] = cosine_a[k] + turned_by * cosine_b[k] - turned_across * sine_b[k]
        sine[k] = sine_a[k] + turned_across * cosine_b[k] + turned_by * sine_b[k]


@compiled
def _highest(older: np.ndarray, newer: np.ndarray, a: float, known: np.ndarray) -> None:
    high_a, high_b, place_a, place_b = older[0], newer[0], older[1], newer[1]
    high, place = known[0], known[1]
    for k in range(len(high)):
        later = high_b[k] >= high_a[k]
        place[k] = place_b[k] + a if later else place_a[k]
        high[k] = high_b[k] if later else high_a[k]


@compiled
def _fall(older: np.ndarray, newer: np.ndarray, known: np.ndarray) -> None:
    high_a, high_b, low_a, low_b, fall_a, fall_b = older[0], newer[0], older[1], newer[1], older[2], newer[2]
    high, low, fall = known[0], known[1], known[2]
    for k in range(len(high)):
        fall[k] = max(fall_a[k], fall_b[k], high_a[k] - low_b[k])
        high[k] = max(high_a[k], high_b[k])
        low[k] = min(low_a[k], low_b[k])
