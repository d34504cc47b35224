"""What every stage does around its work: ask its receipt, read digests of what it is made from, write tables."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from market import tables
from market.errors import DataError
from pipeline import receipts
from pipeline.job import Job
from pipeline.receipts import Order, Receipt

Report = Callable[[str, int, int], None]


class Done(NamedTuple):
    """A stage's receipt and why it was run; None where it was up to date."""

    receipt: Receipt
    why: str | None


def quiet(what: str, done: int, total: int) -> None:
    """Report no progress."""


def carried_out(order: Order, path: Path, work: Callable[[], tuple[list[Path], Mapping[str, Any]]]) -> Done:
    """Do `work` unless the receipt at `path` says that it is done; return its receipt and why it was run."""
    why = order.stale(path)
    if why is None:
        receipt = receipts.read(path)
        assert receipt is not None  # a fresh order has a receipt
        return Done(receipt, None)
    return Done(order.run(path, work), why)


def manifest(path: Path) -> tables.Manifest:
    """Return the manifest of the table at `path`; raises DataError where there is none."""
    found = tables.read_manifest(path)
    if found is None:
        raise DataError(f"No table at {path}: run the stage that makes it, or `assay train`, which runs them all.")
    return found


def inputs(job: Job, *names: str) -> dict[str, str]:
    """Return the digests of the tables `names` of the workspace."""
    return {name: manifest(getattr(job.workspace, name)).sha256 for name in names}


def write(path: Path, frame: pd.DataFrame, schema: tables.Schema, order: Order, facts: Mapping[str, Any]) -> None:
    """Write a table with its provenance."""
    tables.write_table(path, frame, schema, **provenance(order), facts=facts)


def provenance(order: Order) -> dict[str, Any]:
    """Return what a table's manifest tells of where it comes from."""
    return {
        "inputs": order.inputs,
        "config_sha256": tables.sha256_of(order.config),
        "code_sha256": receipts.code_sha256(*order.modules),
    }


def with_manifest(path: Path) -> list[Path]:
    """Return the file of a table and that of its manifest."""
    return [path, tables.manifest_path(path)]
