"""The formats that can be imported: a module of this package, added to `VENDORS`, is one.

`assay import --format NAME` names one; `auto` asks each module whether it recognises the first bytes.
"""

from pathlib import Path
from typing import Protocol

from market.bars import Raw
from market.instruments import Instrument
from market.vendors import mt5, parquet, plain_csv


class Vendor(Protocol):
    """What a format's module has to have."""

    DESCRIPTION: str

    def recognises(self, head: bytes, /) -> bool:
        """Return whether a file that begins with `head` (up to 64 KiB) is of this format."""
        ...

    def read(self, path: Path, instrument: Instrument, /) -> Raw:
        """Return the rows of the file as they stand, and findings on rows that cannot be read.

        Raises DataError where the file as a whole cannot be read.
        """
        ...


VENDORS: dict[str, Vendor] = {"mt5": mt5, "csv": plain_csv, "parquet": parquet}
