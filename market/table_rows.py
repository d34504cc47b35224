"""Rows of a stored table that are wanted, and no others: a table larger than memory is read for its events."""

from pathlib import Path

import numpy as np
import pandas as pd

from market.errors import DataError
from market.tables import Schema, check, windows


def read_rows(path: Path, schema: Schema, stamps: pd.DatetimeIndex, columns: list[str]) -> pd.DataFrame:
    """Return the rows at `stamps` (increasing) of `columns` (all float32) of the table at `path`, indexed by its key.

    Read and checked a row group at a time: besides what is returned, no more than one of these is in memory. Raises
    DataError as `tables.read_table` does, and where a stamp has no row.
    """
    values = np.empty((len(columns), len(stamps)), np.float32)
    found = 0
    for window in windows(path, schema, columns):
        check(window, schema, str(path))
        until = int(stamps.searchsorted(window.index[-1], side="right"))
        rows = window.index.get_indexer(stamps[found:until])
        if (rows < 0).any():
            raise _without(path, stamps[found + int(np.argmin(rows))])
        values[:, found:until] = window.to_numpy().T[:, rows]
        found = until
        del window, rows  # before the next row group is read
    if found < len(stamps):
        raise _without(path, stamps[found])
    return pd.DataFrame(values.T, index=stamps.rename(schema.key), columns=columns, copy=False)


def _without(path: Path, stamp: pd.Timestamp) -> DataError:
    return DataError(f"{path} has no row at {stamp}: delete it and make it again.")
