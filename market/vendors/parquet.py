"""Parquet with the usual column names, or with the stamps as its index; spread in price units."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from market.errors import DataError
from market.intake import Raw
from market.vendors import tabular
from market.vendors.columns import roles
from market.vendors.foreign import reason
from market.vendors.source import Asked, Source

DESCRIPTION = "parquet with the usual column names (spread in price units)"
CLOCK: str | None = None
STAMP: str | None = None
MAGIC = b"PAR1"

_MOST_ROWS = 1_000_000_000
_CHUNK = 131_072  # rows


def recognises(head: bytes) -> bool:
    """Return whether the bytes begin as parquet does."""
    return head.startswith(MAGIC)


def read(source: Source, asked: Asked) -> Iterator[Raw]:
    """Yield the rows of the file, with page checksums verified where it has them."""
    path = source.path
    if source.member is not None or source.head()[:4] != MAGIC:
        raise DataError(f"{path} is not a parquet file: give it its right name, or export it again.")
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if file.metadata.num_rows > _MOST_ROWS:
                raise ValueError(f"it claims {file.metadata.num_rows:,} rows")
            if not file.metadata.num_rows:
                raise DataError(f"{path} has no rows.")
            batches = file.iter_batches(batch_size=_CHUNK, use_threads=False)
            yield from from_batches(source, asked, file.schema_arrow.names, batches, file.metadata.num_rows)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} is truncated or corrupt ({reason(error)}): get it again.") from error


def from_batches(
    source: Source, asked: Asked, names: list[str], batches: Iterator[pa.RecordBatch], rows: int
) -> Iterator[Raw]:
    """Yield the raw rows of record batches; `rows` is how many the file says that there are."""
    places = roles(names, str(source.path))
    used = {place for of_role in places.values() for place in of_role}
    form, at, share = None, 0, source.path.stat().st_size / max(1, rows)
    for batch in batches:
        batch.validate(full=True)
        columns = [
            _simple(pa.chunked_array([column]), names[i], source) if i in used else pa.chunked_array([column])
            for i, column in enumerate(batch.columns)
        ]
        form = form or tabular.form_of(columns[places["stamp"][0]], source, asked.dates)
        source.advance(round(share * batch.num_rows))
        yield tabular.raw(columns, places, np.arange(at + 1, at + batch.num_rows + 1), form)
        at += batch.num_rows


def _simple(column: pa.ChunkedArray, name: str, source: Source) -> pa.ChunkedArray:
    """Return a column without its dictionary, as plain text where it is text; DataError where it holds neither."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        kind = pa.string()
    usual = (pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal, pa.types.is_string, pa.types.is_temporal)
    if not any(test(kind) for test in usual):
        raise DataError(f"{source.path}: the column {name} holds {kind}, wanted numbers or stamps: export it again.")
    return column.cast(kind)
