"""Binance: candles of the spot market, public, without a key; 1000 at a time on the grid of the epoch.

An answer is a list of lists: open time (ms), open, high, low, close, volume (texts), close time (ms), and six more.
"""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from market.errors import DataError
from market.vendors.providers.parts import MINUTE, Part, aligned, complete, plain

if TYPE_CHECKING:
    from market.vendors.providers.http import Client

DESCRIPTION = "Binance (public spot candles)"
TIMEFRAMES: tuple[str, ...] = ("1T", "5T", "15T", "30T", "1H", "4H")
FORMAT = "binance"
KEY = ""

KLINE = np.dtype(
    [("open_time", "i8"), ("open", "f8"), ("high", "f8"), ("low", "f8"), ("close", "f8"), ("volume", "f8")]
)

_INTERVALS = {1: "1m", 5: "5m", 15: "15m", 30: "30m", 60: "1h", 240: "4h"}
_LIMIT = 1000
_FIELDS = 12


def klines(content: bytes, source: str) -> np.ndarray:
    """Return the candles of an answer (dtype `KLINE`; `open_time` in ms since 1970); none for an empty file.

    Raises DataError naming `source` where it is no list of candles whose times increase.
    """
    rows = _rows(content, source) if content else []
    try:
        times = np.array([row[0] for row in rows], dtype=np.int64)
        numbers = np.array([row[1:6] for row in rows], dtype=np.float64).reshape(len(rows), 5)
    except (ValueError, OverflowError):
        raise DataError(f"{source} has a candle that is no numbers: get it again.") from None
    found = np.empty(len(rows), KLINE)
    found["open_time"] = times
    for i, name in enumerate(("open", "high", "low", "close", "volume")):
        found[name] = numbers[:, i]
    if (np.diff(times) <= 0).any() or not np.isfinite(numbers).all():
        raise DataError(f"{source} has candles out of their order or without a number: get it again.")
    return found


def _rows(content: bytes, source: str) -> list[list[Any]]:
    try:
        rows = json.loads(content)
    except (ValueError, RecursionError):
        raise DataError(f"{source} is no JSON: get it again.") from None
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == _FIELDS for row in rows):
        raise DataError(f"{source} is no list of candles of {_FIELDS} fields each: get it again.")
    if not all(type(row[0]) is int and all(type(text) is str for text in row[1:6]) for row in rows):
        raise DataError(f"{source} has a candle whose fields are not of Binance's kinds: get it again.")
    return rows


def plan(symbol: str, timeframe: str, first: int, end: int, now: int) -> list[Part]:
    """Return a part for each 1000 bars on the epoch grid that `[first, end)` touches, in time order."""
    minutes = dict(zip(TIMEFRAMES, _INTERVALS, strict=True))[timeframe]
    return [
        Part(_name(symbol, minutes, start), "json", symbol, minutes, start, stop, complete(stop, now, minutes))
        for start, stop in aligned(first, end, _LIMIT * minutes * MINUTE)
    ]


def _name(symbol: str, minutes: int, start: int) -> str:
    moment = datetime.fromtimestamp(start // 1_000_000, UTC)
    return f"{plain(symbol)}_{_INTERVALS[minutes]}_{moment:%Y-%m-%dT%H%MZ}"


def download(part: Part, client: "Client") -> bytes:
    """Return the answer as it comes, empty where there are no candles.

    Raises DataError where it is anything else than candles of the part, on its grid, and what `Client.get` raises.
    """
    query = {
        "symbol": part.symbol,
        "interval": _INTERVALS[part.minutes],
        "startTime": str(part.start // 1000),
        "endTime": str(part.until // 1000 - 1),
        "limit": str(_LIMIT),
    }
    content = client.get("/api/v3/klines", query)
    source = f"{client.name}'s answer for {part.name}"
    times = klines(content or b"?", source)["open_time"] * 1000
    if not len(times):
        return b""
    outside = (times[0] < part.start) or (times[-1] >= part.until)
    if outside or ((times - part.start) % (part.minutes * MINUTE)).any():
        raise DataError(f"{source} has candles outside of what was asked: check url in config/fetch.toml.")
    return content
