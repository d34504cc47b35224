"""The stage of combinatorial paths: every split of the development fitted and kept, then all of them traded.

It chooses nothing and sees no bar of the judged window: it is neither a trial nor a look.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from market import combinatorial_settings, durable, tables
from pipeline import paths_record, training_stage
from pipeline.fold_store import FoldStore
from pipeline.job import Job
from pipeline.receipts import Order
from pipeline.stage import Done, Report, carried_out, quiet, with_manifest, write
from pipeline.workspace import read_json
from registry.plain_values import plain
from training import combinatorial
from training import paths as combined
from training.judging import Judged

_KEPT = ("fold", "rows", "test_rows", "rounds", "calibrations", "choice", "features", "splits")


def paths(job: Job, report: Report = quiet) -> Done:
    """Fit and trade every split of the development rows of today's training; write the paths and their trades."""
    order = paths_record.order(job)
    wanted = combinatorial_settings.combinatorial()

    def work() -> tuple[list[Path], Mapping[str, Any]]:
        bars = tables.read_table(job.workspace.bars, tables.BARS)
        rows = training_stage.windowed(job, bars)
        known = bars.loc[: rows.window.oos_start]
        edges = pd.DatetimeIndex(read_json(job.workspace.run / "training.json")["edges"])
        kept = FoldStore(job.workspace.run / "splits", order.key)
        splits = combinatorial.judged(
            rows.development, known, job.plan, edges, wanted, job.workers, report, kept.finished(), kept.keep
        )
        made = combined.paths(rows.development, known, job.plan, wanted, splits)
        told = wanted.model_dump(include={"groups", "held_out"}) | _told(made, splits, job.risk.per_trade)
        written = _write(job, order, made, told)
        kept.clear()
        return written, {"splits": len(splits), "paths": len(made)}

    return carried_out(order, job.workspace.receipt("paths"), work)


def _told(made: Sequence[combined.Path], splits: Sequence[Judged], risk: float) -> dict[str, Any]:
    return {
        "splits": [{name: one.figures[name] for name in _KEPT} for one in splits],
        "paths": [{"splits": path.splits} | path.figures for path in made],
        **combined.distribution([path.figures for path in made]),
        "drawn_anew": combined.drawn_anew(made, risk),
        "histories": combined.HISTORIES,
    }


def _write(job: Job, order: Order, made: Sequence[combined.Path], told: Mapping[str, Any]) -> list[Path]:
    shutil.rmtree(job.workspace.run / paths_record.FOLDER, ignore_errors=True)
    files = [paths_record.table(job.workspace, number) for number in range(1, len(made) + 1)]
    for file, path in zip(files, made, strict=True):
        write(file, path.trades, tables.TRADES, order, {"splits": path.splits})
    durable.write_json(job.workspace.run / paths_record.FILE, plain(told))
    tabled = [part for file in files for part in with_manifest(file)]
    return [job.workspace.run / paths_record.FILE, *tabled]
