"""Freqtrade's feather files: an Arrow file with the columns date (UTC), open, high, low, close, volume."""

from collections.abc import Iterator

import pyarrow as pa

from market.errors import DataError
from market.intake import Raw
from market.vendors import parquet
from market.vendors.foreign import reason
from market.vendors.source import Asked, Source

DESCRIPTION = "Freqtrade candles (feather)"
CLOCK: str | None = None
STAMP: str | None = "open"
MAGIC, MAGIC_OF_OLD = b"ARROW1\0\0", b"FEA1"

_NAMES = ["date", "open", "high", "low", "close", "volume"]


def recognises(head: bytes) -> bool:
    """Return whether the bytes begin an Arrow file with just Freqtrade's columns, the date with a zone."""
    if not head.startswith(MAGIC):
        return False
    try:
        schema = pa.ipc.read_schema(pa.BufferReader(head[len(MAGIC) :]))
        return schema.names == _NAMES and getattr(schema.types[0], "tz", None) is not None
    except (pa.ArrowException, OSError, ValueError):
        return False


def read(source: Source, asked: Asked) -> Iterator[Raw]:
    """Yield the rows, one batch of the file at a time."""
    path, head = source.path, source.head()
    if head.startswith(MAGIC_OF_OLD):
        raise DataError(f"{path} is a feather file of the old version 1: write it again with a newer pandas.")
    if source.member is not None or not head.startswith(MAGIC):
        raise DataError(f"{path} is not a feather file: give it its right name, or export it again.")
    try:
        with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as file:
            count = file.num_record_batches
            if not count:
                raise DataError(f"{path} has no rows.")
            batches = (file.get_batch(i) for i in range(count))
            about = count * file.get_batch(0).num_rows
            yield from parquet.from_batches(source, asked, file.schema.names, batches, about)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} is truncated or corrupt ({reason(error)}): get it again.") from error
