"""MetaTrader 5 (and 4) exports: on the broker's clock, stamped at the open, spread in points.

Read are the terminal's own export (`<DATE> <TIME> <OPEN> …`, tab or comma, UTF-8 or UTF-16), the bare form
`2023.03.13,21:00,open,high,low,close,volume`, and the columns of its Python package (`time, open, …, tick_volume,
spread, real_volume`).
"""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from market.bars import Raw
from market.instruments import Instrument
from market.vendors import delimited, tabular
from market.vendors.columns import plain, roles

DESCRIPTION = "MetaTrader export (spread in points)"

_BARE = re.compile(r"\d{4}\.\d\d\.\d\d[\t,;]\d\d:\d\d(:\d\d)?([\t,;][0-9.]+){4,7}\s*")
_BARE_NAMES = ["date", "time", "open", "high", "low", "close", "tickvol", "vol", "spread"]
_PYTHON = {"time", "tick_volume", "spread", "real_volume"}


def recognises(head: bytes) -> bool:
    """Return whether the first line is a header in angle brackets, bare MetaTrader bars or its Python columns."""
    line = delimited.first_line(head)
    names = {plain(name) for name in delimited.fields(line)}
    return bool({"<date>", "<open>"} & names) or bool(_BARE.fullmatch(line)) or names >= _PYTHON


def read(path: Path, instrument: Instrument) -> Raw:
    """Return the rows of the export; spreads become prices by the point of the file's own prices."""
    with path.open("rb") as stream:
        line = delimited.first_line(stream.read(65_536))
    bare = _BARE_NAMES[: len(delimited.fields(line))] if _BARE.fullmatch(line) else None
    texts = delimited.read(path, bare)
    names = [plain(name).strip("<>") for name in texts.names]
    places = roles(names, str(path))
    point = _point(texts.columns[places["close"][0]], instrument.costs.tick_size)
    return tabular.from_texts(texts, places, spread_unit=point)


def _point(closes: pa.ChunkedArray, tick_size: float) -> float:
    """Return the point that spreads are counted in: the instrument's tick, or a tenth where prices have one digit more.

    A point is the last digit of a broker's price, and brokers quote the same instrument with two digits or with three.
    """
    decimals = pc.utf8_length(pc.replace_substring_regex(closes, r"^[^.]*\.?", ""))
    finer = tick_size / 10
    digits = max(0, len(f"{finer:.10f}".rstrip("0").partition(".")[2]))
    share = pc.mean(pc.cast(pc.equal(decimals, digits), pa.float64())).as_py() or 0.0
    return finer if share > 0.5 else tick_size
