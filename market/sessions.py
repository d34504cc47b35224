"""The only session clock: when a market is open, which trading day it is, when swap is charged.

Everything is a pure function of UTC stamps. Offsets come from the time zone database, so summer time is right on both
sides of the Atlantic. A market trades over `[open, close)`; a close-stamped bar that ends at the daily break ends
exactly when the market shuts. One compiled pass reads all of it; the functions are doors to what they are named after.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from market.clocks import NEW_YORK, clock, from_utc
from market.compiled import compiled
from market.hours import Hours, hours

__all__ = ["LONDON", "NEW_YORK", "SESSIONS", "Hours", "hours"]

LONDON = "Europe/London"

SESSIONS = ("none", "asia", "london", "new_york")

_MINUTE, _HOUR, _DAY = 60_000_000, 3_600_000_000, 86_400_000_000  # microseconds
_FIRST_WEEKDAY = 3  # 1970 began on a Thursday
_ENDLESS = 1 << 62
_ALWAYS = Hours("UTC", 0, 0, False, None)


class Reading(NamedTuple):
    """What the clock says of bars that close at some stamps, a value a stamp.

    `day` (int64), `session` (int8), `shut` (bool) and `nights` (float64) are what `trading_day`, `session`, `closes_at`
    and `swap_nights` return; `nights_before_open` (float64) is the part of `nights` in `(previous ts, open]`, and
    `nights_inside` (float64) that in `(open, ts)` where the market trades again by the end of the bar.
    """

    day: np.ndarray
    session: np.ndarray
    shut: np.ndarray
    nights: np.ndarray
    nights_before_open: np.ndarray
    nights_inside: np.ndarray


class _Zone(NamedTuple):
    """The instants at which a clock changes, and what to add to UTC before the first and after each (int64 us)."""

    changes: np.ndarray
    offsets: np.ndarray


class _Trading(NamedTuple):
    """Trading hours as kernels read them.

    On `zone` a trading day begins at 00:00. `rest` is how long it stays shut then (us); `charged` are the nights of
    swap from Monday to the end of each weekday.
    """

    zone: _Zone
    rest: int
    weekend: bool
    charged: np.ndarray


class _Day(NamedTuple):
    """A day of a zone from the instant `begin` to before `end`, cut where the clock changes.

    `start` is when it began, or would have with the clock as it is now; `number` counts days since 1970.
    """

    begin: int
    end: int
    start: int
    number: int


_NO_DAY = _Day(0, 0, 0, 0)


def readings(ts: pd.DatetimeIndex, market: str, length: int = _ENDLESS) -> Reading:
    """Return all that the clock of `market` says of bars of `length` (us) that close at `ts`, in one pass.

    Quickest where stamps increase, right in any order. Bars that are nearer than `length` to the one before have no
    nights before their open.
    """
    return _readings(ts, length, hours(market))


def is_open(ts: pd.DatetimeIndex, market: str) -> np.ndarray:
    """Return, for each UTC instant, whether the market trades at that instant (bool, same length).

    >>> stamps = pd.DatetimeIndex(["2025-01-06 21:59", "2025-01-06 22:00", "2025-01-06 23:00"], tz="UTC")
    >>> is_open(stamps, "metal").tolist()  # the daily break, 17:00–18:00 New York
    [True, False, True]
    """
    return ~closes_at(ts, market)


def closes_at(ts: pd.DatetimeIndex, market: str) -> np.ndarray:
    """Return where the market is shut at the instant `ts`: such a bar is the last before a session gap (bool)."""
    return readings(ts, market).shut


def trading_day(ts: pd.DatetimeIndex, market: str) -> np.ndarray:
    """Return the trading day to which a bar closing at `ts` belongs, as whole days since 1970 (int64).

    The day ends at the roll: a bar that closes at 17:00 New York belongs to that day, the next one to the following.
    """
    return readings(ts, market).day


def swap_nights(ts: pd.DatetimeIndex, market: str) -> np.ndarray:
    """Return the nights of swap that fall in `(previous ts, ts]` for each bar (float64; the first bar's is 0).

    A night is charged at the roll from Monday to Friday, three on the market's triple day. Crypto has none.
    """
    return readings(ts, market).nights


def session(ts: pd.DatetimeIndex) -> np.ndarray:
    """Return the trading session in which a bar closing at `ts` falls, as an index into `SESSIONS` (int8).

    New York is 08:00–17:00 New York time, London 08:00 London time until New York opens, Asia the hours from the roll
    (17:00 New York) until London opens.
    """
    return _readings(ts, _ENDLESS, _ALWAYS).session


@compiled
def session_at(london: np.ndarray, new_york: np.ndarray) -> np.ndarray:
    """Return the session of instants whose minute of the day on the clocks of London and New York is given."""
    session = np.empty(len(london), np.int8)
    for i in range(len(london)):
        session[i] = _session(int(london[i]) * _MINUTE, int(new_york[i]) * _MINUTE)
    return session


def zone_clock(utc: np.ndarray, zone: str) -> np.ndarray:
    """Return what the clock of `zone` shows, in microseconds since it showed 1970."""
    return utc if zone == "UTC" else from_utc(utc, clock(zone))


def _readings(ts: pd.DatetimeIndex, length: int, kept: Hours) -> Reading:
    utc = _utc(ts)
    columns = np.empty((4, len(utc)))  # one block of memory is had much quicker than four
    flags = np.empty((2, len(utc)), np.int8)
    into = Reading(columns[0].view(np.int64), flags[0], flags[1].view(bool), *columns[1:])
    _read(utc, length, _trading(kept), _zone(LONDON), _zone(NEW_YORK), into)
    return into


def _utc(ts: pd.DatetimeIndex) -> np.ndarray:
    """Return stamps as microseconds since 1970, read-only."""
    utc = pd.DatetimeIndex(ts).as_unit("us").asi8.view()
    utc.flags.writeable = False
    return utc


def _zone(name: str) -> _Zone:
    known = clock(name)
    return _Zone(known.changes, known.offsets)


@lru_cache(maxsize=64)
def _trading(kept: Hours) -> _Trading:
    known = clock(kept.zone)
    offsets = known.offsets + -kept.roll_minute % 1440 * _MINUTE
    offsets.flags.writeable = False
    week = [0.0] * 7
    if kept.triple_weekday is not None:
        week = [3.0 if weekday == kept.triple_weekday else float(weekday < 5) for weekday in range(7)]
    return _Trading(_Zone(known.changes, offsets), kept.break_minutes * _MINUTE, kept.weekend, np.cumsum(week))


@compiled
def _read(utc: np.ndarray, length: int, trading: _Trading, london: _Zone, new_york: _Zone, into: Reading) -> None:
    today, following, here, there = _NO_DAY, _NO_DAY, _NO_DAY, _NO_DAY
    rests, charged = False, 0.0
    for i in range(len(utc)):
        ts = utc[i]
        last = ts - 1  # the last instant of the bar
        if not _within(today, last):
            today = _day_of(last, trading.zone)
        if not _within(here, last):
            here = _day_of(last, london)
        if not _within(there, last):
            there = _day_of(last, new_york)
        known = charged
        if not _within(following, ts):
            following = _day_of(ts, trading.zone)
            rests = _rests_all_day(following, trading)
            charged = _charged(following.number, trading)
        into.day[i] = today.number
        into.session[i] = _session(last - here.start, last - there.start)
        into.shut[i] = rests or ts - following.start < trading.rest
        into.nights[i] = charged - known if i > 0 else 0.0
        into.nights_before_open[i], into.nights_inside[i] = 0.0, 0.0
        if i > 0 and ts - utc[i - 1] > length:
            into.nights_before_open[i] = _charged(_day_of(ts - length, trading.zone).number, trading) - known
        if into.nights[i] != 0.0 and not _rests(today, last, trading):
            upto = _charged(today.number, trading) - known
            into.nights_inside[i] = max(upto - into.nights_before_open[i], 0.0)


@compiled
def _rests_all_day(day: _Day, trading: _Trading) -> bool:
    return trading.weekend and (day.number + _FIRST_WEEKDAY) % 7 >= 5


@compiled
def _rests(day: _Day, instant: int, trading: _Trading) -> bool:
    """Return whether the market is shut at `instant` of `day`."""
    return _rests_all_day(day, trading) or instant - day.start < trading.rest


@compiled
def _within(day: _Day, instant: int) -> bool:
    return day.begin <= instant < day.end


@compiled
def _day_of(instant: int, zone: _Zone) -> _Day:
    """Return the day in which `instant` falls."""
    place = np.searchsorted(zone.changes, instant, side="right")
    shown = instant + zone.offsets[place]
    number = shown // _DAY
    start = instant - (shown - number * _DAY)
    begin = max(start, zone.changes[place - 1]) if place > 0 else start
    end = min(start + _DAY, zone.changes[place]) if place < len(zone.changes) else start + _DAY
    return _Day(begin, end, start, number)


@compiled
def _charged(day: int, trading: _Trading) -> float:
    """Return the nights of swap charged before `day`, counted from the week of 1970-01-01."""
    ended = day - 1 + _FIRST_WEEKDAY
    return ended // 7 * trading.charged[6] + trading.charged[ended % 7]


@compiled
def _session(london: int, new_york: int) -> int:
    """Return the session in which the clocks of London and New York show these times of the day (us)."""
    if 8 * _HOUR <= new_york < 17 * _HOUR:
        return 3
    return 2 if london >= 8 * _HOUR and new_york < 8 * _HOUR else 1
