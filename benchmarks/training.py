"""What a training costs beside the fits that it makes: `python -m benchmarks.training [SYMBOL TIMEFRAME]`.

The series must be enriched and labelled in `ASSAY_HOME`. The walk-forward and the final model run twice: in one process
with a clock around every fit (members, early stopping, scouts of features, inner folds, calibrations left out), then in
one process a core. Printed are the sum of the fits, both wall times and their ratios to that sum.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import lightgbm
import pandas as pd

from market import instruments, tables
from pipeline import job as jobs
from training import crossval, dataset, edges
from training.dataset import Dataset
from training.members import MEMBERS
from training.plan import Plan

Rows = tuple[Dataset, pd.DataFrame, Plan, pd.DatetimeIndex]


def rows_of(symbol: str, timeframe: str) -> Rows:
    """Return what `assay train` hands to the walk-forward."""
    work = jobs.prepare(instruments.series(symbol, timeframe))
    bars = tables.read_table(work.workspace.bars, tables.BARS)
    features = tables.read_table(work.workspace.features, tables.FEATURES)
    rows, _ = dataset.assemble(features, tables.read_table(work.workspace.labels, tables.LABELS))
    window = dataset.windows(rows.X.index, work.history_start, work.cut_off, work.research.oos_months)
    cuts = edges.draw(window.start, window.oos_start, work.research.folds)
    return dataset.up_to(rows, window), bars.loc[: window.oos_start], work.plan, cuts


def clocked() -> list[float]:
    """Put a clock around the fits of every kind of member, and return the list that its readings go to."""
    seconds: list[float] = []
    inside = False

    def timed(fit: Callable[..., Any]) -> Callable[..., Any]:
        def timing(*given: Any, **named: Any) -> Any:
            nonlocal inside
            if inside:
                return fit(*given, **named)
            inside, began = True, time.perf_counter()
            try:
                return fit(*given, **named)
            finally:
                inside = False
                seconds.append(time.perf_counter() - began)

        return timing

    for kind in {base for member in MEMBERS.values() for base in type(member).__mro__ if "fit" in vars(base)}:
        if not getattr(kind, "_is_protocol", False):
            kind.fit = timed(kind.fit)  # type: ignore[attr-defined]
    lightgbm.train = timed(lightgbm.train)  # the scouts' fits are no member's
    return seconds


def wall(rows: Rows, workers: int) -> float:
    """Return the seconds that the walk-forward and the final model take."""
    data, bars, plan, cuts = rows
    began = time.perf_counter()
    crossval.train(data, bars, plan, cuts, workers, lambda *said: None)
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    symbol, timeframe = sys.argv[1:] or ("XAUUSD", "15T")
    rows, cores = rows_of(symbol, timeframe), os.cpu_count() or 1
    together = wall(rows, cores)
    seconds = clocked()
    alone = wall(rows, 1)
    fits = sum(seconds)
    print(f"{symbol}_{timeframe}: {len(rows[0].y):,} rows × {rows[0].X.shape[1]} features, {len(rows[3]) - 2} folds")
    print(f"{len(seconds)} fits in one process: {fits:.1f} s")
    print(f"whole training in one process: {alone:.1f} s, {alone / fits:.2f} × the fits")
    print(f"whole training in {cores} processes: {together:.1f} s, {together / fits:.2f} × the fits")


if __name__ == "__main__":
    main()
