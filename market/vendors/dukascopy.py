"""Dukascopy: what JForex and its web page export as CSV, and the raw minute candles of a day (`.bi5`).

The header of an export names the clock: `Gmt time`, `Time (UTC)`, `Time (EET)`, or `Local time`, whose stamps carry
their offsets. Minutes in which nothing traded stand as flat bars of volume 0; those are no bars and are left out.
"""

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from market.intake import Raw
from market.validation import PRICES, about_file
from market.vendors import bi5, delimited, tabular
from market.vendors.columns import plain, roles
from market.vendors.source import Asked, Source

DESCRIPTION = "Dukascopy export, or its raw candles (.bi5)"
CLOCK: str | None = None
STAMP: str | None = "open"

_STAMP = re.compile(r"(gmt|local)_time|time_\([a-z/_+-]{2,30}\)")
_UTC = ("gmt_time", "time_(utc)", "time_(gmt)")


def recognises(head: bytes) -> bool:
    """Return whether the bytes are packed candles, or the first line is a header whose first name is a clock's time."""
    names = [plain(name) for name in delimited.fields(delimited.first_line(head))]
    return bi5.recognises(head) or (bool(_STAMP.fullmatch(names[0])) and "open" in names)


def read(source: Source, asked: Asked) -> Iterator[Raw]:
    """Yield the bars in which something traded, and one warning that says how many were left out."""
    packed = (source.member or source.name).endswith(".bi5") or bi5.recognises(source.head())
    return _traded(bi5.read(source, asked) if packed else _exported(source, asked), source.name)


def _exported(source: Source, asked: Asked) -> Iterator[Raw]:
    lay = delimited.layout(source)
    stamp = plain(lay.names[0])
    named = ["timestamp" if _STAMP.fullmatch(stamp) else stamp, *lay.names[1:]]
    chunks = tabular.from_text(source, lay, roles(named, str(source.path)), order=asked.dates)
    return tabular.in_utc(chunks) if stamp in _UTC else chunks


def _traded(chunks: Iterator[Raw], name: str) -> Iterator[Raw]:
    """Yield the chunks without their flat bars of volume 0, then the number of these as a warning."""
    flat = rows = 0
    for chunk in chunks:
        empty = _is_flat(chunk.rows)
        flat, rows = flat + int(empty.sum()), rows + len(empty)
        yield Raw(chunk.rows[~empty].reset_index(drop=True), chunk.unreadable) if empty.any() else chunk
    if flat:
        found = f"{flat:,} of {rows:,} rows are flat with volume 0"
        warning = about_file(
            name, "minutes without trades left out", found, "bars in which something traded", "warning"
        )
        yield Raw(chunk.rows.iloc[:0], warning)


def _is_flat(rows: pd.DataFrame) -> np.ndarray:
    """Return where all four prices are the same and volume is 0 (bool)."""
    if "volume" not in rows:
        return np.zeros(len(rows), dtype=bool)
    prices = rows[PRICES].to_numpy()
    return np.asarray((rows["volume"].to_numpy() == 0) & (prices == prices[:, :1]).all(axis=1))
