"""Where the registry of a home is: in the home itself, or at the addresses of config/registry.toml.

The home of a simulated market keeps its own, whatever is configured. No address holds a password.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from market import registry_settings
from market.errors import UnavailableError, UsageError
from market.registry_settings import SERVERS, Registry
from registry.record import DEMO

PATIENCE = 5.0  # seconds

_SECONDS = "connect_timeout=5&keepalives_idle=5&keepalives_interval=3&keepalives_count=3&tcp_user_timeout=15000"
_TO_CHANGE = 0.5
_READ_ONLY = "-c default_transaction_read_only=on -c statement_timeout=5000"
_SHORT = f"-c lock_timeout={_TO_CHANGE * 1000:.0f} -c statement_timeout=5000"

Ask = Callable[..., list[tuple[Any, ...]]]


class Address(NamedTuple):
    """Where runs and versions are written and where artifacts lie, as URIs; artifacts "" where a server decides.

    `database` is the home's own, None for a registry by URL.
    """

    tracking: str
    artifacts: str
    database: Path | None

    @property
    def is_server(self) -> bool:
        """Return whether an MLflow server is asked, rather than a database."""
        return self.tracking.startswith(SERVERS)

    @property
    def shown(self) -> str:
        """Return the registry's name for people."""
        return str(self.database) if self.database else self.tracking.partition("?")[0]


def of(home: Path) -> Address:
    """Return where the registry of `home` is; raises UsageError for addresses that cannot be."""
    root = home.resolve()
    asked = Registry() if root.name == DEMO else registry_settings.registry()
    artifacts = asked.artifacts or ("" if asked.tracking.startswith(SERVERS) else str(root / "mlartifacts"))
    if artifacts and "://" not in artifacts:
        artifacts = Path(artifacts).as_uri()
    if not asked.tracking:
        return Address(f"sqlite:///{root / 'mlflow.db'}", artifacts.rstrip("/"), root / "mlflow.db")
    return Address(_patient(asked.tracking.rstrip("/")), artifacts.rstrip("/"), None)


@contextmanager
def reading(address: Address) -> Iterator[Ask]:
    """Yield what answers SQL with `?` for its values, read-only, from the home's own database or PostgreSQL.

    Raises UnavailableError where it cannot be read, UsageError for a server, which is asked otherwise.
    """
    if address.is_server:
        raise UsageError(f"{address.shown} is a server: its database is not read.")
    with _sqlite(address.database) if address.database else _postgresql(address) as ask:
        yield ask


@contextmanager
def changing(address: Address) -> Iterator[Ask]:
    """Yield what executes SQL in one transaction, which waits for others half a second; raises as `reading` does."""
    if address.is_server:
        raise UsageError(f"{address.shown} is a server: its database is not written.")
    with _sqlite(address.database, "rw") if address.database else _postgresql(address, _SHORT) as ask:
        yield ask


@contextmanager
def postgresql(address: Address, options: str = "") -> Iterator[Any]:
    """Yield a connection to PostgreSQL that commits by itself; raises UnavailableError where there is none."""
    try:
        import psycopg
    except ImportError:
        raise UnavailableError("A registry in PostgreSQL needs psycopg: install assay[team].") from None
    try:
        with closing(psycopg.connect(address.tracking, autocommit=True, options=options)) as connection:
            yield connection
    except psycopg.Error as error:
        raise UnavailableError(f"The registry at {address.shown} cannot be reached: {first_line(error)}") from None


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def _sqlite(path: Path, mode: str = "ro") -> Iterator[Ask]:
    patience = PATIENCE if mode == "ro" else _TO_CHANGE
    _roll_back(path)
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, timeout=patience)) as connection:
            if mode == "rw":
                connection.execute("BEGIN IMMEDIATE")
            yield lambda sql, *values: connection.execute(sql, values).fetchall()
            connection.commit()
    except sqlite3.Error as error:
        done = "read" if mode == "ro" else "written"
        raise UnavailableError(f"The registry at {path} cannot be {done}: {error}.") from None


def _roll_back(path: Path) -> None:
    """Let SQLite undo what a killed process left half-written: no reader could that may not write."""
    if path.with_name(f"{path.name}-journal").exists():
        address = f"{path.as_uri()}?mode=rw"
        with suppress(sqlite3.Error), closing(sqlite3.connect(address, uri=True, timeout=0)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()


@contextmanager
def _postgresql(address: Address, options: str = _READ_ONLY) -> Iterator[Ask]:
    with postgresql(address, options) as connection, connection.transaction():
        yield lambda sql, *values: _rows(connection.execute(sql.replace("?", "%s"), values))


def _rows(cursor: Any) -> list[tuple[Any, ...]]:
    return cursor.fetchall() if cursor.description else []


def _patient(tracking: str) -> str:
    """Return an address under which a dead database costs seconds: what its user says stands last and so decides."""
    if tracking.startswith(SERVERS):
        return tracking
    before, _, query = tracking.partition("?")
    return f"{before}?{_SECONDS}{'&' if query else ''}{query}"
