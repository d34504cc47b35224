"""What a training tried goes into the ledger: trials of tuning as they come, the run itself once it is judged.

A process that may not write the ledger leaves its trials in the run's folder, and they are delivered before anything
else is written of the series.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from market import durable, tables
from pipeline import receipts
from pipeline.job import Job
from pipeline.stage import inputs
from pipeline.workspace import read_json
from registry import ledger
from registry import trials as kept
from registry.ledger import Entry
from registry.plain_values import plain
from training import journals
from training.performance import out_of_fold
from training.trials import Trial

_ASKED = "trials_of.json"
_LEFT = "trials_left"
_left_in: ContextVar[Path | None] = ContextVar("left_in", default=None)


def record(job: Job, trials: Sequence[Trial]) -> int:
    """Write trials of tuning, pruned and failed ones too, and keep their daily results; return how many were new.

    What is written already is not written twice: a training that goes on, or is repeated by the same code on the same
    bars by the same settings, tries the same. Call it when a part is finished: a training that fails later has tried
    what it tried.
    """
    asked = _asked(job)
    return _write(job, [(_tuned(job, one, asked), one.daily) for one in trials])


@contextmanager
def left_in(run: Path) -> Iterator[None]:
    """Let what this thread tries be left in the folder of a run, as a ledger of its own, until it is delivered."""
    token = _left_in.set(run / _LEFT)
    try:
        yield
    finally:
        _left_in.reset(token)


def folder_left(job: Job) -> Path:
    """Return where trials are left for the ledger."""
    return job.workspace.run / _LEFT


def deliver(job: Job) -> int:
    """Write the trials that another process has left into the ledger; return how many were new."""
    left, series = folder_left(job), job.series.name
    if not left.exists():
        return 0
    daily = kept.matrix(left, series)
    entries = ledger.read(left).entries
    nothing = pd.Series(dtype=np.float64)
    written = _write(job, [(one, daily[one.name].dropna() if one.name in daily else nothing) for one in entries])
    shutil.rmtree(left)
    return written


def begin(job: Job, folder: Path, key: str) -> None:
    """Write down in `folder`, where trials are kept while the training `key` goes on, what they are trials of."""
    durable.write_json(folder / _ASKED, {"key": key, "asked": _asked(job)})


def settle(job: Job, folder: Path) -> int:
    """Write the finished trials that a training has left in `folder`; return how many were new.

    One that was interrupted, or killed before and followed by another, has tried what it tried.
    """
    if not (folder / _ASKED).exists():
        return 0
    begun = read_json(folder / _ASKED)
    left = journals.left(folder, begun["key"])
    return _write(job, [(_tuned(job, one, begun["asked"]), one.daily) for one in left])


def outlived(job: Job, folder: Path) -> str | None:
    """Return why no training can go on from what was kept in `folder` (one phrase), None where one may."""
    if not (folder / _ASKED).exists():
        return None
    begun = read_json(folder / _ASKED)["asked"]
    if begun["bars_sha256"] != inputs(job, "bars")["bars"]:
        return "its bars have changed"
    return "its code has changed" if begun["model"] != receipts.code_sha256("training.crossval") else None


def _asked(job: Job) -> dict[str, str]:
    return {
        "bars_sha256": inputs(job, "bars")["bars"],
        "config_sha256": tables.sha256_of(
            [
                job.research.model_dump(mode="json"),
                job.recipe.model_dump(mode="json"),
                job.tuning.model_dump(mode="json", include={"objective", "rows"}),
                inputs(job, "features", "labels"),
            ]
        ),
        "oos_start": (job.cut_off - pd.DateOffset(months=job.research.oos_months)).isoformat(),
        "cut_off": job.cut_off.isoformat(),
        "model": receipts.code_sha256("training.crossval"),
    }


def record_run(job: Job, training: Mapping[str, Any], asked: Mapping[str, str]) -> int:
    """Write the run that left `training` into the ledger as a trial, and keep its daily results out of fold.

    `asked` are its bars, configuration, window and model, as `ledger.entry` names them.
    """
    deliver(job)
    earned = _out_of_fold(job, pd.Timestamp(training["window"]["development_end"]))
    made = ledger.entry(
        job.series.name,
        "trial",
        **asked,
        part="run",
        parameters=plain(job.recipe.model_dump(mode="json")),
        value=training["pooled"]["skill"],
        objective="skill in direction, out of fold",
        daily_sha256=kept.digest(earned) if len(earned) else "",
    )
    return _write(job, [(made, earned)])


def _tuned(job: Job, trial: Trial, asked: Mapping[str, str]) -> Entry:
    known = trial.value is not None and np.isfinite(trial.value)
    return ledger.entry(
        job.series.name,
        "trial",
        **asked,
        part=trial.part,
        member=trial.member,
        parameters=plain(trial.parameters, "parameters"),
        state=trial.state,
        value=trial.value if known else None,
        objective=trial.objective,
        daily_sha256=kept.digest(trial.daily) if len(trial.daily) else "",
    )


def _write(job: Job, tried: Sequence[tuple[Entry, pd.Series]]) -> int:
    """Keep daily results first, so that the ledger promises none that are not there; then write what is new."""
    home, series = _left_in.get() or job.workspace.home, job.series.name
    new = ledger.unwritten(home, [one for one, _ in tried])
    earned: dict[str, pd.Series] = {}
    for one, results in tried:
        earned.setdefault(one.name, results)
    promised = {one.name: earned[one.name] for one in new if one.daily_sha256}
    if promised:
        kept.keep_all(home, series, promised)
    return sum(ledger.record_all(home, new))


def _out_of_fold(job: Job, development_end: pd.Timestamp) -> pd.Series:
    """Return what the out-of-fold predictions of the run earned by day; labels past the development are not known."""
    predictions = tables.read_table(job.workspace.run / "predictions.parquet", tables.PREDICTIONS)
    columns = ["t1_long", "t1_short", "r_long", "r_short", "weight"]
    labels = tables.read_table(job.workspace.labels, tables.LABELS, columns)
    return out_of_fold(predictions, labels, development_end)
