"""The only session clock: when a market is open, which trading day it is, when swap is charged.

Everything is a pure function of UTC stamps. Offsets come from the time zone database, so summer time is right on both
sides of the Atlantic. A market trades over `[open, close)`; a close-stamped bar that ends at the daily break ends
exactly when the market shuts.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from market.errors import UsageError, nearest

NEW_YORK = "America/New_York"
LONDON = "Europe/London"

SESSIONS = ("none", "asia", "london", "new_york")

_MINUTE, _DAY = 60_000_000, 86_400_000_000  # microseconds
_FIRST_WEEKDAY = 3  # 1970 began on a Thursday


class Hours(NamedTuple):
    """Trading hours of a market: the roll that ends its day and the minutes that it rests after it."""

    zone: str
    roll_minute: int
    break_minutes: int
    weekend: bool
    triple_weekday: int | None


MARKETS = {
    "metal": Hours(NEW_YORK, 17 * 60, 60, weekend=True, triple_weekday=2),
    "index": Hours(NEW_YORK, 17 * 60, 60, weekend=True, triple_weekday=4),
    "forex": Hours(NEW_YORK, 17 * 60, 0, weekend=True, triple_weekday=2),
    "crypto": Hours("UTC", 0, 0, weekend=False, triple_weekday=None),
}


def is_open(ts: pd.DatetimeIndex, market: str) -> np.ndarray:
    """Return, for each UTC instant, whether the market trades at that instant (bool, same length).

    >>> stamps = pd.DatetimeIndex(["2025-01-06 21:59", "2025-01-06 22:00", "2025-01-06 23:00"], tz="UTC")
    >>> is_open(stamps, "metal").tolist()  # the daily break, 17:00–18:00 New York
    [True, False, True]
    """
    hours = _hours(market)
    if not hours.weekend:
        return np.ones(len(ts), dtype=bool)
    minute, weekday = _local_clock(_utc(ts), hours.zone)
    reopen = hours.roll_minute + hours.break_minutes
    resting = (minute >= hours.roll_minute) & (minute < reopen)
    friday_evening = (weekday == 4) & (minute >= hours.roll_minute)
    sunday_before = (weekday == 6) & (minute < reopen)
    return ~(resting | friday_evening | (weekday == 5) | sunday_before)


def closes_at(ts: pd.DatetimeIndex, market: str) -> np.ndarray:
    """Return where the market is shut at the instant `ts`: such a bar is the last before a session gap (bool)."""
    return ~is_open(ts, market)


def trading_day(ts: pd.DatetimeIndex, market: str) -> np.ndarray:
    """Return the trading day to which a bar closing at `ts` belongs, as whole days since 1970 (int64).

    The day ends at the roll: a bar that closes at 17:00 New York belongs to that day, the next one to the following.
    """
    hours = _hours(market)
    local = zone_clock(_utc(ts) - 1, hours.zone)
    shift = (1440 - hours.roll_minute) % 1440
    return (local + shift * _MINUTE) // _DAY


def swap_nights(ts: pd.DatetimeIndex, market: str) -> np.ndarray:
    """Return the nights of swap that fall in `(previous ts, ts]` for each bar (float64; the first bar's is 0).

    A night is charged at the roll from Monday to Friday, three on the market's triple day. Crypto has none.
    """
    hours = _hours(market)
    if hours.triple_weekday is None or len(ts) == 0:
        return np.zeros(len(ts))
    rolled = (zone_clock(_utc(ts), hours.zone) - hours.roll_minute * _MINUTE) // _DAY
    week = np.array([3.0 if weekday == hours.triple_weekday else float(weekday < 5) for weekday in range(7)])
    within, weeks = (rolled + _FIRST_WEEKDAY) % 7, (rolled + _FIRST_WEEKDAY) // 7
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


def _hours(market: str) -> Hours:
    if market not in MARKETS:
        raise UsageError(f"Unknown market {market!r}: choose one of {', '.join(MARKETS)}.{nearest(market, MARKETS)}")
    return MARKETS[market]


def _utc(ts: pd.DatetimeIndex) -> np.ndarray:
    """Return stamps as microseconds since 1970."""
    return pd.DatetimeIndex(ts).as_unit("us").asi8


def zone_clock(utc: np.ndarray, zone: str) -> np.ndarray:
    """Return what the clock of `zone` shows, in microseconds since it showed 1970."""
    if zone == "UTC":
        return utc
    changes, offsets = _offsets(zone)
    return utc + offsets[np.searchsorted(changes, utc, side="right")]


@lru_cache
def _offsets(zone: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the instants since 1970 at which the zone's offset from UTC changes, and the offset before and after each.

    They change on whole hours in the zones that markets keep.
    """
    hours = pd.date_range("1970-01-01", "2100-01-01", freq="D", tz="UTC", unit="us")
    days = np.flatnonzero(np.diff(_offset_at(hours, zone)))
    near = hours.asi8[days][:, None] + np.arange(25) * 60 * _MINUTE
    offset = _offset_at(pd.DatetimeIndex(near.ravel().astype("datetime64[us]"), tz="UTC"), zone).reshape(near.shape)
    step = np.argmax(np.diff(offset, axis=1) != 0, axis=1) + 1
    rows = np.arange(len(near))
    return near[rows, step], np.r_[_offset_at(hours[:1], zone), offset[rows, step]]


def _offset_at(ts: pd.DatetimeIndex, zone: str) -> np.ndarray:
    return _utc(ts.tz_convert(zone).tz_localize(None)) - _utc(ts)


def _local_clock(utc: np.ndarray, zone: str) -> tuple[np.ndarray, np.ndarray]:
    """Return minute of the day and weekday (Monday 0) on the clock of `zone`."""
    local = zone_clock(utc, zone)
    return local // _MINUTE % 1440, (local // _DAY + _FIRST_WEEKDAY) % 7
