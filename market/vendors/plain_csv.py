"""Plain CSV with the usual column names, in any case and order; spread, where there is one, in price units."""

from collections.abc import Iterator

from market.intake import Raw
from market.vendors import binance, delimited, dukascopy, tabular
from market.vendors.columns import known, roles
from market.vendors.source import Asked, Source

DESCRIPTION = "CSV with the usual column names (spread in price units)"
CLOCK: str | None = None
STAMP: str | None = None


def recognises(head: bytes) -> bool:
    """Return whether the first line is a header with at least two usual column names, and not one of another's own."""
    ours = known(delimited.fields(delimited.first_line(head))) >= 2
    return ours and not (binance.recognises(head) or dukascopy.recognises(head))


def read(source: Source, asked: Asked) -> Iterator[Raw]:
    """Yield the rows of the file."""
    lay = delimited.layout(source)
    yield from tabular.from_text(source, lay, roles(lay.names, str(source.path)), order=asked.dates)
