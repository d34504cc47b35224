"""Where bars come from: a feed says what happened, bar by bar, and what time it was then.

Time travels inside the events, so that the loop behind them has no clock of its own: a replay lives in the time of its
bars, a live feed in that of the wall. To add a feed, write a file here.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import pandas as pd


def microseconds(ts: pd.Timestamp) -> int:
    """Return `ts` as whole microseconds since 1970 UTC.

    >>> microseconds(pd.Timestamp("1970-01-01 00:00:01", tz="UTC"))
    1000000
    """
    return ts.value // 1000


class ClosedBar(NamedTuple):
    """A bid bar that has closed: `ts` is its close in whole microseconds since 1970 UTC, `spread` as charged."""

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    spread: float


class Arrived(NamedTuple):
    """A closed bar of `series` has arrived at `now` (microseconds since 1970 UTC)."""

    series: str
    bar: ClosedBar
    now: int


class Beside(NamedTuple):
    """A closed bar of `series`, which traded ones are compared with, has arrived at `now`."""

    series: str
    bar: ClosedBar
    now: int


class Silence(NamedTuple):
    """It is `now` (microseconds since 1970 UTC) and nothing new has arrived."""

    now: int


Event = Arrived | Beside | Silence


class Feed(Protocol):
    """A source of closed bars of several series."""

    def history(self, series: str, until: int, count: int) -> pd.DataFrame:
        """Return the last `count` bars of `series` that close at or before `until`, as a bars table."""
        ...

    def now(self, decided: int) -> int:
        """Return the time in which the feed lives, given that of the last decided bar (0: none)."""
        ...

    def events(self) -> Iterator[Event]:
        """Yield what happens, in the order of time and then of series; ends where the feed has ended."""
        ...

    def together(self) -> Iterator[tuple[Event, ...]]:
        """Yield the same, but the bars of one stamp that are at hand at once together, in the order of series."""
        ...


def by_stamp(events: Iterable[Event]) -> Iterator[tuple[Event, ...]]:
    """Yield bars that follow one another with one stamp together, in the order of series, and a silence alone."""
    for _, group in itertools.groupby(events, key=lambda one: one if isinstance(one, Silence) else one.bar.ts):
        yield tuple(sorted(group, key=lambda one: "" if isinstance(one, Silence) else one.series))
