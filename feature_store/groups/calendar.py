"""Calendar: the clock of the bar's last minute, in UTC and on the clocks of London and New York.

A bar that closes at 06:15 reads 06:14, so one that closes as a session opens still belongs to the session before.
Everything is known before the bar closes. Summer time is right on both sides of the Atlantic. A day of the week is the
one that the bar belongs to: a bar that closes at midnight belongs to the day that ends.
"""

from typing import NamedTuple

import numpy as np

from feature_store.arrays import Bars, Columns
from feature_store.described import Catalogue, Described
from market.sessions import LONDON, NEW_YORK, SESSIONS, session_at, zone_clock

LOOKBACK = 2

_DAY_MINUTES = 1440
_MINUTE = 60_000_000  # microseconds
_FIRST_WEEKDAY = 3  # 1970 began on a Thursday

CATALOGUE: Catalogue = {
    **{
        f"{name}_{part}": Described(f"{part.capitalize()} of the {what}", "own", "share", -1.0, 1.0)
        for part in ("sine", "cosine")
        for name, what in (
            ("day", "minute of the day (UTC), as an angle"),
            ("new_york_day", "minute of the day in New York, as an angle"),
            ("hour", "minute of the hour, as an angle"),
            ("week", "day of the week in New York, as an angle"),
            ("year", "day of the year, as an angle"),
        )
    },
    "weekday": Described("Day of the week in New York, Monday 0", "own", "days", 0.0, 6.0),
    "session_asia": Described("1 from 17:00 in New York until London opens", "own", "0 or 1", 0.0, 1.0),
    "session_london": Described("1 from 8:00 in London until New York opens", "own", "0 or 1", 0.0, 1.0),
    "session_new_york": Described("1 from 8:00 to 17:00 in New York", "own", "0 or 1", 0.0, 1.0),
    "overlap": Described("1 while it is New York's session and before 17:00 in London", "own", "0 or 1", 0.0, 1.0),
    "day_minutes": Described(
        "Minutes since the trading day began, at 17:00 in New York", "own", "minutes", 0.0, 1439.0
    ),
    "session_minutes": Described("Minutes since the session began that it is", "own", "minutes", 0.0, 659.0),
    "hours_since_london_open": Described("Hours since it was 8:00 in London", "own", "hours", 0.0, 24.0),
    "hours_since_new_york_open": Described("Hours since it was 8:00 in New York", "own", "hours", 0.0, 24.0),
    "new_york_stocks_open": Described("1 from 9:30 to 16:00 in New York, Monday to Friday", "own", "0 or 1", 0.0, 1.0),
    "week_hours": Described("Hours since Sunday 17:00 in New York", "own", "hours", 0.0, 168.0),
    "week_start": Described("1 in the first twelve hours of the trading week", "own", "0 or 1", 0.0, 1.0),
    "week_end": Described("1 in the last twelve hours of the trading week", "own", "0 or 1", 0.0, 1.0),
    "month_place": Described("Days of the month that are over ÷ its length", "own", "share", 0.0, 1.0),
    "month_turn": Described(
        "1 on the last two days of a month and the first two",
        "Ariel (1987), J. Financial Economics 18",
        "0 or 1",
        0.0,
        1.0,
    ),
    "quarter_turn": Described("1 on the last two days of a quarter and the first two", "own", "0 or 1", 0.0, 1.0),
    "pause_hours": Described("Hours since the bar before", "own", "hours", 0.0, np.inf),
}


class Clock(NamedTuple):
    """What a clock shows in the instant before each stamp: the minute of its day (0 to 1439) and its date."""

    minute: np.ndarray
    date: np.ndarray

    @property
    def weekday(self) -> np.ndarray:
        """Return the day of the week, Monday 0."""
        return (self.date.astype(np.int64) + _FIRST_WEEKDAY) % 7.0


def compute(bars: Bars) -> Columns:
    """Return the calendar columns of each bar (float64; the first row has no bar before it: its pause is NaN)."""
    plain, london, new_york = (_clock(zone_clock(bars.ts - 1, zone)) for zone in ("UTC", LONDON, NEW_YORK))
    columns = _cycles(plain, new_york) | _sessions(session_at(london.minute, new_york.minute), london, new_york)
    columns |= _week(new_york) | _month(plain.date)
    columns["pause_hours"] = np.diff(bars.ts, prepend=np.nan) / 3.6e9 if len(bars) else np.empty(0)
    return columns


def _clock(microseconds: np.ndarray) -> Clock:
    """Return what the clock shows that counts `microseconds` since it showed 1970."""
    minutes = microseconds // _MINUTE
    date = minutes // _DAY_MINUTES
    return Clock((minutes - date * _DAY_MINUTES) * 1.0, date.view("M8[D]"))


def _circle(name: str, values: np.ndarray, period: float) -> Columns:
    angle = 2.0 * np.pi * values / period
    return {f"{name}_sine": np.sin(angle), f"{name}_cosine": np.cos(angle)}


def _cycles(plain: Clock, new_york: Clock) -> Columns:
    """Minute of the day in UTC and in New York, minute of the hour, weekday and month as points of a circle."""
    day_of_year = (plain.date - plain.date.astype("M8[Y]")).astype(np.int64) + 1.0
    return {
        **_circle("day", plain.minute, _DAY_MINUTES),
        **_circle("new_york_day", new_york.minute, _DAY_MINUTES),
        **_circle("hour", plain.minute % 60.0, 60.0),
        **_circle("week", new_york.weekday, 7.0),
        **_circle("year", day_of_year, 365.25),
        "weekday": new_york.weekday,
    }


def _sessions(codes: np.ndarray, london: Clock, new_york: Clock) -> Columns:
    """Which session it is, the London and New York overlap, and the time since each opened and the day began.

    The trading day and its first session, Asia, begin at 17:00 in New York.
    """
    columns = {f"session_{name}": (codes == code) * 1.0 for code, name in enumerate(SESSIONS) if name != "none"}
    columns["overlap"] = ((codes == SESSIONS.index("new_york")) & (london.minute < 17 * 60)) * 1.0
    since_roll, since_london = (new_york.minute - 17 * 60) % _DAY_MINUTES, (london.minute - 8 * 60) % _DAY_MINUTES
    since_new_york = (new_york.minute - 8 * 60) % _DAY_MINUTES
    columns["day_minutes"] = since_roll
    columns["session_minutes"] = np.choose(codes, [since_roll, since_roll, since_london, since_new_york])
    columns["hours_since_london_open"] = since_london / 60.0
    columns["hours_since_new_york_open"] = since_new_york / 60.0
    columns["new_york_stocks_open"] = (
        (new_york.minute >= 9 * 60 + 30) & (new_york.minute < 16 * 60) & (new_york.weekday < 5)
    ) * 1.0
    return columns


def _week(new_york: Clock) -> Columns:
    """Hours since the trading week began (Sunday 17:00 New York), its first hours and its last."""
    hours = ((new_york.weekday - 6.0) % 7.0 * _DAY_MINUTES + new_york.minute - 17 * 60) / 60.0 % 168.0
    return {
        "week_hours": hours,
        "week_start": (hours < 12.0) * 1.0,
        "week_end": ((hours >= 108.0) & (hours < 120.0)) * 1.0,
    }


def _month(date: np.ndarray) -> Columns:
    """Place in the month, and the turns of month and quarter (the last two and first two calendar days)."""
    month = date.astype("M8[M]")
    first, following = month.astype("M8[D]"), (month + 1).astype("M8[D]")
    day, length = (date - first).astype(np.int64) + 1.0, (following - first) / np.timedelta64(1, "D")
    turn = (day <= 2.0) | (day >= length - 1.0)
    number = month.astype(np.int64) % 12 + 1
    quarter = np.where(day <= 2.0, number % 3 == 1, number % 3 == 0)
    return {"month_place": (day - 1.0) / length, "month_turn": turn * 1.0, "quarter_turn": (turn & quarter) * 1.0}
