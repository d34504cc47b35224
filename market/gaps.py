"""What kind of gap a gap between bars is: the weekend, the daily break, a holiday, or a hole in the data.

Sources keep their own hours by a little. Brokers and vendors of gold, currencies and indices end Friday up to an hour
early, reopen up to an hour late in the weeks when only one side of the Atlantic keeps summer time, close some minutes
early before the daily break, and reopen up to nine hours late after Christmas and New Year. So much trading time beside
shut time is no hole; more of it is one, and then all of it counts.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from market.clocks import clock, from_utc, to_utc
from market.holidays import holidays
from market.hours import Hours, hours
from market.timeframe import Timeframe

KINDS = ("weekend", "break", "holiday", "hole")

_WEEKEND, _BREAK, _EARLY, _SHUT = range(4)  # reasons for shut time
_MINUTE, _DAY = 60_000_000, 86_400_000_000  # microseconds
_NOON = 12 * 60 * _MINUTE
_EARLIER, _EARLIER_THAN_BREAK = 60 * _MINUTE, 15 * _MINUTE
_LATER, _LATER_THAN_HOLIDAY = 60 * _MINUTE, 540 * _MINUTE
_LAST_DAY = 47_481  # 2100-01-01: no summer time or holiday is known after it
_FIRST_WEEKDAY = 3  # 1970 began on a Thursday


class Shut(NamedTuple):
    """Shut time in UTC microseconds, sorted, apart: where each piece starts and ends, and the reason for it."""

    start: np.ndarray
    end: np.ndarray
    reason: np.ndarray


class _Blocks(NamedTuple):
    """Pieces of shut time that touch, as one: its start and end, its first reason, and the reasons in it (n × 4)."""

    start: np.ndarray
    end: np.ndarray
    first: np.ndarray
    has: np.ndarray


def kinds(start: np.ndarray, end: np.ndarray, timeframe: Timeframe, market: str) -> pd.DataFrame:
    """Return the `kind` of each gap (one of KINDS) and how many bars are `missing` from it in trading hours (int64).

    A gap runs from the close of the last bar before it to the open of the first bar after (UTC, int64 us). Only a hole
    misses bars: as many as its trading time has room for, holidays left out.
    """
    if len(start) == 0:
        return pd.DataFrame({"kind": np.array([], dtype=object), "missing": np.array([], dtype=np.int64)})
    shut = shut_time(int(start.min()), int(end.max()), market)
    if len(shut.start) == 0:
        within, allowed = np.zeros((len(start), 4), np.int64), np.zeros(len(start), np.int64)
        beside = np.zeros((len(start), 4), dtype=bool)
    else:
        within = _shut_by(end, shut) - _shut_by(start, shut)
        allowed, beside = _allowed(start, end, _blocks(shut))
    trading = end - start - within.sum(axis=1) - allowed
    holiday = within[:, _EARLY] + within[:, _SHUT] > 0
    weekend = (within[:, _WEEKEND] > 0) | ((within.sum(axis=1) == 0) & beside[:, _WEEKEND])
    kind = np.select([trading > 0, holiday, weekend], [3, 2, 0], default=1)
    missing = -(-trading // (timeframe.minutes * _MINUTE))
    return pd.DataFrame({"kind": np.array(KINDS, dtype=object)[kind], "missing": missing})


def shut_time(start: int, end: int, market: str) -> Shut:
    """Return when a market is shut around `start` to `end` (UTC, us): weekends, daily breaks and holidays."""
    kept = hours(market)
    days = np.arange(max(start // _DAY - 4, 0), min(end // _DAY + 5, _LAST_DAY))
    begins = days * _DAY - -kept.roll_minute % 1440 * _MINUTE
    opens, ends = begins + kept.break_minutes * _MINUTE, begins + _DAY
    weekday = (days + _FIRST_WEEKDAY) % 7
    resting = kept.weekend & (weekday >= 5)
    pieces = [
        (begins[resting], ends[resting], _WEEKEND),
        *_breaks(begins[~resting], opens[~resting], kept.weekend & (weekday[~resting] == 0)),
        *_holidays(days, opens, ends, market),
    ]
    local = Shut(
        np.concatenate([piece[0] for piece in pieces]),
        np.concatenate([piece[1] for piece in pieces]),
        np.concatenate([np.full(len(piece[0]), piece[2]) for piece in pieces]),
    )
    order = np.flatnonzero(local.end > local.start)
    order = order[np.argsort(local.start[order])]
    return Shut(_instant(local.start[order], kept), _instant(local.end[order], kept), local.reason[order])


def _breaks(begins: np.ndarray, opens: np.ndarray, monday: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, int]]:
    return [(begins[monday], opens[monday], _WEEKEND), (begins[~monday], opens[~monday], _BREAK)]


def _holidays(
    days: np.ndarray, opens: np.ndarray, ends: np.ndarray, market: str
) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """Return whole trading days, and the time from noon on of those that end early."""
    year = days.astype("M8[D]").astype("M8[Y]").astype(int) + 1970
    known = holidays(market, range(year.min(), year.max() + 1) if len(year) else ())
    shut, early = (np.isin(days.astype("M8[D]"), which) for which in known)
    noon = np.clip(days * _DAY + _NOON, opens, ends)
    return [(opens[shut], ends[shut], _SHUT), (noon[early], ends[early], _EARLY)]


def _instant(local: np.ndarray, kept: Hours) -> np.ndarray:
    """Return the instants of local times; one that summer time repeats or skips has the offset of the day before."""
    zone = clock(kept.zone)
    utc, unknown = to_utc(local, zone)
    return np.where(unknown, local - (from_utc(local - _DAY, zone) - (local - _DAY)), utc)


def _shut_by(instants: np.ndarray, shut: Shut) -> np.ndarray:
    """Return how long the market has been shut up to each instant, by reason (n × 4, us)."""
    lengths = np.where(shut.reason[:, None] == np.arange(4), (shut.end - shut.start)[:, None], 0)
    before = np.vstack([np.zeros((1, 4), np.int64), np.cumsum(lengths, axis=0)])
    place = np.searchsorted(shut.start, instants, side="right")
    last = np.maximum(place - 1, 0)
    remaining = np.where(place > 0, np.maximum(shut.end[last] - instants, 0), 0)
    found = before[place]
    found[np.arange(len(instants)), shut.reason[last]] -= remaining
    return found


def _blocks(shut: Shut) -> _Blocks:
    first = np.flatnonzero(np.r_[True, shut.start[1:] > shut.end[:-1]])
    last = np.r_[first[1:], len(shut.start)] - 1
    has = np.logical_or.reduceat(shut.reason[:, None] == np.arange(4), first, axis=0)
    return _Blocks(shut.start[first], shut.end[last], shut.reason[first], has)


def _allowed(start: np.ndarray, end: np.ndarray, blocks: _Blocks) -> tuple[np.ndarray, np.ndarray]:
    """Return the trading time beside shut time that is no hole (us), and the reasons for the shut time before it.

    A gap that starts where shut time ends is beside it: the source traded in the break.
    """
    first = np.searchsorted(blocks.end, start, side="left")
    last = np.searchsorted(blocks.start, end, side="left") - 1
    touches = first <= last
    first, last = np.minimum(first, len(blocks.end) - 1), np.maximum(last, 0)
    earlier = np.maximum(blocks.start[first] - start, 0)
    later = np.maximum(end - blocks.end[last], 0)
    most_earlier = np.where(blocks.first[first] == _BREAK, _EARLIER_THAN_BREAK, _EARLIER)
    most_later = np.where(blocks.has[last, _SHUT], _LATER_THAN_HOLIDAY, _LATER)
    allowed = np.where(earlier <= most_earlier, earlier, 0) + np.where(later <= most_later, later, 0)
    return np.where(touches, allowed, 0), blocks.has[last] & touches[:, None]
