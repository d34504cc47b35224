"""A user's own signals as a score table: parquet or CSV of `ts, score`, checked row by row before anything trades them.

`ts` is the close of a bar, in UTC unless it carries another offset; `score` is from 0 (short) to 1 (long), 0.5 is no
view. `expected_r_long` with `expected_r_short` and `confidence` are optional.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from market.errors import DataError, UsageError, nearest
from market.vendors.foreign import reason

_NEEDED = ("ts", "score")
_EXPECTED = ("expected_r_long", "expected_r_short")
_COLUMNS = (*_NEEDED, *_EXPECTED, "confidence")
_LAST = 7_258_118_400_000_000  # 2200-01-01, in microseconds
_DECIMALS = 6  # of a score, as a model's own has


def read(path: Path) -> pd.DataFrame:
    """Return the score table in the file at `path`: `score expected_r_long expected_r_short confidence` by `ts`.

    Scores are rounded to 1e-6. Where they are left out, net expectation is taken as positive on both sides and
    confidence as the larger of score and 1 − score. Raises UsageError for a file that is not there or of another kind,
    DataError naming the first row that breaks a promise: columns, stamps that increase strictly, finite numbers, score
    and confidence in [0, 1].
    """
    table = _table(path)
    _check_columns(path, [str(name) for name in table.columns])
    if not len(table):
        raise DataError(f"{path} has no rows: there is no score to trade.")
    ts = _stamps(path, table["ts"])
    score = np.round(_numbers(path, table, "score", share=True), _DECIMALS)
    columns = {"score": score, **dict.fromkeys(_EXPECTED, np.ones(len(ts))), "confidence": np.maximum(score, 1 - score)}
    for name in _COLUMNS[2:]:
        if name in table:
            columns[name] = _numbers(path, table, name, share=name == "confidence")
    return pd.DataFrame(columns, index=ts)


def _table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        found = "No file is named" if path == Path() else f"No file at {path}{' (it is a folder)' * path.is_dir()}"
        raise UsageError(f"{found}: give a .parquet or .csv with the columns ts and score.")
    if path.suffix not in (".parquet", ".csv"):
        raise UsageError(f"{path} is neither .parquet nor .csv: export the signals as one of them.")
    try:
        if path.suffix == ".csv":
            return pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
        table = pq.read_table(path, page_checksum_verification=True, use_threads=False).to_pandas()
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, pd.errors.ParserError) as error:
        raise DataError(f"{path} cannot be read ({reason(error)}): export it again.") from None
    return table.reset_index() if table.index.name == "ts" and "ts" not in table else table


def _check_columns(path: Path, found: list[str]) -> None:
    missing = [name for name in _NEEDED if name not in found]
    surplus = [name for name in found if name not in _COLUMNS]
    half = [name for name in _EXPECTED if name not in found]
    if missing or surplus:
        lacks = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(surplus)} too"
        near = nearest(surplus[0], missing or _COLUMNS) if surplus else ""
        raise DataError(f"{path} {lacks}; found {', '.join(found)}, wanted {', '.join(_COLUMNS)} (2 needed).{near}")
    if len(half) == 1:
        raise DataError(f"{path} lacks {half[0]}: wanted both of {' and '.join(_EXPECTED)}, or neither.")


def _stamps(path: Path, column: pd.Series) -> pd.DatetimeIndex:
    if not (pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_string_dtype(column)):
        raise DataError(f"{path}: ts holds {column.dtype}, wanted stamps such as 2024-01-02T10:15:00Z.")
    given = column if pd.api.types.is_datetime64_any_dtype(column) else column.astype(object)
    try:
        parsed = pd.to_datetime(given, utc=True, errors="coerce", format="ISO8601")
        ts = pd.DatetimeIndex(parsed).as_unit("us").rename("ts")
    except (pd.errors.OutOfBoundsDatetime, OverflowError):
        raise DataError(f"{path}: ts holds stamps of no year that has bars: wanted bar closes in UTC.") from None
    _refuse(path, np.asarray(ts.isna()), column, "ts", "is no stamp such as 2024-01-02T10:15:00Z")
    far = (ts.asi8 < 0) | (ts.asi8 > _LAST)
    if far.any():
        stamp = np.datetime64(int(ts.asi8[np.argmax(far)]), "us")
        raise DataError(f"{path} row {np.argmax(far) + 1}: ts {stamp} is of no year that has bars.")
    late = np.append(False, np.diff(ts.asi8) <= 0)
    _refuse(path, late, column, "ts", "does not come after the row before: sort them, one row a bar")
    return ts


def _numbers(path: Path, table: pd.DataFrame, name: str, share: bool) -> np.ndarray:
    column = table[name]
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        raise DataError(f"{path}: {name} holds {column.dtype}, wanted numbers.")
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    _refuse(path, ~np.isfinite(values), column, name, "is not a finite number: leave a row without a view out")
    if share:
        _refuse(path, (values < 0) | (values > 1), column, name, "is outside of 0 … 1")
    return values


def _refuse(path: Path, bad: np.ndarray, column: pd.Series, name: str, why: str) -> None:
    """Raise DataError naming the first bad row (the first row of values is 1)."""
    if bad.any():
        at = int(np.argmax(bad))
        more = f" ({int(bad.sum()):,} rows)" if bad.sum() > 1 else ""
        raise DataError(f"{path} row {at + 1}: {name} {str(column.iloc[at])[:40]!r} {why}{more}.")
