"""Rows of files as chunks: of one file, or of many parts as one, of the instrument that is meant and no other."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from market.findings import nothing
from market.instruments import Instrument
from market.intake import Raw
from market.validation import about_file
from market.vendors.foreign import shown
from market.vendors.formats import VENDORS
from market.vendors.source import Asked, Source

_TOGETHER = 65_536  # rows of small parts that pass as one chunk


class Recognised(NamedTuple):
    """What is known of a file before its rows are read: its format, its clock and side of stamps (None: unknown).

    A file may be in several `parts`, in the order of time; of their bars those that open in `within` count (instants).
    """

    name: str
    parts: tuple[Source, ...]
    format: str
    clock: str | None
    stamp: str | None
    within: tuple[pd.Timestamp, pd.Timestamp] | None = None

    @property
    def path(self) -> Path:
        """Return the path of the file, or of its first part."""
        return self.parts[0].path


def chunks(file: Recognised, asked: Asked) -> Iterator[Raw]:
    """Yield the chunks of a file; those of many parts are put together, and rows outside of what counts left out."""

    def read(part: Source) -> Iterator[Raw]:
        return _of_instrument(VENDORS[file.format].read(part, asked), asked.instrument)

    if len(file.parts) == 1 and file.within is None:
        yield from read(file.parts[0])
        return
    waiting: list[Raw] = []
    for part in file.parts:
        waiting += read(part)
        if sum(len(chunk.rows) for chunk in waiting) >= _TOGETHER:
            yield _together(waiting, file)
            waiting = []
    if waiting:
        yield _together(waiting, file)


def _of_instrument(chunks: Iterator[Raw], instrument: Instrument) -> Iterator[Raw]:
    """Yield the chunks without their column of symbols, and an error where it names another or several."""
    known = {_bare(name) for name in (instrument.symbol, *instrument.aliases)}
    seen: set[str] = set()
    for chunk in chunks:
        if "symbol" not in chunk.rows:
            yield chunk
            continue
        seen |= set(chunk.rows["symbol"].dropna().unique())
        found = nothing()
        if len(seen) > 1:
            listed = ", ".join(shown(name, 30) for name in sorted(seen)[:5])
            found = about_file("", "several symbols in one file", listed, f"{instrument.symbol} alone: split the file")
        elif seen and not any(name in _bare(one) for one in seen for name in known):
            wanted = f"{instrument.symbol}: say the right --symbol, or add an alias in config/instruments.toml"
            found = about_file("", "bars of another symbol", shown(next(iter(seen)), 30), wanted)
        yield Raw(chunk.rows.drop(columns="symbol"), pd.concat([chunk.unreadable, found]))


def _bare(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", name.upper())


def _together(chunks: list[Raw], file: Recognised) -> Raw:
    rows = pd.concat([chunk.rows for chunk in chunks], ignore_index=True)
    if file.within is not None:
        start, stop = (instant.tz_convert("UTC").tz_localize(None) for instant in file.within)
        opens = (
            rows["stamp"] if rows["stamp"].dt.tz is None else rows["stamp"].dt.tz_convert("UTC").dt.tz_localize(None)
        )
        rows = rows[(opens >= start) & (opens < stop)].reset_index(drop=True)
    return Raw(rows, _told_once(pd.concat([chunk.unreadable for chunk in chunks])))


def _told_once(found: pd.DataFrame) -> pd.DataFrame:
    """Return findings of several parts, of which those about whole parts are told once, with how many there are."""
    whole = found["row"] == 0
    parts = found[whole].groupby("problem", sort=False)
    count = parts["row"].transform("size")
    more = (" (and in " + (count - 1).astype(str) + " more parts)").where(count > 1, "")
    once = found[whole].assign(found=found.loc[whole, "found"] + more).drop_duplicates("problem")
    return pd.concat([once, found[~whole]])
