"""Which bars are labelled: every one, or those at which the market has moved."""

import numpy as np
import pandas as pd

from market.atr import atr
from market.compiled import compiled
from market.errors import DataError, UsageError
from market.tape import indexed, prices

_DAY = 86_400_000_000  # microseconds
_STEPS = 1e6  # of a move in an ATR, where moves are rounded


def every_bar(bars: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the close stamps of all bars."""
    return pd.DatetimeIndex(indexed(bars).index)


def cusum(bars: pd.DataFrame, threshold: float, atr_period: int = 14) -> pd.DatetimeIndex:
    """Return the stamps at which the symmetric CUSUM filter of the closes reaches `threshold` (in ATRs, > 0).

    A bar's move is the change of the close ÷ the ATR of the bar before, which that move has not touched. Moves are
    summed from 0 upwards, never below it, and from 0 downwards, never above it; a sum that reaches the threshold makes
    its bar an event and starts again from 0, the other goes on. A gap is a move like any other; bars whose predecessor
    has no ATR, or one of 0, do not move.

    An event is known at its close: bars after it change nothing. It does hang on where the bars begin, until both sums
    have started again. Raises UsageError where the threshold is not a positive number. Source: López de Prado (2018),
    Advances in Financial Machine Learning, §2.5.2.1.
    """
    bars = indexed(bars)
    moves = _moves(prices(bars)["close"], atr(bars, atr_period))
    return pd.DatetimeIndex(bars.index)[_reached(moves, np.zeros(len(bars), np.bool_), _positive(threshold))]


def daily_cusum(bars: pd.DataFrame, threshold: float, atr_period: int = 14) -> pd.DatetimeIndex:
    """Return the stamps at which the CUSUM of `cusum` reaches `threshold` where its sums begin anew with each UTC day.

    A bar belongs to the day in which it ends, one that closes at midnight to the day before; its first move is that
    since the close before, as any other. Moves are rounded to millionths of an ATR and their sums are exact. So
    whether a bar is an event hangs on the bars of its own day and the ATRs up to there, to the last bit: a window that
    begins before the day, by the bars that an ATR needs, has the events that all of history has. Raises UsageError
    where the threshold is not a positive number.
    """
    bars = indexed(bars)
    moves = np.rint(_moves(prices(bars)["close"], atr(bars, atr_period)) * _STEPS)
    days = (pd.DatetimeIndex(bars.index).as_unit("us").asi8 - 1) // _DAY
    return pd.DatetimeIndex(bars.index)[_reached(moves, np.diff(days, prepend=-1) != 0, _positive(threshold) * _STEPS)]


def positions(bars: pd.DataFrame, events: pd.DatetimeIndex | None) -> np.ndarray:
    """Return where `events` stand among the bars (int64, increasing); all of them for None.

    `bars` is indexed by `ts`. Raises DataError where an event is no stamp of theirs, or events do not increase.
    """
    if events is None:
        return np.arange(len(bars))
    rows = bars.index.get_indexer(events).astype(np.int64)
    if (rows < 0).any():
        raise DataError(f"Event {events[int(np.argmin(rows))]} is not the stamp of a bar.")
    if (np.diff(rows) <= 0).any():
        at = int(np.argmax(np.diff(rows) <= 0))
        raise DataError(f"Event {events[at + 1]} follows {events[at]}: sort events and remove duplicates.")
    return rows


def _positive(threshold: float) -> float:
    if not (np.isfinite(threshold) and threshold > 0.0):
        raise UsageError(f"threshold = {threshold}: a CUSUM needs a positive number of ATRs, e.g. 1.0.")
    return float(threshold)


def _moves(close: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """Return each bar's change of the close in ATRs of the bar before; 0 where that has none."""
    moves = np.zeros(len(close))
    np.divide(np.diff(close), ranges[:-1], out=moves[1:], where=ranges[:-1] > 0.0)
    return moves


@compiled
def _reached(moves: np.ndarray, anew: np.ndarray, threshold: float) -> np.ndarray:
    """Return the positions at which a sum of `moves`, up or down, reaches the threshold; both begin where `anew` is."""
    found = np.empty(len(moves), np.int64)
    count, up, down = 0, 0.0, 0.0
    for i in range(len(moves)):
        if anew[i]:
            up, down = 0.0, 0.0
        up = max(0.0, up + moves[i])
        down = min(0.0, down + moves[i])
        if up >= threshold:
            up = 0.0
        elif down <= -threshold:
            down = 0.0
        else:
            continue
        found[count] = i
        count += 1
    return found[:count].copy()
