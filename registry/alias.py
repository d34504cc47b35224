"""The registry's alias, read without MLflow: a cross-check, never what makes a model tradable.

Only a rollback, which has no time for MLflow, sets the aliases here, as MLflow would.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from market.errors import GateError, UnavailableError
from registry import address as addresses
from registry import alias_rows, alias_server
from registry.address import Address

_CHAMPION, _DIGEST = "champion", "bundle_sha256"


class Pointed(NamedTuple):
    """What the alias champion points at: the version, whether it is still there, and its digest tag or None."""

    version: str
    exists: bool
    bundle_sha256: str | None


def database_path(home: Path) -> Path:
    """Return where the home's own registry is."""
    return home / "mlflow.db"


def champion(home: Path, series: str) -> Pointed | None:
    """Return what the alias champion of `series` points at, or None where there is no such alias or no registry.

    Raises UnavailableError for a registry that is locked, cannot be reached or cannot be read.
    """
    address = addresses.of(home)
    if address.is_server:
        return _served(address, series)
    if _is_missing(address):
        return None
    found = alias_rows.pointed(address, series, _CHAMPION)
    return None if found is None else Pointed(*found)


def point(home: Path, series: str, *, champion: str, previous: str) -> None:
    """Let the aliases champion and previous of `series` point at these versions, in a database both or neither.

    Raises UnavailableError for a registry that is missing, locked, damaged, or does not have one of the versions.
    """
    address = addresses.of(home)
    wanted = {"previous": previous, _CHAMPION: champion}
    if address.is_server:
        for name, version in wanted.items():
            alias_server.point(address, series, name, version)
    elif gone := alias_rows.point(address, series, wanted):
        raise UnavailableError(f"{series}: the registry at {address.shown} has no version {gone}.")


def check(home: Path, series: str, record: Mapping[str, Any]) -> str:
    """Return "" where the alias agrees with the signed `record`, a sentence where there is no registry to check it in.

    Raises GateError naming both where the alias points at another version or its version has another digest;
    UnavailableError where the alias or the version that it should point at is gone, or the registry cannot be read.
    """
    if _is_missing(address := addresses.of(home)):
        return f"No registry at {address.shown}: the alias was not checked."
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


def _served(address: Address, series: str) -> Pointed | None:
    version = alias_server.version_of(address, series, _CHAMPION)
    if version is None:
        return None
    tags = alias_server.tags_of(address, series, version)
    return Pointed(version, tags is not None, (tags or {}).get(_DIGEST))


def _is_missing(address: Address) -> bool:
    return address.database is not None and not address.database.exists()
