"""What the placebo has done already: a line for each judged world, kept as it comes, so that a run goes on."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

import feature_store.groups
from market import durable, placebo_settings, tables
from market.errors import UnavailableError
from pipeline import receipts
from pipeline.placebo_worlds import Source, prepared

FOLDER = "placebo"
MODULES = (
    "feature_store",
    *sorted(f"feature_store.groups.{path.stem}" for path in Path(feature_store.groups.__path__[0]).glob("*.py")),
    "labels",
    "training.crossval",
    "backtest.engine",
    "registry.gates",
    "pipeline.placebo_tasks",
)
"""What decides, and what asks it."""


class Kept:
    """The rows of one digest: whatever was decided by the same code, settings and bars."""

    def __init__(self, folder: Path, digest: str) -> None:
        self.path = folder / f"{digest}.worlds.jsonl"

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the rows by key; what a killed process left half-written is taken away."""
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            durable.write_text(self.path, whole)
        rows = [json.loads(line) for line in whole.splitlines()]
        return {row["key"]: row for row in rows}

    def keep(self, row: dict[str, Any]) -> None:
        """Add a row; it is on the disk when this returns."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row, allow_nan=False) + "\n")
            stream.flush()
            os.fsync(stream.fileno())


def digest(source: Source) -> str:
    """Return one digest of everything that a row depends on but its task: code, settings and real bars."""
    settings: list[Any] = [placebo_settings.worlds().model_dump()]
    for name in ("small", "full"):
        variant = placebo_settings.variant(name)
        settings.append(variant.model_dump())
        for attempt in range(len(variant.recipes)):
            work = prepared(name, attempt)
            parts = (work.research, work.recipe, work.tuning, work.trading, work.gates)
            settings.append([*(part.model_dump(mode="json") for part in parts), work.exits, work.sampling])
        settings.append(work.instrument.costs)
    return tables.sha256_of([receipts.code_sha256(*MODULES), settings, source.sha256])[:16]


@contextmanager
def held(home: Path) -> Iterator[Path]:
    """Hold the folder of the placebo against other processes and yield it."""
    folder = home / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield folder
    except Timeout:
        raise UnavailableError("Another `assay placebo` is at work here: wait for it, or stop it.") from None
