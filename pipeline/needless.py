"""What a series keeps that nobody needs: receipts, cards and the records of its home say so. Nothing is written.

Never needless are its bars, its last card and what its last training left but features and labels, every bundle that
anything refers to, and finished folds and trials that an interrupted training may go on from.
"""

import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from market import tables, versions
from pipeline import bar_history, job, left_over, receipts, stages, trial_records
from pipeline.job import Job
from pipeline.workspace import Workspace, read_json

RUNS, BUNDLES, FEATURES, LABELS = "runs", "bundles", "features", "labels"
FOLDS, HISTORY, REPORTS, LEFT = "finished folds", "replaced bars", "bug reports", "left over"
KINDS = (FEATURES, LABELS, RUNS, BUNDLES, FOLDS, HISTORY, REPORTS, LEFT)

_REPORT_DAYS = 30
_DAY = 86_400  # seconds
_NAME = 16  # digits of a bundle's digest
_RESUMED_FROM = {"folds": "train", "splits": "paths"}
_MADE_BY = {FEATURES: "enrich", LABELS: "label"}


class Needless(NamedTuple):
    """Something that nobody needs: of which series ("" of none), its kind, why, bytes that are freed, and its paths.

    `seconds` is what it takes to make it again, None where nobody would, or nobody knows.
    """

    series: str
    kind: str
    why: str
    bytes: int
    paths: tuple[Path, ...]
    seconds: float | None = None


class Referred(NamedTuple):
    """What must be known of a registry: the digests of bundles that something refers to, and the paths of what goes."""

    bundles: Collection[str]
    going: Collection[Path]


def of_series(target: Workspace, every_table: bool, known: Referred) -> list[Needless]:
    """Return what nobody needs of a series, runs aside; features and labels that hold, too, where `every_table`.

    Raises AssayError where its settings or what it refers to cannot be read.
    """
    work = job.prepare(target.series)._replace(workspace=target)
    found = [*_tables(work, every_table), *_bundles(target, known), *_folds(work), *_history(target, known.going)]
    left = [path for path in left_over.of_series(target) if not left_over.at_work(path)]
    return found + [Needless(target.series.name, LEFT, "", size(path), (path,)) for path in left]


def of_none(home: Path) -> list[Needless]:
    """Return what nobody needs of a home that is of no series: old reports of bugs, and what killed processes left."""
    old = time.time() - _REPORT_DAYS * _DAY
    reports = [path for path in sorted(home.glob("logs/bug-*.txt")) if path.stat().st_mtime < old]
    why = f"older than {_REPORT_DAYS} days"
    found = [Needless("", REPORTS, why, size(path), (path,)) for path in reports]
    return found + [Needless("", LEFT, "", size(path), (path,)) for path in left_over.of_none(home)]


def size(path: Path) -> int:
    """Return the bytes that are free once `path` is gone: none of a file that has another name besides."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(one.stat().st_size for one in files if one.stat().st_nlink == 1)


def _tables(work: Job, every: bool) -> Iterator[Needless]:
    target, bars = work.workspace, tables.read_manifest(work.workspace.bars)
    for kind, table in ((FEATURES, target.features), (LABELS, target.labels)):
        if not table.exists():
            continue
        receipt = target.receipt(_MADE_BY[kind])
        order = stages.enrich_order if kind == FEATURES else stages.label_order
        why = "its bars are gone" if bars is None else order(work).stale(receipt)
        if why is None and not every:
            continue
        made, paths = receipts.read(receipt), (table, tables.manifest_path(table))
        seconds = made.seconds if made is not None and why is None else None
        yield Needless(target.series.name, kind, why or "made again from bars", sum(map(_file, paths)), paths, seconds)


def _bundles(target: Workspace, known: Referred) -> Iterator[Needless]:
    last = receipts.read(target.receipt("train"))
    written = {Path(name).parent.name for name in last.outputs} if last is not None else set()
    kept = written | {digest[:_NAME] for digest in known.bundles}
    for folder in sorted(target.bundles.glob("[0-9a-f]" * _NAME)):
        if folder.is_dir() and folder.name not in kept and folder not in known.going:
            yield Needless(target.series.name, BUNDLES, "nothing refers to it", size(folder), (folder,))


def _folds(work: Job) -> Iterator[Needless]:
    target = work.workspace
    for name, stage in _RESUMED_FROM.items():
        folder = target.run / name
        why = _of_no_use(work, folder, stage) if folder.is_dir() else None
        if why is not None:
            yield Needless(target.series.name, FOLDS, why, size(folder), (folder,))


def _of_no_use(work: Job, folder: Path, stage: str) -> str | None:
    """Return why nothing goes on from a folder of finished folds, None where an interrupted training may.

    A stage takes its receipt away as it begins: whatever is kept while there is one is of no training that goes on.
    """
    if work.workspace.receipt(stage).exists():
        return "its training is finished"
    if tables.read_manifest(work.workspace.bars) is None:
        return "its bars are gone"
    return trial_records.outlived(work, folder)


def _history(target: Workspace, going: Collection[Path]) -> Iterator[Needless]:
    for version in bar_history.superseded(target.bars, _judged(target, going)):
        path = versions.path_of(target.bars, version.number)
        why = f"stored {version.ingested_at:%Y-%m-%d}, replaced before any verdict that is kept"
        yield Needless(target.series.name, HISTORY, why, size(path), (path,))


def _judged(target: Workspace, going: Collection[Path]) -> list[pd.Timestamp]:
    """Return when each verdict that is kept was made, and each promotion, whose bars may be asked for again."""
    cards = [path for path in (*target.run.glob("cards/*.json"), *target.run.glob("card.json")) if path not in going]
    records = [read_json(path) for path in (target.home / "promotions").glob("*.json")]
    promoted = [one["record"]["when"] for one in records if one.get("series") == target.series.name]
    return [pd.Timestamp(when) for when in (*(read_json(path)["made_at"] for path in cards), *promoted)]


def _file(path: Path) -> int:
    return size(path) if path.exists() else 0
