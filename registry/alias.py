"""The registry's alias, read from MLflow's database without MLflow: a cross-check, never what makes a model tradable.

The database is opened read-only and only looked into; its schema is that of MLflow 3.17.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from market.errors import GateError, UnavailableError

PATIENCE = 5.0
_QUERY = """
    SELECT a.version, v.version IS NOT NULL AND v.current_stage IS NOT 'Deleted_Internal', t.value
    FROM registered_model_aliases a
    LEFT JOIN model_versions v ON (v.workspace, v.name, v.version) = (a.workspace, a.name, a.version)
    LEFT JOIN model_version_tags t
        ON (t.workspace, t.name, t.version, t.key) = (a.workspace, a.name, a.version, 'bundle_sha256')
    WHERE a.workspace = 'default' AND a.name = ? AND a.alias = 'champion'
"""


class Pointed(NamedTuple):
    """What the alias champion points at: the version, whether it is still there, and its digest tag or None."""

    version: str
    exists: bool
    bundle_sha256: str | None


def database_path(home: Path) -> Path:
    """Return where the registry of a home is."""
    return home / "mlflow.db"


def champion(home: Path, series: str) -> Pointed | None:
    """Return what the alias champion of `series` points at, or None where there is no such alias or no database.

    Raises UnavailableError for a database that is locked or cannot be read.
    """
    path = database_path(home).resolve()
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=PATIENCE)) as connection:
            found = connection.execute(_QUERY, (series,)).fetchone()
    except sqlite3.Error as error:
        raise UnavailableError(f"The registry at {path} cannot be read: {error}.") from None
    return None if found is None else Pointed(str(found[0]), bool(found[1]), found[2])


def check(home: Path, series: str, record: Mapping[str, Any]) -> str:
    """Return "" where the alias agrees with the signed `record`, a sentence where there is no database to check it in.

    Raises GateError naming both where the alias points at another version or its version has another digest;
    UnavailableError where the alias or the version that it should point at is gone, or the registry cannot be read.
    """
    if not database_path(home).exists():
        return f"No registry at {database_path(home)}: the alias was not checked."
    pointed, version, digest = champion(home, series), str(record["version"]), record["bundle_sha256"]
    if pointed is None:
        raise UnavailableError(
            f"{series}: the registry has no alias champion, the signed record is of version {version}: promote again."
        )
    if pointed.version != version:
        raise GateError(
            f"{series}: the registry's alias champion points at version {pointed.version}, the signed record is of "
            f"version {version}: promote a model that passed, or move the alias back."
        )
    if not pointed.exists:
        raise UnavailableError(f"{series}: version {version} was deleted from the registry: promote it again.")
    if pointed.bundle_sha256 != digest:
        raise GateError(
            f"{series}: version {version} carries bundle_sha256 {pointed.bundle_sha256} in the registry, the signed "
            f"record says {digest}: one of them was changed. Promote the model again."
        )
    return ""


def refuse_unrecorded(home: Path, series: str) -> None:
    """Raise GateError where the alias champion of `series` points at a version though there is no record of it."""
    pointed = champion(home, series)
    if pointed is not None:
        raise GateError(
            f"{series}: the registry's alias champion points at version {pointed.version}, but no signed record of "
            f"{series} is in production: only promotion makes a model tradable."
        )
