"""Bars of several series in the order in which they are decided on: a traded bar after its companions' of that close.

Features take of a companion whatever has closed by the own close, so a companion's bar with the same stamp must be
there before the decision. Nobody can see that a bar is missing; so a traded bar waits while one is due, that is, while
the companion's market was open and no bar of that close or a later one has been told.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping

import pandas as pd

from live.feeds import Arrived, Beside, Event, Feed, Silence, by_stamp
from live.window import told
from market import sessions
from market.instruments import Series

Group = tuple[Arrived, ...]


class WaitingFeed:
    """`feed`, whose companions' bars are told apart as `Beside`, and whose traded bars wait for them.

    `companions` names for each traded series those that it waits for, `others` holds each companion's series and
    market, `known` the close up to which its bars are history. `patience` is in seconds; a bar that has waited longer
    is told as late as it then is, and so is too old to trade on. Without patience the time is that of the bars: a bar
    keeps its own, waits until a later bar or the end shows that none will come, and what closed later waits behind it.
    `tell` hears for whom a bar waits.
    """

    def __init__(
        self,
        feed: Feed,
        companions: Mapping[str, tuple[str, ...]],
        others: Mapping[str, tuple[Series, str]],
        known: Mapping[str, int],
        patience: float | None,
        tell: Callable[[str], None],
    ) -> None:
        self._feed, self._companions, self._others = feed, companions, others
        self._known = {name: known[name] for name in others}
        self._patience = None if patience is None else int(patience * 1e6)
        self._tell = tell
        self._lines: dict[str, deque[Group]] = {}
        self._said: Group = ()

    def history(self, series: str, until: int, count: int) -> pd.DataFrame:
        """Return the last `count` bars of `series` that close at or before `until`, as a bars table."""
        return self._feed.history(series, until, count)

    def now(self, decided: int) -> int:
        """Return the time in which the feed lives."""
        return self._feed.now(decided)

    def events(self) -> Iterator[Event]:
        """Yield what happens: companions' bars at once, traded bars once nothing is due that they look at."""
        return itertools.chain.from_iterable(self.together())

    def together(self) -> Iterator[tuple[Event, ...]]:
        """Yield the same, but the bars of one stamp that are told at once together."""
        for events in self._feed.together():
            beside = self._taken([event for event in events if isinstance(event, Arrived)])
            ready = list(by_stamp(self._released(events[-1].now)))
            if beside and ready:
                yield (*beside, *ready.pop(0))
            elif beside:
                yield beside
            yield from ready
            if isinstance(events[0], Silence):
                self._say_who_waits()
                yield events
        yield from itertools.chain.from_iterable(self._lines.values())

    def _taken(self, arrived: list[Arrived]) -> tuple[Beside, ...]:
        """Put traded bars into their line, and return those of companions."""
        for event in arrived:
            if event.series in self._known:
                self._known[event.series] = max(self._known[event.series], event.bar.ts)
        traded = tuple(event for event in arrived if event.series in self._companions)
        for group in (traded,) if self._patience is None else ((event,) for event in traded):
            if group:
                line = "" if self._patience is None else group[0].series
                self._lines.setdefault(line, deque()).append(group)
        return tuple(Beside(*event) for event in arrived if event.series in self._known)

    def _released(self, now: int) -> list[Arrived]:
        """Return the bars that need not wait any more, in the order of time and then of series."""
        ready: list[Arrived] = []
        for line in self._lines.values():
            while line and self._may_go(line[0], now):
                ready += line.popleft()
        if self._patience is not None:
            ready = [event._replace(now=now) for event in ready]
        return sorted(ready, key=lambda event: (event.bar.ts, event.series))

    def _may_go(self, group: Group, now: int) -> bool:
        awaited = self._awaited(group)
        if not awaited or self._patience is None:
            return not awaited
        event = group[0]
        if now - event.bar.ts <= self._patience:
            return False
        if event.now - event.bar.ts <= self._patience:
            at = told(event.bar.ts)
            self._tell(f"{event.series}: waited in vain for the bar of {', '.join(awaited)} that closes at {at}")
        return True

    def _say_who_waits(self) -> None:
        """Say once of a bar that waits in the time of bars, in which nobody is ever late, for whom it does."""
        line = self._lines.get("")
        if line and line[0] is not self._said:
            self._said = line[0]
            series, at = ", ".join(event.series for event in line[0]), told(line[0][0].bar.ts)
            self._tell(f"{series}: waiting at {at} for the bar of {', '.join(self._awaited(line[0]))}")

    def _awaited(self, group: Group) -> list[str]:
        """Return the companions of a group of bars of which one should be there and is not."""
        names = sorted({name for event in group for name in self._companions[event.series]})
        return [name for name in names if self._due(name, group[0].bar.ts)]

    def _due(self, name: str, ts: int) -> bool:
        if self._known[name] >= ts:
            return False
        series, market = self._others[name]
        opened = pd.DatetimeIndex([pd.Timestamp(ts, unit="us", tz="UTC") - series.timeframe.delta])
        return bool(sessions.is_open(opened, market)[0])
