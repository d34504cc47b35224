"""Numbers and stamps from texts, with every text that is neither left to be reported."""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from market.vendors import digits

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_YEAR_FIRST = r"^(\d{4})[./-]?(\d\d)[./-]?(\d\d)([T ].*)?$"
_ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?( ?(Z|[+-]\d\d:?\d\d))?)?$"
_NAMED_OFFSET = r" ?(?:GMT|UTC)([+-]\d\d:?\d\d)$"
_OFFSET = r":\d\d([.,]\d+)? ?(Z|UTC|GMT|(GMT|UTC)?[+-]\d\d:?\d\d)$"
_TOGETHER = r"^(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d([0-5]\d)?$"  # no count since 1970
_WHOLE = r"^\d{9,19}$"
_UNITS = (1, 1_000, 1_000_000, 1_000_000_000)
_FIRST_SECOND, _LAST_SECOND = 946_684_800, 4_102_444_800  # 2000 to 2100
_OVER_12 = r"^(1[3-9]|2\d|3[01])[/-]"  # no month
_SLASHED = re.compile(r"\d{1,2}[/-]\d{1,2}[/-]\d{4}.*")


class Form(NamedTuple):
    """What the stamps of a file are, as its first rows show: counts since 1970 or texts, and if they carry offsets."""

    counts: bool
    offsets: bool
    order: str = "year"


def numbers(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 values (NaN where missing or not a number) and which texts are not numbers (bool).

    An empty text is missing, not bad. `nan` and `inf` as words are bad.
    """
    if not is_text(column.type):
        values = pc.cast(column, pa.float64(), safe=False).to_numpy()
        return np.array(values, dtype="float64"), np.zeros(len(values), dtype=bool)
    text = pc.utf8_trim_whitespace(column)
    good = pc.fill_null(pc.match_substring_regex(text, _NUMBER), False)
    values = pc.cast(pc.if_else(good, text, None), pa.float64()).to_numpy()
    empty = pc.fill_null(pc.equal(pc.utf8_length(text), 0), True)
    return np.array(values, dtype="float64"), ~(good.to_numpy() | empty.to_numpy())


def form_of(column: pa.ChunkedArray) -> Form:
    """Return what the stamps of `column`, the first of a file, are; `order` is empty where 01/02 has two meanings."""
    if pa.types.is_timestamp(column.type):
        return Form(counts=False, offsets=column.type.tz is not None)
    if not is_text(column.type):
        return Form(counts=True, offsets=False)
    text = pc.utf8_trim_whitespace(column)
    if _share(text, _WHOLE) > 0.5:
        return Form(counts=_share(text, _TOGETHER) < 0.5, offsets=False)
    order = "year"
    if _share(text, r"^\d\d\.\d\d\.\d{4}") > 0.5:
        order = "day"
    elif len(text) and _SLASHED.fullmatch(str(text[0].as_py())):
        day, month = (_share(text, pattern) > 0 for pattern in (_OVER_12, rf"^\d{{1,2}}[/-]{_OVER_12[1:]}"))
        order = "" if day == month else "day" if day else "month"
    return Form(counts=False, offsets=_share(text, _OFFSET) > 0.5, order=order)


def stamps(column: pa.ChunkedArray, form: Form) -> tuple[pd.Series, np.ndarray]:
    """Return stamps (datetime64[us], naive, or UTC where they carry offsets) and which could not be read (bool).

    Read are ISO 8601, `2025.01.31 13:45`, `20250131 13:45`, `31.01.2025 13:45` and whole numbers of s, ms, us or ns
    since 1970, which are naive too: MetaTrader counts them on the broker's clock. Each number says its unit itself.
    """
    if pa.types.is_timestamp(column.type):
        series = column.to_pandas().dt.as_unit("us").reset_index(drop=True)
        return series, series.isna().to_numpy()
    if form.counts:
        return _since_1970(column)
    micros, read, utc = digits.microseconds(column, form.order or "year")
    if utc != form.offsets:
        read[:] = False
    series = pd.Series(micros.astype("datetime64[us]"))
    if form.offsets:
        series = series.dt.tz_localize("UTC")
    if not read.all():
        series[~read], unread = _patiently(column.filter(pa.array(~read)), form)
        read[~read] = ~unread
    return series, ~read


def joined(date: pa.ChunkedArray, time: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return date and time, which stand apart, as one text."""
    return pc.binary_join_element_wise(pc.cast(date, pa.string()), pc.cast(time, pa.string()), " ")


def offsets(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return which texts end in an offset from UTC (bool), and the different offsets of those that do."""
    text = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    found = pc.struct_field(
        pc.extract_regex(text, r":\d\d(?:[.,]\d+)? ?(?P<offset>Z|UTC|GMT|[+-]\d\d:?\d\d)$"), "offset"
    )
    given = pc.is_valid(found).to_numpy()
    return given, np.array(sorted(set(pc.unique(found.drop_null()).to_pylist())), dtype=object)


def minutes(offset: str) -> int:
    """Return an offset from UTC in minutes.

    >>> minutes("Z"), minutes("+02:00"), minutes("-0530")
    (0, 120, -330)
    """
    digits = offset.replace(":", "")
    return 0 if offset in ("Z", "UTC", "GMT") else int(f"{digits[0]}1") * (int(digits[1:3]) * 60 + int(digits[3:5]))


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column of this type holds text."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _share(text: pa.ChunkedArray, pattern: str) -> float:
    found = pc.cast(pc.fill_null(pc.match_substring_regex(text, pattern), False), pa.float64())
    return float(pc.mean(found).as_py() or 0.0)


def _patiently(column: pa.ChunkedArray, form: Form) -> tuple[np.ndarray, np.ndarray]:
    """Return stamps of texts in layouts that differ, and which could not be read."""
    text = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    if form.order == "day":
        text = pc.replace_substring_regex(text, r"^(\d\d)[./-](\d\d)[./-](\d{4})([T ].*)?$", r"\3-\2-\1\4")
    if form.order == "month":
        text = pc.replace_substring_regex(text, r"^(\d\d)[./-](\d\d)[./-](\d{4})([T ].*)?$", r"\3-\1-\2\4")
    text = pc.replace_substring_regex(text, _YEAR_FIRST, r"\1-\2-\3\4")
    text = pc.replace_substring_regex(text, _NAMED_OFFSET, r"\1")
    text = pc.replace_substring_regex(text, r" ?(UTC|GMT)$", "Z")
    iso = pc.fill_null(pc.match_substring_regex(text, _ISO), False).to_numpy()
    offset = pc.fill_null(pc.match_substring_regex(text, _OFFSET), False).to_numpy()
    good = iso & (offset == form.offsets)
    texts = np.where(good, text.to_numpy(), None)
    series = pd.Series(pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=form.offsets)).dt.as_unit("us")
    return series.array, series.isna().to_numpy()


def _since_1970(column: pa.ChunkedArray) -> tuple[pd.Series, np.ndarray]:
    whole, unread = _whole(column)
    micros = np.zeros(len(whole), dtype="int64")
    for unit in _UNITS:
        of_unit = ~unread & (whole >= _FIRST_SECOND * unit) & (whole < _LAST_SECOND * unit)
        micros[of_unit] = whole[of_unit] * (1_000_000 // unit) if unit <= 1_000_000 else whole[of_unit] // 1_000
    unread = unread | (micros == 0)
    return pd.Series(micros.astype("datetime64[us]")).mask(unread), unread


def _whole(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return whole numbers (int64) and which are none."""
    if is_text(column.type):
        text = pc.utf8_trim_whitespace(column)
        good = pc.fill_null(pc.match_substring_regex(text, _WHOLE), False)
        column = pc.cast(pc.if_else(good, text, None), pa.int64())
    missing = pc.is_null(column).to_numpy()
    return pc.cast(pc.fill_null(column, 0), pa.int64(), safe=False).to_numpy(), missing
