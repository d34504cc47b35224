"""Bars of a coarser timeframe among finer ones: daily history in front of quarter-hours, a day's bar merged in.

The check reads rows that are sound in themselves, sorted by `ts`, without repeated stamps. Rows are judged among those
that are given: a stretch by itself, a single bar by the bars of its day.
"""

import numpy as np
import pandas as pd

from market.findings import joined
from market.timeframe import DAY, TIMEFRAMES, Timeframe
from market.validation import about_rows, microseconds

DAILY_ROWS, COARSE_ROWS = 3, 24  # rows of a stretch: too many for a market in which little is traded
LONGEST_LINK_DAYS = 4  # a weekend and a holiday
LEAST_TIMES = 2  # the mean range of the others of a day, at least
OTHERS = 8  # bars that a lone coarser one must sum up
LEAST_SUM_MINUTES = 60  # a minute of silver often sums up the half-hour after it

_MINUTE, _DAY = 60_000_000, 86_400_000_000  # microseconds


def coarser(rows: pd.DataFrame, timeframe: Timeframe) -> pd.DataFrame:
    """Return errors for rows that are bars of a coarser timeframe than `timeframe`, the coarsest that fits.

    `rows` have file, row, stamp (what the source's clock shows), `ts` (UTC close) and prices.
    """
    if len(rows) < DAILY_ROWS:
        return joined([])
    found, taken = [], np.zeros(len(rows), dtype=bool)
    for coarse in (DAY, *reversed(TIMEFRAMES.values())):
        if coarse.minutes <= timeframe.minutes or coarse.minutes % timeframe.minutes:
            continue
        for judge in (_stretches, _sums) if coarse.minutes >= LEAST_SUM_MINUTES else (_stretches,):
            bad, why = judge(rows, coarse)
            bad &= ~taken
            taken |= bad
            name = "daily" if coarse == DAY else coarse.name
            wanted = f"{timeframe.name} bars only: import the {name} ones by themselves"
            found.append(about_rows(rows, bad, f"{name} bar among {timeframe.name} bars", why, wanted))
    return joined(found)


def _stretches(rows: pd.DataFrame, coarse: Timeframe) -> tuple[np.ndarray, str]:
    """Return the rows of stretches that stand whole coarse bars apart (bool), and in words what is wrong with them."""
    length = coarse.minutes * _MINUTE
    spacing = np.diff(microseconds(rows["ts"]))
    linked = (spacing % length == 0) & (spacing > 0) & (spacing <= LONGEST_LINK_DAYS * _DAY)
    edges = np.flatnonzero(np.diff(np.r_[False, linked, False]))
    least, apart = (DAILY_ROWS, _DAY // 2) if coarse == DAY else (COARSE_ROWS, length)
    bad = np.zeros(len(rows), dtype=bool)
    around = np.r_[_DAY, spacing, _DAY]
    for first, last in edges.reshape(-1, 2)[edges[1::2] - edges[::2] >= least - 1]:
        start, stop = first + int(around[first] < apart), last + int(around[last + 1] >= apart)
        bad[start:stop] = stop - start >= least
    return bad, f"one of {least} rows or more in a row that stand whole {coarse.name} bars apart"


def _sums(rows: pd.DataFrame, coarse: Timeframe) -> tuple[np.ndarray, str]:
    """Return the rows that sum up the others of their coarse bar (bool), and in words what is wrong with them.

    Such a row stands at the beginning of its coarse bar and closes with the last of the others, or at its end, where
    stamps mark closes, and opens with the first. None of the others goes beyond its high and low; these are reached
    by others too where the coarse bar is shorter than a day, since a lively minute before a dull hour is no rarity.
    """
    length = coarse.minutes * _MINUTE
    stamp = microseconds(rows["stamp"])
    open_, high, low, close = (rows[name].to_numpy() for name in ("open", "high", "low", "close"))
    bad = np.zeros(len(rows), dtype=bool)
    for at_end in (False, True):
        period = (stamp - int(at_end)) // length
        first = np.flatnonzero(np.diff(period, prepend=-1))
        last = np.r_[first[1:], len(period)] - 1
        alone = last if at_end else first
        judged = (last - first >= OTHERS) & (stamp[alone] % length == 0)
        begin, end, it = (part[judged] for part in (first, last, alone))
        if not len(it):
            continue
        top = _of_others(np.maximum, high, begin, end, at_end)
        bottom = _of_others(np.minimum, low, begin, end, at_end)
        same = open_[it] == open_[begin] if at_end else close[it] == close[end]
        bounds = (high[it] == top) & (low[it] == bottom) if coarse != DAY else (high[it] >= top) & (low[it] <= bottom)
        moves = _of_others(np.maximum, close, begin, end, at_end) > _of_others(np.minimum, close, begin, end, at_end)
        others = _of_others(np.add, high - low, begin, end, at_end) / (end - begin)
        wide = (high - low)[it] > (LEAST_TIMES * others if coarse == DAY else 0.0)
        bad[it] |= same & bounds & moves & wide
    return bad, f"its high, low and close sum up the other bars of its {'day' if coarse == DAY else coarse.name}"


def _of_others(extreme: np.ufunc, values: np.ndarray, begin: np.ndarray, end: np.ndarray, at_end: bool) -> np.ndarray:
    """Return the extreme of `values` from `begin` to `end` without the first, or without the last."""
    bounds = np.c_[begin + int(not at_end), end + int(not at_end)].ravel()
    return extreme.reduceat(np.r_[values, values[-1]], bounds)[::2]
