"""Spread of two series over a moving window, each row from its own window and its own slope alone."""

import numpy as np

from market.compiled import compiled


@compiled
def window_spread_score(y: np.ndarray, x: np.ndarray, slopes: np.ndarray, window: int, still: float) -> np.ndarray:
    """Return how many standard deviations (ddof 1) the newest spread y − slope·x is from the mean of its window.

    The row's own slope holds for its whole window, so that a constant added to y or x changes nothing. 0 where the
    spread deviates by no more than `still`. Rows before the first full window are NaN, and so is a row with a NaN in
    its window or its slope.
    """
    out = np.full(len(y), np.nan)
    spread = np.empty(window)
    for i in range(window - 1, len(y)):
        mean = 0.0
        for j in range(window):
            at = i - window + 1 + j
            spread[j] = (y[at] - y[i]) - slopes[i] * (x[at] - x[i])
            mean += spread[j]
        mean /= window
        squares = 0.0
        for j in range(window):
            squares += (spread[j] - mean) ** 2
        deviation = np.sqrt(squares / (window - 1))
        out[i] = 0.0 if deviation <= still else -mean / deviation
    return out
