"""QuantConnect's LEAN files: quotes (bid and ask, from which comes the spread) and trades, no header.

Seconds and minutes of a day count milliseconds from midnight, and the day stands in the name, as in
`20190102_xauusd_minute_quote.csv`; hours and days are stamped `20190102 00:00`. LEAN keeps OANDA's files in UTC and
FXCM's in New York's winter time, so the user says which.
"""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from market.errors import DataError
from market.intake import Raw
from market.vendors import delimited, tabular, values
from market.vendors.source import Asked, Source
from market.vendors.tabular import Roles
from market.vendors.values import Form

DESCRIPTION = "QuantConnect LEAN quotes or trades"
CLOCK: str | None = None
STAMP: str | None = "open"

_QUOTE = [
    "time",
    "open",
    "high",
    "low",
    "close",
    "bid size",
    "ask open",
    "ask high",
    "ask low",
    "ask close",
    "ask size",
]
_TRADE = ["time", "open", "high", "low", "close", "volume"]
_ROLES: dict[int, Roles] = {
    len(_QUOTE): {"stamp": [0], "open": [1], "high": [2], "low": [3], "close": [4], "ask": [9]},
    len(_TRADE): {"stamp": [0], "open": [1], "high": [2], "low": [3], "close": [4], "volume": [5]},
}
_NUMBER = r"(?:(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)?"
_LINE = re.compile(rf"(?:0|\d{{1,5}}000|\d{{8}} \d\d:\d\d)(?:,{_NUMBER}){{5}}(?:(?:,{_NUMBER}){{5}})?\s*")
_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)_[A-Za-z0-9_]*(?:quote|trade)")
_MIDNIGHT = 86_400_000  # milliseconds


def recognises(head: bytes) -> bool:
    """Return whether the first lines are quotes or trades with a time of the day or an hour."""
    lines = delimited.first_lines(head)
    return bool(lines) and all(_LINE.fullmatch(line) for line in lines)


def read(source: Source, asked: Asked) -> Iterator[Raw]:
    """Yield the rows, bids where they are quotes; DataError where the day is needed and stands in no name."""
    first = delimited.first_line(source.head()).split(",")
    names = _TRADE if len(first) == len(_TRADE) else _QUOTE
    lay = delimited.layout(source, names)._replace(delimiter=",")
    unit = asked.instrument.costs.tick_size / 1_000
    if first[0].isdecimal():
        return _of_day(source, lay, unit, _day(source))
    return tabular.from_text(source, lay, _ROLES[len(names)], spread_unit=unit, order="year")


def _of_day(source: Source, lay: delimited.Layout, unit: float, day: int) -> Iterator[Raw]:
    roles, form = _ROLES[len(lay.names)], Form(counts=False, offsets=False)
    numbers = [place for of_role in roles.values() for place in of_role]
    for texts in delimited.chunks(source, lay, numbers):
        columns = texts.columns and [*texts.columns, _stamps(texts.columns[0], day)]
        stamped = roles | {"stamp": [len(lay.names)]}
        yield tabular.raw(columns, stamped, texts.lines, form, unit, texts.broken, len(lay.names))


def _stamps(times: pa.ChunkedArray, day: int) -> pa.ChunkedArray:
    """Return the instants of milliseconds since midnight; null where they are none of a day."""
    counted, _ = values.numbers(times)
    inside = (counted >= 0) & (counted < _MIDNIGHT) & (counted == np.floor(counted))
    micros = np.where(inside, counted, 0).astype("int64") * 1_000 + day
    return pa.chunked_array([pa.array(micros, pa.timestamp("us"), mask=~inside)])


def _day(source: Source) -> int:
    """Return the midnight, in microseconds since 1970, that the name of the file says."""
    names = [source.path.name] if source.member is None else [Path(source.member).name, source.path.name]
    for match in filter(None, map(_DAY.match, names)):
        try:
            return (date(*map(int, match.groups())) - date(1970, 1, 1)).days * _MIDNIGHT * 1_000
        except ValueError:
            continue
    raise DataError(f"{source.path} does not say its day: name it as LEAN does, 20190102_xauusd_minute_quote.csv.")
