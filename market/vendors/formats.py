"""The formats that can be imported: a module of this package, added to `VENDORS`, is one.

`assay import --format NAME` names one; `auto` asks each module whether it recognises the first bytes.
"""

from collections.abc import Iterator
from typing import Protocol

from market.intake import Raw
from market.vendors import binance, dukascopy, freqtrade, histdata, lean, mt4, mt5, parquet, plain_csv, polygon
from market.vendors.source import Asked, Source


class Vendor(Protocol):
    """What a format's module has to have.

    CLOCK and STAMP say on which clock the format's stamps are and which side of the bar they mark, where the format
    itself fixes that; None where the user has to say it, or each file's own stamps do.
    """

    DESCRIPTION: str
    CLOCK: str | None
    STAMP: str | None

    def recognises(self, head: bytes, /) -> bool:
        """Return whether a file that begins with `head` (up to 64 KiB) is of this format."""
        ...

    def read(self, source: Source, asked: Asked, /) -> Iterator[Raw]:
        """Yield the rows of the file as they stand, a chunk at a time, and findings on rows that cannot be read.

        Raises DataError where the file as a whole cannot be read.
        """
        ...


VENDORS: dict[str, Vendor] = {
    "mt5": mt5,
    "mt4": mt4,
    "histdata": histdata,
    "dukascopy": dukascopy,
    "binance": binance,
    "polygon": polygon,
    "lean": lean,
    "freqtrade": freqtrade,
    "csv": plain_csv,
    "parquet": parquet,
}
