"""The care of a registry, for the real market's home and, where there is one, for the simulated market's."""

from pathlib import Path
from typing import Any

from market import settings
from market.errors import GateError, UnavailableError
from registry import address, pruning, relocation, sweeping
from registry.record import DEMO


def sweep() -> list[dict[str, Any]]:
    """Mend each registry; return what was mended and what could not be."""
    return [sweeping.sweep(home)._asdict() for home in _homes()]


def exit_code(answer: list[dict[str, Any]]) -> int:
    """Return how `sweep` ends: 3 where something could not be mended, else 0."""
    return GateError.exit_code if any(one["unmended"] for one in answer) else 0


def prune(keep: int, yes: bool) -> list[dict[str, Any]]:
    """Return what nobody needs in each registry; delete it for good if `yes`."""
    found = [pruning.prune(home, keep, yes) for home in _homes()]
    return [one._asdict() | {"doomed": [_told(doomed) for doomed in one.doomed]} for one in found]


def repair() -> list[dict[str, Any]]:
    """Let each home's own registry name the artifacts that lie in the home."""
    own = [home for home in _homes() if address.of(home).database is not None]
    return [relocation.repair(home)._asdict() for home in own]


def _told(doomed: pruning.Doomed) -> dict[str, Any]:
    return doomed._asdict() | {"paths": [str(path) for path in doomed.paths]}


def _homes() -> list[Path]:
    """Return the homes that have a registry."""
    real = settings.home()
    found = [home for home in (real, real / DEMO) if _has_registry(home)]
    if not found:
        raise UnavailableError(f"No registry yet under {real}: the first training makes one.")
    return found


def _has_registry(home: Path) -> bool:
    if not home.is_dir():
        return False
    database = address.of(home).database
    return database is None or database.exists()
