"""MetaTrader 5 exports: on the broker's clock, stamped at the open, spread in points.

Read are the terminal's own export (`<DATE> <TIME> <OPEN> …`, tab or comma, with and without spread, UTF-8 or UTF-16)
and the columns of its Python package (`time, open, …, tick_volume, spread, real_volume`).
"""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from market.intake import Raw
from market.vendors import delimited, tabular
from market.vendors.columns import plain, roles
from market.vendors.source import Asked, Source

DESCRIPTION = "MetaTrader 5 export (spread in points)"
CLOCK: str | None = None
STAMP: str | None = "open"

_PYTHON = {"time", "tick_volume", "spread", "real_volume"}


def recognises(head: bytes) -> bool:
    """Return whether the first line is a header in angle brackets or names the columns of the Python package."""
    names = {plain(name) for name in delimited.fields(delimited.first_line(head))}
    return bool({"<date>", "<open>"} & names) or names >= _PYTHON


def read(source: Source, asked: Asked) -> Iterator[Raw]:
    """Yield the rows of the export; spreads become prices by the point of the file's own prices."""
    lay = delimited.layout(source)
    places = roles([plain(name).strip("<>") for name in lay.names], str(source.path))
    point = 1.0
    if "spread" in places:
        first = next(delimited.chunks(source._replace(advance=lambda _: None), lay, []))
        point = _point(first.columns[places["close"][0]], asked.instrument.costs.tick_size)
    yield from tabular.from_text(source, lay, places, spread_unit=point)


def _point(closes: pa.ChunkedArray, tick_size: float) -> float:
    """Return the point that spreads are counted in: the instrument's tick, or a tenth where prices have one digit more.

    A point is the last digit of a broker's price, and brokers quote the same instrument with two digits or with three.
    """
    decimals = pc.utf8_length(pc.replace_substring_regex(closes, r"^[^.]*\.?", ""))
    finer = tick_size / 10
    digits = max(0, len(f"{finer:.10f}".rstrip("0").partition(".")[2]))
    share = pc.mean(pc.cast(pc.equal(decimals, digits), pa.float64())).as_py() or 0.0
    return finer if share > 0.5 else tick_size
