"""The only session clock: when a market is open, which trading day it is, when swap is charged.

Everything is a pure function of UTC stamps. Offsets come from the time zone database, so summer time is right on both
sides of the Atlantic. A market trades over `[open, close)`; a close-stamped bar that ends at the daily break ends
exactly when the market shuts.
"""

import numpy as np
import pandas as pd

from market.clocks import NEW_YORK, clock, from_utc
from market.hours import Hours, hours

__all__ = ["LONDON", "NEW_YORK", "SESSIONS", "Hours", "hours"]

LONDON = "Europe/London"

SESSIONS = ("none", "asia", "london", "new_york")

_MINUTE, _DAY = 60_000_000, 86_400_000_000  # microseconds
_FIRST_WEEKDAY = 3  # 1970 began on a Thursday


def is_open(ts: pd.DatetimeIndex, market: str) -> np.ndarray:
    """Return, for each UTC instant, whether the market trades at that instant (bool, same length).

    >>> stamps = pd.DatetimeIndex(["2025-01-06 21:59", "2025-01-06 22:00", "2025-01-06 23:00"], tz="UTC")
    >>> is_open(stamps, "metal").tolist()  # the daily break, 17:00–18:00 New York
    [True, False, True]
    """
    kept = hours(market)
    if not kept.weekend and not kept.break_minutes:
        return np.ones(len(ts), dtype=bool)
    rolled = _since_first_roll(_utc(ts), kept)
    day = rolled // _DAY
    trades = rolled - day * _DAY >= kept.break_minutes * _MINUTE
    return trades & ((day + _FIRST_WEEKDAY) % 7 < 5) if kept.weekend else trades


def closes_at(ts: pd.DatetimeIndex, market: str) -> np.ndarray:
    """Return where the market is shut at the instant `ts`: such a bar is the last before a session gap (bool)."""
    return ~is_open(ts, market)


def trading_day(ts: pd.DatetimeIndex, market: str) -> np.ndarray:
    """Return the trading day to which a bar closing at `ts` belongs, as whole days since 1970 (int64).

    The day ends at the roll: a bar that closes at 17:00 New York belongs to that day, the next one to the following.
    """
    return _since_first_roll(_utc(ts) - 1, hours(market)) // _DAY


def swap_nights(ts: pd.DatetimeIndex, market: str) -> np.ndarray:
    """Return the nights of swap that fall in `(previous ts, ts]` for each bar (float64; the first bar's is 0).

    A night is charged at the roll from Monday to Friday, three on the market's triple day. Crypto has none.
    """
    kept = hours(market)
    if kept.triple_weekday is None or len(ts) == 0:
        return np.zeros(len(ts))
    ended = _since_first_roll(_utc(ts), kept) // _DAY - 1
    week = np.array([3.0 if weekday == kept.triple_weekday else float(weekday < 5) for weekday in range(7)])
    within, weeks = (ended + _FIRST_WEEKDAY) % 7, (ended + _FIRST_WEEKDAY) // 7
    upto = weeks * week.sum() + np.cumsum(week)[within]
    return np.diff(upto, prepend=upto[0])


def session(ts: pd.DatetimeIndex) -> np.ndarray:
    """Return the trading session in which a bar closing at `ts` falls, as an index into `SESSIONS` (int8).

    New York is 08:00–17:00 New York time, London 08:00 London time until New York opens, Asia the hours from the roll
    (17:00 New York) until London opens.
    """
    before_close = _utc(ts) - 1
    return session_at(_local_clock(before_close, LONDON)[0], _local_clock(before_close, NEW_YORK)[0])


def session_at(london: np.ndarray, new_york: np.ndarray) -> np.ndarray:
    """Return the session of instants whose minute of the day on the clocks of London and New York is given."""
    in_new_york = (new_york >= 8 * 60) & (new_york < 17 * 60)
    in_london = (london >= 8 * 60) & (new_york < 8 * 60)
    return np.select([in_new_york, in_london], [3, 2], default=1).astype(np.int8)


def _utc(ts: pd.DatetimeIndex) -> np.ndarray:
    """Return stamps as microseconds since 1970."""
    return pd.DatetimeIndex(ts).as_unit("us").asi8


def zone_clock(utc: np.ndarray, zone: str) -> np.ndarray:
    """Return what the clock of `zone` shows, in microseconds since it showed 1970."""
    return utc if zone == "UTC" else from_utc(utc, clock(zone))


def _since_first_roll(utc: np.ndarray, kept: Hours) -> np.ndarray:
    """Return microseconds since the trading day of 1970-01-01 began: whole days of them are trading days since 1970."""
    return zone_clock(utc, kept.zone) + -kept.roll_minute % 1440 * _MINUTE


def _local_clock(utc: np.ndarray, zone: str) -> tuple[np.ndarray, np.ndarray]:
    """Return minute of the day and weekday (Monday 0) on the clock of `zone`."""
    local = zone_clock(utc, zone)
    return local // _MINUTE % 1440, (local // _DAY + _FIRST_WEEKDAY) % 7
