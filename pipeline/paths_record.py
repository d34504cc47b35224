"""The record of combinatorial paths: what they are made from, whether they still hold, and what a card tells."""

from pathlib import Path
from typing import Any

import pandas as pd

from market import combinatorial_settings, tables
from pipeline.job import Job
from pipeline.receipts import Order
from pipeline.stage import inputs
from pipeline.workspace import Workspace, read_json

FILE, FOLDER = "paths.json", "paths"


def order(job: Job) -> Order:
    """Return what the paths of today's training are made from: as that itself but for tuning, and the cuts."""
    wanted = combinatorial_settings.combinatorial()
    return Order(
        stage="paths",
        inputs=inputs(job, "bars", "features", "labels"),
        config=[
            wanted.model_dump(include={"groups", "held_out"}),
            read_json(job.workspace.run / "training.json")["edges"],
            *job.learnt_by,
        ],
        modules=("training.combinatorial", "training.paths", "market.table_rows"),
    )


def valid(job: Job) -> bool:
    """Return whether paths stand in the run's folder that are those of today's training."""
    receipt = job.workspace.receipt("paths")
    return receipt.exists() and order(job).stale(receipt) is None


def digest(job: Job) -> dict[str, str]:
    """Return the SHA-256 of valid paths under the name of their file; empty where there are none."""
    return {FILE: tables.sha256_of_file(job.workspace.run / FILE)} if valid(job) else {}


def on_card(job: Job) -> dict[str, Any]:
    """Return what a card tells of valid paths; empty where there are none.

    Of `splits` it tells how many there are, how many of them are `silent` (no threshold earned anything inside them)
    and how many splits in all were audited, with leaks.
    """
    if not valid(job):
        return {}
    found = read_json(job.workspace.run / FILE)
    splits = found["splits"]
    audits = [audit for split in splits for audit in split["splits"]]
    return found | {
        "splits": len(splits),
        "silent": sum(split["choice"]["long"] is None for split in splits),
        "audits": len(audits),
        "leaks": sum(audit["leaks"] for audit in audits),
        "tuned": job.tuning.on,
    }


def trades(workspace: Workspace) -> list[pd.DataFrame]:
    """Return the trades of each path, in their order."""
    count = len(read_json(workspace.run / FILE)["paths"])
    return [tables.read_table(table(workspace, number), tables.TRADES) for number in range(1, count + 1)]


def table(workspace: Workspace, number: int) -> Path:
    """Return where the trades of a path are, counted from 1."""
    return workspace.run / FOLDER / f"path_{number}.parquet"
