"""What a whole fleet is expected to cost, and whether the machine has room for it."""

import shutil
from pathlib import Path
from typing import Any

from market.errors import UnavailableError
from pipeline.fleet_plan import MISSING, REFUSED, STALE, UP_TO_DATE, Planned


def totals(home: Path, plan: list[Planned], workers: int) -> dict[str, Any]:
    """Return counts by state, seconds of work and until the end (None where nothing is known), memory and disk."""
    stale = [one for one in plan if one.state == STALE]
    known = [one.cost.seconds for one in stale if one.cost.seconds is not None]
    told = len(known) == len(stale)
    return {
        "series": len(plan),
        **{state: sum(one.state == state for one in plan) for state in (UP_TO_DATE, STALE, MISSING, REFUSED)},
        "workers": workers,
        "seconds": round(sum(known), 1) if told else None,
        "wall_seconds": round(max([sum(known) / workers, *known], default=0.0), 1) if told else None,
        "largest_memory": max((one.cost.memory for one in stale), default=0),
        "disk": sum(one.cost.disk for one in stale),
        "disk_free": _free(home),
    }


def require_room(home: Path, plan: list[Planned]) -> None:
    """Raise UnavailableError where less is free on the disk than the fleet will write."""
    needed, free = sum(one.cost.disk for one in plan), _free(home)
    if needed > free:
        raise UnavailableError(
            f"The fleet will write about {needed / 1e9:.1f} GB to {home}, where {free / 1e9:.1f} GB are free: make "
            "room, or choose fewer series with --only."
        )


def require_some(plan: list[Planned]) -> None:
    """Raise UnavailableError where no series of the plan has bars."""
    if all(one.state == MISSING for one in plan):
        first = plan[0]
        raise UnavailableError(f"None of the {len(plan)} series has bars. {first.series.name}: {first.why}.")


def _free(home: Path) -> int:
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    return shutil.disk_usage(there).free
