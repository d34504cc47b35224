"""Ranks, extremes and runs over a moving window, each row from its own window alone.

Whole numbers come out equal on a tail and on full history: ties are settled by a stated rule, not by what a scan
happened to remember. Rows before the first full window are NaN. Leading NaN of the input are warm-up: the rows whose
window touches them mean nothing, and the group's LOOKBACK must cover them.
"""

import numpy as np

from market.compiled import compiled


@compiled
def window_highest(values: np.ndarray, window: int) -> np.ndarray:
    """Return the highest of the last `window` values (the lowest is minus the highest of the negated values)."""
    out = np.full(len(values), np.nan)
    for i in range(window - 1, len(values)):
        highest = values[i]
        for j in range(i - window + 1, i):
            highest = max(highest, values[j])
        out[i] = highest
    return out


@compiled
def bars_since_highest(values: np.ndarray, window: int) -> np.ndarray:
    """Return how many rows ago the highest of the last `window` values was; of equal ones the newest counts."""
    out = np.full(len(values), np.nan)
    for i in range(window - 1, len(values)):
        best = i
        for j in range(i - 1, i - window, -1):
            if values[j] > values[best]:
                best = j
        out[i] = i - best
    return out


@compiled
def window_rank(values: np.ndarray, window: int) -> np.ndarray:
    """Return the share of the last `window` values that are under the newest one, ties (itself too) counting half.

    Values within a billionth of the newest are ties: they differ by rounding, and rounding is no rank.
    """
    out = np.full(len(values), np.nan)
    for i in range(window - 1, len(values)):
        below = 0.0
        rounding = 1e-9 * abs(values[i])
        for j in range(i - window + 1, i + 1):
            if values[j] < values[i] - rounding:
                below += 1.0
            elif values[j] <= values[i] + rounding:
                below += 0.5
        out[i] = below / window
    return out


@compiled
def streak(signs: np.ndarray, longest: int) -> np.ndarray:
    """Return the length of the run of equal non-zero signs that ends here, with its sign, counted up to `longest`."""
    out = np.full(len(signs), np.nan)
    for i in range(longest - 1, len(signs)):
        length = 0
        while length < longest and signs[i] != 0.0 and signs[i - length] == signs[i]:
            length += 1
        out[i] = length * signs[i]
    return out


@compiled
def window_drawdown(values: np.ndarray, window: int) -> np.ndarray:
    """Return the largest fall from a peak to a later value inside the window (≥ 0, in units of `values`)."""
    out = np.full(len(values), np.nan)
    for i in range(window - 1, len(values)):
        peak = values[i - window + 1]
        deepest = 0.0
        for j in range(i - window + 1, i + 1):
            peak = max(peak, values[j])
            deepest = max(deepest, peak - values[j])
        out[i] = deepest
    return out


@compiled
def window_ulcer(close: np.ndarray, window: int) -> np.ndarray:
    """Return the root mean square fall (percent) of closes from the highest close since the window began.

    Source: Martin and McCann (1989), The Investor's Guide to Fidelity Funds.
    """
    out = np.full(len(close), np.nan)
    for i in range(window - 1, len(close)):
        peak = close[i - window + 1]
        squares = 0.0
        for j in range(i - window + 1, i + 1):
            peak = max(peak, close[j])
            squares += (100.0 * (close[j] / peak - 1.0)) ** 2
        out[i] = np.sqrt(squares / window)
    return out


@compiled
def last_swing_high(values: np.ndarray, wing: int, window: int) -> np.ndarray:
    """Return the newest swing high of the window: a value not exceeded by the `wing` values on either side.

    A swing is known only once its right wing has passed. Without one in the window: the window's highest value.
    Swing lows are the swing highs of the negated values.
    """
    out = np.full(len(values), np.nan)
    for i in range(window - 1, len(values)):
        found = False
        for middle in range(i - wing, i - window + wing, -1):
            is_swing = True
            for j in range(middle - wing, middle + wing + 1):
                if values[j] > values[middle]:
                    is_swing = False
                    break
            if is_swing:
                out[i] = values[middle]
                found = True
                break
        if not found:
            highest = values[i]
            for j in range(i - window + 1, i):
                highest = max(highest, values[j])
            out[i] = highest
    return out
