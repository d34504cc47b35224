"""Who put what into production, when and why: every record that ever stood there, and how the next one is written.

`production.json` is what a runner trusts; `promotions/<serial>.json` keeps each signed record for good, so that whoever
asks later finds what was replaced, too.
"""

import datetime as dt
import getpass
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from market.durable import write_json
from market.errors import AssayError, GateError, UnavailableError
from registry import known_good
from registry import record as records

PATIENCE = 300.0
_OF_ITS_OWN_TIME = ("previous", "signature", "key")


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Hold the production of `home` against other promotions, and sweep what a killed one left half-written.

    Raises UnavailableError where another one does not end.
    """
    home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(home / "production.lock", timeout=PATIENCE):
            _sweep(home)
            yield
    except Timeout:
        where = records.production_path(home)
        raise UnavailableError(f"{where} is locked by another command: wait for it.") from None


def enter(home: Path, series: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Sign `fields` with the next serial, by whom and when, put the record into production, and return it.

    Call it while the production is held. What it replaces is kept before, should a crash have prevented that.
    """
    before = records.production(home)
    record = records.signed(series, dict(fields) | {"serial": _next_serial(home, before)})
    for name, one in before.items():
        _keep(home, name, one)
    write_json(records.production_path(home), before | {series: record})
    _keep(home, series, record)
    return record


def by_whom() -> dict[str, str]:
    """Return who asks, as user@host, and the instant, UTC."""
    return {
        "who": f"{_user()}@{socket.gethostname()}",
        "when": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }


def replaced(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the record of a successor keeps of `record`: all but whom that one had replaced and its signature."""
    return {name: value for name, value in record.items() if name not in _OF_ITS_OWN_TIME}


def of(home: Path, series: str) -> list[dict[str, Any]]:
    """Return every record of `series` that was ever in production and is signed by today's key, oldest first."""
    kept = {one["serial"]: one for path in _kept(home) if (one := _trusted(home, series, path)) is not None}
    current = records.production(home).get(series)
    if current is not None and is_trusted(home, series, current):
        kept[current["serial"]] = current
    return [kept[serial] for serial in sorted(kept)]


def withdrawn(home: Path, series: str, bundle_sha256: str) -> dict[str, Any] | None:
    """Return the record by which this bundle was rolled back and has not come back since, or None."""
    found = None
    for record in of(home, series):
        if record["bundle_sha256"] == bundle_sha256:
            found = None
        elif record.get("action") == "rollback" and record["previous"]["bundle_sha256"] == bundle_sha256:
            found = record
    return found


def refuse_superseded(home: Path, series: str, record: Mapping[str, Any], where: Path) -> None:
    """Raise GateError where `home` knows of a later promotion or rollback of `series` than `record`, found at `where`.

    For records that do not stand in `production.json`: those of exported models.
    """
    later = [one for one in of(home, series) if one["serial"] > record["serial"]]
    if later:
        raise GateError(
            f"{where}: its serial is {record['serial']}, {home} has put version {later[-1]['version']} into production "
            f"since ({later[-1]['when']}, serial {later[-1]['serial']}): export that one."
        )


def is_trusted(home: Path, series: str, record: Mapping[str, Any]) -> bool:
    """Return whether `record` is signed by today's key and no newer one of its series was trusted before."""
    try:
        records.verify(home, series, record, str(records.production_path(home)))
        known_good.refuse_older(home, series, record)
    except AssayError:
        return False
    return True


def _sweep(home: Path) -> None:
    for left in (*home.glob(".production.json.*.tmp"), *(home / "promotions").glob(".*.tmp")):
        left.unlink(missing_ok=True)


def _next_serial(home: Path, before: Mapping[str, Mapping[str, Any]]) -> int:
    seen = [record["serial"] for record in before.values() if type(record.get("serial")) is int]
    return 1 + max(seen + known_good.serials(home) + [int(path.stem) for path in _kept(home)], default=0)


def _keep(home: Path, series: str, record: Mapping[str, Any]) -> None:
    if type(record.get("serial")) is not int:
        return
    path = home / "promotions" / f"{record['serial']:08d}.json"
    if not path.exists():
        write_json(path, {"series": series, "record": dict(record)})


def _kept(home: Path) -> list[Path]:
    return sorted(path for path in (home / "promotions").glob("*.json") if path.stem.isdecimal())


def _trusted(home: Path, series: str, path: Path) -> dict[str, Any] | None:
    try:
        kept = json.loads(path.read_bytes())
        if kept["series"] != series:
            return None
        records.verify(home, series, kept["record"], str(path))
    except (OSError, ValueError, TypeError, KeyError, AssayError):
        return None
    return dict(kept["record"])


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a process whose number has no name
        return str(os.getuid())
