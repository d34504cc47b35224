"""What killed processes left behind: files that were being written, and what was set aside to be deleted.

Both have a name that begins with a dot and tells the process: `.NAME.PID.tmp` and `.NAME.PID.pruned`.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from market import tables, versions
from pipeline.workspace import Workspace

ASIDE = "pruned"

_MADE_BY = re.compile(rf"\.(\d+)\.(?:tmp|{ASIDE})$|^\.new-(\d+)$")
_OF_SERIES = ("bars", "features", "labels", "runs", "bundles")


def aside(path: Path) -> Path:
    """Return the name under which `path` is set aside, beside itself, before it is deleted."""
    return path.with_name(f".{path.name}.{os.getpid()}.{ASIDE}")


def temporary(home: Path) -> Iterator[Path]:
    """Yield what is being written in a home, was left so, or was set aside to be deleted."""
    yield from sorted(path for path in home.glob("**/.*.tmp") if path.is_file())
    yield from sorted([*home.glob("bundles/*/.*"), *home.glob("known_good/*/.new-*"), *home.glob(".mlflow-*")])
    yield from sorted(path for path in home.glob(f"**/.*.{ASIDE}") if path.parent.parent.name != "bundles")


def at_work(path: Path) -> bool:
    """Return whether the process that writes `path`, if its name tells it, is alive."""
    made_by = _MADE_BY.search(path.name)
    if made_by is None:
        return False
    try:
        os.kill(int(made_by.group(1) or made_by.group(2)), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def of_series(target: Workspace) -> list[Path]:
    """Return what is left over of one series, manifests without a table among it; ask while nobody works on it."""
    made = (target.features, target.labels)
    alone = [tables.manifest_path(table) for table in made if not table.exists()]
    found = [path for path in alone if path.exists()]
    for ending in ("tmp", ASIDE):
        found += [path for table in (target.bars, *made) for path in table.parent.glob(f".{table.stem}.*.{ending}")]
        found += target.run.glob(f"**/.*.{ending}")
    return sorted([*found, *target.bundles.glob(".*"), *versions.folder(target.bars).glob(".*")])


def of_none(home: Path) -> list[Path]:
    """Return what is left over in a home and is of no series' own, by processes that are gone."""
    found = [path for path in temporary(home) if path.relative_to(home).parts[0] not in _OF_SERIES]
    return [path for path in found if not at_work(path) and not path.is_relative_to(home / "demo")]
