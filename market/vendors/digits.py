"""Stamps of one fixed layout, read from their digits a column at a time.

Vendors write every stamp of a file alike, so the first one tells where the digits stand; the others are checked against
it letter by letter. What does not fit is left to slower and more patient readers.
"""

import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa

_DATE = r"(?P<Y>\d{4})[./-]?(?P<m>\d\d)[./-]?(?P<d>\d\d)"
_DAY_FIRST = r"(?P<d>\d\d)[./-](?P<m>\d\d)[./-](?P<Y>\d{4})"
_MONTH_FIRST = r"(?P<m>\d\d)[./-](?P<d>\d\d)[./-](?P<Y>\d{4})"
_TIME = r"(?P<H>\d\d):?(?P<M>\d\d)(?::?(?P<S>\d\d)(?:[.,](?P<f>\d{1,9}))?)?"
_OFFSET = r"(?:Z| ?(?:UTC|GMT)(?![+-])| ?(?:GMT|UTC)?(?P<sign>[+-])(?P<oH>\d\d):?(?P<oM>\d\d))"
_SECOND = 1_000_000
_DAYS_BEFORE = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
_LENGTH = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])

LAYOUTS = {
    order: re.compile(rf"(?:{date}(?:[T ]?{_TIME})?|{_TIME.replace('?P<', '?P<t')})(?P<offset>{_OFFSET})?")
    for order, date in {"year": _DATE, "day": _DAY_FIRST, "month": _MONTH_FIRST}.items()
}


def microseconds(column: pa.ChunkedArray, order: str = "year") -> tuple[np.ndarray, np.ndarray, bool]:
    """Return each text's microseconds since 1970 (of the day, for times alone), which were read, and if they are UTC.

    They are UTC where the texts carry offsets, which are subtracted. Which of year, month and day comes first is
    `order`. A text of another layout than the first one's is not read.

    >>> column = pa.chunked_array([["2024.01.31 13:45", "2024.02.30 00:00", "chat"]])
    >>> micros, read, _ = microseconds(column)
    >>> str(micros[:1].astype("datetime64[us]")[0]), read.tolist()
    ('2024-01-31T13:45:00.000000', [True, False, False])
    """
    lengths, letters = _letters(column)
    nothing = np.zeros(len(column), dtype="int64"), np.zeros(len(column), dtype=bool), False
    if not len(column):
        return nothing
    first = str(column[0].as_py())
    match = LAYOUTS[order].fullmatch(first)
    if match is None or len(first) != len(first.encode()):
        return nothing
    alike = lengths == len(first)
    matrix = letters(alike, len(first))
    digits, literal = _shape(match, first)
    good = (matrix[:, literal] == np.frombuffer(first.encode(), dtype="uint8")[literal]).all(axis=1)
    figures = matrix[:, digits] - np.uint8(48)
    good &= (figures < 10).all(axis=1)
    micros, real = _instants(match, matrix)
    out, read = nothing[0], alike.copy()
    read[alike] = good & real
    out[alike] = micros
    return np.where(read, out, 0), read, match["offset"] is not None


def _letters(column: pa.ChunkedArray) -> tuple[np.ndarray, Callable[[np.ndarray, int], np.ndarray]]:
    """Return the byte length of each text, and a function that gives the bytes of texts of one length as a matrix."""
    array = column.combine_chunks()
    array = pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
    _, offsets, data = array.buffers()
    at = np.frombuffer(offsets, dtype="int32")[array.offset : array.offset + len(array) + 1].astype("int64")
    content = np.frombuffer(data, dtype="uint8") if data is not None else np.array([], dtype="uint8")

    def letters(which: np.ndarray, length: int) -> np.ndarray:
        if which.all():
            return content[at[0] : at[-1]].reshape(len(which), length)
        return content[at[:-1][which][:, None] + np.arange(length)]

    return np.diff(at), letters


def _shape(match: re.Match[str], first: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of digits that vary and of letters that must be the same in all texts."""
    varying = [name for name, text in match.groupdict().items() if text and name not in ("offset", "sign")]
    digits = [i for name in varying for i in range(*match.span(name))]
    return np.array(sorted(digits)), np.setdiff1d(np.arange(len(first)), digits)


def _instants(match: re.Match[str], matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return microseconds since 1970 of texts in the layout of `match`, and which of them are a real date and time."""

    def number(name: str) -> np.ndarray:
        if not match.groupdict().get(name):
            return np.zeros(len(matrix), dtype="int64")
        start, end = match.span(name)
        value = np.zeros(len(matrix), dtype="int64")
        for i in range(start, end):
            value = value * 10 + (matrix[:, i].astype("int64") - 48)
        return value

    clock = "t" if match["tH"] else ""
    hour, minute, second = (number(clock + name) for name in "HMS")
    fraction = match[clock + "f"] or ""
    within = number(clock + "f") * _SECOND // 10 ** len(fraction) if fraction else 0
    micros = ((hour * 60 + minute) * 60 + second) * _SECOND + within
    real = (hour < 24) & (minute < 60) & (second < 60) & (number("oH") < 24) & (number("oM") < 60)
    ahead = (number("oH") * 60 + number("oM")) * (-60 if match["sign"] == "-" else 60) * _SECOND
    if clock:
        return micros - ahead, real
    days, exists = days_since_1970(number("Y"), number("m"), number("d"))
    return micros - ahead + days * 86_400 * _SECOND, real & exists


def days_since_1970(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whole days since 1970-01-01 of dates in the Gregorian calendar, and which of the dates there are."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    named = (month >= 1) & (month <= 12)
    month = np.where(named, month, 1)
    exists = named & (day >= 1) & (day <= _LENGTH[month] + (leap & (month == 2))) & (year >= 1)
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400 - 719_162
    return days + _DAYS_BEFORE[month] + (leap & (month > 2)) + day - 1, exists
