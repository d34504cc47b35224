"""Delimited text as a table of texts: any usual encoding, delimiter and line ending, with its line numbers."""

import codecs
import io
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from market.errors import DataError

_HEAD = 65_536
_NEWLINE = re.compile(r"\r\n|\r|\n")
_DELIMITERS = ("\t", ";", ",")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Texts(NamedTuple):
    """Columns of text by position, the line number of each row (from 1), and lines with another number of fields."""

    names: list[str]
    columns: list[pa.ChunkedArray]
    lines: np.ndarray
    broken: list[tuple[int, str]]


def decoded(content: bytes) -> str | None:
    """Return the text that the bytes encode in UTF-8 or UTF-16, or None where they are no text.

    >>> decoded("a,b".encode("utf-16"))
    'a,b'
    >>> decoded(b"PAR1\\x00\\x01") is None
    True
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    if encoding is None:
        head = content[:400]
        encoding = "utf-8"
        if len(head) >= 4 and head[1::2].count(0) > 0.9 * len(head[1::2]):
            encoding = "utf-16-le"
    text = content.decode(encoding, errors="replace")
    return None if "\0" in text else text


def first_line(content: bytes) -> str:
    """Return the first line that is not blank, or an empty text where the bytes are none."""
    lines = _NEWLINE.split(decoded(content) or "")
    return next((line for line in lines if line.strip()), "")


def fields(line: str) -> list[str]:
    """Return the fields of a line, cut at its likeliest delimiter.

    >>> fields("a;b,c;d")
    ['a', 'b,c', 'd']
    """
    return line.split(delimiter_of(line))


def delimiter_of(line: str) -> str:
    """Return the delimiter that stands most often in `line`, tab before semicolon before comma."""
    return max(_DELIMITERS, key=line.count)


def read(path: Path, names: list[str] | None = None) -> Texts:
    """Return the file as columns of text; `names` are given where it has no header. Blank lines are no rows.

    Raises DataError where it is no text or has no rows.
    """
    text = decoded(path.read_bytes())
    if text is None:
        raise DataError(f"{path} is not a text file: say its --format, or export it again as CSV.")
    header = first_line(text[:_HEAD].encode())
    delimiter = delimiter_of(header)
    body, skipped = (text, 0) if names else _below(text, header)
    if not body.strip():
        raise DataError(f"{path} has no rows{f', only {header[:80]!r}' if header else ''}: export it again.")
    names = names or header.split(delimiter)
    try:
        table, broken = _table(body.encode(), names, delimiter)
    except pa.ArrowInvalid as error:
        raise DataError(f"{path} is not delimited text ({str(error)[:80]}): say its --format.") from error
    bad = np.array([line for line, _ in broken], dtype="int64")
    lines = np.setdiff1d(np.arange(1, 1 + table.num_rows + len(broken)), bad)
    filled = _filled(table)
    columns = [_unquoted(column.filter(pa.array(filled))) for column in table.columns]
    shown = [(line + skipped, content) for line, content in broken if content.strip()]
    return Texts(names, columns, lines[filled] + skipped, shown)


def _below(text: str, header: str) -> tuple[str, int]:
    """Return the text below the header line, and how many lines stand above it."""
    end = text.index(header) + len(header)
    newline = _NEWLINE.match(text, end)
    above = len(_NEWLINE.findall(text[:end]))
    return (text[newline.end() :], above + 1) if newline else ("", above + 1)


def _table(content: bytes, names: list[str], delimiter: str) -> tuple[pa.Table, list[tuple[int, str]]]:
    broken: list[tuple[int, str]] = []

    def note(row: pyarrow.csv.InvalidRow) -> str:
        broken.append((row.number, row.text))
        return "skip"

    positions = [str(i) for i in range(len(names))]
    table = pyarrow.csv.read_csv(
        io.BytesIO(content),
        read_options=pyarrow.csv.ReadOptions(column_names=positions, use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=delimiter, quote_char=False, ignore_empty_lines=False, invalid_row_handler=note
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(positions, pa.string()), strings_can_be_null=False
        ),
    )
    return table, broken


def _filled(table: pa.Table) -> np.ndarray:
    """Return which rows hold anything: a blank line reads as a row of empty texts."""
    filled = np.zeros(table.num_rows, dtype=bool)
    for column in table.columns:
        if filled.all():
            break
        filled |= pa.compute.greater(pa.compute.utf8_length(column), 0).to_numpy()
    return filled


def _unquoted(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if len(column) and '"' in column[0].as_py():
        return pa.compute.utf8_trim(column, '"')
    return column
