"""Parquet with the usual column names, or with the stamps as its index; spread in price units."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from market.bars import Raw
from market.errors import DataError
from market.instruments import Instrument
from market.vendors import tabular
from market.vendors.columns import roles

DESCRIPTION = "parquet with the usual column names (spread in price units)"
MAGIC = b"PAR1"

_MOST_ROWS = 100_000_000


def recognises(head: bytes) -> bool:
    """Return whether the bytes begin as parquet does."""
    return head.startswith(MAGIC)


def read(path: Path, _: Instrument) -> Raw:
    """Return the rows of the file, with page checksums verified where it has them."""
    with path.open("rb") as stream:
        if stream.read(4) != MAGIC:
            raise DataError(f"{path} is not a parquet file: give it its right name, or export it again.")
    try:
        table = _table(path)
        if not table.num_rows:
            raise DataError(f"{path} has no rows.")
        names = table.column_names
        places = roles(names, str(path))
        used = {place for of_role in places.values() for place in of_role}
        for i in used:
            table = table.set_column(i, names[i], _simple(table.columns[i], names[i], path))
        return tabular.raw(table.columns, places, np.arange(1, table.num_rows + 1))
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:120]
        raise DataError(f"{path} is truncated or corrupt ({reason}): get it again.") from error


def _table(path: Path) -> pa.Table:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        if file.metadata.num_rows > _MOST_ROWS:
            raise ValueError(f"it claims {file.metadata.num_rows:,} rows")
        table = file.read(use_threads=False)
    table.validate(full=True)
    return table


def _simple(column: pa.ChunkedArray, name: str, path: Path) -> pa.ChunkedArray:
    """Return a column without its dictionary, as plain text where it is text; DataError where it holds neither."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        kind = pa.string()
    usual = (pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal, pa.types.is_string, pa.types.is_temporal)
    if not any(test(kind) for test in usual):
        raise DataError(f"{path}: the column {name} holds {kind}, wanted numbers or stamps: export it again.")
    return column.cast(kind)
