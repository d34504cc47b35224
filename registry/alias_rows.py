"""The rows of MLflow's database that hold aliases, in the home's own or in PostgreSQL; the schema is that of 3.17."""

from collections.abc import Mapping

from registry import address as addresses
from registry.address import Address

_POINTED = """
    SELECT a.version, v.version IS NOT NULL AND COALESCE(v.current_stage, '') <> 'Deleted_Internal', t.value
    FROM registered_model_aliases a
    LEFT JOIN model_versions v ON v.workspace = a.workspace AND v.name = a.name AND v.version = a.version
    LEFT JOIN model_version_tags t ON t.workspace = a.workspace AND t.name = a.name AND t.version = a.version
        AND t.key = 'bundle_sha256'
    WHERE a.workspace = 'default' AND a.name = ? AND a.alias = ?
"""
_EXISTS = """
    SELECT 1 FROM model_versions WHERE workspace = 'default' AND name = ? AND version = ?
    AND COALESCE(current_stage, '') <> 'Deleted_Internal'
"""
_POINT = """
    INSERT INTO registered_model_aliases (workspace, name, alias, version) VALUES ('default', ?, ?, ?)
    ON CONFLICT (workspace, name, alias) DO UPDATE SET version = excluded.version
"""


def pointed(address: Address, series: str, alias: str) -> tuple[str, bool, str | None] | None:
    """Return the version that an alias points at, whether it is there, and its digest; None without such an alias."""
    with addresses.reading(address) as ask:
        found = ask(_POINTED, series, alias)
    return (str(found[0][0]), bool(found[0][1]), found[0][2]) if found else None


def point(address: Address, series: str, wanted: Mapping[str, str]) -> str | None:
    """Let each alias point at its version, all or none; return a version that is not there, which makes it none."""
    with addresses.changing(address) as ask:
        gone = [version for version in wanted.values() if not ask(_EXISTS, series, int(version))]
        if gone:
            return gone[0]
        for alias, version in wanted.items():
            ask(_POINT, series, alias, int(version))
    return None
