"""The only session clock: when a market is open, which trading day it is, when swap is charged.

Everything is a pure function of UTC stamps. Offsets come from the time zone database, so summer time is right on both
sides of the Atlantic. A market trades over `[open, close)`; a close-stamped bar that ends at the daily break ends
exactly when the market shuts.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from market.errors import UsageError, nearest

NEW_YORK = "America/New_York"
LONDON = "Europe/London"

SESSIONS = ("none", "asia", "london", "new_york")


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
    minute, weekday = _local_clock(ts, hours.zone)
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
    before_close = pd.DatetimeIndex(ts).as_unit("us") - pd.Timedelta(microseconds=1)
    local = _local_microseconds(before_close, hours.zone)
    shift = (1440 - hours.roll_minute) % 1440
    return (local + shift * 60_000_000) // 86_400_000_000


def swap_nights(ts: pd.DatetimeIndex, market: str) -> np.ndarray:
    """Return the nights of swap that fall in `(previous ts, ts]` for each bar (float64; the first bar's is 0).

    A night is charged at the roll from Monday to Friday, three on the market's triple day. Crypto has none.
    """
    hours = _hours(market)
    if hours.triple_weekday is None or len(ts) == 0:
        return np.zeros(len(ts))
    stamps = pd.DatetimeIndex(ts)
    days = pd.date_range(
        stamps[0].tz_convert(hours.zone).normalize().tz_localize(None) - pd.Timedelta(days=1),
        stamps[-1].tz_convert(hours.zone).normalize().tz_localize(None) + pd.Timedelta(days=1),
        freq="B",
    )
    rolls = (days + pd.Timedelta(minutes=hours.roll_minute)).tz_localize(hours.zone).tz_convert("UTC")
    nights = np.where(days.day_of_week == hours.triple_weekday, 3.0, 1.0)
    charged = np.r_[0.0, np.cumsum(nights)]
    upto = charged[np.searchsorted(rolls.as_unit("us").asi8, stamps.as_unit("us").asi8, side="right")]
    return np.diff(upto, prepend=upto[0])


def session(ts: pd.DatetimeIndex) -> np.ndarray:
    """Return the trading session in which a bar closing at `ts` falls, as an index into `SESSIONS` (int8).

    New York is 08:00–17:00 New York time, London 08:00 London time until New York opens, Asia the hours from the roll
    (17:00 New York) until London opens.
    """
    before_close = pd.DatetimeIndex(ts).as_unit("us") - pd.Timedelta(microseconds=1)
    new_york, _ = _local_clock(before_close, NEW_YORK)
    london, _ = _local_clock(before_close, LONDON)
    in_new_york = (new_york >= 8 * 60) & (new_york < 17 * 60)
    in_london = (london >= 8 * 60) & (new_york < 8 * 60)
    return np.select([in_new_york, in_london], [3, 2], default=1).astype(np.int8)


def _hours(market: str) -> Hours:
    if market not in MARKETS:
        raise UsageError(f"Unknown market {market!r}: choose one of {', '.join(MARKETS)}.{nearest(market, MARKETS)}")
    return MARKETS[market]


def _local_microseconds(ts: pd.DatetimeIndex, zone: str) -> np.ndarray:
    return pd.DatetimeIndex(ts).tz_convert(zone).tz_localize(None).as_unit("us").asi8


def _local_clock(ts: pd.DatetimeIndex, zone: str) -> tuple[np.ndarray, np.ndarray]:
    """Return minute of the day and weekday (Monday 0) on the clock of `zone`."""
    local = _local_microseconds(ts, zone)
    minute = local // 60_000_000 % 1440
    weekday = (local // 86_400_000_000 + 3) % 7
    return minute, weekday
