"""Stored bars once more, as if they arrived now: the time is that of the bars, and it ends where they end."""

import heapq
from collections.abc import Iterator, Mapping

import pandas as pd

from live.feeds import Arrived, ClosedBar, Event, by_stamp
from live.window import COLUMNS
from market.errors import UsageError

_CHUNK = 4096  # bars made into objects at a time


class ReplayFeed:
    """The bars of `tables` (bars tables by series) that close in `(start, end]`, microseconds since 1970 UTC."""

    def __init__(self, tables: Mapping[str, pd.DataFrame], start: int, end: int) -> None:
        if end < start:
            raise UsageError(f"The replay ends before it starts: {start} to {end} microseconds since 1970.")
        self._tables = {series: tables[series] for series in sorted(tables)}
        self._start, self._end = start, end

    def history(self, series: str, until: int, count: int) -> pd.DataFrame:
        """Return the last `count` bars of `series` that close at or before `until`, as a bars table."""
        if series not in self._tables:
            raise UsageError(f"No bars of {series} to replay: there are {', '.join(self._tables)}.")
        return tail(self._tables[series], until, count)

    def now(self, decided: int) -> int:
        """Return the close of the last decided bar, before any the start of the replay."""
        return decided or self._start

    def events(self) -> Iterator[Event]:
        """Yield every bar at its own close, in the order of time and then of series."""
        return merged({series: between(table, self._start, self._end) for series, table in self._tables.items()})

    def together(self) -> Iterator[tuple[Event, ...]]:
        """Yield the bars of each stamp at their close, together."""
        return by_stamp(self.events())


def tail(table: pd.DataFrame, until: int, count: int) -> pd.DataFrame:
    """Return the last `count` rows of a bars table that close at or before `until`, with the columns of a bar."""
    end = _after(table, until)
    return table[list(COLUMNS)].iloc[max(end - count, 0) : end]


def between(table: pd.DataFrame, start: int, end: int) -> pd.DataFrame:
    """Return the rows of a bars table that close in `(start, end]`, with the columns of a bar."""
    return table[list(COLUMNS)].iloc[_after(table, start) : _after(table, end)]


def merged(parts: Mapping[str, pd.DataFrame]) -> Iterator[Arrived]:
    """Yield the bars of several series, each at its own close, in the order of time and then of series."""
    streams = [_arrivals(series, part) for series, part in parts.items()]
    return heapq.merge(*streams, key=lambda event: (event.bar.ts, event.series))


def _arrivals(series: str, part: pd.DataFrame) -> Iterator[Arrived]:
    ts, values = pd.DatetimeIndex(part.index).as_unit("us").asi8, part.to_numpy(dtype="float64")
    for begin in range(0, len(ts), _CHUNK):
        chunk = slice(begin, begin + _CHUNK)
        for stamp, row in zip(ts[chunk].tolist(), values[chunk].tolist(), strict=True):
            yield Arrived(series, ClosedBar(stamp, *row), stamp)


def _after(table: pd.DataFrame, ts: int) -> int:
    """Return the position of the first row that closes after `ts`."""
    return int(pd.DatetimeIndex(table.index).as_unit("us").asi8.searchsorted(ts, side="right"))
