"""What a run was made from, read again: never anything else that stands there by now."""

from pathlib import Path

import pandas as pd

from market import tables
from market.errors import DataError


def read(path: Path, schema: tables.Schema, sha256: str, columns: list[str] | None = None) -> pd.DataFrame:
    """Return the table at `path` if its SHA-256 is still that of the run; raises DataError where it is not."""
    manifest = tables.read_manifest(path)
    if manifest is None or manifest.sha256 != sha256:
        raise DataError(f"the {path.parent.name} stored today are not those of the run")
    return tables.read_table(path, schema, columns)
