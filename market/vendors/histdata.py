"""HistData's generic ASCII minutes, zipped or not: `20190101 180000;open;high;low;close;0`, no header, bids.

HistData documents its clock as New York's winter time all year round; its files are not always on it, so the user says
which. NinjaTrader writes the same lines, with volume, but stamps them at the close: those are not recognised.
"""

import re
from collections.abc import Iterator

from market.intake import Raw
from market.vendors import delimited, tabular
from market.vendors.columns import roles
from market.vendors.source import Asked, Source

DESCRIPTION = "HistData generic ASCII (no header)"
CLOCK: str | None = None
STAMP: str | None = "open"

_LINE = re.compile(r"\d{8} \d{6}(;\d+(\.\d+)?){4};0(\.0+)?\s*")
_NAMES = ["timestamp", "open", "high", "low", "close", "volume"]


def recognises(head: bytes) -> bool:
    """Return whether the first lines are bars with semicolons and without volume."""
    lines = delimited.first_lines(head)
    return bool(lines) and all(_LINE.fullmatch(line) for line in lines)


def read(source: Source, _: Asked) -> Iterator[Raw]:
    """Yield the rows of the file; a volume of 0 throughout is none."""
    lay = delimited.layout(source, _NAMES)
    yield from tabular.without_empty_volume(
        tabular.from_text(source, lay, roles(_NAMES, str(source.path)), order="year")
    )
