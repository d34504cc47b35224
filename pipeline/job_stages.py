"""The stages of the main job up to the verdict, in order: what each is made from, and what runs it.

None of them writes the ledger's looks or the registry: they may be run by any process that sees the home.
"""

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from market import combinatorial_settings, tables
from market.errors import DataError
from pipeline import causality, causality_record, paths_record, paths_stage, stages, training_stage
from pipeline.job import Job
from pipeline.receipts import Order
from pipeline.stage import Done, Report


class Stage(NamedTuple):
    """A stage: its name, what runs it, the order that it is run by, and how what it did is told."""

    name: str
    run: Callable[[Job, Report], Done]
    order: Callable[[Job], Order]
    told: str

    def why(self, job: Job) -> str | None:
        """Return why the stage must run (one phrase), or None where its receipt still holds."""
        return self.order(job).stale(job.workspace.receipt(self.name))


def stages_of(paths: bool = False) -> tuple[Stage, ...]:
    """Return the stages in order; combinatorial paths are among them where `paths` or the settings ask for them."""
    wanted = paths or combinatorial_settings.combinatorial().always
    return (*_STAGES, _PATHS) if wanted else _STAGES


def _enrich(work: Job, report: Report) -> Done:
    """Compute what is stale of the features; raises DataError where no bar lies between start and cut-off."""
    bars = tables.read_manifest(work.workspace.bars)
    if bars is not None and bars.first is not None and bars.last is not None:
        first, last = pd.Timestamp(bars.first), pd.Timestamp(bars.last)
        if first > work.cut_off or last <= work.history_start:
            raise DataError(
                f"No bars between {work.history_start:%Y-%m-%d} and the cut-off {work.cut_off:%Y-%m-%d}: "
                f"{work.series.name} has {bars.rows:,} from {first:%Y-%m-%d} to {last:%Y-%m-%d}."
            )
    return stages.enrich(work, report)


_STAGES = (
    Stage("enrich", _enrich, stages.enrich_order, "{columns} features × {rows:,} bars"),
    Stage("label", lambda work, report: stages.label(work), stages.label_order, "{rows:,} labels"),
    Stage(
        "causality",
        causality.proved,
        causality_record.order_of,
        "no look ahead in {columns} features and the labels",
    ),
    Stage("train", training_stage.train, training_stage.order_of, "walk-forward and final model"),
    Stage("backtest", lambda work, report: stages.backtest(work), stages.backtest_order, "{trades} trades"),
)
_PATHS = Stage("paths", paths_stage.paths, paths_record.order, "{paths} combinatorial paths of {splits} splits")
