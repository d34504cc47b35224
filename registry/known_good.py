"""The last known good: a verified copy of each champion that was loaded, for when the registry is unavailable.

`known_good/<series>/<serial>/` holds the signed record and the bundle; the last two are kept, and the newest serial is
the lowest that is trusted from then on.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from market.durable import make_durable, write_json
from market.errors import AssayError, DataError, GateError, UnavailableError
from registry import record as records
from registry.bundle import read_bundle, write_bundle

KEPT = 2
PATIENCE = 30.0


class Copy(NamedTuple):
    """A kept champion: its record, whose signature holds, and the folder of its bundle, still to be verified."""

    record: dict[str, Any]
    bundle: Path


def keep(
    home: Path, series: str, record: Mapping[str, Any], files: Mapping[str, bytes], meta: Mapping[str, Any]
) -> None:
    """Keep a champion that was loaded, from its verified bytes; appears whole or not at all, and is idempotent.

    Raises UnavailableError where the copy cannot be written.
    """
    folder = _folder(home, series)
    target = folder / f"{record['serial']:08d}"
    if _is_kept(target, record):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=PATIENCE):
            _replace(target, record, files, meta)
            for old in _copies(folder)[:-KEPT]:
                shutil.rmtree(old)
    except Timeout:
        raise UnavailableError(f"{folder} is locked by another process: try again.") from None
    except OSError as error:
        raise UnavailableError(
            f"The champion of {series} could not be kept in {folder}: {error.strerror}. Make it writable, with room."
        ) from None


def newest(home: Path, series: str) -> Copy | None:
    """Return the copy with the highest serial, or None where there is none; raises where its record is not trusted."""
    copies = _copies(_folder(home, series))
    if not copies:
        return None
    path = copies[-1] / "record.json"
    record = _read(path)
    records.verify(home, series, record, str(path))
    return Copy(record, copies[-1] / "bundle")


def refuse_older(home: Path, series: str, record: Mapping[str, Any], found: Path | None = None) -> None:
    """Raise GateError where a champion of `series` with a higher serial than that of `record` was trusted before.

    `found` is where the record stands, by default `production.json`. Copies whose signature does not hold under
    today's key say nothing.
    """
    seen = [trusted for path in _copies(_folder(home, series)) if (trusted := _trusted_serial(home, series, path))]
    if seen and max(seen) > record["serial"]:
        raise GateError(
            f"{series}: the record in {found or records.production_path(home)} has serial {record['serial']}, one with "
            f"serial {max(seen)} was trusted before: an old record was put back. Restore the newer one, or promote "
            "again."
        )


def of_bundle(home: Path, series: str, sha256: str) -> Copy | None:
    """Return the newest copy of the bundle of `series` with this digest, of which nothing is verified yet, or None."""
    copies = [Copy(_read(path / "record.json"), path / "bundle") for path in _copies(_folder(home, series))]
    return next((copy for copy in reversed(copies) if copy.record.get("bundle_sha256") == sha256), None)


def serials(home: Path) -> list[int]:
    """Return the serials of all copies in a home."""
    return [int(copy.name) for folder in (home / "known_good").glob("*") for copy in _copies(folder)]


def _folder(home: Path, series: str) -> Path:
    return home / "known_good" / series


def _copies(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("*") if path.name.isdecimal()), key=lambda path: int(path.name))


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise DataError(
            f"{path} is not a record of a promotion: remove {path.parent}, it is kept again from the next load."
        )
    return record


def _trusted_serial(home: Path, series: str, path: Path) -> int:
    try:
        record = _read(path / "record.json")
        records.verify(home, series, record, str(path))
    except AssayError:
        return 0
    return int(record["serial"])


def _is_kept(target: Path, record: Mapping[str, Any]) -> bool:
    try:
        read_bundle(target / "bundle", record["bundle_sha256"])
        return _read(target / "record.json") == record
    except DataError:
        return False


def _replace(target: Path, record: Mapping[str, Any], files: Mapping[str, bytes], meta: Mapping[str, Any]) -> None:
    for stray in target.parent.glob(".new-*"):
        shutil.rmtree(stray)
    aside = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    try:
        write_bundle(aside / "bundle", files, meta)
        write_json(aside / "record.json", dict(record))
        if target.exists():
            shutil.rmtree(target)
        aside.rename(target)
        make_durable(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
