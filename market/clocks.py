"""Clocks of sources: what time a file, a broker or a city writes, and which instant that is.

A clock is a table of the instants at which its offset from UTC changes. It is an IANA zone (`Europe/Athens`), a fixed
offset (`UTC+3`), a base with the summer time dates of the EU or the US (`EET-US`), or New York's clock and some hours
(`NY+7`), as many brokers keep it so that their day ends at 17:00 New York.
"""

import re
import zoneinfo
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from market.errors import UsageError, nearest

NEW_YORK = "America/New_York"
NOT_A_TIME = np.iinfo(np.int64).min  # what NaT is in datetime64

_HOUR, _DAY = 3_600_000_000, 86_400_000_000  # microseconds
_SECOND = 1_000_000
_BASES = {"EET": 2, "CET": 1, "WET": 0, "GMT": 0, "EST": -5}
_RULES = {"EU": ("Europe/Brussels", 1), "US": (NEW_YORK, -5)}  # a zone that keeps the rule, its hours in winter
_MOST_HOURS = 14
_SHOWN = 40  # characters of a wrong name
_OFFSET = r"(?P<sign>[+-])(?P<hours>[0-9]{1,2})(?::(?P<minutes>[0-5][0-9]))?"
_FIXED = re.compile(rf"(?:UTC|GMT)?{_OFFSET}")
_FROM_NEW_YORK = re.compile(rf"NY(?:{_OFFSET})?")
_BY_RULE = re.compile(rf"(?P<base>{'|'.join(_BASES)})-(?P<rule>{'|'.join(_RULES)})")
_NOT_ZONES = (
    "right/",
    "posix/",
    "posixrules",
    "localtime",
)  # stand among the zone files, with leap seconds or for this machine alone
_EXAMPLES = ("UTC", "UTC+3", "UTC-5", "NY+7", *(f"{base}-{rule}" for base in _BASES for rule in _RULES))
_FORMS = "a zone such as Europe/Athens, UTC, UTC+3, EET-EU, EET-US or NY+7"


class Clock(NamedTuple):
    """A clock: the UTC instants at which its offset changes, and the offset before the first and after each (int64 us).

    Changes are known from 1970 to 2100.
    """

    name: str
    changes: np.ndarray
    offsets: np.ndarray


@lru_cache(maxsize=1024)
def clock(name: str) -> Clock:
    """Return the clock that `name` means.

    >>> clock("UTC+05:30").offsets.tolist()
    [19800000000]

    Raises UsageError for anything else, with the forms there are and the nearest name.
    """
    if match := _FIXED.fullmatch(name):
        return _made(name, np.empty(0, np.int64), np.array([_offset(name, match)]))
    if match := _BY_RULE.fullmatch(name):
        zone, winter = _RULES[match["rule"]]
        return _shifted(name, zone, (_BASES[match["base"]] - winter) * _HOUR)
    if match := _FROM_NEW_YORK.fullmatch(name):
        return _shifted(name, NEW_YORK, _offset(name, match) if match["sign"] else 0)
    return _of_zone(name)


def to_utc(wall: np.ndarray, clock: Clock) -> tuple[np.ndarray, np.ndarray]:
    """Return the instants at which `clock` shows `wall` (int64 us), and where there is no one such instant (bool).

    A time that summer time repeats or skips is unknown, NOT_A_TIME, and so is NOT_A_TIME itself.
    """
    unknown = wall == NOT_A_TIME
    if len(clock.changes) == 0:
        utc = wall - clock.offsets[0]
    else:
        either = np.stack([clock.changes + clock.offsets[:-1], clock.changes + clock.offsets[1:]], axis=1)
        place = np.searchsorted(np.sort(either, axis=1).ravel(), wall, side="right")
        unknown |= (place & 1).astype(bool)
        utc = wall - clock.offsets[place >> 1]
    utc[unknown] = NOT_A_TIME
    return utc, unknown


def from_utc(utc: np.ndarray, clock: Clock) -> np.ndarray:
    """Return what `clock` shows at the instants `utc` (int64 us both)."""
    if len(clock.changes) == 0:
        return utc + clock.offsets[0]
    return utc + clock.offsets[np.searchsorted(clock.changes, utc, side="right")]


def _offset(name: str, match: re.Match[str]) -> int:
    hours, minutes = int(match["hours"]), int(match["minutes"] or 0)
    if hours * 60 + minutes > _MOST_HOURS * 60:
        raise UsageError(f"Clock {name!r} is more than {_MOST_HOURS} hours off: wanted {_FORMS}.")
    return (-1 if match["sign"] == "-" else 1) * (hours * 60 + minutes) * 60 * _SECOND


def _made(name: str, changes: np.ndarray, offsets: np.ndarray) -> Clock:
    changes.flags.writeable = offsets.flags.writeable = False
    return Clock(name, changes, offsets)


def _shifted(name: str, zone: str, by: int) -> Clock:
    original = clock(zone)
    return _made(name, original.changes, original.offsets + by)


def _of_zone(name: str) -> Clock:
    """Return the clock of an IANA zone, each change found to the second between two days that differ."""
    zone = _zone(name)
    days = np.arange(0, np.datetime64("2100-01-01", "us").astype(np.int64), _DAY)
    offsets = _offset_at(days, zone)
    found = np.flatnonzero(np.diff(offsets))
    low, high, before = days[found], days[found + 1], offsets[found]
    while (high - low > _SECOND).any():
        middle = (low + high) // (2 * _SECOND) * _SECOND
        same = _offset_at(middle, zone) == before
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return _made(name, high, np.r_[offsets[:1], offsets[found + 1]])


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        if not name or name.startswith(_NOT_ZONES):
            raise ValueError
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        zones = sorted(zoneinfo.available_timezones() - set(_NOT_ZONES))
        near = nearest(name[:_SHOWN], [*zones, *_EXAMPLES])
        raise UsageError(f"Unknown clock {name[:_SHOWN]!r}: wanted {_FORMS}.{near}") from None


def _offset_at(utc: np.ndarray, zone: zoneinfo.ZoneInfo) -> np.ndarray:
    """Return the offset of `zone` at each instant, in microseconds."""
    local = pd.DatetimeIndex(utc.astype("datetime64[us]"), tz="UTC").tz_convert(zone).tz_localize(None)
    return np.asarray(local.as_unit("us").asi8 - utc)
