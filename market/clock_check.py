"""Which clock do bars keep? Weekends tell: a market shuts and opens again at known hours of its own city.

A weekend is judged only where it starts and ends by the same number of hours beside where it should: bars that are
missing make a weekend longer on either side, and never move it. Brokers whose hours follow another city's summer time
than the market's do so for four weeks a year; nothing is judged by those.
"""

import datetime as dt
from typing import NamedTuple

import numpy as np
import pandas as pd

from market.clocks import Clock, clock, from_utc, to_utc
from market.findings import WARNING, nothing
from market.hours import Hours, hours
from market.timeframe import Timeframe
from market.validation import about_file

ENOUGH = 0.95  # of the weeks judged, which a clock must explain
FEWEST_WEEKS = 2
COARSEST = 60  # minutes a bar

FITS, UNTESTED, SWITCHES, LOOKS_LIKE = "fits", "cannot be tested", "switches", "looks like"
OTHER_SIDE = "stamps mark the other side"
ONE_BAR = 0.8  # of the weekends, which stand exactly one bar beside the market's

_USUAL = ("UTC", "EET-EU", "NY+7", "America/New_York", "EST-EU", "UTC-5", "CET-EU", "CET-US", "Europe/London", "GMT-US")
_FIXED = tuple(f"UTC{hours:+d}" for hours in (*range(1, 15), *range(-1, -13, -1)) if hours != -5)
CANDIDATES = (*_USUAL, "Asia/Tokyo", "Australia/Sydney", *_FIXED)
_ALSO = {"EET-EU": "Europe/Athens"}
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_MINUTE, _HOUR, _DAY, _WEEK = 60_000_000, 3_600_000_000, 86_400_000_000, 604_800_000_000  # microseconds
_FIVE_MINUTES = 5 * _MINUTE
_STEP = 30 * _MINUTE  # clocks differ by multiples of it
_MOST_STEPS = 52  # no two clocks are further apart than 26 hours
_FIRST_WEEKDAY, _FIRST_SATURDAY = 3, 2  # 1970 began on a Thursday, two days before a Saturday


class Stretch(NamedTuple):
    """Weeks in a row, by the dates on which the market opens, and by how many hours bars stand beside the market's."""

    first: dt.date
    last: dt.date
    weeks: int
    hours: tuple[float, ...]


class ClockCheck(NamedTuple):
    """What bars say of their declared clock.

    verdict: "fits", "cannot be tested", "switches", "stamps mark the other side", or "looks like" and a clock.
    told: a sentence for people. weeks: how
    many were judged. explained: the share of them that the declared clock explains, and best_explained that of the best
    of the CANDIDATES (the declared one where they tie); NaN and "" where none was judged. unexplained: weeks that the
    declared clock does not explain. observed, expected: where the daily break (or the weekend) is on the declared
    clock, and where it should be; "" where the clock fits or was not tested.
    """

    verdict: str
    told: str
    weeks: int = 0
    explained: float = float("nan")
    best: str = ""
    best_explained: float = float("nan")
    unexplained: tuple[Stretch, ...] = ()
    observed: str = ""
    expected: str = ""


class _Bars(NamedTuple):
    """What is asked: the gaps of bars, their declared clock, and the market with its hours."""

    start: np.ndarray
    end: np.ndarray
    declared: Clock
    market: str
    kept: Hours


class _Weekends(NamedTuple):
    """Judged weekends: where they are on the source's clock, at which instants they should be (us), and hours beside.

    All arrays have a value a weekend. `begins_after` and `ends_after` are how long after the right instants it begins
    and ends (us).
    """

    close: np.ndarray
    reopen: np.ndarray
    right_close: np.ndarray
    right_reopen: np.ndarray
    hours: np.ndarray
    begins_after: np.ndarray
    ends_after: np.ndarray


def check(start: np.ndarray, end: np.ndarray, declared: Clock, timeframe: Timeframe, market: str) -> ClockCheck:
    """Return what the gaps of bars say of the clock that their source is declared to keep.

    A gap runs from the close of the last bar before it to the open of the first bar after, in UTC as `declared` gives
    it (int64 us). A market without weekends, bars coarser than an hour and fewer than two weekends cannot be tested.
    Where clocks explain equally many weeks, the declared one is right.
    """
    kept = hours(market)
    if not kept.weekend:
        return _untested(f"the {market} market has no weekend")
    if timeframe.minutes > COARSEST:
        return _untested(f"{timeframe.name} bars are too coarse to show its hours")
    bars = _Bars(start, end, declared, market, kept)
    found, seen = _weekends(bars)
    if len(found.close) < FEWEST_WEEKS:
        fair = f"{len(found.close)} of {seen} weekends are as long as those of the {market} market"
        return _untested(f"{fair}, at least {FEWEST_WEEKS} are needed")._replace(weeks=len(found.close))
    judged = _judged(found, _explained(found, declared), bars)
    beside = _bars_beside(found, timeframe)
    if judged.verdict == FITS and beside:
        told = (
            f"{beside} of {len(found.close)} weekends begin and end exactly one {timeframe.name} bar "
            f"{'after' if (found.begins_after > 0).mean() > 0.5 else 'before'} the market's"
        )
        return judged._replace(verdict=OTHER_SIDE, told=f"{told}: the stamps mark the other side of their bars.")
    return judged


def _bars_beside(found: "_Weekends", timeframe: Timeframe) -> int:
    """Return how many weekends stand exactly one bar beside the market's, 0 where they are not nearly all.

    Of minutes nothing is said, which sources begin late by one, nor of bars so long that a clock may be wrong by one.
    """
    length = timeframe.minutes * _MINUTE
    count = max(int(((found.begins_after == side) & (found.ends_after == side)).sum()) for side in (length, -length))
    told = 1 < timeframe.minutes < _STEP // _MINUTE and count >= max(ONE_BAR * len(found.close), 2 * FEWEST_WEEKS)
    return count if told else 0


def doubts(found: ClockCheck, name: str, stored: bool = False) -> pd.DataFrame:
    """Return what a check has against the clock of `name`, as findings: errors, or a warning on weeks beside it.

    `stored` says that the bars are stored already, so that they have to be imported anew.
    """
    anew, told = "import again with --replace" if stored else "import with", found.told.rstrip(".")
    if found.verdict.startswith(LOOKS_LIKE):
        wanted = f"the clock that the source keeps: {anew} --timezone {found.best}"
        return about_file(name, "the clock is another", told, wanted)
    if found.verdict == OTHER_SIDE:
        wanted = f"the side of the bar that stamps mark: {anew} the other --stamp"
        return about_file(name, "stamps mark the other side of the bar", told, wanted)
    if found.verdict == SWITCHES:
        wanted = f"one clock: import the parts on both sides apart, each with its own --timezone{', anew' * stored}"
        return about_file(name, "the clock switches", told, wanted)
    if found.verdict == FITS and found.unexplained:
        wanted = "weekends where the declared clock has them: compare these weeks with another source"
        return about_file(name, "weeks beside the clock", told, wanted, WARNING)
    return nothing()


def _untested(why: str) -> ClockCheck:
    return ClockCheck(UNTESTED, f"The clock cannot be tested: {why}.")


def _weekends(bars: _Bars) -> tuple[_Weekends, int]:
    """Return the weekends that can be judged, and how many gaps are long enough to be one."""
    zone = clock(bars.kept.zone)
    length = 2 * _DAY + bars.kept.break_minutes * _MINUTE
    lasts = bars.end - bars.start
    long = (lasts >= _DAY) & (lasts < length + _DAY)
    start, end = bars.start[long], bars.end[long]
    saturday = _FIRST_SATURDAY * _DAY - -bars.kept.roll_minute % 1440 * _MINUTE
    middle = from_utc((start + end) // 2, zone)
    begins = saturday + np.round((middle - length // 2 - saturday) / _WEEK).astype(np.int64) * _WEEK
    (right_close, one), (right_reopen, other) = to_utc(begins, zone), to_utc(begins + length, zone)
    moved = _steps(start - right_close)
    fair = ~one & ~other & (moved == _steps(end - right_reopen)) & (np.abs(moved) <= _MOST_STEPS)
    _, first = np.unique(begins[fair], return_index=True)
    pick = np.flatnonzero(fair)[first]
    walls = from_utc(start[pick], bars.declared), from_utc(end[pick], bars.declared)
    beside = (start - right_close)[pick], (end - right_reopen)[pick]
    right = right_close[pick], right_reopen[pick]
    return _Weekends(*walls, *right, moved[pick] * _STEP / _HOUR, *beside), len(start)


def _steps(difference: np.ndarray) -> np.ndarray:
    return np.round(difference / _STEP).astype(np.int64)


def _explained(found: _Weekends, declared: Clock) -> dict[str, np.ndarray]:
    """Return, for the declared clock and then each candidate, which weekends it explains (bool)."""
    explained = {}
    for one in (declared, *(clock(name) for name in CANDIDATES if name != declared.name)):
        closes = _steps(found.close - from_utc(found.right_close, one)) == 0
        explained[one.name] = closes & (_steps(found.reopen - from_utc(found.right_reopen, one)) == 0)
    return explained


def _judged(found: _Weekends, explained: dict[str, np.ndarray], bars: _Bars) -> ClockCheck:
    declared = bars.declared.name
    shares = {name: float(which.mean()) for name, which in explained.items()}
    best = max(shares, key=shares.__getitem__)
    weeks, unexplained = len(found.close), _stretches(found, ~explained[declared], bars.kept)
    seen = ClockCheck(FITS, "", weeks, shares[declared], best, shares[best], unexplained)
    told = f"{declared} explains {_percent(shares[declared])} of {weeks} weeks"
    but = f", but not {_listed(unexplained)}" if unexplained else ""
    if seen.explained >= ENOUGH and not _better(explained[best], explained[declared]):
        return seen._replace(told=f"The clock fits: {told}{but}.")
    observed, expected = _places(found, ~explained[declared], bars)
    seen = seen._replace(observed=observed, expected=expected)
    off = f"Declared {declared}, but the {bars.market} market's {observed} (should be {expected})"
    if seen.best_explained >= ENOUGH:
        like = f"this looks like {_named(best, shares)}, which explains {shares[best]:.0%} of {weeks} weeks"
        return seen._replace(
            verdict=f"{LOOKS_LIKE} {best}", told=f"{off}: {like} ({declared}: {shares[declared]:.0%})."
        )
    if switch := _switch(found, explained, bars.kept):
        return seen._replace(verdict=SWITCHES, told=f"{off}: {switch}.")
    if _steady(found.hours) >= ENOUGH:
        return seen._replace(verdict=SWITCHES, told=f"{off}: the clock switches, {told}{but}.")
    return seen._replace(verdict=UNTESTED, told=f"The clock cannot be tested: {told}, {best} {_percent(shares[best])}.")


def _better(best: np.ndarray, declared: np.ndarray) -> bool:
    """Return whether the best clock explains all that the declared one does, and two weeks in a row more."""
    more = best & ~declared
    return bool((declared <= best).all() and (more[1:] & more[:-1]).any())


def _percent(share: float) -> str:
    return f"{share:.1%}".replace(".0%", "%")


def _named(best: str, shares: dict[str, float]) -> str:
    """Return the name of the best clock, and the usual ones that explain as much."""
    equal = [name for name in _USUAL if shares.get(name) == shares[best] and name != best]
    alike = [*([_ALSO[best]] if best in _ALSO else []), *(f"or {name}" for name in equal)]
    return f"{best} ({', '.join(alike)})" if alike else best


def _switch(found: _Weekends, explained: dict[str, np.ndarray], kept: Hours) -> str:
    """Return from which clock to which, and in which week, where two of them in turn explain enough; else ""."""
    names, weeks = list(explained), len(found.close)
    upto = np.cumsum(np.stack(list(explained.values())), axis=1)
    before, after = upto[:, :-1], upto[:, -1:] - upto[:, :-1]
    split = int(np.argmax(before.max(axis=0) + after.max(axis=0)))
    one, other = int(np.argmax(before[:, split])), int(np.argmax(after[:, split]))
    if before[one, split] + after[other, split] < ENOUGH * weeks:
        return ""
    if not FEWEST_WEEKS <= split + 1 <= weeks - FEWEST_WEEKS:
        return ""
    day = _opening(found, kept)[split + 1]
    return f"the clock switches from {names[one]} to {names[other]} in the week of {day}"


def _steady(moved: np.ndarray) -> float:
    """Return the share of weeks that stand beside the market's hours as far as the week before or after does."""
    same = moved[1:] == moved[:-1]
    return float((np.r_[same, False] | np.r_[False, same]).mean())


def _stretches(found: _Weekends, which: np.ndarray, kept: Hours) -> tuple[Stretch, ...]:
    days = _opening(found, kept)
    edges = np.flatnonzero(np.diff(np.r_[False, which, False].astype(np.int8))).reshape(-1, 2)
    return tuple(
        Stretch(days[a], days[b - 1], int(b - a), tuple(np.unique(found.hours[a:b]).tolist())) for a, b in edges
    )


def _listed(stretches: tuple[Stretch, ...]) -> str:
    """Return the stretches in words, the longest three of them."""
    longest = sorted(sorted(stretches, key=lambda one: -one.weeks)[:3])
    told = [f"{one.first}" if one.weeks == 1 else f"{one.first} to {one.last}" for one in longest]
    more = f" and {len(stretches) - 3} more times" if len(stretches) > 3 else ""
    return f"the weeks of {', '.join(told)}{more}"


def _opening(found: _Weekends, kept: Hours) -> list[dt.date]:
    """Return the date on which the market opens after each weekend."""
    days: list[dt.date] = (from_utc(found.right_reopen, clock(kept.zone)) // _DAY).astype("M8[D]").tolist()
    return days


def _places(found: _Weekends, which: np.ndarray, bars: _Bars) -> tuple[str, str]:
    """Return where the daily break (or the weekend) stands on the declared clock in the weeks `which`, and should.

    The middle one of those weeks is told, or of those in winter if there are any.
    """
    zone = clock(bars.kept.zone)
    winter = which & (from_utc(found.right_reopen, zone) - found.right_reopen == zone.offsets.min())
    asked = np.flatnonzero(winter if winter.any() else which)
    season = "in winter" if winter.any() else "in summer"
    week = asked[len(asked) // 2]
    close, reopen = (int(from_utc(one[[week]], bars.declared)[0]) for one in (found.right_close, found.right_reopen))
    rest = bars.kept.break_minutes * _MINUTE
    began = _break_after(int(found.right_reopen[week]), bars)
    if began is None:
        should = f"{_day_and_time(close)} to {_day_and_time(reopen)} {season}"
        return f"weekend lasts from {_day_and_time(found.close[week])} to {_day_and_time(found.reopen[week])}", should
    observed = f"daily break falls at {_time(began)}–{_time(began + rest)} {bars.declared.name}"
    return observed, f"{_time(reopen - rest)}–{_time(reopen)} {season}"


def _break_after(reopen: int, bars: _Bars) -> int | None:
    """Return when, on the declared clock, most breaks of the five days after `reopen` begin; None if there are none."""
    length = bars.kept.break_minutes * _MINUTE
    near = (bars.start > reopen) & (bars.start < reopen + 5 * _DAY) & (_steps(bars.end - bars.start - length) == 0)
    if not length or not near.any():
        return None
    began = np.round(from_utc(bars.start[near], bars.declared) / _FIVE_MINUTES).astype(np.int64) * _FIVE_MINUTES % _DAY
    walls, counts = np.unique(began, return_counts=True)
    return int(walls[np.argmax(counts)])


def _time(wall: int) -> str:
    minute = wall // _MINUTE % 1440
    return f"{minute // 60:02}:{minute % 60:02}"


def _day_and_time(wall: int) -> str:
    return f"{_WEEKDAYS[(wall // _DAY + _FIRST_WEEKDAY) % 7]} {_time(wall)}"
