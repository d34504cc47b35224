"""The last bars of a series, as they arrive: each is taken once, and what is wrong with it is said.

A bar's bytes are its stamp as a little-endian int64 (close, microseconds since 1970 UTC) and then open, high, low,
close, volume and spread as little-endian float64: 56 bytes. The hash of a bar is the SHA-256 of these, the hash of a
window that of its bars' bytes one after the other, oldest first. Anywhere, `struct.pack("<q6d", *bar)` makes them.
"""

import hashlib
import math
import struct
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from live.feeds import ClosedBar
from market import tables
from market.errors import DataError, UsageError
from market.timeframe import Timeframe

Kind = Literal["accepted", "duplicate", "revised", "late", "unclosed", "misaligned", "invalid", "implausible"]

COLUMNS = ("open", "high", "low", "close", "volume", "spread")
TOLERANCE = 5_000_000  # microseconds by which a feed's clock may be ahead of ours
FARTHEST = 0.5  # share by which a close may differ from the close before it

_BYTES = struct.Struct("<q6d")
_RECORD = np.dtype([("ts", "<i8"), ("values", "<f8", len(COLUMNS))])
_INDEX = pd.Index(COLUMNS)
_CLOSE = COLUMNS.index("close")


class Verdict(NamedTuple):
    """What became of a bar. Only an accepted one may be acted on; `detail` says what is wrong with any other."""

    kind: Kind
    detail: str


class Window:
    """The last `capacity` bars of one series, in memory that never grows.

    Whatever order bars arrive in, the window holds what a restart would read: the last ones of all that were taken, in
    the order of their stamps, with the values that were told last.
    """

    def __init__(self, series: str, timeframe: Timeframe, capacity: int) -> None:
        if capacity < 1:
            raise UsageError(f"A window of {series} holds {capacity} bars, wanted at least 1.")
        self.series = series
        self.capacity = capacity
        self._length = timeframe.minutes * 60_000_000
        self._timeframe = timeframe.name
        self._ts = np.zeros(2 * capacity, dtype=np.int64)
        self._values = np.zeros((len(COLUMNS), 2 * capacity))
        self._first = self._end = 0

    def __len__(self) -> int:
        return self._end - self._first

    @property
    def last(self) -> ClosedBar | None:
        """Return the newest bar, None where there is none."""
        return self._at(self._end - 1) if len(self) else None

    def load(self, frame: pd.DataFrame) -> None:
        """Replace what the window holds by the last bars of `frame`, a bars table.

        Raises DataError where it is not sound, or a stamp is off the grid of the timeframe.
        """
        tables.check(frame, tables.BARS, f"history of {self.series}")
        tail = frame.iloc[-self.capacity :]
        ts = pd.DatetimeIndex(tail.index).asi8
        if (off := ts % self._length != 0).any():
            first = told(int(ts[off.argmax()]))
            raise DataError(f"history of {self.series}: {first} is no close of {self._timeframe} on the UTC grid.")
        self._first, self._end = 0, len(tail)
        self._ts[: self._end] = ts
        for row, name in zip(self._values, COLUMNS, strict=True):
            row[: self._end] = tail[name].to_numpy() + 0.0

    def accept(self, bar: ClosedBar, now: int) -> Verdict:
        """Take `bar`, which arrived at `now`, and return what became of it.

        accepted: newer than all before. duplicate: known already. revised: a known stamp with other values, which the
        window takes. late: older than the newest and not known; put in its place unless it is before the window.
        unclosed, misaligned, invalid, implausible: not taken.
        """
        if found := self._unsound(bar, now):
            return found
        place = self._first + int(np.searchsorted(self._ts[self._first : self._end], bar.ts))
        if place < self._end and self._ts[place] == bar.ts:
            return self._again(bar, place)
        if found := self._implausible(bar, place - 1 if place > self._first else place):
            return found
        if place == self._end:
            self._insert(bar, place)
            return Verdict("accepted", "")
        newest = f"the newest is of {told(int(self._ts[self._end - 1]))}"
        if place == self._first and len(self) == self.capacity:
            return Verdict("late", f"{newest}; it is before the window and left out")
        self._insert(bar, place)
        return Verdict("late", f"{newest}; it is put in its place")

    def frame(self, count: int) -> pd.DataFrame:
        """Return the last `count` bars (or all, where there are fewer), indexed by `ts`; a copy."""
        part = self._part(count)
        index = pd.DatetimeIndex(self._ts[part].copy().view("M8[us]"), name="ts").tz_localize("UTC")
        return pd.DataFrame(self._values[:, part].copy().T, index=index, columns=_INDEX, copy=False)

    def sha256(self, count: int) -> str:
        """Return the SHA-256 of the bytes of the last `count` bars (or of all, where there are fewer)."""
        part = self._part(count)
        records = np.empty(part.stop - part.start, dtype=_RECORD)
        records["ts"] = self._ts[part]
        records["values"] = self._values[:, part].T
        return hashlib.sha256(records.tobytes()).hexdigest()

    def _part(self, count: int) -> slice:
        return slice(max(self._first, self._end - max(count, 0)), self._end)

    def _at(self, place: int) -> ClosedBar:
        return ClosedBar(int(self._ts[place]), *self._values[:, place].tolist())

    def _unsound(self, bar: ClosedBar, now: int) -> Verdict | None:
        if wrong := _invalid(bar):
            return Verdict("invalid", wrong)
        if bar.ts % self._length:
            return Verdict("misaligned", f"{told(bar.ts)} is no close of {self._timeframe} on the UTC grid")
        if bar.ts > now + TOLERANCE:
            return Verdict("unclosed", f"it closes {(bar.ts - now) / 1e6:,.0f} s after now, {told(now)}")
        return None

    def _implausible(self, bar: ClosedBar, beside: int) -> Verdict | None:
        if not len(self):
            return None
        close = float(self._values[_CLOSE, beside])
        if abs(bar.close / close - 1.0) <= FARTHEST:
            return None
        at = told(int(self._ts[beside]))
        return Verdict("implausible", f"close {bar.close:g} is over {FARTHEST:.0%} away from {close:g} at {at}")

    def _again(self, bar: ClosedBar, place: int) -> Verdict:
        known = self._at(place)
        changed = [
            f"{name} {getattr(known, name)!r} → {float(getattr(bar, name))!r}"
            for name in COLUMNS
            if getattr(known, name) != getattr(bar, name)
        ]
        if not changed:
            return Verdict("duplicate", "")
        if found := self._implausible(bar, place - 1 if place > self._first else place):
            return found
        self._values[:, place] = _values(bar)
        return Verdict("revised", ", ".join(changed))

    def _insert(self, bar: ClosedBar, place: int) -> None:
        """Put `bar` at `place`, the later ones one further; what is over the capacity falls out at the front."""
        if self._end == len(self._ts):
            place -= self._to_the_front()
        if place < self._end:
            self._ts[place + 1 : self._end + 1] = self._ts[place : self._end].copy()
            self._values[:, place + 1 : self._end + 1] = self._values[:, place : self._end].copy()
        self._ts[place] = bar.ts
        self._values[:, place] = _values(bar)
        self._end += 1
        self._first = max(self._first, self._end - self.capacity)

    def _to_the_front(self) -> int:
        """Move all bars to the front of the arrays, and return by how many places."""
        moved, held = self._first, slice(self._first, self._end)
        self._ts[: len(self)] = self._ts[held].copy()
        self._values[:, : len(self)] = self._values[:, held].copy()
        self._first, self._end = 0, len(self)
        return moved


def bar_sha256(bar: ClosedBar) -> str:
    """Return the SHA-256 of the 56 bytes of `bar`.

    >>> bar_sha256(ClosedBar(0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0))[:12]
    '760ead88d15d'
    """
    return hashlib.sha256(_BYTES.pack(bar.ts, *_values(bar))).hexdigest()


def told(ts: int) -> str:
    """Return the stamp `ts` (microseconds since 1970 UTC) as people read it.

    >>> told(1_736_179_200_000_000)
    '2025-01-06 16:00:00 UTC'
    """
    return f"{pd.Timestamp(ts, unit='us'):%Y-%m-%d %H:%M:%S} UTC"


def _values(bar: ClosedBar) -> list[float]:
    """Return the values of `bar` as floats; a zero has no sign, so that equal bars have equal bytes."""
    return [float(value) + 0.0 for value in bar[1:]]


def _invalid(bar: ClosedBar) -> str:
    """Return what no bar can be, or an empty string."""
    if lost := [name for name in COLUMNS if not math.isfinite(getattr(bar, name))]:
        return f"{', '.join(lost)} not finite"
    if negative := [f"{name} {getattr(bar, name):g}" for name in ("volume", "spread") if getattr(bar, name) < 0.0]:
        return f"{', '.join(negative)} below 0"
    if bar.low <= 0.0:
        return f"low {bar.low:g} is not above 0"
    if bar.high < max(bar.open, bar.close) or bar.low > min(bar.open, bar.close):
        return f"open {bar.open:g} and close {bar.close:g} are not between low {bar.low:g} and high {bar.high:g}"
    return ""
