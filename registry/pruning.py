"""Delete for good what nobody needs any more: old runs with their versions, artifacts, bundles and cards.

Needed are the runs of every record of a promotion that stands or can be rolled back to, of every alias, of the last
known good, of each series' last card, and the newest finished ones. The ledger and the records of promotions stay.
"""

import datetime as dt
import json
import shutil
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from market.errors import DataError, UsageError
from registry import address as addresses
from registry import history, tracking
from registry import record as records

if TYPE_CHECKING:
    from registry.tracking import MlflowClient, Run

KEPT = 5
_FINISHED, _RUNNING = "FINISHED", "RUNNING"


class Doomed(NamedTuple):
    """A run that nobody needs: its bytes of artifacts, card and bundle, and the paths in the home that go with it."""

    series: str
    run_id: str
    ended: str
    bytes: int
    paths: list[Path]


class Pruned(NamedTuple):
    """What goes, or went if `done`, oldest first, and how many runs stay."""

    home: str
    done: bool
    doomed: list[Doomed]
    kept: int


def prune(home: Path, keep: int = KEPT, yes: bool = False, only: Container[str] | None = None) -> Pruned:
    """Return what nobody needs with `keep` newest finished runs a series, and delete it for good if `yes`.

    `only` are the series that are looked at, None: all. Raises UsageError for an MLflow server, whose runs are deleted
    where its database is. A kill leaves a run whose files are gone in part, which the next call deletes.
    """
    address = addresses.of(home)
    if address.is_server:
        raise UsageError(f"{address.shown} is a server: its runs are deleted where its database is.")
    if address.database is not None and not address.database.exists():
        return Pruned(str(home), yes, [], 0)
    with history.held(home), tracking.opened(home) as client:
        doomed, kept = _judged(client, home, keep, only)
        for one in doomed if yes else []:
            _delete(client, home, one)
    return Pruned(str(home), yes, doomed, kept)


def referred(home: Path, only: Iterable[str]) -> dict[str, set[str]]:
    """Return by series the digests of bundles that a card, a run, a version or a record names, past ones too."""
    found = {series: {*_told(home, series)} for series in only}
    address = addresses.of(home)
    if found and (address.database is None or address.database.exists()):
        with tracking.opened(home) as client:
            for series, digests in found.items():
                digests.update(run.data.tags.get(tracking.DIGEST, "") for run in tracking.every_run(client, series))
                known = client.search_model_versions(f"name='{series}'")
                digests.update(version.tags.get(tracking.DIGEST, "") for version in known)
    return found


def _told(home: Path, series: str) -> Iterator[str]:
    """Yield every digest of a bundle that is told on the disk."""
    run = home / "runs" / series
    yield from _named(_json(run / "training.json"), "bundle")
    for value in (*_standing(home, series), *map(_json, (run / "cards").glob("*.json"))):
        yield from _named(value, tracking.DIGEST)
    for path in (home / "promotions").glob("*.json"):
        kept = _json(path)
        yield from _named(kept, tracking.DIGEST) if kept.get("series") == series else ()


def _judged(client: "MlflowClient", home: Path, keep: int, only: Container[str] | None) -> tuple[list[Doomed], int]:
    doomed, kept = list[Doomed](), 0
    every = sorted(path.name for path in (home / "runs").glob("*") if path.is_dir())
    for series in every if only is None else [one for one in every if one in only]:
        found = tracking.every_run(client, series)
        needed = _needed(client, home, series) | _newest(found, keep)
        going = [run for run in found if run.info.run_id not in needed and run.info.status != _RUNNING]
        staying = {run.info.run_id for run in found} - {run.info.run_id for run in going}
        shared = _bundles(home, series, staying)
        doomed += [_doomed(client, home, series, run, shared) for run in reversed(going)]
        kept += len(staying)
    return doomed, kept


def _delete(client: "MlflowClient", home: Path, one: Doomed) -> None:
    """Delete what stands in the home first: what is left by a kill is found again by the run."""
    for path in one.paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for version in client.search_model_versions(f"name='{one.series}' and run_id='{one.run_id}'"):
        client.delete_model_version(one.series, str(version.version))
    tracking.erase(client, home, one.run_id)


def _newest(found: "list[Run]", keep: int) -> set[str]:
    alive = [run for run in found if run.info.status == _FINISHED and run.info.lifecycle_stage == "active"]
    return {run.info.run_id for run in alive[:keep]}


def _needed(client: "MlflowClient", home: Path, series: str) -> set[str]:
    aliased = tracking.aliases_of(client, series).values()
    versions = {str(client.get_model_version(series, version).run_id) for version in aliased}
    return versions | {run_id for record in _standing(home, series) for run_id in _named(record, "run_id")}


def _bundles(home: Path, series: str, kept: set[str]) -> set[str]:
    """Return the digests of bundles that stay: of what is in production, was trained last, or belongs to a kept run."""
    found = {digest for record in _standing(home, series) for digest in _named(record, "bundle_sha256")}
    found |= set(_named(_json(home / "runs" / series / "training.json"), "bundle"))
    return found.union(*(_named(_json(_card(home, series, run_id)), tracking.DIGEST) for run_id in kept))


def _standing(home: Path, series: str) -> Iterator[dict[str, Any]]:
    """Yield what must not be touched: the record in production with whom it replaced, kept copies, the last card."""
    yield records.production(home).get(series, {})
    for path in [*(home / "known_good" / series).glob("*/record.json"), home / "runs" / series / "card.json"]:
        yield _json(path)


def _named(value: Any, key: str) -> Iterator[str]:
    """Yield every text that stands under `key`, at any depth."""
    if isinstance(value, dict):
        for name, one in value.items():
            if name == key and isinstance(one, str):
                yield one
            yield from _named(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from _named(one, key)


def _doomed(client: "MlflowClient", home: Path, series: str, run: "Run", shared: set[str]) -> Doomed:
    run_id, digest = run.info.run_id, run.data.tags.get(tracking.DIGEST, "")
    bundle = home / "bundles" / series / digest[:16]
    paths = [_card(home, series, run_id), *([bundle] if digest and digest not in shared else [])]
    paths = [path for path in paths if path.exists()]
    size = _stored(client, run_id, "") + sum(_size(path) for path in paths)
    return Doomed(series, run_id, _when(run), size, paths)


def _stored(client: "MlflowClient", run_id: str, path: str) -> int:
    """Return the bytes of a run's artifacts, wherever they lie."""
    found = client.list_artifacts(run_id, path or None)
    return sum(_stored(client, run_id, one.path) if one.is_dir else int(one.file_size or 0) for one in found)


def _when(run: "Run") -> str:
    stamp = run.info.end_time or run.info.start_time
    return dt.datetime.fromtimestamp(stamp / 1000, dt.UTC).isoformat(timespec="seconds")


def _card(home: Path, series: str, run_id: str) -> Path:
    return home / "runs" / series / "cards" / f"{run_id}.json"


def _json(path: Path) -> Any:
    """Return the JSON at `path`, nothing where there is no such file; a damaged one stops what would delete by it."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError:
        raise DataError(f"{path} is damaged, so it is not known what it needs: restore or remove it.") from None


def _size(path: Path) -> int:
    return sum(one.stat().st_size for one in ([path] if path.is_file() else path.rglob("*")) if one.is_file())
