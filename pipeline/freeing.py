"""`assay prune`: delete what no champion and no newer run needs, series by series, while nobody works on them."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from market import instruments, settings
from market.errors import AssayError, UnavailableError, UsageError, nearest
from pipeline import bar_history, fleet_lock, job, left_over, needless, trial_records, workspace
from pipeline.needless import HISTORY, LEFT, RUNS, Needless, Referred
from pipeline.workspace import Workspace
from registry import address, pruning
from registry.record import DEMO

KEPT = pruning.KEPT

_FOLDERS = ("bars", "features", "labels", "runs", "bundles")


class Wish(NamedTuple):
    """Series to look at (patterns, none: all), newest runs to keep of each, whether tables that hold go, too."""

    only: tuple[str, ...] = ()
    keep: int = KEPT
    tables: bool = False
    yes: bool = False


class _Registry(NamedTuple):
    """What the registry of a home can do without, by series, and the digests of bundles that it refers to."""

    doomed: dict[str, list[pruning.Doomed]]
    referred: dict[str, set[str]]

    def known(self, series: str) -> Referred:
        going = {path for one in self.doomed.get(series, ()) for path in one.paths}
        return Referred(self.referred.get(series, ()), going)


def prune(wish: Wish) -> dict[str, Any]:
    """Return what nobody needs in the home and in its demo home, with sizes, and delete it where `wish.yes`.

    A series that is being worked on is left alone and said. Raises UsageError for patterns that fit no series,
    UnavailableError while a fleet runs or where the registry cannot be asked.
    """
    real = settings.home()
    homes = [home for home in (real, real / DEMO) if home.is_dir()]
    _refuse_fleet(real)
    chosen = {home: _series(home) for home in homes}
    _check([name for names in chosen.values() for name in names], wish.only)
    found, left_alone = list[Needless](), list[str]()
    for home, names in chosen.items():
        asked = [name for name in names if not wish.only or any(fnmatchcase(name, one) for one in wish.only)]
        registry = _registry(home, asked, wish.keep, left_alone)
        for name in asked:
            found += _of_series(home, name, registry, wish, left_alone)
        found += _of_none(home, wish) if not wish.only else []
    return _answer(real, wish, found, left_alone)


def _of_series(home: Path, name: str, registry: _Registry, wish: Wish, left_alone: list[str]) -> list[Needless]:
    """Return what goes of a series, or went; one that cannot be asked or is at work is left alone."""
    try:
        target = Workspace(home, instruments.series_named(name))
        found = _runs(registry, name) + needless.of_series(target, wish.tables, registry.known(name))
        if not found:
            return []
        if not wish.yes:
            with _idle(target):
                return found
        with workspace.locked(target):
            return _deleted(target, found, registry, wish)
    except AssayError as error:
        left_alone.append(f"{name} was left alone: {error}")
        return []


def _deleted(target: Workspace, found: list[Needless], registry: _Registry, wish: Wish) -> list[Needless]:
    """Look again while the series is held, delete what nobody needs, and return it; what was left over is gone."""
    name = target.series.name
    if registry.doomed.get(name):
        pruning.prune(target.home, wish.keep, yes=True, only=[name])
    again = needless.of_series(target, wish.tables, registry.known(name))
    for one in again:
        _delete(target, one)
    return [*(one for one in found if one.kind in (RUNS, LEFT)), *(one for one in again if one.kind != LEFT)]


def _delete(target: Workspace, one: Needless) -> None:
    """Delete something for good; what is tried in finished folds is delivered to the ledger before they go."""
    if one.kind == HISTORY:
        bar_history.empty(target.bars, int(one.paths[0].stem))
        return
    if one.kind == needless.FOLDS:
        trial_records.settle(job.prepare(target.series)._replace(workspace=target), one.paths[0])
    _remove(one.paths)


def _remove(paths: Iterable[Path]) -> None:
    """Delete files and folders: each is set aside first, so that a kill leaves nothing that looks whole and is not."""
    for path in paths:
        if not path.exists():
            continue
        aside = path if path.name.startswith(".") else path.rename(left_over.aside(path))
        shutil.rmtree(aside) if aside.is_dir() else aside.unlink()


def _of_none(home: Path, wish: Wish) -> list[Needless]:
    found = needless.of_none(home)
    for one in found if wish.yes else ():
        _remove(one.paths)
    return found


def _registry(home: Path, names: list[str], keep: int, left_alone: list[str]) -> _Registry:
    doomed: dict[str, list[pruning.Doomed]] = {}
    if address.of(home).is_server:
        left_alone.append(f"runs: {address.of(home).shown} is a server, its runs are deleted where its database is.")
    else:
        for one in pruning.prune(home, keep, only=names).doomed:
            doomed.setdefault(one.series, []).append(one)
    return _Registry(doomed, pruning.referred(home, names))


def _runs(registry: _Registry, series: str) -> list[Needless]:
    return [
        Needless(series, RUNS, f"run {one.run_id[:12]} of {one.ended[:10]}", one.bytes, tuple(one.paths))
        for one in registry.doomed.get(series, ())
    ]


def _series(home: Path) -> list[str]:
    """Return the names of all series of which a home keeps anything."""
    found = {path.stem for folder in _FOLDERS[:3] for path in (home / folder).glob("[!.]*.parquet")}
    folders = (path for folder in _FOLDERS[3:] for path in (home / folder).glob("[!.]*") if path.is_dir())
    return sorted(found | {path.name for path in folders})


def _check(names: list[str], only: tuple[str, ...]) -> None:
    for pattern in only:
        if not any(fnmatchcase(name, pattern) for name in names):
            told = ", ".join(names) or "none"
            raise UsageError(f"--only {pattern!r} fits no series of the home: it has {told}.{nearest(pattern, names)}")


def _refuse_fleet(home: Path) -> None:
    if fleet_lock.running(home):
        who = fleet_lock.holder_of(home)
        told = f"process {who['pid']} on {who['host']} since {who['since']}" if who else "another process"
        raise UnavailableError(f"The fleet of {home} is being run by {told}: prune when it has ended.")


@contextmanager
def _idle(target: Workspace) -> Iterator[None]:
    """Hold the series if there is a lock to hold; raises UnavailableError where one works on it. Nothing is written."""
    path = target.run / ".lock"
    try:
        if path.exists():
            with FileLock(path, timeout=0):
                yield
        else:
            yield
    except Timeout:
        raise UnavailableError("another assay process is at work on it.") from None


def _answer(home: Path, wish: Wish, found: list[Needless], left_alone: list[str]) -> dict[str, Any]:
    again = [one.seconds for one in found if one.seconds is not None]
    return {
        "home": str(home),
        "done": wish.yes,
        "bytes": sum(one.bytes for one in found),
        "kinds": {kind: _sum(found, "kind", kind) for kind in needless.KINDS if any(one.kind == kind for one in found)},
        "series": {name: _sum(found, "series", name) for name in sorted({one.series for one in found})},
        "made_again": {"tables": len(again), "seconds": round(sum(again), 1)},
        "needless": [one._asdict() | {"paths": [str(path) for path in one.paths]} for one in found],
        "left_alone": left_alone,
    }


def _sum(found: list[Needless], field: str, value: str) -> int:
    return sum(one.bytes for one in found if getattr(one, field) == value)
