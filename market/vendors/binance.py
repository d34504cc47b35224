"""Binance candles: the CSV files of its public archive, with a header or without, and answers of its server in JSON.

A candle has twelve fields, the first its open time: milliseconds, or microseconds in the spot archive from 2025 on.
Both may stand in one file; each says its unit itself.
"""

import re
from collections.abc import Iterator
from typing import Any

from market.errors import DataError
from market.intake import Raw
from market.vendors import delimited, pages, tabular
from market.vendors.columns import plain, roles
from market.vendors.foreign import shown
from market.vendors.source import Asked, Source
from market.vendors.values import Form

DESCRIPTION = "Binance candles (CSV or JSON)"
CLOCK: str | None = "UTC"
STAMP: str | None = "open"

_NAMES = ["open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count"]
_NAMES += ["taker_buy_volume", "taker_buy_quote_volume", "ignore"]
_READ = 6  # fields from the first on
_ROLES = roles(_NAMES[:_READ], "Binance")
_PRICE = r'"?\d+(?:\.\d*)?"?'
_LINE = re.compile(rf"\d{{13}}(?:\d{{3}})?(,{_PRICE}){{5}},\d{{13}}(?:\d{{3}})?(,{_PRICE}){{5}}\s*")
_JSON = re.compile(rf"\[\s*(?:\[\s*)?\d{{13}}\s*(?:,\s*{_PRICE}\s*){{5}},\s*\d{{13}}\s*(?:,\s*{_PRICE}\s*){{5}}\]")


def recognises(head: bytes) -> bool:
    """Return whether the first candle has Binance's twelve fields, or the first line names some of its own."""
    line = delimited.first_line(head)
    return bool(_LINE.fullmatch(line) or _JSON.match(pages.beginning(head))) or _is_header(line)


def read(source: Source, _: Asked) -> Iterator[Raw]:
    """Yield the candles."""
    if pages.beginning(source.head()).startswith(("[", "{")):
        return pages.raw(source, _candles(source), _ROLES)
    has_header = _is_header(delimited.first_line(source.head()))
    lay = delimited.layout(source, None if has_header else _NAMES)
    form = Form(counts=True, offsets=False)
    return tabular.in_utc(tabular.from_text(source, lay, roles(_stamped(lay.names), str(source.path)), form=form))


def _is_header(line: str) -> bool:
    names = [plain(name) for name in delimited.fields(line)]
    return {"open_time", "close_time"} <= set(names) and any(name.startswith("taker_buy") for name in names)


def _stamped(names: list[str]) -> list[str]:
    """Return the names with the open time as the only stamp."""
    return ["timestamp" if plain(name) == "open_time" else name for name in names]


def _candles(source: Source) -> Iterator[list[Any]]:
    for page in pages.pages(source):
        rows = page if isinstance(page, list) and all(isinstance(row, list) for row in page) else [page]
        for row in rows:
            if not isinstance(row, list) or len(row) != len(_NAMES):
                raise DataError(f"{source.path} has {shown(row, 60)}, wanted candles of {len(_NAMES)} fields.")
            yield row[:_READ]
