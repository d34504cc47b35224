"""A profile of bars: one row a UTC day and the list of gaps, small enough to keep where the bars are not.

Bars pass once, in windows of any size; whatever needs a long look at a series reads the profile. A day is made up when
a bar of a later one has been seen; until then its bars are held. So a profile never depends on where the windows were
cut, and memory is bounded by a window, a day of bars, the days and the gaps.

A bar belongs to the UTC day of its last instant: one that closes at midnight ends the day before.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from market.errors import DataError
from market.timeframe import Timeframe

LISTED_MINUTES, LISTED_BARS = 30, 2

_COLUMNS = ("open", "high", "low", "close", "volume", "spread_recorded")
_DAY, _MINUTE = 86_400_000_000, 60_000_000  # microseconds
_CONTEXT = 2  # bars before a day that its first bar is compared with
_EQUAL = 1e-8  # of the price: less is rounding, a tick is ten times as much at least


class Profile(NamedTuple):
    """What there is to know of a series day by day.

    days: indexed by `day` (datetime64[us], UTC date), one row for each day with bars:
    `bars`; `first` `last` (close stamps, int64 microseconds UTC); `open high low close` of the day;
    `volume` (median of the bars that have some, NaN where none has), `without_volume` (bars);
    `flat` (bars whose four prices are one), `unchanged` (bars that close where the last one did),
    `unchanged_run` (bars in the longest stretch of one close that ends on the day, 0 where none ends);
    `straight` (bars that go on along the line through the two closes before, up or down), `straight_run` (in a row);
    `same_shape` (bars whose range, or whose both wicks, none zero, are the last bar's, in price or in proportion);
    of log returns between bars without a gap: `returns` (how many), `absolute` `squares` `fourths` (sums), `pairs`
    (how many follow another), `products` `absolute_products` (sums of a return times the one before);
    of recorded spreads: `spreads` (how many), `spread` (median), `spread_least` `spread_most` (NaN where there are
    none), `spread_zeros`;
    `small_gaps` (gaps before the day's bars that are too small to be listed).

    gaps: `start` (close of a bar), `end` (open of the next), int64 microseconds UTC: gaps of at least 30 minutes or
    two bars.
    """

    days: pd.DataFrame
    gaps: pd.DataFrame


class _Runs(NamedTuple):
    """How many bars in a row, up to the last one, were unchanged and went straight on."""

    unchanged: int
    straight: int


class Scan(NamedTuple):
    """A profile in the making: the days that are made up, and the bars of the one that is not.

    `ts` (int64) and `values` (open high low close volume spread_recorded × bars) begin with `context` bars of the
    days before.
    """

    timeframe: Timeframe
    ts: np.ndarray
    values: np.ndarray
    context: int
    runs: _Runs
    days: tuple[pd.DataFrame, ...]
    gaps: tuple[pd.DataFrame, ...]

    def see(self, window: pd.DataFrame) -> "Scan":
        """Return the scan after `window`: sound bars (open high low close volume spread_recorded, NaN where unknown).

        `window` is indexed by `ts` (UTC close). Raises DataError where stamps do not increase strictly, from window to
        window too.
        """
        if window.empty:
            return self
        ts = np.r_[self.ts, pd.DatetimeIndex(window.index).as_unit("us").asi8]
        if (np.diff(ts) <= 0).any():
            raise DataError("The stamps of bars must increase strictly: sort them and remove duplicates.")
        added = np.array([window[name].to_numpy(dtype=np.float64) for name in _COLUMNS])
        seen = self._replace(ts=ts, values=np.concatenate([self.values, added], axis=1))
        midnight = (ts[-1] - 1) // _DAY * _DAY
        whole = int(np.searchsorted(ts, midnight, side="right"))
        return seen._made_up(whole) if whole > self.context else seen

    def finish(self) -> Profile:
        """Return the profile of all bars seen."""
        done = self._made_up(len(self.ts)) if len(self.ts) > self.context or not self.days else self
        return Profile(pd.concat(done.days), pd.concat(done.gaps, ignore_index=True))

    def _made_up(self, stop: int) -> "Scan":
        """Return the scan with the days of the bars before `stop` made up; they are all of whole days."""
        ts, values = self.ts[:stop], np.ascontiguousarray(self.values[:, :stop])
        fresh = slice(self.context, None)
        gap = np.diff(ts, prepend=ts[:1] - self._length) - self._length
        listed = gap >= min(LISTED_MINUTES * _MINUTE, LISTED_BARS * self._length)
        sums = {name: each[fresh] for name, each in _measures(ts, values, self._length).items()}
        sums["small_gaps"] = ((gap > 0) & ~listed)[fresh]
        runs = [_lengths(sums[name], before) for name, before in self.runs._asdict().items()]
        following = self.values[3, stop] if stop < len(self.ts) else np.nan
        ended = np.r_[~sums["unchanged"][1:], values[3, -1:] != following]
        longest = {"unchanged_run": np.where(ended, runs[0] + 1, 0), "straight_run": runs[1]}
        ends = ts[fresh][listed[fresh]] - self._length
        gaps = pd.DataFrame({"start": ends - gap[fresh][listed[fresh]], "end": ends})
        keep = max(stop - _CONTEXT, 0)
        return self._replace(
            ts=self.ts[keep:].copy(),
            values=self.values[:, keep:].copy(),
            context=stop - keep,
            runs=_Runs(*(int(run[-1]) for run in runs)) if stop else self.runs,
            days=(*self.days, _days(ts[fresh], values[:, fresh], sums, longest)),
            gaps=(*self.gaps, gaps),
        )

    @property
    def _length(self) -> int:
        return self.timeframe.minutes * _MINUTE


def start(timeframe: Timeframe) -> Scan:
    """Return a scan that has seen nothing."""
    return Scan(timeframe, np.empty(0, dtype=np.int64), np.empty((len(_COLUMNS), 0)), 0, _Runs(0, 0), (), ())


def of(bars: pd.DataFrame, timeframe: Timeframe) -> Profile:
    """Return the profile of bars that are all at hand, as `Scan.see` wants them."""
    return start(timeframe).see(bars).finish()


def _measures(ts: np.ndarray, values: np.ndarray, length: int) -> dict[str, np.ndarray]:
    """Return what is summed over a day, a value a bar; nothing is like the bar before where there is none."""
    open_, high, low, close, volume, spread = values
    before = _earlier(close)
    step, last_step = close - before, before - _earlier(before)
    unchanged = close == before
    follows = np.diff(ts, prepend=ts[:1]) == length
    change = np.where(follows, np.log(close / before), 0.0)
    change_before = np.where(follows & _earlier(follows), _earlier(change), 0.0)
    return {
        "without_volume": ~(volume > 0),
        "flat": (high == low) & (open_ == close),
        "unchanged": unchanged,
        "straight": (np.abs(step - last_step) <= _EQUAL * close) & ~unchanged,
        "same_shape": _same_shape(open_, high, low, close),
        "returns": follows,
        "absolute": np.abs(change),
        "squares": change**2,
        "fourths": change**4,
        "pairs": follows & _earlier(follows),
        "products": change * change_before,
        "absolute_products": np.abs(change * change_before),
        "spreads": ~np.isnan(spread),
        "spread_zeros": spread == 0,
    }


def _same_shape(open_: np.ndarray, high: np.ndarray, low: np.ndarray, close: np.ndarray) -> np.ndarray:
    """Return where the range, or both wicks, are those of the last bar in price or in proportion, and not zero."""
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    least = _EQUAL * close
    wicks = _repeats(high - top, least) & _repeats(bottom - low, least)
    parts = _repeats(high / top - 1, _EQUAL) & _repeats(bottom / low - 1, _EQUAL)
    return _repeats(high - low, least) | _repeats(high / low - 1, _EQUAL) | wicks | parts


def _repeats(measure: np.ndarray, least: np.ndarray | float) -> np.ndarray:
    return (np.abs(measure - _earlier(measure)) <= least) & (measure > least)


def _earlier(each: np.ndarray) -> np.ndarray:
    """Return the value of the bar before (NaN or false before the first)."""
    return np.concatenate([np.full(min(1, len(each)), False if each.dtype == bool else np.nan), each[:-1]])


def _lengths(flags: np.ndarray, before: int) -> np.ndarray:
    """Return how many flags in a row are true up to each one, going on from a run of `before`.

    >>> _lengths(np.array([True, True, False, True]), 5).tolist()
    [6, 7, 0, 1]
    """
    at = np.arange(1, len(flags) + 1)
    return at - np.maximum.accumulate(np.where(flags, -before, at))


def _days(
    ts: np.ndarray, values: np.ndarray, sums: dict[str, np.ndarray], longest: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Return a row a day: the sums and maxima of what each bar has, extremes and medians."""
    day = (ts - 1) // _DAY
    first = np.flatnonzero(np.diff(day, prepend=-1))
    bars = np.diff(first, append=len(day))
    last = first + bars - 1
    open_, high, low, close, volume, spread = values
    with_volume = np.where(volume > 0, volume, np.nan)
    medians = pd.DataFrame({"volume": with_volume, "spread": spread}).groupby(np.repeat(day[first], bars)).median()
    columns = {"bars": bars, "first": ts[first], "last": ts[last], "open": open_[first]}
    columns |= {"high": np.maximum.reduceat(high, first), "low": np.minimum.reduceat(low, first)}
    columns |= {"close": close[last], "volume": medians["volume"].to_numpy(), "spread": medians["spread"].to_numpy()}
    columns |= {"spread_least": np.fmin.reduceat(spread, first), "spread_most": np.fmax.reduceat(spread, first)}
    columns |= {name: _sum(each, first) for name, each in sums.items()}
    columns |= {name: np.maximum.reduceat(each, first) for name, each in longest.items()}
    index = pd.DatetimeIndex((day[first] * _DAY).astype("datetime64[us]"), name="day")
    return pd.DataFrame(columns, index=index)


def _sum(each: np.ndarray, first: np.ndarray) -> np.ndarray:
    return np.add.reduceat(each, first, dtype=np.int64 if each.dtype == bool else np.float64)
