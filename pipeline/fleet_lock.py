"""One fleet at a time: who runs it holds a lock on the home, which the system lets go of whatever becomes of him."""

import datetime as dt
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from market import durable
from market.errors import DataError, UnavailableError
from pipeline.workspace import read_json

FOLDER = "fleet"

_PATIENCE = 1.0  # seconds: who only asks whether a fleet runs holds the lock for an instant


class Holder(NamedTuple):
    """Who runs the fleet, since when (UTC), and a token that a worker finds in the home if it sees the same one."""

    pid: int
    host: str
    since: str
    token: str


@contextmanager
def held(home: Path) -> Iterator[Holder]:
    """Hold the fleet of `home`; raises UnavailableError that says who does where another process does."""
    folder = home / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=_PATIENCE):
            since = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            holder = Holder(os.getpid(), socket.gethostname(), since, secrets.token_hex(16))
            durable.write_json(_path(home), holder._asdict())
            yield holder
    except Timeout:
        raise UnavailableError(
            f"The fleet of {home} is being run by {_told(holder_of(home))}: wait for it, or stop it with Ctrl-C there."
        ) from None


def running(home: Path) -> bool:
    """Return whether a process runs the fleet of `home` now."""
    if not (home / FOLDER).exists():
        return False
    try:
        with FileLock(home / FOLDER / ".lock", timeout=0):
            return False
    except Timeout:
        return True


def holder_of(home: Path) -> dict[str, Any]:
    """Return who ran the fleet last; {} where that cannot be read."""
    try:
        return read_json(_path(home))
    except (FileNotFoundError, DataError):
        return {}


def sees(home: Path, token: str) -> bool:
    """Return whether `home`, as this process sees it, is the one whose fleet is run under `token`."""
    return holder_of(home).get("token") == token


def _path(home: Path) -> Path:
    return home / FOLDER / "holder.json"


def _told(holder: dict[str, Any]) -> str:
    if not holder:
        return "another process"
    return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
