"""Whether what a home keeps is whole: tables, receipts, the ledger, and what a killed process left behind."""

from collections.abc import Iterator
from pathlib import Path

from market import tables
from market.errors import AssayError, DataError
from market.tables import Schema
from pipeline import left_over, receipts
from pipeline.doctor_installation import Home, some
from pipeline.doctor_run import NotAskedError
from registry import ledger, trials

_TABLES: dict[str, Schema] = {
    "bars/*.parquet": tables.BARS,
    "bars/*.versions/*.parquet": tables.BARS,
    "features/*.parquet": tables.FEATURES,
    "labels/*.parquet": tables.LABELS,
    "trials/*/*.parquet": trials.DAILY,
}
_OF_RUNS = {
    "trades": tables.TRADES,
    "equity": tables.EQUITY,
    "predictions": tables.PREDICTIONS,
    "oos_predictions": tables.PREDICTIONS,
    "score": tables.SCORE,
}
_MADE_AGAIN = ("features", "labels")


def tables_verified(home: Home) -> str | None:
    """Return evidence where a table is not what its manifest says, or not of its schema."""
    stored = [(path, schema) for path, schema in _stored(home) if tables.manifest_path(path).exists()]
    if not stored:
        raise NotAskedError("nothing is stored yet")
    bad = [why for path, schema in stored if (why := _wrong(path, schema))]
    return f"{len(bad)} of {len(stored)} tables: {some(bad)}" if bad else None


def receipts_match(home: Home) -> str | None:
    """Return evidence where a stage's file is missing, or not what its receipt says.

    Features and labels that are gone with their manifests are no fault: `assay prune` takes them, and the next training
    makes them again.
    """
    paths = [path for folder in home.folders for path in sorted((folder / "runs").glob("*/*.receipt.json"))]
    if not paths:
        raise NotAskedError("no stage has run yet")
    bad = [f"{path.parent.name} {path.name.partition('.')[0]}: {why}" for path in paths if (why := _unlike(path))]
    return f"{len(bad)} of {len(paths)} receipts: {some(bad)}." if bad else None


def leftovers(home: Home) -> str | None:
    """Return evidence of temporary files whose process is gone, and of tables that never appeared."""
    left = [path for folder in home.folders for path in left_over.temporary(folder) if not left_over.at_work(path)]
    bare = [path for path, _ in _stored(home) if not tables.manifest_path(path).exists()]
    found = [str(path.relative_to(home.folders[0])) for path in dict.fromkeys([*left, *bare])]
    return f"{len(found)}: {some(found)}." if found else None


def ledger_read(home: Home) -> str | None:
    """Return evidence where the ledger cannot be read, or its last line was torn."""
    kept = [folder for folder in home.folders if ledger.ledger_path(folder).exists()]
    if not kept:
        raise NotAskedError("nothing was tried yet")
    for folder in kept:
        try:
            warning = ledger.read(folder).warning
        except AssayError as error:
            return str(error)
        if warning:
            return warning
    return None


def _stored(home: Home) -> Iterator[tuple[Path, Schema]]:
    for folder in home.folders:
        for pattern, schema in _TABLES.items():
            yield from ((path, schema) for path in sorted(folder.glob(pattern)))
        for name, schema in _OF_RUNS.items():
            for pattern in (f"runs/*/{name}.parquet", f"backtests/*/*/{name}.parquet"):
                yield from ((path, schema) for path in sorted(folder.glob(pattern)))


def _wrong(path: Path, schema: Schema) -> str:
    try:
        tables.check(tables.read_table(path, schema, list(schema.columns)), schema, str(path))
    except DataError as error:
        return str(error)
    except (OSError, ValueError, KeyError) as error:
        return f"{path} cannot be read as a {schema.name} table ({str(error).splitlines()[0]})."
    return ""


def _unlike(path: Path) -> str:
    receipt = receipts.read(path)
    if receipt is None:
        return "cannot be read"
    for name, digest in receipt.outputs.items():
        file = path.parent / name
        if not file.exists():
            if _pruned(file):
                continue
            return f"{name} is missing"
        if tables.sha256_of_file(file) != digest:
            return f"{name} was changed"
    return ""


def _pruned(file: Path) -> bool:
    """Return whether a file that is missing is of features or labels that are gone as a whole."""
    table = file.with_name(f"{file.name.partition('.')[0]}.parquet")
    return file.parent.name in _MADE_AGAIN and not (table.exists() or tables.manifest_path(table).exists())
