"""Where bars stand and where they should: counted by UTC day, and by month and time of day, while bars pass.

Expected is each bar of the timeframe's grid with a moment of trading in it, holidays and early closes left out, from
the first bar to the last. A bar belongs to the UTC day, and the part of the day, of its last instant.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from market.gaps import Shut, shut_time
from market.hours import hours
from market.timeframe import Timeframe

_MINUTE, _DAY = 60_000_000, 86_400_000_000  # microseconds
_FINEST_PART = 60  # minutes of a part of the day
_AT_ONCE = 1 << 20  # bars of the grid
_MONTH, _AHEAD = 32 * _DAY, 730 * _DAY  # how far shut time is known before and beyond what has been seen
_FIRST_WEEKDAY = 3  # 1970 began on a Thursday


class Expected(NamedTuple):
    """What was found and what was expected.

    days: indexed by `day` (datetime64[us]), every day from the first bar to the last: `expected` bars, `present` ones
    among them, `beside` (bars where none was expected).
    parts: indexed by `month` (datetime64[us]) and `part` of the day (from 0): `bars` of any kind, as many as are
    `possible` from the first day to the last (five days a week, or all), and `trading`: the share of the part in which
    the market trades in the whole month.
    """

    days: pd.DataFrame
    parts: pd.DataFrame


class Presence:
    """Counts bars that pass by, a window at a time, in stamp order."""

    def __init__(self, timeframe: Timeframe, market: str) -> None:
        self.market, self.length = market, timeframe.minutes * _MINUTE
        self.part_minutes = max(_FINEST_PART, timeframe.minutes)
        self._first = self._last = self._known_to = 0
        self._shut = Shut(*(np.empty(0, np.int64) for _ in Shut._fields))
        self._seen: list[pd.DataFrame] = []

    def see(self, bars: pd.DataFrame) -> None:
        """Count a window of bars, indexed by `ts` (UTC close)."""
        if not len(bars):
            return
        ts = pd.DatetimeIndex(bars.index).as_unit("us").asi8
        self._first, self._last = self._first or int(ts[0]), int(ts[-1])
        if self._last > self._known_to:
            self._known_to = self._last + _AHEAD
            self._shut = shut_time(self._first - _MONTH, self._known_to, self.market)
        self._seen.append(self._counted(ts).rename(columns={"trading": "present"}))

    def expected(self) -> Expected:
        """Return what was found and what was expected of the bars that have passed; at least one has."""
        step = _AT_ONCE * self.length
        starts = range(self._first, self._last + 1, step)
        grid = (np.arange(start, min(start + step, self._last + 1), self.length) for start in starts)
        wanted = _summed([self._counted(ts)["trading"] for ts in grid])
        counts = pd.concat([_summed(self._seen), wanted.rename("expected")], axis=1).fillna(0).astype(np.int64)
        counts = counts.sort_index().reset_index(names="at")
        return Expected(self._days(counts), self._parts(counts))

    def _counted(self, ts: np.ndarray) -> pd.DataFrame:
        """Return `bars`, and how many of them are `trading`, by day and part of the day of their last instant."""
        shut = _shut_upto(ts, self._shut) - _shut_upto(ts - self.length, self._shut)
        part = (ts - 1) // (self.part_minutes * _MINUTE)
        first = np.flatnonzero(np.diff(part, prepend=part[0] - 1))
        trading = np.add.reduceat(shut < self.length, first, dtype=np.int64)
        bars = np.diff(np.r_[first, len(part)])
        return pd.DataFrame({"bars": bars, "trading": trading}, index=pd.Index(part[first], name="at"))

    def _days(self, counts: pd.DataFrame) -> pd.DataFrame:
        day = counts["at"] * self.part_minutes // 1440
        sums = counts.drop(columns="at").groupby(day).sum()
        sums = sums.reindex(np.arange(sums.index[0], sums.index[-1] + 1), fill_value=0)
        columns = {"expected": sums["expected"], "present": np.minimum(sums["present"], sums["expected"])}
        columns["beside"] = sums["bars"] - columns["present"]
        return pd.DataFrame(columns).set_index(_stamps(sums.index.to_numpy() * _DAY, "day"))

    def _parts(self, counts: pd.DataFrame) -> pd.DataFrame:
        each = 1440 // self.part_minutes
        months = _month((counts["at"] // each).to_numpy())
        bars = counts["bars"].groupby([months, (counts["at"] % each).to_numpy()]).sum()
        every = pd.date_range(months[0], months[-1], freq="MS", unit="us")
        parts = bars.reindex(pd.MultiIndex.from_product([every, range(each)], names=["month", "part"]), fill_value=0)
        days = self._trading_days((self._first - 1) // _DAY, (self._last - 1) // _DAY, every)
        possible = days * (self.part_minutes * _MINUTE // self.length)
        return pd.DataFrame({"bars": parts, "possible": np.repeat(possible, each), "trading": self._trading(every)})

    def _trading(self, months: pd.DatetimeIndex) -> np.ndarray:
        """Return the share of each part of the day, month by month, in which the market trades."""
        each, length = 1440 // self.part_minutes, self.part_minutes * _MINUTE
        end = int((months[-1] + pd.offsets.MonthBegin()).as_unit("us").to_datetime64().astype(np.int64))
        edges = np.arange(months.asi8[0], end + 1, length)
        trades = length - np.diff(_shut_upto(edges, self._shut))
        month = _month(edges[:-1] // _DAY)
        sums = pd.Series(trades).groupby([month, np.arange(len(trades)) % each]).sum().to_numpy()
        days = self._trading_days(int(edges[0] // _DAY), end // _DAY - 1, months)
        return np.asarray(sums / np.repeat(days * length, each))

    def _trading_days(self, first: int, last: int, months: pd.DatetimeIndex) -> np.ndarray:
        """Return how many days, holidays among them, the market trades in each month from a first day to a last one."""
        days = np.arange(first, last + 1)
        if hours(self.market).weekend:
            days = days[(days + _FIRST_WEEKDAY) % 7 < 5]
        return pd.Series(1, index=_month(days)).groupby(level=0).sum().reindex(months, fill_value=0).to_numpy()


def _month(days: np.ndarray) -> np.ndarray:
    """Return the month in which each day since 1970 lies."""
    return days.astype("M8[D]").astype("M8[M]").astype("M8[us]")


def _shut_upto(instants: np.ndarray, shut: Shut) -> np.ndarray:
    """Return for how long the market has been shut up to each instant (us)."""
    if not len(shut.start):
        return np.zeros(len(instants), np.int64)
    before = np.r_[0, np.cumsum(shut.end - shut.start)]
    place = np.searchsorted(shut.start, instants, side="right")
    running = np.where(place > 0, np.maximum(shut.end[np.maximum(place - 1, 0)] - instants, 0), 0)
    return np.asarray(before[place] - running)


def _summed(counts: list[Any]) -> Any:
    return pd.concat(counts).groupby(level=0).sum()


def _stamps(microseconds: np.ndarray, name: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(microseconds.astype("datetime64[us]"), name=name)
