"""What only a long look at a series reveals: holes, dead stretches, volume in two units, spreads that somebody typed.

A check is a pure function from a profile, its timeframe and its instrument to findings about the whole series (row 0;
`file` is empty until `check` fills it in); `CHECKS` is the list of them. Bounds stand well beyond what real bars of
one minute to four hours show, metals at night and coins included; little is said of few bars.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from market import artificial
from market.findings import joined
from market.hours import hours
from market.instruments import Instrument
from market.profile import Profile
from market.timeframe import Timeframe
from market.validation import about_file, number

LEAST_BARS = 300  # of fewer nothing is said
VOLUME_LEAP, VOLUME_DAYS = 20.0, 10  # real volume leaps 8× at most, where a venue ended free trading
HOLE_WEEKDAYS, HOLE_HOURS = 4, 24  # markets that rest at weekends close for three days at most
HALF = 0.5
DEAD_SHARE, FLAT_SHARE, FLAT_SHARE_FINE = 0.9, 0.1, 0.5  # real: 0.22 unchanged, 0.05 flat, silver's minutes
FINE_MINUTES = 15  # finer bars are often flat
LEAST_STILL = 6  # bars of one close: a day of four-hour bars

Check = Callable[[Profile, Timeframe, Instrument], Iterator[pd.DataFrame]]

_HOUR = 3_600_000_000  # microseconds
_NAMED = 3  # places named in one finding


def check(profile: Profile, timeframe: Timeframe, instrument: Instrument, file: str = "") -> pd.DataFrame:
    """Return all findings of `CHECKS` on a profile (columns `findings.COLUMNS`), none for fewer than 300 bars."""
    if profile.days["bars"].sum() < LEAST_BARS:
        return joined([])
    found = joined([finding for one in CHECKS for finding in one(profile, timeframe, instrument)])
    return found.assign(file=file)


def _volume_unit(profile: Profile, _: Timeframe, instrument: Instrument) -> Iterator[pd.DataFrame]:
    """A leap of the usual volume that stays, from one day to the next."""
    volume = _trading_days(profile, instrument)["volume"].dropna()
    level = np.log(volume.to_numpy())
    for i in _leaps(level):
        parts = level[i - VOLUME_DAYS : i], level[i : i + VOLUME_DAYS]
        before, after = (float(np.exp(np.median(part))) for part in parts)
        times = f"{max(after / before, before / after):,.0f} times {'more' if after > before else 'less'}"
        found = f"a median volume of {before:.6g} a bar before {_date(volume.index[i])} and of {after:.6g} from then on"
        wanted = "one unit of volume (lots, contracts or ticks): convert one of the parts"
        yield about_file("", "volume changes its unit", f"{found}, {times}", wanted, "warning")


def _leaps(level: np.ndarray) -> list[int]:
    """Return the positions from which the level of log volume is another one, for ten days before and after."""
    if len(level) < 2 * VOLUME_DAYS:
        return []
    medians = np.median(np.lib.stride_tricks.sliding_window_view(level, VOLUME_DAYS), axis=1)
    change = np.r_[np.zeros(VOLUME_DAYS), np.abs(medians[VOLUME_DAYS:] - medians[:-VOLUME_DAYS])]
    step = np.abs(np.diff(level, prepend=level[0]))[: len(change)]
    leaps = np.flatnonzero((change >= np.log(VOLUME_LEAP)) & (step >= np.log(VOLUME_LEAP) / 2))
    groups = np.split(leaps, np.flatnonzero(np.diff(leaps) >= VOLUME_DAYS) + 1) if len(leaps) else []
    return [int(group[np.argmax(change[group] + step[group])]) for group in groups][:_NAMED]


def _volume_stops(profile: Profile, _: Timeframe, instrument: Instrument) -> Iterator[pd.DataFrame]:
    """Days without any volume in a series that has some."""
    days = _trading_days(profile, instrument)
    without = days["volume"].isna().to_numpy()
    runs = [(start, stop) for start, stop in _runs(without) if stop - start >= VOLUME_DAYS]
    if runs and not without.all():
        places = _named([(f"{_date(days.index[a])} to {_date(days.index[b - 1])}", b - a) for a, b in runs], "days")
        wanted = "volume on all days or on none: features of volume mean nothing there"
        yield about_file("", "volume is missing for days", f"no volume {places}", wanted, "warning")


def _holes(profile: Profile, _: Timeframe, instrument: Instrument) -> Iterator[pd.DataFrame]:
    """Stretches of trading days without a bar."""
    if hours(instrument.market).weekend:
        weekdays = pd.bdate_range(profile.days.index[0], profile.days.index[-1])
        missing = ~weekdays.isin(profile.days.index)
        runs = [(start, stop) for start, stop in _runs(missing) if stop - start >= HOLE_WEEKDAYS]
        holes = [(f"{_date(weekdays[a])} to {_date(weekdays[b - 1])}", b - a) for a, b in runs]
        unit, most = "weekdays", f"fewer than {HOLE_WEEKDAYS} weekdays"
    else:
        long = profile.gaps["end"] - profile.gaps["start"] >= HOLE_HOURS * _HOUR
        rows = profile.gaps[long].itertuples()
        holes = [(f"{_minute(gap.start)} to {_minute(gap.end)}", int(gap.end - gap.start) // _HOUR) for gap in rows]
        unit, most = "hours", f"less than {HOLE_HOURS} hours"
    if holes:
        wanted = f"{most} in a row without a bar: get the missing part, or import the parts on both sides apart"
        yield about_file("", "long hole", f"no bar {_named(holes, unit)}", wanted, "warning")


def _half_empty(profile: Profile, timeframe: Timeframe, instrument: Instrument) -> Iterator[pd.DataFrame]:
    """Fewer than half of the bars, or of the days, that a series between the same ends has with the same hours."""
    days = _trading_days(profile, instrument)
    if days.empty:
        return
    span = 1 + float((days["last"] - days["first"]).median()) / (timeframe.minutes * 60_000_000)
    weekend = hours(instrument.market).weekend
    among = pd.date_range(days.index[0], days.index[-1], freq="B" if weekend else "D")
    bars, wanted_bars = int(days["bars"].sum()), round(span * len(among))
    if bars < HALF * wanted_bars:
        found = (
            f"{bars} bars on {len(days)} of {len(among)} {'week' if weekend else ''}days from {_date(among[0])} to "
            f"{_date(among[-1])}, {bars / wanted_bars:.0%} of what fits into the hours of its days"
        )
        wanted = f"most {timeframe.name} bars: get a fuller export"
        yield about_file("", "series is half empty", found, wanted, "warning")


def _dead(profile: Profile, timeframe: Timeframe, _: Instrument) -> Iterator[pd.DataFrame]:
    """Prices that do not move: in a whole series, for a day of bars, or in many bars."""
    days = profile.days
    bars, unchanged, flat = (int(days[name].sum()) for name in ("bars", "unchanged", "flat"))
    if unchanged > DEAD_SHARE * bars:
        found = f"{unchanged} of {bars} bars close where the last one did"
        yield about_file("", "price never moves", found, "prices of a market that trades: get another export")
        return
    day = max(LEAST_STILL, int(days["bars"].max()))
    still = days["unchanged_run"][days["unchanged_run"] >= day]
    if len(still):
        places = _named([(f"until {_date(date)}", int(run)) for date, run in still.items()], "bars")
        wanted = f"closes that change within a day of {day} bars: leave the filled-in bars out"
        yield about_file("", "price stands still", f"one close {places}", wanted, "warning")
    share = FLAT_SHARE if timeframe.minutes >= FINE_MINUTES else FLAT_SHARE_FINE
    if flat > share * bars:
        found = f"open, high, low and close are one price in {flat} of {bars} bars"
        wanted = f"at most {share:.0%} of {timeframe.name} bars: leave out those in which nothing was traded"
        yield about_file("", "flat bars", found, wanted, "warning")


def _spread(profile: Profile, _: Timeframe, __: Instrument) -> Iterator[pd.DataFrame]:
    """Spreads that were typed, not recorded."""
    days = profile.days
    recorded, zeros = int(days["spreads"].sum()), int(days["spread_zeros"].sum())
    least, most = float(days["spread_least"].min()), float(days["spread_most"].max())
    if recorded < LEAST_BARS:
        return
    if least == most:
        found = f"{number(least)} in all {recorded} bars: it was probably typed, not recorded"
        wanted = "recorded spreads, or none: the instrument's spread_floor is charged then"
        yield about_file("", "spread never changes", found, wanted, "warning")
    elif zeros > HALF * recorded:
        found = f"{zeros} of {recorded} recorded spreads are 0"
        wanted = "spreads that were paid; the instrument's spread_floor is charged where they are less"
        yield about_file("", "spread is mostly zero", found, wanted, "warning")


CHECKS: tuple[Check, ...] = (
    _volume_unit,
    _volume_stops,
    _holes,
    _half_empty,
    _dead,
    _spread,
    *artificial.CHECKS,
)


def _trading_days(profile: Profile, instrument: Instrument) -> pd.DataFrame:
    """Return the days without weekends, unless the market trades on them."""
    weekend = hours(instrument.market).weekend
    return profile.days[profile.days.index.day_of_week < 5] if weekend else profile.days


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Return the stretches in which `flags` are true, as start and stop positions.

    >>> _runs(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False]))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _named(places: list[tuple[str, int]], unit: str) -> str:
    """Return the longest of some places in words.

    >>> _named([("until 2024-03-04", 96), ("until 2024-03-08", 400)], "bars")
    'until 2024-03-08 (400 bars), until 2024-03-04 (96 bars)'
    """
    longest = sorted(places, key=lambda place: -place[1])[:_NAMED]
    words = ", ".join(f"{where} ({length} {unit})" for where, length in longest)
    return words if len(places) <= _NAMED else f"{words} and {len(places) - _NAMED} times more"


def _date(day: pd.Timestamp) -> str:
    return f"{day:%Y-%m-%d}"


def _minute(microseconds: int) -> str:
    return f"{pd.Timestamp(microseconds, unit='us'):%Y-%m-%d %H:%M}"
