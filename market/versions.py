"""Every version of stored bars: what each import added or changed is kept, so that what was known can be told again.

Beside `bars/X.parquet` stands a folder `X.versions` with one table for each import: the bars that it brought, and when
(`ingested_at`). The table itself is the newest of all. The last version is named in the table's manifest; a file beyond
it is what a killed import left behind, and counts for nothing.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from market import durable, tables
from market.errors import DataError
from market.tables import BARS, Appender, Manifest


class Version(NamedTuple):
    """An import: its number from 1, when it was made, how many bars it brought, and whether it replaced all others."""

    number: int
    ingested_at: pd.Timestamp
    rows: int
    replaces: bool
    sources: list[dict[str, Any]]


def folder(bars: Path) -> Path:
    """Return the folder of the versions of the table at `bars`."""
    return bars.with_name(f"{bars.stem}.versions")


def path_of(bars: Path, number: int) -> Path:
    """Return the table of one version."""
    return folder(bars) / f"{number:04d}.parquet"


def last(manifest: Manifest | None) -> int:
    """Return the number of the last version of a table, 0 where it has none."""
    return 0 if manifest is None else int(manifest.facts.get("version", 0))


def listed(bars: Path) -> list[Version]:
    """Return all versions of the table at `bars`, oldest first."""
    found = []
    for number in range(1, last(tables.read_manifest(bars)) + 1):
        manifest = tables.read_manifest(path_of(bars, number))
        if manifest is None:
            raise DataError(f"Version {number} of {bars} is gone: {path_of(bars, number)}; import the bars again.")
        facts = manifest.facts
        at = pd.Timestamp(facts["ingested_at"])
        found.append(Version(number, at, manifest.rows, bool(facts["replaces"]), list(facts.get("sources", []))))
    return found


def as_of(bars: Path, when: pd.Timestamp) -> pd.DataFrame:
    """Return the bars that were stored at the instant `when` (UTC), indexed by `ts`.

    Raises DataError where there were none yet.
    """
    known: list[pd.DataFrame] = []
    versions = listed(bars)
    for version in versions:
        if version.ingested_at > when:
            break
        if version.replaces:
            known = []
        known.append(tables.read_table(path_of(bars, version.number), BARS))
    if not known:
        came = f"the first came at {versions[0].ingested_at:%Y-%m-%d %H:%M:%S} UTC" if versions else "none is kept"
        raise DataError(f"No bars of {bars.stem} were stored by {when:%Y-%m-%d %H:%M:%S} UTC: {came}.")
    together = pd.concat(known)
    return together[~together.index.duplicated(keep="last")].sort_index()


def keep_first(bars: Path) -> int:
    """Keep bars that were stored without versions as the first one, and return the number of the last version."""
    manifest = tables.read_manifest(bars)
    if manifest is None or last(manifest):
        return last(manifest)
    at = pd.Timestamp(bars.stat().st_mtime, unit="s", tz="UTC")
    with tables.appending(path_of(bars, 1), BARS) as table:
        for window in tables.windows(bars, BARS):
            table.add(window)
        finish(table, ingested_at=at, replaces=True, sources=manifest.facts.get("sources", []))
    return 1


def finish(table: Appender, *, ingested_at: pd.Timestamp, replaces: bool, sources: list[dict[str, Any]]) -> None:
    """Finish the table of a version."""
    facts = {"ingested_at": ingested_at.isoformat(), "replaces": replaces, "sources": sources}
    table.finish(inputs={}, config_sha256="", code_sha256="", facts=facts)


def share(
    table: Appender, path: Path, *, ingested_at: pd.Timestamp, replaces: bool, sources: list[dict[str, Any]]
) -> None:
    """Keep a finished table as a version of itself: the same file, or a copy where the disk knows no links."""
    facts = {"ingested_at": ingested_at.isoformat(), "replaces": replaces, "sources": sources}
    with durable.written_aside(path, tables.manifest_path(path)) as (aside, manifest_aside):
        try:
            os.link(table.aside, aside)
        except OSError:
            shutil.copyfile(table.aside, aside)
        manifest_aside.write_bytes(table.manifest(facts))


def sweep(bars: Path) -> None:
    """Remove what a killed import left behind: temporary files, and versions that the table does not know of."""
    known = last(tables.read_manifest(bars))
    for left in folder(bars).glob("*"):
        if left.name.startswith(".") or int(left.name[:4]) > known:
            left.unlink()


def windows_as_of(bars: Path, when: pd.Timestamp | None) -> Iterator[pd.DataFrame]:
    """Yield the bars that are stored, or were at `when`, in windows."""
    if when is None:
        yield from tables.windows(bars, BARS)
    else:
        yield as_of(bars, when)
