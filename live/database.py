"""SQLite as the runner uses it: one writer with a write-ahead log, readers that cannot write, and errors for people.

A database has a kind (`application_id`) and a version (`user_version`), written by its migrations, each of which is one
transaction. What is of another kind, or newer than this program, is refused before anything is written.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from live.failpoints import failpoint
from market.durable import written_aside
from market.errors import AssayError, DataError, UnavailableError

MEMORY = ":memory:"
PATIENCE = 5.0  # seconds to wait for another program's transaction

_SHARED = {
    sqlite3.SQLITE_BUSY: "is locked by another program: let that end first",
    sqlite3.SQLITE_LOCKED: "is locked by another program: let that end first",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full",
    sqlite3.SQLITE_IOERR: "cannot be read or written: check the disk and the space on it",
    sqlite3.SQLITE_READONLY: "cannot be written: check its permissions and those of its folder",
    sqlite3.SQLITE_PERM: "cannot be opened: check its permissions and those of its folder",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check that it exists and may be read",
}
_SPOILT = {
    sqlite3.SQLITE_NOTADB: "is not a database: move it away, or restore a copy",
    sqlite3.SQLITE_CORRUPT: "is corrupted: restore a copy, and check the disk",
    sqlite3.SQLITE_CONSTRAINT: "already holds what was to be written: another program may have written to it",
}


class Kind(NamedTuple):
    """A kind of database: what people call it, the number that marks its files, and its migrations in order."""

    name: str
    application_id: int
    migrations: tuple[str, ...]


@contextmanager
def translated(path: Path | str) -> Iterator[None]:
    """Turn what SQLite says of the file at `path` into one sentence.

    Raises UnavailableError where it is locked, full or out of reach, DataError where it is spoilt.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        refused = _refusal(path, error)
        if refused is None:
            raise
        raise refused from None


def _refusal(path: Path | str, error: sqlite3.DatabaseError) -> AssayError | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _SHARED:
        return UnavailableError(f"{path} {_SHARED[code]} ({error}).")
    if code in _SPOILT:
        return DataError(f"{path} {_SPOILT[code]} ({error}).")
    return None


def writer(
    path: Path | str, kind: Kind, synchronous: str, check: Callable[[sqlite3.Connection], None] | None = None
) -> sqlite3.Connection:
    """Return the connection that writes the database of `kind` at `path`, made or migrated to what is known here.

    `check` looks at an existing database before anything is written to it. `synchronous` is SQLite's: FULL waits for
    the disk at each commit, NORMAL survives the death of the process but may lose the last commits to a power cut.
    """
    if path == MEMORY:
        connection = _connected(MEMORY)
        _migrate(connection, path, kind)
        return connection
    file = Path(path)
    _make_folder(file.parent)
    if file.exists() and file.stat().st_size:
        with closing(reader(file, kind, older=True)) as existing, translated(file):
            if check is not None:
                check(existing)
    with translated(file):
        connection = _connected(str(file))
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            _migrate(connection, file, kind)
        except BaseException:
            connection.close()
            raise
    return connection


def reader(path: Path, kind: Kind, older: bool = False) -> sqlite3.Connection:
    """Return a connection that can only read the database of `kind` at `path`, while it is being written too.

    Raises UnavailableError where there is none, DataError where it is of another kind or version; one of an `older`
    version is refused unless asked for.
    """
    if not path.is_file():
        raise UnavailableError(f"No {kind.name} at {path}: the runner makes it when it starts.")
    with translated(path):
        connection = _reading(path.resolve().as_uri())
        try:
            _refuse_other(connection, path, kind, older)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path | str) -> Iterator[None]:
    """Commit what is written inside the block as one, or none of it where anything is raised."""
    with translated(path):
        connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        with translated(path):
            connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _connected(database: str) -> sqlite3.Connection:
    return sqlite3.connect(database, timeout=PATIENCE, isolation_level=None, uri=database.startswith("file:"))


def _reading(uri: str) -> sqlite3.Connection:
    """Return a connection that can only read, after undoing what a program began to write when it was killed.

    Only a database whose log is not ahead of it, such as one that was being made, needs that, and it needs a writer.
    """
    connection = _connected(f"{uri}?mode=ro")
    try:
        _pragma(connection, "schema_version")
    except sqlite3.DatabaseError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
            raise
        with closing(_connected(f"{uri}?mode=rw")) as undoing:
            _pragma(undoing, "schema_version")
        return _connected(f"{uri}?mode=ro")
    return connection


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"{folder} cannot be made: {error.strerror}.") from None


def _refuse_other(connection: sqlite3.Connection, path: Path, kind: Kind, older: bool) -> None:
    known, version = len(kind.migrations), _pragma(connection, "user_version")
    empty = not _pragma(connection, "schema_version")
    if not empty and _pragma(connection, "application_id") != kind.application_id:
        raise DataError(f"{path} is a database, but not a {kind.name}: move it away, or name another file.")
    if version > known:
        raise DataError(
            f"{path} is a {kind.name} of version {version}, this program knows {known}: use the newer program, "
            "or restore the copy that was made before the upgrade."
        )
    if version < known and not older:
        raise DataError(f"{path} is a {kind.name} of version {version}, wanted {known}: start the runner once.")


def _migrate(connection: sqlite3.Connection, path: Path | str, kind: Kind) -> None:
    version = _pragma(connection, "user_version")
    if 0 < version < len(kind.migrations):
        _copy(connection, Path(path), version)
    for number, script in enumerate(kind.migrations[version:], start=version + 1):
        with transaction(connection, path):
            for statement in script.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {kind.application_id}")
            connection.execute(f"PRAGMA user_version = {number}")
            failpoint("in_migration")


def _copy(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """Copy the database as it stands beside itself, for the way back from an upgrade."""
    with (
        written_aside(path.with_name(f"{path.name}.v{version}")) as (aside,),
        closing(sqlite3.connect(aside)) as copy,
    ):
        connection.backup(copy)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]
