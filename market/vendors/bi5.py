"""Dukascopy's raw minute candles of one UTC day and one side, as its server keeps them: `BID_candles_min_1.bi5`.

Inside stand seconds since midnight and prices in points; the day stands in the file's name or path only. Read are the
names that fetching gives (`XAUUSD_2024-01-05_BID_candles_min_1.bi5`) and the server's folders, which count months from
0 (`XAUUSD/2024/00/05/BID_candles_min_1.bi5`).
"""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from market.errors import DataError
from market.findings import nothing
from market.instruments import Instrument
from market.intake import Raw
from market.validation import PRICES
from market.vendors.providers import dukascopy
from market.vendors.providers.dukascopy import Day
from market.vendors.source import Asked, Source
from market.vendors.tabular import in_price

_LZMA = b"\x5d\x00\x00"  # the usual packing, then the size of its dictionary
_UNPACKED = slice(5, 13)  # size as the header says it, or −1
_MOST = 1 << 20  # bytes of a file
_SECOND, _DAY = 1_000_000, 86_400_000_000
_FOLDERS = re.compile(
    r"(?:.*/)?(?P<symbol>[A-Za-z0-9.-]+)/(\d{4})/(0\d|1[01])/(\d\d)/(?P<side>BID|ASK)_candles_min_1\.bi5", re.DOTALL
)

_NAMED = (
    "name it XAUUSD_2024-01-05_BID_candles_min_1.bi5, or keep the server's folders, "
    "XAUUSD/2024/00/05/BID_candles_min_1.bi5, which count months from 0"
)


def recognises(head: bytes) -> bool:
    """Return whether the bytes begin as LZMA does, with the size of a day's candles or an unknown one."""
    size = int.from_bytes(head[_UNPACKED], "little", signed=True)
    return head.startswith(_LZMA) and len(head) > _UNPACKED.stop and -1 <= size <= _MOST


def read(source: Source, asked: Asked) -> Iterator[Raw]:
    """Yield the candles of the day.

    Raises DataError where the file is no such day, of another instrument, or the instrument's point is not known.
    """
    of = _of_whom(source)
    point = _point(of, asked.instrument, source)
    content = bytearray()
    for block in source.blocks(_MOST):
        content += block
        if len(content) > _MOST:
            raise DataError(f"{source.path} is too large for the candles of a day: get it again.")
    found = dukascopy.candles(bytes(content), str(source.path))
    if not len(found):
        raise DataError(f"{source.path} has no rows: nothing traded on {of.day}.")
    seconds = found["second"].astype("int64")
    micros = (of.day - date(1970, 1, 1)).days * _DAY + seconds * _SECOND
    rows = {"row": np.arange(1, len(found) + 1), "stamp": pd.DatetimeIndex(micros.astype("datetime64[us]"), tz="UTC")}
    rows |= {name: in_price(found[name].astype("float64"), point) for name in PRICES}
    yield Raw(pd.DataFrame(rows | {"volume": found["volume"].astype("float64")}), nothing())


def _of_whom(source: Source) -> Day:
    """Return symbol, day and side as the file's name or folders say them."""
    path = Path(source.member) if source.member is not None else source.path.absolute()
    if fetched := dukascopy.named(path):
        return fetched
    match = _FOLDERS.fullmatch(path.as_posix())
    if match is None:
        raise DataError(f"{source.path} does not say its day: {_NAMED}.")
    try:
        day = date(int(match[2]), int(match[3]) + 1, int(match[4]))
    except ValueError as error:
        raise DataError(f"{source.path} does not say its day ({error}): {_NAMED}.") from None
    return Day(match["symbol"], day, match["side"])


def _point(of: Day, instrument: Instrument, source: Source) -> float:
    known = instrument.vendors.dukascopy
    if known is None:
        raise DataError(
            f"{source.path} counts prices in points: write vendors.dukascopy = {{ symbol, point }} below "
            f"[{instrument.symbol}] in config/instruments.toml."
        )
    if known.symbol.upper() != of.symbol.upper():
        raise DataError(f"{source.path} is of {of.symbol}, not of {known.symbol}, Dukascopy's {instrument.symbol}.")
    return float(known.point)
