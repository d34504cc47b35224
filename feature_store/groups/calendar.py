"""Calendar: the clock of the bar's close stamp, in UTC and on the clocks of London and New York.

Everything is known before the bar closes. Summer time is right on both sides of the Atlantic. A day of the week is the
one that the bar belongs to: a bar that closes at midnight belongs to the day that ends.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from market.sessions import LONDON, NEW_YORK, SESSIONS, session

LOOKBACK = 2

_DAY_MINUTES = 1440
_MOMENT = pd.Timedelta(microseconds=1)


class Clock(NamedTuple):
    """Minute of the day (0 to 1439) and weekday (Monday 0) of the instant before each stamp."""

    minute: np.ndarray
    weekday: np.ndarray


def compute(bars: pd.DataFrame) -> pd.DataFrame:
    """Return the calendar columns of each bar (float64; the first row has no bar before it: its pause is NaN)."""
    ts = pd.DatetimeIndex(bars.index)
    columns = _cycles(ts) | _sessions(ts) | _week(ts) | _month(ts)
    columns["pause_hours"] = np.diff(ts.as_unit("us").asi8, prepend=np.nan) / 3.6e9 if len(ts) else np.empty(0)
    return pd.DataFrame(columns, index=bars.index)


def _clock(ts: pd.DatetimeIndex, zone: str) -> Clock:
    local = (ts - _MOMENT).tz_convert(zone)
    return Clock((local.hour * 60 + local.minute).to_numpy(np.float64), local.day_of_week.to_numpy(np.float64))


def _circle(name: str, values: np.ndarray, period: float) -> dict[str, np.ndarray]:
    angle = 2.0 * np.pi * values / period
    return {f"{name}_sine": np.sin(angle), f"{name}_cosine": np.cos(angle)}


def _cycles(ts: pd.DatetimeIndex) -> dict[str, np.ndarray]:
    """Minute of the day in UTC and in New York, minute of the hour, weekday and month as points of a circle."""
    clock, new_york = _clock(ts, "UTC"), _clock(ts, NEW_YORK)
    before = ts - _MOMENT
    return {
        **_circle("day", clock.minute, _DAY_MINUTES),
        **_circle("new_york_day", new_york.minute, _DAY_MINUTES),
        **_circle("hour", clock.minute % 60.0, 60.0),
        **_circle("week", new_york.weekday, 7.0),
        **_circle("year", before.day_of_year.to_numpy(np.float64), 365.25),
        "weekday": new_york.weekday,
    }


def _sessions(ts: pd.DatetimeIndex) -> dict[str, np.ndarray]:
    """Which session it is, the London and New York overlap, the first hours, and hours since each opened."""
    codes = session(ts)
    london, new_york = _clock(ts, LONDON), _clock(ts, NEW_YORK)
    columns = {f"session_{name}": (codes == code) * 1.0 for code, name in enumerate(SESSIONS) if name != "none"}
    columns["overlap"] = ((codes == SESSIONS.index("new_york")) & (london.minute < 17 * 60)) * 1.0
    columns["hours_since_london_open"] = (london.minute - 8 * 60) % _DAY_MINUTES / 60.0
    columns["hours_since_new_york_open"] = (new_york.minute - 8 * 60) % _DAY_MINUTES / 60.0
    columns["new_york_stocks_open"] = (
        (new_york.minute >= 9 * 60 + 30) & (new_york.minute < 16 * 60) & (new_york.weekday < 5)
    ) * 1.0
    return columns


def _week(ts: pd.DatetimeIndex) -> dict[str, np.ndarray]:
    """Hours since the trading week began (Sunday 17:00 New York), its first hours and its last."""
    new_york = _clock(ts, NEW_YORK)
    hours = ((new_york.weekday - 6.0) % 7.0 * _DAY_MINUTES + new_york.minute - 17 * 60) / 60.0 % 168.0
    return {
        "week_hours": hours,
        "week_start": (hours < 12.0) * 1.0,
        "week_end": ((hours >= 108.0) & (hours < 120.0)) * 1.0,
    }


def _month(ts: pd.DatetimeIndex) -> dict[str, np.ndarray]:
    """Place in the month, and the turns of month and quarter (the last two and first two calendar days)."""
    before = ts - _MOMENT
    day, length = before.day.to_numpy(np.float64), before.days_in_month.to_numpy(np.float64)
    turn = (day <= 2.0) | (day >= length - 1.0)
    month = before.month.to_numpy(np.int64)
    quarter = np.where(day <= 2.0, month % 3 == 1, month % 3 == 0)
    return {"month_place": (day - 1.0) / length, "month_turn": turn * 1.0, "quarter_turn": (turn & quarter) * 1.0}
