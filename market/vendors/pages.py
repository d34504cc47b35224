"""JSON as servers send it: a page, or pages one after the other, such as one for each line; and rows from them."""

import codecs
import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from market.errors import DataError
from market.intake import Raw
from market.vendors import tabular
from market.vendors.foreign import reason
from market.vendors.source import Source
from market.vendors.tabular import Roles
from market.vendors.values import Form

MOST = 256 << 20  # bytes of a file, which is read whole

_BLOCK = 1 << 22
_ROWS = 65_536  # of a chunk
_BETWEEN = re.compile(r"[\s,]*")
_KINDS: dict[pa.DataType, set[type]] = {pa.int64(): {int}, pa.float64(): {int, float}, pa.string(): {str}}


def beginning(head: bytes) -> str:
    """Return the first bytes as text, from the first letter that is not blank on."""
    return head.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace").lstrip()


def pages(source: Source, row_of: Callable[[dict[str, Any]], Any] = lambda found: found) -> Iterator[Any]:
    """Yield the JSON values of a file; `row_of` is given each object and returns what stands in its place.

    Raises DataError where the file is too large or is no JSON; NaN and infinity are none.
    """
    decoder = json.JSONDecoder(parse_constant=_refused, object_hook=row_of)
    text = _text(source)
    at = _behind(text, 0)
    while at < len(text):
        try:
            page, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            why = reason(error, 80) if isinstance(error, ValueError) else "too many brackets in each other"
            raise DataError(f"{source.path} is no JSON ({why}): get it again.") from None
        at = _behind(text, end)
        yield page


def raw(source: Source, rows: Iterator[Sequence[Any]], roles: Roles) -> Iterator[Raw]:
    """Yield the raw rows of bars whose stamps count from 1970 in UTC; DataError where there are none.

    Each of `rows` has the same number of fields; `roles` says at which positions a role stands.
    """
    at, form = 0, Form(counts=True, offsets=False)
    while batch := list(itertools.islice(rows, _ROWS)):
        columns = [_column(list(values)) for values in zip(*batch, strict=True)]
        yield from tabular.in_utc(iter([tabular.raw(columns, roles, np.arange(at + 1, at + 1 + len(batch)), form)]))
        at += len(batch)
    if not at:
        raise DataError(f"{source.path} has no rows: get it again.")


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _text(source: Source) -> str:
    content = bytearray()
    for block in source.blocks(_BLOCK):
        content += block
        if len(content) > MOST:
            raise DataError(f"{source.path} is over {MOST >> 20} MiB of JSON: get it in parts, or as CSV or parquet.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{source.path} is no JSON in UTF-8 (byte {error.start}): get it again.") from None


def _behind(text: str, at: int) -> int:
    """Return the position behind the blanks and commas at `at`."""
    match = _BETWEEN.match(text, at)
    return match.end() if match else at


def _column(values: list[Any]) -> pa.ChunkedArray:
    """Return whole numbers, numbers or texts as a column, and anything mixed as texts, so that each can be shown."""
    kinds = set(map(type, values)) - {type(None)}
    one = next((kind for kind, types in _KINDS.items() if kinds <= types), None)
    try:
        made = None if one is None else pa.array(values, one)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):  # too large a number, half a character
        made = None
    return pa.chunked_array([pa.array(map(_as_text, values), pa.string()) if made is None else made])


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    return (value if isinstance(value, str) else json.dumps(value, default=str)).encode(errors="replace").decode()
