"""The registry as it stands, read from MLflow's database without MLflow and without writing: what a doctor asks of it.

The schema is that of MLflow 3.17, as in `registry.alias_rows`.
"""

from pathlib import Path
from typing import NamedTuple

from registry import address as addresses

_DAMAGE = "PRAGMA quick_check(1)"
_RUNNING = "SELECT run_uuid, start_time FROM runs WHERE status = 'RUNNING' AND lifecycle_stage = 'active' ORDER BY 1"
_PLACES = """
    SELECT artifact_location FROM experiments WHERE lifecycle_stage = 'active' AND experiment_id <> 0
    UNION SELECT artifact_uri FROM runs WHERE lifecycle_stage = 'active' ORDER BY 1
"""
_CHAMPIONS = "SELECT name FROM registered_model_aliases WHERE workspace = 'default' AND alias = 'champion' ORDER BY 1"


class Registry(NamedTuple):
    """What the database says: its own damage or "", runs left RUNNING with their start, artifacts, champions.

    `running` holds run ids with milliseconds since 1970, `places` the addresses of artifacts, `champions` the series
    that have that alias.
    """

    damage: str
    running: list[tuple[str, int]]
    places: list[str]
    champions: list[str]


def inspect(home: Path) -> Registry | None:
    """Return what the registry of `home` says, None where there is none, or where only a server could be asked.

    Raises UnavailableError if it cannot be read. A database that is locked by a training is read all the same: nothing
    is written.
    """
    address = addresses.of(home)
    if address.is_server or (address.database is not None and not address.database.exists()):
        return None
    with addresses.reading(address) as ask:
        damage = str(ask(_DAMAGE)[0][0]) if address.database else "ok"
        running = [(str(run), int(start or 0)) for run, start in ask(_RUNNING)]
        places, champions = ([str(row[0]) for row in ask(question)] for question in (_PLACES, _CHAMPIONS))
    return Registry("" if damage == "ok" else damage, running, places, champions)
