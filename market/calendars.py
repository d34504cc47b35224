"""Stamps that cannot be understood, or are absurd, because they are in another calendar or counted in another unit."""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

FIRST_YEAR, LAST_YEAR = 2000, 2050  # of bars
SHARE = 0.8  # of the stamps that one explanation must fit

_SHOWN = 40  # characters of a stamp in a message
_TOGETHER = (4, 8, 12, 14)  # digits of a date that begins with its year
_LATEST = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp()
_EARLIEST = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp()
_NUMBERS = re.compile(r"\d+")
_ERA = re.compile(r"\s*(?:令和|平成|[RH](?=\d))\s*(?:\d{1,2}|元)\D", re.IGNORECASE)
_REPUBLIC = re.compile(r"\s*(?:民國|民国)?\s*(?:9\d|1[0-3]\d)\s*[-/.年]\s*\d{1,2}\s*[-/.月]\s*\d{1,2}(?!\d)")


class _Calendar(NamedTuple):
    """A calendar that people keep, and its years in which bars can lie."""

    name: str
    first: int
    last: int


class _Count(NamedTuple):
    """A way to count time: what it is called, the seconds in one of it, and when (seconds since 1970) it is zero."""

    name: str
    seconds: float
    zero: float


_CALENDARS = (
    _Calendar("the Persian calendar", 1378, 1412),
    _Calendar("the Islamic calendar", 1420, 1460),
    _Calendar("the Buddhist calendar", 2540, 2595),
    _Calendar("the Hebrew calendar", 5760, 5800),
)
_DAY = 86_400.0
# No two of them give a date between FIRST_YEAR and LAST_YEAR for one number.
_COUNTS = (
    _Count("the day numbers of a spreadsheet", _DAY, -25_569 * _DAY),
    _Count("the day numbers of MATLAB", _DAY, -719_529 * _DAY),
    _Count("Julian day numbers", _DAY, -2_440_587.5 * _DAY),
    _Count("Unix time in seconds", 1.0, 0.0),
    _Count("Unix time in milliseconds", 1e-3, 0.0),
    _Count("Unix time in microseconds", 1e-6, 0.0),
    _Count("Unix time in nanoseconds", 1e-9, 0.0),
    _Count("Windows file times", 1e-7, -11_644_473_600.0),
    _Count(".NET ticks", 1e-7, -62_135_596_800.0),
)


Stamp = str | float | datetime


def explain(stamps: Sequence[Stamp]) -> str | None:
    """Return in words which calendar or count some odd stamps are in and what to do, or None where nothing fits.

    `stamps` are texts, numbers or instants as the source has them, or years. At least four in five must fit.

    >>> explain(["1402/01/05 10:00", "1404/02/01 10:15"])
    'the years 1402–1404 look like the Persian calendar: convert the stamps to the Gregorian one'
    >>> explain(["45292.0104"])
    '45292.0104 looks like the day numbers of a spreadsheet (2024-01-01 00:15): write the stamps as dates with a time'
    """
    some = list(stamps)
    return (_as_count(some) or _as_misread(some) or _as_calendar(some) or _as_era(some)) if some else None


def _as_count(stamps: list[Stamp]) -> str | None:
    """Numbers that count days, seconds or less from some instant."""
    numbers = [_number(stamp) for stamp in stamps]
    for count in _COUNTS:
        seconds = [number * count.seconds + count.zero for number in numbers]
        if fits := _fitting([_EARLIEST <= one < _LATEST for one in seconds]):
            moment = _minute(seconds[fits[0]])
            shown = str(stamps[fits[0]])[:_SHOWN]
            return f"{shown} looks like {count.name} ({moment}): write the stamps as dates with a time"
    return None


def _as_misread(stamps: list[Stamp]) -> str | None:
    """Instants soon after 1970: somebody read a number in a unit that is too small."""
    seconds = [_since_1970(stamp) for stamp in stamps]
    for times in (1_000, 1_000_000, 1_000_000_000):
        if fits := _fitting([_EARLIEST <= one * times < _LATEST for one in seconds]):
            moment = _minute(seconds[fits[0]] * times)
            unit = f"Unix time read in a unit {times:,} times too small ({moment} is meant)"
            return f"{str(stamps[fits[0]])[:_SHOWN]} looks like {unit}: write the stamps as dates with a time"
    return None


def _as_calendar(stamps: list[Stamp]) -> str | None:
    """Years that are ours in another calendar."""
    years = [_year(stamp) for stamp in stamps]
    for calendar in _CALENDARS:
        if fits := _fitting([calendar.first <= year <= calendar.last for year in years]):
            least, most = (extreme(years[i] for i in fits) for extreme in (min, max))
            span = f"year {least} looks" if least == most else f"years {least}–{most} look"
            return f"the {span} like {calendar.name}: convert the stamps to the Gregorian one"
    return None


def _as_era(stamps: list[Stamp]) -> str | None:
    """Years of an emperor's reign or of a republic."""
    for pattern, name in ((_ERA, "a year of a Japanese era"), (_REPUBLIC, "a year of the Republic of China (Minguo)")):
        if fits := _fitting([isinstance(stamp, str) and pattern.match(stamp) is not None for stamp in stamps]):
            shown = str(stamps[fits[0]])[:_SHOWN]
            return f"{shown} looks like {name}: convert the stamps to the Gregorian calendar"
    return None


def _fitting(fits: list[bool]) -> list[int]:
    """Return the positions that fit, none where fewer than four in five do."""
    positions = [i for i, fit in enumerate(fits) if fit]
    return positions if len(positions) >= SHARE * len(fits) else []


def _minute(seconds: float) -> str:
    """Return the nearest minute to an instant in seconds since 1970: fractions of days are rounded."""
    return f"{datetime.fromtimestamp(round(seconds / 60) * 60, UTC):%Y-%m-%d %H:%M}"


def _number(stamp: Stamp) -> float:
    """Return a stamp that is one number, also with a decimal comma; NaN for any other."""
    if isinstance(stamp, datetime):
        return math.nan
    try:
        return float(stamp.strip().replace(",", ".") if isinstance(stamp, str) else stamp)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _since_1970(stamp: Stamp) -> float:
    """Return the seconds from 1970 to an instant (naive: UTC); NaN for what is none."""
    if not isinstance(stamp, datetime) or stamp != stamp:
        return math.nan
    return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp()


def _year(stamp: Stamp) -> int:
    """Return the year that a stamp seems to name, at its beginning or after day and month; 0 where it names none."""
    if isinstance(stamp, datetime):
        return stamp.year if stamp == stamp else 0
    if not isinstance(stamp, str):
        number = _number(stamp)
        return int(number) if math.isfinite(number) else 0
    groups = _NUMBERS.findall(stamp)
    if groups and len(groups[0]) in _TOGETHER:
        return int(groups[0][:4])
    return int(groups[2]) if len(groups) > 2 and len(groups[2]) == 4 else 0
