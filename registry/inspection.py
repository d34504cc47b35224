"""The registry as it stands, read from MLflow's database without MLflow and without writing: what a doctor asks of it.

The schema is that of MLflow 3.17, as in `registry.alias`.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from market.errors import UnavailableError
from registry.alias import PATIENCE, database_path

_DAMAGE = "PRAGMA quick_check(1)"
_RUNNING = "SELECT run_uuid, start_time FROM runs WHERE status = 'RUNNING' AND lifecycle_stage = 'active' ORDER BY 1"
_PLACES = """
    SELECT artifact_location FROM experiments WHERE lifecycle_stage = 'active'
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
    """Return what the registry of `home` says, None where there is none; raises UnavailableError if it cannot be read.

    A database that is locked by a training is read all the same: nothing is written.
    """
    path = database_path(home).resolve()
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=PATIENCE)) as connection:
            damage = str(connection.execute(_DAMAGE).fetchone()[0])
            running = [(str(run), int(start or 0)) for run, start in connection.execute(_RUNNING)]
            places, champions = ([str(row[0]) for row in connection.execute(ask)] for ask in (_PLACES, _CHAMPIONS))
    except sqlite3.Error as error:
        raise UnavailableError(f"The registry at {path} cannot be read: {error}.") from None
    return Registry("" if damage == "ok" else damage, running, places, champions)
