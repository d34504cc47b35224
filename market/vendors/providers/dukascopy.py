"""Dukascopy: minute candles of one UTC day and one side, public, without a key.

A file is LZMA (the old, bare container) around 24-byte big-endian records: seconds since the day began, open, close,
low, high (all counted in points of the instrument) and volume. No file, or an empty one, is a day without candles.
Minutes in which nothing traded may stand as flat candles of volume 0.
"""

import lzma
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from market.errors import DataError
from market.vendors.providers.parts import DAY, Part, aligned, complete, plain

if TYPE_CHECKING:
    from market.vendors.providers.http import Client

DESCRIPTION = "Dukascopy (public minute candles, bid and ask)"
TIMEFRAMES: tuple[str, ...] = ("1T",)
FORMAT = "dukascopy"
KEY = ""

CANDLE = np.dtype([("second", "u4"), ("open", "u4"), ("close", "u4"), ("low", "u4"), ("high", "u4"), ("volume", "f4")])

_SIDES = ("bid", "ask")
_MINUTES = 1440  # of a day, the most candles that a file can hold
_MEMORY = 64 * 1024 * 1024  # for the dictionary that a file asks for
_OURS = re.compile(r"(?P<symbol>[A-Za-z0-9.-]+)_(\d{4})-(\d\d)-(\d\d)_(?P<side>BID|ASK)_candles_min_1(\.open)?\.bi5")


class Day(NamedTuple):
    """Which candles a file holds, as its name says."""

    symbol: str
    day: date
    side: str


def candles(content: bytes, source: str) -> np.ndarray:
    """Return the candles of a file (dtype `CANDLE`, in points); none for an empty file.

    Raises DataError naming `source` where it does not unpack to whole records that increase minute by minute.
    """
    raw = _unpacked(content, source) if content else b""
    if len(raw) % CANDLE.itemsize:
        raise DataError(f"{source} holds {len(raw)} bytes, which is no whole number of candles: get it again.")
    found = np.frombuffer(raw, CANDLE.newbyteorder(">")).astype(CANDLE)
    seconds = found["second"].astype(np.int64)
    if len(found) and (seconds.max() >= 86_400 or (seconds % 60).any() or (np.diff(seconds) <= 0).any()):
        raise DataError(f"{source} has candles off the minutes of one day or out of their order: get it again.")
    return found


def _unpacked(content: bytes, source: str) -> bytes:
    unpack = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MEMORY)
    most = _MINUTES * CANDLE.itemsize
    try:
        raw = unpack.decompress(content, most + 1)
    except (lzma.LZMAError, EOFError, MemoryError):
        raise DataError(f"{source} is no LZMA file of candles: get it again.") from None
    if len(raw) > most:
        raise DataError(f"{source} holds more candles than a day has minutes: get it again.")
    if not unpack.eof or unpack.unused_data:
        raise DataError(f"{source} is cut, or something follows its end: get it again.")
    return raw


def file_name(symbol: str, day: date, side: str) -> str:
    """Return the name, without its extension, of the file of a day and a side.

    >>> file_name("XAUUSD", date(2024, 1, 5), "BID")
    'XAUUSD_2024-01-05_BID_candles_min_1'
    """
    return f"{plain(symbol)}_{day.isoformat()}_{side}_candles_min_1"


def named(path: Path) -> Day | None:
    """Return which candles a file holds by the name that `fetch` gives it, or None for another name.

    >>> named(Path("XAUUSD_2024-01-05_BID_candles_min_1.bi5"))
    Day(symbol='XAUUSD', day=datetime.date(2024, 1, 5), side='BID')
    """
    match = _OURS.fullmatch(path.name)
    if match is None:
        return None
    try:
        return Day(match["symbol"], date(int(match[2]), int(match[3]), int(match[4])), match["side"])
    except ValueError:
        return None


def plan(symbol: str, _timeframe: str, first: int, end: int, now: int) -> list[Part]:
    """Return a part for each UTC day and side in `[first, end)`, in time order."""
    return [
        Part(file_name(symbol, _day(start), side.upper()), "bi5", symbol, 1, start, stop, complete(stop, now, 1), side)
        for start, stop in aligned(first, end, DAY)
        for side in _SIDES
    ]


def download(part: Part, client: "Client") -> bytes:
    """Return the day's file as it comes, unpacked once to see that it is sound; empty for a day without candles.

    Raises DataError for anything else than candles, and what `Client.get` raises.
    """
    day = _day(part.start)
    path = f"/{part.symbol}/{day.year:04d}/{day.month - 1:02d}/{day.day:02d}/{part.side.upper()}_candles_min_1.bi5"
    content = client.get(path, absent=True)
    return content if len(candles(content, f"{client.name}'s answer for {part.name}")) else b""


def _day(start: int) -> date:
    return datetime.fromtimestamp(start // 1_000_000, UTC).date()
