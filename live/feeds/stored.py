"""Bars from the tables on disk, and those that imports add to them while it runs.

A table is read whole and verified by its manifest; it is read again when the manifest names other bytes. Bars that a
new import tells differently are told again, so that whoever keeps a window can notice.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from live.feeds import Event, Silence, by_stamp
from live.feeds.replay import between, merged, tail
from live.window import COLUMNS, told
from market import tables
from market.errors import AssayError, DataError, UnavailableError, UsageError

BACK = 5_000  # bars over which revisions are looked for
_NAP = 0.1  # seconds after which `stop` is asked again


class StoredFeed:
    """The stored bars of `paths` (bars tables by series) after `after`, then those that are imported later.

    `clock` gives the time of every event (microseconds since 1970 UTC); None: the time is that of the bars. With `once`
    it ends where the stored bars end; otherwise it looks for new ones every `pause` seconds until `stop`. A table that
    is gone or damaged meanwhile is waited for, and `tell` is told once for each reason; at the start it is an error.
    """

    def __init__(
        self,
        paths: Mapping[str, Path],
        after: Mapping[str, int],
        once: bool,
        clock: Callable[[], int] | None,
        pause: float,
        stop: Callable[[], bool],
        tell: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._paths = {series: paths[series] for series in sorted(paths)}
        self._told_up_to = {series: after[series] for series in self._paths}
        self._once, self._clock, self._pause, self._stop, self._tell = once, clock, pause, stop, tell
        self._digests: dict[str, str] = {}
        self._tables: dict[str, pd.DataFrame] = {}
        self._troubles: dict[str, str] = {}
        self._latest = max(self._told_up_to.values(), default=0)
        for series, path in self._paths.items():
            self._digests[series], self._tables[series] = _read(series, path)

    def history(self, series: str, until: int, count: int) -> pd.DataFrame:
        """Return the last `count` bars of `series` that close at or before `until`, as last read."""
        if series not in self._tables:
            raise UsageError(f"No bars of {series} in this feed: there are {', '.join(self._tables)}.")
        return tail(self._tables[series], until, count)

    def now(self, decided: int) -> int:
        """Return the time of the clock; without one the close of the last decided bar, before any of the last seen."""
        return self._clock() if self._clock else decided or self._latest

    def events(self) -> Iterator[Event]:
        """Yield stored bars, then new ones as they are imported, and a silence after each look that found none."""
        return itertools.chain.from_iterable(self.together())

    def together(self) -> Iterator[tuple[Event, ...]]:
        """Yield the same, but the bars of one stamp that one look has found together."""
        parts = {series: self._unseen(series, table) for series, table in self._tables.items()}
        while True:
            for bars in by_stamp(merged(parts)):
                if self._stop():
                    return
                yield tuple(self._timed(one) for one in bars)
            if self._once or not self._waited():
                return
            parts = {series: part for series in self._paths if (part := self._changes(series)) is not None}
            if not any(len(part) for part in parts.values()):
                yield (Silence(self._clock() if self._clock else self._latest),)

    def _timed(self, event: Event) -> Event:
        """Return `event` at the time in which the feed lives, and remember that it is told."""
        if isinstance(event, Silence):
            return event
        self._latest = max(self._latest, event.bar.ts)
        self._told_up_to[event.series] = max(self._told_up_to[event.series], event.bar.ts)
        return event._replace(now=self._clock()) if self._clock else event

    def _waited(self) -> bool:
        """Wait for the pause; return False as soon as it shall stop."""
        until = time.monotonic() + self._pause
        while not self._stop():
            left = until - time.monotonic()
            if left <= 0.0:
                return True
            time.sleep(min(left, _NAP))
        return False

    def _changes(self, series: str) -> pd.DataFrame | None:
        """Return the bars of `series` to tell where its table is another than before, None where it is not."""
        path = self._paths[series]
        try:
            manifest = tables.read_manifest(path)
            if manifest is not None and manifest.sha256 == self._digests[series]:
                self._troubles.pop(series, None)
                return None
            digest, table = _read(series, path)
        except (AssayError, OSError) as error:
            self._trouble(series, f"{series}: waiting for its bars: {error}")
            return None
        self._troubles.pop(series, None)
        revised = self._revised(series, table)
        self._digests[series], self._tables[series] = digest, table
        return pd.concat([revised, self._unseen(series, table)])

    def _unseen(self, series: str, table: pd.DataFrame) -> pd.DataFrame:
        return between(table, self._told_up_to[series], np.iinfo(np.int64).max)

    def _revised(self, series: str, table: pd.DataFrame) -> pd.DataFrame:
        """Return those of the last told bars that `table` holds and the table before it did not, or not so."""
        before = tail(self._tables[series], self._told_up_to[series], BACK)
        after = tail(table, self._told_up_to[series], BACK)
        if len(before) and (not len(after) or after.index[-1] < before.index[-1]):
            end = told(int(before.index.asi8[-1]))
            self._tell(f"{series}: the new import lacks bars up to {end}, which were told already")
        if len(before) == BACK:
            after = after[after.index >= before.index[0]]
        known = before.reindex(after.index).to_numpy()  # NaN where there was none, which differs from everything
        return after[(known != after.to_numpy()).any(axis=1)]

    def _trouble(self, series: str, reason: str) -> None:
        if self._troubles.get(series) != reason:
            self._troubles[series] = reason
            self._tell(reason)


def _read(series: str, path: Path) -> tuple[str, pd.DataFrame]:
    """Return the digest of the bars table at `path` and its columns of a bar, verified."""
    manifest = tables.read_manifest(path)
    if manifest is None:
        raise UnavailableError(f"No bars of {series} at {path}: import some with `assay import`.")
    try:
        table = tables.read_table(path, tables.BARS)
    except (OSError, ValueError) as error:
        raise DataError(f"The bars of {series} at {path} cannot be read: {error}. Import them again.") from None
    return manifest.sha256, table[list(COLUMNS)]
