"""MetaTrader 4 exports, and others in its layout: `2023.03.13,21:00,open,high,low,close,volume`, no header.

So are MetaTrader 5's without a header, and HistData's files for MetaTrader, whose volume of 0 throughout is none.
"""

import re
from collections.abc import Iterator

from market.intake import Raw
from market.vendors import delimited, tabular
from market.vendors.columns import roles
from market.vendors.source import Asked, Source

DESCRIPTION = "MetaTrader 4 export (no header)"
CLOCK: str | None = None
STAMP: str | None = "open"

_LINE = re.compile(r"\d{4}\.\d\d\.\d\d[\t,;]\d\d:\d\d(:\d\d)?([\t,;][0-9.]+){4,5}\s*")
_NAMES = ["date", "time", "open", "high", "low", "close", "volume"]


def recognises(head: bytes) -> bool:
    """Return whether the first line is a bar with a dotted date and no header stands above it."""
    return bool(_LINE.fullmatch(delimited.first_line(head)))


def read(source: Source, _: Asked) -> Iterator[Raw]:
    """Yield the rows of the export."""
    count = len(delimited.fields(delimited.first_line(source.head())))
    lay = delimited.layout(source, _NAMES[: max(6, min(count, len(_NAMES)))])
    yield from tabular.without_empty_volume(
        tabular.from_text(source, lay, roles(lay.names, str(source.path)), order="year")
    )
