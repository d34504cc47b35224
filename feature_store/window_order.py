"""Ranks, extremes and runs over a moving window, each row from its own window alone.

Whole numbers come out equal on a tail and on full history: ties are settled by a stated rule, not by what a scan
happened to remember. Rows before the first full window are NaN. Leading NaN of the input are warm-up: the rows whose
window touches them mean nothing, and the group's LOOKBACK must cover them.
"""

import numpy as np

from feature_store.window_merging import FALL, HIGHEST, merged
from feature_store.window_moments import BLOCK
from market.compiled import compiled


@compiled
def window_highest(values: np.ndarray, window: int) -> np.ndarray:
    """Return the highest of the last `window` values (the lowest is minus the highest of the negated values)."""
    out = np.full(len(values), np.nan)
    out[window - 1 :] = merged(values.reshape(1, -1), window, HIGHEST)[0]
    return out


@compiled
def bars_since_highest(values: np.ndarray, window: int) -> np.ndarray:
    """Return how many rows ago the highest of the last `window` values was; of equal ones the newest counts."""
    out = np.full(len(values), np.nan)
    out[window - 1 :] = window - 1 - merged(values.reshape(1, -1), window, HIGHEST)[1]
    return out


@compiled
def window_rank(values: np.ndarray, window: int) -> np.ndarray:
    """Return the share of the last `window` values that are under the newest one, ties (itself too) counting half.

    Values within a billionth of the newest are ties: they differ by rounding, and rounding is no rank.
    """
    out = np.full(len(values), np.nan)
    for first in range(window - 1, len(values), BLOCK):
        below, newest = out[first:][:BLOCK], values[first:][:BLOCK]
        below[:] = 0.0
        for age in range(window - 1, -1, -1):
            older = values[first - age :]
            for k in range(len(below)):
                rounding = 1e-9 * abs(newest[k])
                tie = 0.5 if older[k] <= newest[k] + rounding else 0.0
                below[k] += 1.0 if older[k] < newest[k] - rounding else tie
        below /= window
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
    out[window - 1 :] = merged(values.reshape(1, -1), window, FALL)[2]
    return out


@compiled
def window_ulcer(close: np.ndarray, window: int) -> np.ndarray:
    """Return the root mean square fall (percent) of closes from the highest close since the window began.

    Source: Martin and McCann (1989), The Investor's Guide to Fidelity Funds.
    """
    out = np.full(len(close), np.nan)
    peaks = np.empty(BLOCK)
    for first in range(0, len(close) - window + 1, BLOCK):
        squares = out[first + window - 1 :][:BLOCK]
        squares[:] = 0.0
        peaks[: len(squares)] = close[first:][: len(squares)]
        for j in range(window):
            values = close[first + j :]
            for k in range(len(squares)):
                peaks[k] = max(peaks[k], values[k])
                squares[k] += (100.0 * (values[k] / peaks[k] - 1.0)) ** 2
        for k in range(len(squares)):
            squares[k] = np.sqrt(squares[k] / window)
    return out


@compiled
def last_swing_high(values: np.ndarray, wing: int, window: int) -> np.ndarray:
    """Return the newest swing high of the window: a value not exceeded by the `wing` values on either side.

    A swing is known only once its right wing has passed. Without one in the window: the window's highest value.
    Swing lows are the swing highs of the negated values.
    """
    out = np.full(len(values), np.nan)
    highest = merged(values.reshape(1, -1), 2 * wing + 1, HIGHEST)[0]
    newest = -1
    for i in range(2 * wing, len(values)):
        if highest[i - 2 * wing] == values[i - wing]:
            newest = i - wing
        if i >= window - 1:
            out[i] = values[newest] if newest - wing > i - window else values[i - window + 1 : i + 1].max()
    return out
