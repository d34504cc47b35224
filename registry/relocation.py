"""A home that was moved or copied: its registry names artifacts by absolute addresses, which are rewritten together."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from market.durable import make_durable
from market.errors import UnavailableError, UsageError
from registry import address as addresses
from registry import writer

ASIDE = "mlflow.before-repair.db"

_FOLDER = "/mlartifacts"
_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)


class Repaired(NamedTuple):
    """What was rewritten: how many addresses, from which folders, and those left since their artifacts are not here.

    `aside` is the copy of the database as it was, "" where nothing was to be done.
    """

    home: str
    rewritten: int
    moved_from: list[str]
    left: list[str]
    aside: str


def repair(home: Path) -> Repaired:
    """Let the home's own registry name the artifacts that lie in this home: in one transaction, a copy set aside first.

    An address is left where its artifacts are still at the old place and not at the new one. Idempotent. Raises
    UsageError for a registry by URL, UnavailableError where there is none or it cannot be written.
    """
    address = addresses.of(home)
    if address.database is None or not address.artifacts.startswith("file:"):
        raise UsageError(f"The registry at {address.shown} is not a home's own: nothing in it moves with a home.")
    if not address.database.exists():
        raise UnavailableError(f"No registry at {address.database}: there is nothing to repair.")
    with writer.alone(home, address):
        try:
            return _repaired(home, address.database, address.artifacts)
        except sqlite3.Error as error:
            raise UnavailableError(f"The registry at {address.database} cannot be written: {error}.") from None


def _repaired(home: Path, database: Path, here: str) -> Repaired:
    with closing(sqlite3.connect(database, timeout=addresses.PATIENCE)) as connection:
        changes = list(_changes(connection, here))
        left = sorted({old for _, _, old, new in changes if not _may_move(old, new)})
        wanted = [change for change in changes if change[2] not in left]
        if not wanted:
            return Repaired(str(home), 0, [], left, "")
        aside = _copied(connection, database.with_name(ASIDE))
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for table, column, old, new in wanted:
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (new, old))
    roots = sorted({_path(old[: old.rindex(_FOLDER)]) for _, _, old, _ in wanted})
    return Repaired(str(home), len(wanted), roots, left, str(aside))


def _changes(connection: sqlite3.Connection, here: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield table, column, old and new address of whatever lies in the artifacts of another home."""
    for table, column in _PLACES:
        asked = f"SELECT DISTINCT {column} FROM {table} WHERE {column} LIKE ? ORDER BY 1"
        for (old,) in connection.execute(asked, (f"file:%{_FOLDER}/%",)).fetchall():
            within = old[old.rindex(f"{_FOLDER}/") + len(_FOLDER) :]
            if old != here + within:
                yield table, column, old, here + within


def _may_move(old: str, new: str) -> bool:
    """Return whether artifacts are at the new place, or at neither, so that nothing is lost by naming the new one."""
    return Path(_path(new)).exists() or not Path(_path(old)).exists()


def _copied(connection: sqlite3.Connection, target: Path) -> Path:
    """Copy the database whole, then put it in the place of an earlier copy."""
    aside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with closing(sqlite3.connect(aside)) as copy:
        connection.backup(copy)
    make_durable(aside)
    aside.replace(target)
    return target


def _path(address: str) -> str:
    return unquote(urlsplit(address).path)
