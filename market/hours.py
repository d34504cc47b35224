"""Trading hours as `config/sessions.toml` has them: one table a market, read once until the file changes."""

import datetime as dt
import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, PlainValidator, model_validator

from market import settings
from market.clocks import clock
from market.errors import UsageError, nearest

DAY_MINUTES = 1440
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")

_FILE = "sessions"


class Hours(NamedTuple):
    """Trading hours of a market, on the clock of `zone`: the roll that ends its day, and the minutes it rests after it.

    `weekend`: shut from Friday's roll until it opens after Sunday's. `triple_weekday`: Monday is 0; None: no swap.
    """

    zone: str
    roll_minute: int
    break_minutes: int
    weekend: bool
    triple_weekday: int | None


class Closures(NamedTuple):
    """The days on which a market is shut, and those on which it closes early: names of holidays, and dates."""

    holidays: tuple[str | dt.date, ...]
    early_closes: tuple[str | dt.date, ...]


class Market(NamedTuple):
    """A table of `config/sessions.toml`."""

    hours: Hours
    closures: Closures


def _known_zone(name: str) -> str:
    try:
        clock(name)
    except UsageError as error:
        raise ValueError(str(error)) from None
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
HOLIDAYS = (
    "new_years_day",
    "martin_luther_king_day",
    "presidents_day",
    "good_friday",
    "easter_monday",
    "may_day",
    "memorial_day",
    "juneteenth",
    "day_before_independence_day",
    "independence_day",
    "labor_day",
    "thanksgiving_day",
    "day_after_thanksgiving",
    "christmas_eve",
    "christmas_day",
    "observed_christmas_day",
    "boxing_day",
    "new_years_eve",
)


def _known_holiday(value: object) -> str | dt.date:
    if type(value) is dt.date:
        return value
    if isinstance(value, str) and value in HOLIDAYS:
        return value
    raise ValueError(f"wanted a date or one of {', '.join(HOLIDAYS)}.{nearest(str(value), HOLIDAYS)}".rstrip("."))


Holiday = Annotated[str | dt.date, PlainValidator(_known_holiday)]


class _Table(settings.Settings):
    zone: Zone
    day_end: TimeOfDay
    break_minutes: Annotated[int, Field(ge=0, lt=DAY_MINUTES, strict=True)] | None = None
    opens: TimeOfDay | None = None
    weekend: Annotated[bool, Field(strict=True)]
    triple_swap: Literal["monday", "tuesday", "wednesday", "thursday", "friday"] | None = None
    holidays: tuple[Holiday, ...] = ()
    early_closes: tuple[Holiday, ...] = ()

    @model_validator(mode="after")
    def _rests_one_way(self) -> "_Table":
        if (self.break_minutes is None) == (self.opens is None):
            raise ValueError("either break_minutes or opens is wanted, and not both")
        if self.opens == self.day_end:
            raise ValueError(f"opens = {self.opens!r}: the same as day_end, write break_minutes = 0")
        if both := sorted(map(str, {*self.holidays} & {*self.early_closes})):
            raise ValueError(f"{', '.join(both)} stands in holidays and in early_closes")
        return self

    def market(self) -> Market:
        """Return the table as plain values."""
        roll = _minute(self.day_end)
        rest = self.break_minutes
        if rest is None:
            rest = (_minute(str(self.opens)) - roll) % DAY_MINUTES
        triple = None if self.triple_swap is None else WEEKDAYS.index(self.triple_swap)
        return Market(Hours(self.zone, roll, rest, self.weekend, triple), Closures(self.holidays, self.early_closes))


def hours(market: str) -> Hours:
    """Return the trading hours of a market; raises UsageError with the nearest known one."""
    return _market(market).hours


def closures(market: str) -> Closures:
    """Return the names of a market's holidays and early closes; raises UsageError as `hours` does."""
    return _market(market).closures


def markets() -> dict[str, Market]:
    """Return every market of `config/sessions.toml` by name; raises UsageError naming everything wrong in the file."""
    try:
        now = Path(os.environ.get("ASSAY_CONFIG", "config"), f"{_FILE}.toml").stat()
    except OSError:
        return _read()
    return _read_at((now.st_dev, now.st_ino, now.st_mtime_ns, now.st_size))


@lru_cache(maxsize=8)
def _read_at(_: tuple[int, ...]) -> dict[str, Market]:
    return _read()


def _read() -> dict[str, Market]:
    known, problems = {}, []
    for name, values in settings.read_toml(_FILE).items():
        try:
            known[name] = settings.validated(values, _Table, f"config/{_FILE}.toml [{name}]").market()
        except UsageError as error:
            problems.append(str(error).rstrip("."))
    if problems:
        raise UsageError(f"{'; '.join(problems)}.")
    return known


def _market(name: str) -> Market:
    if name not in (known := markets()):
        raise UsageError(f"Unknown market {name!r}: config/{_FILE}.toml has {', '.join(known)}.{nearest(name, known)}")
    return known[name]


def _minute(time: str) -> int:
    return int(time[:2]) * 60 + int(time[3:])
