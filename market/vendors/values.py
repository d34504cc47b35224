"""Numbers and stamps from texts, with every text that is neither left to be reported."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_YEAR_FIRST = r"^(\d{4})[./-]?(\d\d)[./-]?(\d\d)([T ].*)?$"
_ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?( ?(Z|[+-]\d\d:?\d\d))?)?$"
_OFFSET = r":\d\d([.,]\d+)? ?(Z|[+-]\d\d:?\d\d)$"
_WHOLE = r"^\d{9,19}$"
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_FIRST_SECOND, _LAST_SECOND = 946_684_800, 4_102_444_800  # 2000 to 2100


def numbers(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 values (NaN where missing or not a number) and which texts are not numbers (bool).

    An empty text is missing, not bad. `nan` and `inf` as words are bad.
    """
    if not _is_text(column):
        values = pc.cast(column, pa.float64(), safe=False).to_numpy()
        return np.array(values, dtype="float64"), np.zeros(len(values), dtype=bool)
    text = pc.utf8_trim_whitespace(column)
    good = pc.fill_null(pc.match_substring_regex(text, _NUMBER), False)
    values = pc.cast(pc.if_else(good, text, None), pa.float64()).to_numpy()
    empty = pc.fill_null(pc.equal(pc.utf8_length(text), 0), True)
    return np.array(values, dtype="float64"), ~(good.to_numpy() | empty.to_numpy())


def stamps(column: pa.ChunkedArray) -> tuple[pd.Series, np.ndarray]:
    """Return stamps (datetime64[us], naive, or UTC where they carry offsets) and which could not be read (bool).

    Read are ISO 8601, `2025.01.31 13:45`, `20250131 13:45` and whole numbers of s, ms, us or ns since 1970, which are
    naive too: MetaTrader counts them on the broker's clock. The day never comes first, for 01/02 has two meanings.
    """
    if pa.types.is_timestamp(column.type):
        series = column.to_pandas().dt.as_unit("us").reset_index(drop=True)
        return series, series.isna().to_numpy()
    if pa.types.is_integer(column.type):
        return _since_1970(column)
    text = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    whole = pc.fill_null(pc.match_substring_regex(text, _WHOLE), False)
    if len(text) and pc.mean(pc.cast(whole, pa.float64())).as_py() > 0.5:
        return _since_1970(pc.cast(pc.if_else(whole, text, None), pa.int64()))
    return _from_text(pc.replace_substring_regex(text, _YEAR_FIRST, r"\1-\2-\3\4"))


def _from_text(text: pa.ChunkedArray) -> tuple[pd.Series, np.ndarray]:
    iso = pc.fill_null(pc.match_substring_regex(text, _ISO), False).to_numpy()
    offset = pc.fill_null(pc.match_substring_regex(text, _OFFSET), False).to_numpy()
    carries = bool(iso.any()) and offset[iso].mean() > 0.5
    good = iso & (offset == carries)
    texts = np.where(good, text.to_numpy(), None)
    series = pd.Series(pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=carries)).dt.as_unit("us")
    return series, series.isna().to_numpy()


def _since_1970(column: pa.ChunkedArray) -> tuple[pd.Series, np.ndarray]:
    values = pd.Series(column.to_pandas()).astype("Int64").reset_index(drop=True)
    median = float(values.median()) if values.notna().any() else 0.0
    per_second = next((n for n in _UNITS.values() if _FIRST_SECOND <= median / n < _LAST_SECOND), None)
    if per_second is None:
        series = pd.Series(pd.NaT, index=values.index, dtype="datetime64[us]")
    else:
        scaled = values * (1_000_000 // per_second) if per_second <= 1_000_000 else values // 1_000
        series = pd.to_datetime(scaled, unit="us", errors="coerce").dt.as_unit("us")
    return series, series.isna().to_numpy()


def _is_text(column: pa.ChunkedArray) -> bool:
    return pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
