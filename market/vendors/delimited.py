"""Delimited text as chunks of columns: any usual encoding, delimiter and line ending, with its line numbers.

A chunk is what a few megabytes of text hold, so a file of any size is read in the same memory. Columns that are named
as numbers are read as such at once; where a chunk holds a text among them, that chunk is read again as texts, so that
each can be shown.
"""

import codecs
import io
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from market.errors import DataError
from market.vendors.foreign import reason
from market.vendors.source import HEAD, Source

BLOCK = 1 << 23  # bytes of text in a chunk

_NEWLINE = re.compile(r"\r\n|\r|\n")
_COMMA = re.compile(r"(?<![^;\t\"])[+-]?\d+,\d+(?![^;\t\"])")  # a field such as 1234,56
_DELIMITERS = ("\t", ";", ",")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Layout(NamedTuple):
    """How a file is laid out: its encoding, its delimiter, the names of its columns, lines above the first row.

    `comma` says that decimals stand behind a comma, as in `1234,56`.
    """

    encoding: str
    delimiter: str
    names: list[str]
    above: int
    comma: bool = False


class Texts(NamedTuple):
    """A chunk: columns by position, the line number of each row (from 1), and lines with another number of fields.

    A column is text, or float64 where it was asked for as a number and every field of the chunk is one (or empty).
    """

    columns: list[pa.ChunkedArray]
    lines: np.ndarray
    broken: list[tuple[int, str]]


def first_line(head: bytes) -> str:
    """Return the first line that is not blank, or an empty text where the bytes are none.

    >>> first_line("\\n a,b \\n1,2".encode("utf-16"))
    ' a,b '
    """
    lines = _NEWLINE.split(_decoded(head) or "")
    return next((line for line in lines if line.strip()), "")


def first_lines(head: bytes, most: int = 20) -> list[str]:
    """Return the first lines that are not blank; the last one of a full `head` may be cut and is left out."""
    lines = [line for line in _NEWLINE.split(_decoded(head) or "") if line.strip()]
    return lines[: min(most, max(1, len(lines) - (len(head) >= HEAD)))]


def fields(line: str) -> list[str]:
    """Return the fields of a line, cut at its likeliest delimiter.

    >>> fields("a;b,c;d")
    ['a', 'b,c', 'd']
    """
    return line.split(delimiter_of(line))


def delimiter_of(line: str) -> str:
    """Return the delimiter that stands most often in `line`, tab before semicolon before comma."""
    return max(_DELIMITERS, key=line.count)


def layout(source: Source, names: list[str] | None = None) -> Layout:
    """Return how the file is laid out; `names` are given where it has no header. DataError where it is no text."""
    head = source.head()
    text = _decoded(head)
    if text is None:
        raise DataError(f"{source.path} is not a text file: say its --format, or export it again as CSV.")
    header = first_line(head)
    if not header:
        raise DataError(f"{source.path} has no rows: export it again.")
    delimiter = delimiter_of(header)
    above = len(_NEWLINE.findall(text[: text.index(header)]))
    rows = first_lines(head)[0 if names else 1 :]
    comma = delimiter != "," and any(_COMMA.search(row) for row in rows)
    return Layout(_encoding(head), delimiter, names or header.split(delimiter), above if names else above + 1, comma)


def chunks(source: Source, lay: Layout, numbers: list[int]) -> Iterator[Texts]:
    """Yield the rows below the header; blank lines are no rows. `numbers` are positions of columns that hold numbers.

    Raises DataError where the file is no text, or has no rows.
    """
    line, anything = 1, False
    for block in _blocks(source, lay.encoding):
        skip = lay.above if line == 1 else 0
        read = _chunk(block, lay, numbers, line, skip, source)
        line += _lines(block)
        if len(read.lines) or read.broken:
            anything = True
            yield read
    if not anything:
        shown = f", only {lay.delimiter.join(lay.names)[:80]!r}" if lay.above else ""
        raise DataError(f"{source.path} has no rows{shown}: export it again.")


def _decoded(head: bytes) -> str | None:
    """Return the text that the bytes encode in UTF-8 or UTF-16, or None where they are no text."""
    text = codecs.getincrementaldecoder(_encoding(head))(errors="replace").decode(head)
    return None if "\0" in text else text


def _encoding(head: bytes) -> str:
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if marked:
        return marked
    some = head[:400]
    for name, at in (("utf-16-le", 1), ("utf-16-be", 0)):
        if len(some) >= 4 and some[at::2].count(0) > 0.9 * len(some[at::2]):
            return name
    return "utf-8"


def _blocks(source: Source, encoding: str) -> Iterator[bytes]:
    """Yield whole lines as UTF-8, a few megabytes at a time."""
    decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)(errors="replace")
    ready, left = b"", b""
    for raw in source.blocks(BLOCK):
        block = left + (decoder.decode(raw).encode() if decoder else raw)
        if b"\0" in block:
            raise DataError(f"{source.path} is not a text file: say its --format, or export it again as CSV.")
        end = block.rfind(b"\n") + 1 or block.rfind(b"\r", 0, len(block) - 1) + 1
        if not end and len(block) > BLOCK:
            raise DataError(f"{source.path} has a line of over {BLOCK >> 20} MiB: is it text? Export it again.")
        if end and ready:
            yield ready
        ready, left = (block[:end], block[end:]) if end else (ready, block)
    if ready or left:
        yield ready + left


def _lines(block: bytes) -> int:
    return block.count(b"\n") or block.count(b"\r")


def _chunk(block: bytes, lay: Layout, numbers: list[int], line: int, skip: int, source: Source) -> Texts:
    body = _below(block, skip)
    if not body.strip():
        return Texts([], np.array([], dtype="int64"), [])
    if not body.isascii():
        body = body.decode(errors="replace").encode()
    try:
        table, broken = _table(body, lay, numbers)
        if not _finite(table, numbers):
            table, broken = _table(body, lay, [])
    except pa.ArrowInvalid:
        table, broken = _as_texts(body, lay, source)
    if lay.comma:
        table = _with_points(table, numbers)
    bad = np.array([number for number, _ in broken], dtype="int64")
    lines = np.setdiff1d(np.arange(1, 1 + table.num_rows + len(broken)), bad, assume_unique=True)
    filled = _filled(table)
    columns = table.columns if filled.all() else [column.filter(pa.array(filled)) for column in table.columns]
    above = line - 1 + skip
    shown = [(number + above, content) for number, content in broken if content.strip()]
    return Texts([_unquoted(column) for column in columns], lines[filled] + above, shown)


def _as_texts(body: bytes, lay: Layout, source: Source) -> tuple[pa.Table, list[tuple[int, str]]]:
    try:
        return _table(body, lay, [])
    except pa.ArrowInvalid as error:
        raise DataError(f"{source.path} is not delimited text ({reason(error, 80)}): say its --format.") from error


def _below(block: bytes, lines: int) -> bytes:
    at = 0
    for _ in range(lines):
        newline = re.compile(rb"\r\n|\r|\n").search(block, at)
        at = newline.end() if newline else len(block)
    return block[at:]


def _table(body: bytes, lay: Layout, numbers: list[int]) -> tuple[pa.Table, list[tuple[int, str]]]:
    broken: list[tuple[int, str]] = []

    def note(row: pyarrow.csv.InvalidRow) -> str:
        broken.append((row.number, row.text))
        return "skip"

    kinds = {str(i): pa.float64() if i in numbers else pa.string() for i in range(len(lay.names))}
    table = pyarrow.csv.read_csv(
        io.BytesIO(body),
        read_options=pyarrow.csv.ReadOptions(column_names=list(kinds), use_threads=False, block_size=2 * BLOCK),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=lay.delimiter, quote_char=False, ignore_empty_lines=False, invalid_row_handler=note
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=kinds, strings_can_be_null=False, null_values=[""], decimal_point="," if lay.comma else "."
        ),
    )
    return table, broken


def _with_points(table: pa.Table, numbers: list[int]) -> pa.Table:
    """Return the table with `1234.56` for `1234,56` in those number columns that were read as texts."""
    for i in numbers:
        if pa.types.is_string(table.columns[i].type):
            table = table.set_column(i, str(i), pc.replace_substring(table.columns[i], ",", "."))
    return table


def _finite(table: pa.Table, numbers: list[int]) -> bool:
    """Return whether the number columns hold no word such as `inf` or `nan`, which is a text to be shown."""
    return all(pc.all(pc.is_finite(table.columns[i])).as_py() is not False for i in numbers)


def _filled(table: pa.Table) -> np.ndarray:
    """Return which rows hold anything: a blank line reads as a row of empty fields."""
    filled = np.zeros(table.num_rows, dtype=bool)
    for column in table.columns:
        if filled.all():
            break
        held = pc.is_valid(column) if pa.types.is_floating(column.type) else pc.greater(pc.utf8_length(column), 0)
        filled |= held.to_numpy()
    return filled


def _unquoted(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string(column.type) and len(column) and '"' in column[0].as_py():
        return pc.utf8_trim(column, '"')
    return column
