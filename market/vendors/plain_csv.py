"""Plain CSV with the usual column names, in any case and order; spread, where there is one, in price units."""

from pathlib import Path

from market.bars import Raw
from market.instruments import Instrument
from market.vendors import delimited, tabular
from market.vendors.columns import known, roles

DESCRIPTION = "CSV with the usual column names (spread in price units)"


def recognises(head: bytes) -> bool:
    """Return whether the first line is a header with at least two usual column names."""
    return known(delimited.fields(delimited.first_line(head))) >= 2


def read(path: Path, _: Instrument) -> Raw:
    """Return the rows of the file."""
    texts = delimited.read(path)
    return tabular.from_texts(texts, roles(texts.names, str(path)))
