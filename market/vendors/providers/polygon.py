"""Polygon (now also named Massive): aggregates of forex, metals, crypto and more, with a key; a month at a time.

The key is read from `POLYGON_API_KEY` and sent in a header. A month may come in several pages, which are joined to one
object `{"ticker": …, "results": [{"t": ms, "o": …, "h": …, "l": …, "c": …, "v": …, "vw": …, "n": …}, …]}`.
Windows of more than an hour are counted from midnight in New York, off our grid, and therefore not offered.
"""

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import numpy as np

from market.errors import DataError
from market.vendors.providers.parts import MINUTE, Part, complete, plain

if TYPE_CHECKING:
    from market.vendors.providers.http import Client

DESCRIPTION = "Polygon, also named Massive (aggregates, with a key)"
TIMEFRAMES: tuple[str, ...] = ("1T", "5T", "15T", "30T", "1H")
FORMAT = "polygon"
KEY = "POLYGON_API_KEY"

AGGREGATE = np.dtype([("t", "i8"), ("o", "f8"), ("h", "f8"), ("l", "f8"), ("c", "f8"), ("v", "f8")])

_SPANS = {1: (1, "minute"), 5: (5, "minute"), 15: (15, "minute"), 30: (30, "minute"), 60: (1, "hour")}
_LIMIT = 50_000
_WANTED, _KEPT = ("o", "h", "l", "c"), ("t", "o", "h", "l", "c", "v", "vw", "n")


def aggregates(content: bytes, source: str) -> tuple[str, np.ndarray]:
    """Return the ticker and the bars of an answer or a saved month (dtype `AGGREGATE`; `t`, ms, is the bar's open).

    Raises DataError naming `source` where it is no such object or its times do not increase.
    """
    answer = _object(content, source)
    return answer["ticker"], _bars(answer["results"], source)


def _object(content: bytes, source: str) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        raise DataError(f"{source} is no JSON: get it again.") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("ticker"), str):
        raise DataError(f"{source} is no object with a ticker and results: get it again.")
    answer["results"] = answer.get("results") or []
    if not isinstance(answer["results"], list) or not all(isinstance(row, dict) for row in answer["results"]):
        raise DataError(f"{source} has results that are no list of bars: get it again.")
    return answer


def _bars(rows: list[dict[str, Any]], source: str) -> np.ndarray:
    """Return the rows as an array; DataError where one is no bar or out of its order."""
    if not all(type(row.get("t")) is int and all(_number(row.get(name)) for name in _WANTED) for row in rows):
        raise DataError(f"{source} has a bar without its time or one of its prices: get it again.")
    if not all(_number(row.get(name, 0)) for row in rows for name in ("v", "vw", "n")):
        raise DataError(f"{source} has a bar whose volume is no number: get it again.")
    found = np.empty(len(rows), AGGREGATE)
    try:
        for name in AGGREGATE.names or ():
            found[name] = [row.get(name, math.nan) for row in rows]
    except OverflowError:
        raise DataError(f"{source} has a bar with a number beyond all bounds: get it again.") from None
    if (np.diff(found["t"]) <= 0).any():
        raise DataError(f"{source} has bars twice or out of their order: get it again.")
    return found


def _number(value: object) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def plan(symbol: str, timeframe: str, first: int, end: int, now: int) -> list[Part]:
    """Return a part for each calendar month (UTC) that `[first, end)` touches, in time order."""
    minutes = dict(zip(TIMEFRAMES, _SPANS, strict=True))[timeframe]
    parts, start = [], _month(first)
    while start < end:
        stop = _month(start + 32 * 1440 * MINUTE)
        name = f"{plain(symbol)}_{timeframe}_{datetime.fromtimestamp(start // 1_000_000, UTC):%Y-%m}"
        parts.append(Part(name, "json", symbol, minutes, start, stop, complete(stop, now, minutes)))
        start = stop
    return parts


def _month(instant: int) -> int:
    """Return the instant at which the month of `instant` begins."""
    moment = datetime.fromtimestamp(instant // 1_000_000, UTC)
    return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp()) * 1_000_000


def download(part: Part, client: "Client") -> bytes:
    """Return the month as one object, all pages joined; empty where there are no bars.

    Raises DataError where an answer is not of this ticker and range, repeats itself or leads elsewhere, and what
    `Client.get` raises.
    """
    source = f"{client.name}'s answer for {part.name}"
    multiplier, span = _SPANS[part.minutes]
    below = f"/v2/aggs/ticker/{quote(part.symbol, safe=':')}/range/{multiplier}/{span}/"
    path: str | None = f"{below}{part.start // 1000}/{part.until // 1000 - 1}"
    query = {"adjusted": "true", "sort": "asc", "limit": str(_LIMIT)}
    rows: list[dict[str, Any]] = []
    while path is not None:
        page = _page(client.get(path, query), part, source)
        following = page.get("next_url")
        if following and not page["results"]:
            raise DataError(f"{source} has a page without bars that is not the last: run it again later.")
        rows += page["results"]
        _check(rows, part, source)
        path, query = _next(following, client.url, below, source) if following else (None, {})
    return _joined(part.symbol, rows) if rows else b""


def _page(content: bytes, part: Part, source: str) -> dict[str, Any]:
    page = _object(content, source)
    if page.get("status") not in ("OK", "DELAYED"):
        raise DataError(f"{source} does not have the status OK: check your plan, then run it again.")
    if page["ticker"] != part.symbol:
        raise DataError(f"{source} is of another ticker: check vendors.polygon in config/instruments.toml.")
    return page


def _check(rows: list[dict[str, Any]], part: Part, source: str) -> None:
    """Raise DataError unless all bars so far are the part's, on its grid, each once; this ends every loop of pages."""
    times = _bars(rows, source)["t"]
    if len(times) and (times[0] * 1000 < part.start or times[-1] * 1000 >= part.until):
        raise DataError(f"{source} has bars outside of what was asked: run it again later.")
    if ((times * 1000 - part.start) % (part.minutes * MINUTE)).any():
        raise DataError(f"{source} has bars that do not open on the grid of UTC: fetch a finer timeframe.")


def _next(url: object, address: str, below: str, source: str) -> tuple[str, dict[str, str]]:
    """Return path and query of the next page, which must be of the same server and the same request."""
    try:
        here, there = urlsplit(address), urlsplit(url if isinstance(url, str) else "")
        same = (there.scheme, there.netloc) == (here.scheme, here.netloc)
    except ValueError:
        same = False
    if not same or not unquote(there.path).startswith(unquote(here.path + below)) or ".." in unquote(there.path):
        raise DataError(f"{source} leads to another address: not followed. Check url in config/fetch.toml.")
    return there.path.removeprefix(here.path), dict(parse_qsl(there.query))


def _joined(ticker: str, rows: list[dict[str, Any]]) -> bytes:
    results = [{name: row[name] for name in _KEPT if name in row} for row in rows]
    return json.dumps({"ticker": ticker, "results": results}, separators=(",", ":")).encode()
