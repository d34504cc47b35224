"""Parts: what is asked of a provider at a time and kept as one file, whole or not at all."""

import re
from typing import NamedTuple

MINUTE, DAY = 60_000_000, 86_400_000_000  # microseconds

_UNSAFE = re.compile(r"[^A-Za-z0-9.-]")


class Part(NamedTuple):
    """What one file holds: bars that open in `[start, end)`, of which those before `until` are complete.

    Instants are microseconds since 1970 UTC. `name` says symbol, timeframe, range and side, `extension` the format;
    `side` is bid, ask, or empty where there is one only.
    """

    name: str
    extension: str
    symbol: str
    minutes: int
    start: int
    end: int
    until: int
    side: str = ""


def aligned(first: int, end: int, length: int) -> list[tuple[int, int]]:
    """Return the ranges of `length` on the epoch grid that `[first, end)` touches.

    >>> aligned(5, 21, 10)
    [(0, 10), (10, 20), (20, 30)]
    """
    return [(start, start + length) for start in range(first // length * length, end, length)]


def complete(end: int, now: int, minutes: int) -> int:
    """Return the instant before which every bar of `minutes` has closed at `now`, at most `end`."""
    length = minutes * MINUTE
    return min(end, now // length * length)


def plain(symbol: str) -> str:
    """Return a symbol as file names carry it.

    >>> plain("C:XAUUSD")
    'C_XAUUSD'
    """
    return _UNSAFE.sub("_", symbol)
