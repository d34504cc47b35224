"""New bars beside those that are stored: the same is left alone, more is added, what differs the user settles."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pandas as pd

OLD, NEW = "old", "new"
MOST_SHOWN = 10

_COMPARED = ("open", "high", "low", "close", "volume", "spread_recorded")


class Merged(NamedTuple):
    """A window of both: the bars that hold now, and those of them that are new or newly different."""

    bars: pd.DataFrame
    news: pd.DataFrame


class Differences:
    """What merging met: bars that are the same in both, bars added, and stamps at which both differ.

    `shown` are the first of those, `passed_on` is told of all: a table with ts, what, old and new.
    """

    def __init__(self, passed_on: Callable[[pd.DataFrame], None] = lambda _: None) -> None:
        self.same = self.added = self.differing = 0
        self.shown: list[dict[str, object]] = []
        self._passed_on = passed_on

    def add(self, old: pd.DataFrame, new: pd.DataFrame) -> None:
        """Take bars of the same stamps that differ."""
        changed = _changed(old, new)
        values = pd.concat({"old": old.stack(future_stack=True), "new": new.stack(future_stack=True)}, axis=1)
        table = values[changed.stack(future_stack=True).to_numpy()].rename_axis(["ts", "what"]).reset_index()
        self._passed_on(table)
        self.differing += len(old)
        for ts, part in table[table["ts"].isin(old.index[: MOST_SHOWN - len(self.shown)])].groupby("ts"):
            pairs = part.set_index("what")[["old", "new"]].astype(object).where(part.set_index("what").notna(), None)
            self.shown.append({"ts": ts.isoformat(), "old": pairs["old"].to_dict(), "new": pairs["new"].to_dict()})


def merged(
    stored: Iterator[pd.DataFrame], incoming: Iterator[pd.DataFrame], prefer: str | None, differences: Differences
) -> Iterator[Merged]:
    """Yield both streams of bars (indexed by `ts`, in order) as one, a window at a time, and count their `differences`.

    Where both have a bar and the two differ, the stored one holds unless `prefer` is `new`.
    """
    old, new = _next(stored), _next(incoming)
    while old is not None or new is not None:
        limit = min(window.index[-1] for window in (old, new) if window is not None)
        old_part, old = _cut(old, limit, stored)
        new_part, new = _cut(new, limit, incoming)
        yield _one(old_part, new_part, prefer, differences)


def _cut(
    window: pd.DataFrame | None, limit: pd.Timestamp, more: Iterator[pd.DataFrame]
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Return what of a window stands up to `limit`, and what comes after it."""
    if window is None:
        return None, None
    n = int(window.index.searchsorted(limit, side="right"))
    rest = window.iloc[n:] if n < len(window) else _next(more)
    return window.iloc[:n], rest


def _next(more: Iterator[pd.DataFrame]) -> pd.DataFrame | None:
    return next((window for window in more if len(window)), None)


def _one(old: pd.DataFrame | None, new: pd.DataFrame | None, prefer: str | None, differences: Differences) -> Merged:
    if new is None or not len(new):
        assert old is not None
        return Merged(old, old.iloc[:0])
    if old is None or not len(old):
        differences.added += len(new)
        return Merged(new, new)
    columns = [name for name in _COMPARED if name in old and name in new]
    both = new.index.intersection(old.index)
    differ = both[_changed(old.loc[both, columns], new.loc[both, columns]).any(axis=1)]
    differences.same += len(both) - len(differ)
    differences.added += len(new) - len(both)
    if len(differ):
        differences.add(old.loc[differ, columns], new.loc[differ, columns])
    kept = both.difference(differ) if prefer == NEW else both
    news = new.drop(index=kept)
    return Merged(pd.concat([old.drop(index=news.index, errors="ignore"), news]).sort_index(), news)


def _changed(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return where two tables of the same shape differ; nothing equals nothing."""
    return (old != new) & ~(old.isna() & new.isna())
