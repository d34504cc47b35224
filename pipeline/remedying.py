"""The remedies of a failed run: its folds traded otherwise, from the tables that stages left; kept beside the card."""

from collections.abc import Mapping, Sequence
from typing import Any

from market import durable, tables
from pipeline.job import Job
from registry import remedy_search
from registry.development import Development, development
from registry.gates import Gate
from registry.plain_values import plain
from registry.remedies import groups, remedies
from registry.remedy_search import Search

FILE = "remedies.json"

_LABELS = ["t1_long", "t1_short", "r_long", "r_short", "y", "weight"]
_BARS = ["open", "high", "low", "close", "spread"]


def find(
    job: Job, training: Mapping[str, Any], traded: Mapping[str, Any], gates: Sequence[Gate], trials: float
) -> list[str]:
    """Return the remedies for the failed ones among `gates` and write how they were found to `remedies.json`.

    `training` and `traded` are what those stages left, `trials` how many independent ones the series has had. Nothing
    of the judged window is read but which gates failed on it, and the profit factor that says whether an edge lasted.
    """
    found = None if all(gate.passed for gate in gates) else _searched(job, training, gates, trials)
    risk, selection = job.risk.per_trade, training["selection"]
    told = remedies(gates, training["folds"], traded["metrics"], risk, found, selection)
    failed = [gate.name for gate in gates if not gate.passed]
    computed = None if found is None else remedy_search.told(found)
    kept = {"failed": failed, "remedies": told, "groups": groups(selection), "search": computed}
    durable.write_json(job.workspace.run / FILE, plain(kept))
    return told


def _searched(job: Job, training: Mapping[str, Any], gates: Sequence[Gate], trials: float) -> Search:
    found = read(job, training)
    return remedy_search.search(found, gates, remedy_search.window_like(found, training["window"], trials))


def read(job: Job, training: Mapping[str, Any]) -> Development:
    """Return the folds of the last training of a series, from its tables."""
    return development(
        tables.read_table(job.workspace.bars, tables.BARS, _BARS),
        tables.read_table(job.workspace.labels, tables.LABELS, _LABELS),
        tables.read_table(job.workspace.run / "predictions.parquet", tables.PREDICTIONS),
        training,
        job.plan.venue,
        job.research,
    )
