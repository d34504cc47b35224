"""The board of a fleet: where each series stands, kept in the home so that others can look, and shown as it changes."""

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from market import durable
from market.errors import DataError
from pipeline.fleet_lock import FOLDER, Holder
from pipeline.fleet_plan import MISSING, REFUSED, STALE, UP_TO_DATE, Planned
from pipeline.workspace import read_json

WAITING, WORKING, JUDGING, JUDGED, FAILED = "waiting", "working", "judging", "judged", "failed"
ENDED = (UP_TO_DATE, JUDGED, FAILED, MISSING)

_STATES = {UP_TO_DATE: UP_TO_DATE, STALE: WAITING, MISSING: MISSING, REFUSED: FAILED}


class Board:
    """Each series with its state, and what was asked for; every change is written and told."""

    def __init__(self, home: Path, holder: Holder, asked: Mapping[str, Any], plan: Iterable[Planned]) -> None:
        self._path, before = path_of(home), last(home)
        self.series: dict[str, dict[str, Any]] = {}
        self.about: dict[str, Any] = {"asked": dict(asked), "pid": holder.pid}
        self.about |= {"began": now(), "ended": None, "state": "running"}
        self._others = dict(before.get("series", {}))
        for one in plan:
            kept = {name: value for name, value in self._of(one.series.name).items() if name in ("seconds", "memory")}
            told = {"state": _STATES[one.state], "why": one.why, "expected": one.cost.seconds, "bars": one.bars}
            told |= {"exit_code": DataError.exit_code, "refused": True} if one.state == REFUSED else {}
            self.series[one.series.name] = kept | told
        self._write()

    def change(self, series: str, state: str, **more: Any) -> None:
        """Say that a series is in `state` now, with whatever else is known of it."""
        self.series[series] |= {"state": state, "at": now(), **more}
        self._write()

    def end(self, state: str) -> None:
        """Say that the fleet has ended, and how."""
        self.about |= {"state": state, "ended": now()}
        self._write()

    def left(self) -> list[str]:
        """Return the series that have not ended."""
        return [name for name, one in self.series.items() if one["state"] not in ENDED]

    def _of(self, name: str) -> dict[str, Any]:
        return self._others.get(name, {})

    def _write(self) -> None:
        durable.write_json(self._path, self.about | {"series": self._others | self.series})


def path_of(home: Path) -> Path:
    """Return where the board of a home stands."""
    return home / FOLDER / "board.json"


def last(home: Path) -> dict[str, Any]:
    """Return the board as it was written last, {} where there is none."""
    try:
        return read_json(path_of(home))
    except FileNotFoundError:
        return {}


def now() -> str:
    """Return this instant, UTC, to the second."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
