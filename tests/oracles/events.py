"""A second opinion on event sampling: the two sums of the CUSUM filter, written as the book tells them."""

from datetime import datetime, timedelta
from math import isnan


def cusum(close: list[float], atr: list[float], threshold: float) -> list[int]:
    """Return the bars at which a sum of moves reaches the threshold, up or down.

    >>> cusum([10.0, 11.0, 12.0, 12.0, 9.0, 9.5], [1.0] * 6, 2.0)
    [2, 4]
    """
    events, upward, downward = [], 0.0, 0.0
    for t in range(1, len(close)):
        scale = atr[t - 1]
        move = 0.0 if isnan(scale) or scale <= 0.0 else (close[t] - close[t - 1]) / scale
        upward = max(0.0, upward + move)
        downward = min(0.0, downward + move)
        if upward >= threshold:
            upward = 0.0
            events.append(t)
        if downward <= -threshold:
            downward = 0.0
            events.append(t)
    return events


def daily_cusum(stamps: list[datetime], close: list[float], atr: list[float], threshold: float) -> list[int]:
    """Return the bars at which a sum of moves, in whole millionths of an ATR, reaches the threshold on its UTC day.

    `stamps` are closes: the bar that ends at midnight is the last of its day.
    """
    found, upward, downward, day = [], 0, 0, None
    for t in range(1, len(close)):
        ends_on = (stamps[t] - timedelta(microseconds=1)).date()
        if ends_on != day:
            upward, downward, day = 0, 0, ends_on
        scale = atr[t - 1]
        known = not isnan(scale) and scale > 0.0
        move = round((close[t] - close[t - 1]) / scale * 1_000_000) if known else 0
        upward, downward = max(0, upward + move), min(0, downward + move)
        if max(upward, -downward) >= threshold * 1_000_000:
            found.append(t)
            upward, downward = (0, downward) if upward >= threshold * 1_000_000 else (upward, 0)
    return found
