"""Polygon (also named Massive) aggregates in JSON: answers, pages one after the other, or bare lists of results.

A result is `{"t": ms, "o": …, "h": …, "l": …, "c": …, "v": …, "vw": …, "n": …}`, stamped at the open.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from market.errors import DataError
from market.instruments import Instrument
from market.intake import Raw
from market.vendors import pages
from market.vendors.source import Asked, Source

DESCRIPTION = "Polygon aggregates (JSON)"
CLOCK: str | None = "UTC"
STAMP: str | None = "open"

_ROLES = {"stamp": [0], "open": [1], "high": [2], "low": [3], "close": [4], "volume": [5]}
_BEGINNING = re.compile(r"[\[\s]*\{")
_KEYS = re.compile(r'"([tohlc])"\s*:\s*-?[0-9]')
_ENOUGH = 4_096  # letters in which a whole result stands


class Bar(NamedTuple):
    """A result, with the ticker of its own that it has where a page is of many."""

    t: object
    o: object
    h: object
    l: object  # noqa: E741 - the vendor's name
    c: object
    v: object
    ticker: object = None


def recognises(head: bytes) -> bool:
    """Return whether the bytes are JSON objects, the first of which has the keys of an aggregate."""
    text = pages.beginning(head)[:_ENOUGH]
    return bool(_BEGINNING.match(text)) and set(_KEYS.findall(text)) == set("tohlc")


def read(source: Source, asked: Asked) -> Iterator[Raw]:
    """Yield the bars; DataError where they are of another ticker than the instrument's."""
    return pages.raw(source, _bars(source, asked.instrument), _ROLES)


def _bars(source: Source, instrument: Instrument) -> Iterator[Bar]:
    for page in pages.pages(source, _bar):
        answer = page if isinstance(page, dict) else {"results": [page] if isinstance(page, Bar) else page}
        _check_ticker(answer.get("ticker"), instrument, source)
        results = answer.get("results") or []
        if not isinstance(results, list) or not all(isinstance(result, Bar) for result in results):
            raise DataError(f"{source.path} has results that are no list of aggregates: get it again.")
        for bar in results:
            if bar.ticker is not None:
                _check_ticker(bar.ticker, instrument, source)
            yield bar


def _bar(found: dict[str, Any]) -> Bar | dict[str, Any]:
    if "t" in found and "o" in found:
        get = found.get
        return Bar(get("t"), get("o"), get("h"), get("l"), get("c"), get("v"), get("T"))
    return found


def _check_ticker(ticker: object, instrument: Instrument, source: Source) -> None:
    known = instrument.vendors.polygon
    if isinstance(ticker, str) and known is not None and ticker != known.symbol:
        raise DataError(
            f"{source.path} is of {ticker[:40]!r}, not of {known.symbol}, Polygon's {instrument.symbol}: name the "
            "right file, or correct vendors.polygon in config/instruments.toml."
        )
