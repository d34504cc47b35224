"""The stage that trains: rows from features and labels, the walk-forward, predictions and the bundle."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import feature_store
from backtest import policy as policies
from feature_store import own_groups
from labels import sampling
from market import durable, tables
from market.errors import DataError
from market.sessions import hours
from market.table_rows import read_rows
from pipeline import causality_record, companions, held_edges, receipts, trial_records
from pipeline.fold_store import FoldStore
from pipeline.job import Job
from pipeline.receipts import Order
from pipeline.stage import Done, Report, carried_out, inputs, quiet, with_manifest, write
from registry import bundle, golden, group_facts
from training import crossval, dataset, ensemble, suspicion
from training.journals import Journals
from training.judging import Judged
from training.skill import skill


class WindowedRows(NamedTuple):
    """The windows of a series, its events in each, and how many rows were left out to warm up."""

    window: dataset.Windows
    development: dataset.Dataset
    judged: dataset.Dataset
    warm_up: int


def order_of(job: Job) -> Order:
    """Return what a training is made from."""
    return Order(
        stage="train",
        inputs=inputs(job, "bars", "features", "labels"),
        config=[*job.learnt_by, job.tuning.model_dump(mode="json")],
        modules=("training.crossval", "registry.bundle", "registry.golden", "market.table_rows"),
    )


def train(job: Job, report: Report = quiet) -> Done:
    """Run the walk-forward, fit the final model; write predictions, the judged window's score and the bundle.

    Raises GateError where no record stands that features and labels know nothing of the future.
    """
    causality_record.require(job)
    held, order = job.workspace.run / "edges.json", order_of(job)

    def work() -> tuple[list[Path], Mapping[str, Any]]:
        bars = tables.read_table(job.workspace.bars, tables.BARS)
        rows = windowed(job, bars)
        known = bars.loc[: rows.window.oos_start]
        cuts = held_edges.brought(held, rows.window, job.research.folds)
        kept = FoldStore(job.workspace.run / "folds", order.key)
        trained = _trained(job, rows, known, cuts, kept, report)
        predictions = trained.ensemble.predict(rows.judged.X)
        facts = _facts(job, trained, rows, predictions, bars) | {"edges": [edge.isoformat() for edge in cuts]}
        bundle_sha256 = _write_bundle(job, trained, facts, rows.development.X, known)
        facts |= {"bundle": bundle_sha256}
        written = _write_training(job, trained, predictions, order, facts)
        kept.clear()
        held_edges.record(held, cuts, job.research.folds)
        written += sorted((job.workspace.bundles / bundle_sha256[:16]).iterdir())
        return written, {"bundle_sha256": bundle_sha256}

    return carried_out(order, job.workspace.receipt("train"), work)


def _trained(
    job: Job, rows: WindowedRows, known: pd.DataFrame, cuts: pd.DatetimeIndex, kept: FoldStore, report: Report
) -> crossval.Trained:
    """Run the walk-forward over `cuts`; folds are kept, and their trials written, as they are judged.

    Raises GateError where a feature alone tells the results of development rows better than is plausible.
    """
    research = job.research
    labelled = rows.development.take(np.flatnonzero(rows.development.labelled))
    limits = research.max_feature_auc, research.max_feature_ic
    suspicion.refuse(suspicion.suspects(labelled.X, labelled.y, labelled.r, labelled.w, *limits))

    def keep(judged: Judged) -> None:
        kept.keep(judged)
        trial_records.record(job, judged.trials)

    plan = job.plan._replace(research=research.model_copy(update={"folds": len(cuts) - 2}))
    store = Journals(kept.folder, kept.key)
    trial_records.settle(job, kept.folder)
    trial_records.begin(job, kept.folder, kept.key)
    try:
        trained = crossval.train(rows.development, known, plan, cuts, job.workers, report, kept.finished(), keep, store)
        trial_records.record(job, trained.trials)
    finally:
        trial_records.settle(job, kept.folder)
    return trained


def _facts(
    job: Job, trained: crossval.Trained, rows: WindowedRows, predictions: pd.DataFrame, bars: pd.DataFrame
) -> dict[str, Any]:
    return {
        "window": _window_facts(rows, bars),
        "folds": trained.folds,
        "splits": trained.splits,
        "pooled": trained.pooled,
        "oos": skill(rows.judged, predictions, dataset.base_rate(rows.development), job.exits.bars),
        "choice": trained.choice._asdict(),
        "features": list(trained.ensemble.features),
        "companions": companions.of_features(job, trained.ensemble.features),
        "importance": trained.ensemble.importance(),
        "selection": trained.selection,
        "model": trained.model,
        "trials": [
            *(trial for fold in trained.folds for trial in fold["trials"]),
            *(trial.told() for trial in trained.trials),
        ],
    }


def windowed(job: Job, bars: pd.DataFrame) -> WindowedRows:
    """Return the windows of `bars`, the events that develop and those that are judged, and those left out before.

    Of the features the rows of events are read, and no others. The windows are of bars, whichever are events.
    """
    names = tables.column_names(job.workspace.features, tables.FEATURES)
    columns = [name for name in names if _in_groups(name, job.recipe.groups)]
    if not columns:
        raise DataError(f"{job.series.name} has no volume, and recipe {job.research.recipe} asks for nothing else.")
    features = read_rows(job.workspace.features, tables.FEATURES, sampling.sampled(bars, job.sampling), columns)
    rows, warm_up = dataset.assemble(features, tables.read_table(job.workspace.labels, tables.LABELS))
    ts = pd.DatetimeIndex(bars.index)
    window = dataset.windows(ts[ts >= rows.X.index[0]], job.history_start, job.cut_off, job.research.oos_months)
    return WindowedRows(window, dataset.up_to(rows, window), dataset.out_of_sample(rows, window), warm_up)


def _in_groups(name: str, groups: list[str]) -> bool:
    return not groups or name.partition("__")[0] in groups


def _window_facts(rows: WindowedRows, bars: pd.DataFrame) -> dict[str, Any]:
    window = rows.window
    return {
        "history_start": window.start.isoformat(),
        "development_end": window.oos_start.isoformat(),
        "oos_start": window.oos_start.isoformat(),
        "cut_off": window.cut_off.isoformat(),
        "bars": len(bars.loc[window.start : window.cut_off]),
        "development_rows": int(rows.development.labelled.sum()),
        "oos_rows": int(rows.judged.labelled.sum()),
        "warm_up_rows": rows.warm_up,
    }


def _write_bundle(
    job: Job, trained: crossval.Trained, facts: Mapping[str, Any], X: pd.DataFrame, known: pd.DataFrame
) -> str:
    """Write the bundle of `trained`, with golden evidence from development rows `X` and bars `known`."""
    looked_back = feature_store.lookback(_groups_of(trained.ensemble.features), job.series.timeframe)
    lookback = max(looked_back, sampling.bars_needed(job.sampling, job.series.timeframe))
    meta = {
        "schema": bundle.SCHEMA,
        "series": job.series.name,
        "recipe": job.research.recipe,
        "features": list(trained.ensemble.features),
        "policy": policies.stored(trained.choice.policy(job.guards)),
        "risk": job.risk._asdict(),
        "exits": job.exits._asdict(),
        "costs": job.instrument.costs._asdict(),
        "market": job.instrument.market,
        "hours": hours(job.instrument.market)._asdict(),
        "lookback": lookback,
        "sampling": sampling.stored(job.sampling),
        "groups": group_facts.used(trained.ensemble.features, job.series.timeframe),
        "own_groups": own_groups.used(trained.ensemble.features),
        "companions": facts["companions"]["used"],
        "inputs": inputs(job, "bars", "features", "labels"),
        "window": facts["window"],
        "versions": receipts.versions(),
    }
    files = trained.ensemble.to_files()
    others = companions.bars_of(job, meta["companions"])
    files[golden.FILE] = golden.evidence(trained.ensemble, X, known.iloc[-lookback:], others, job.sampling)
    aside = job.workspace.bundles / f".new-{os.getpid()}"
    digest = bundle.write_bundle(aside, files, meta)
    named = job.workspace.bundles / digest[:16]
    if named.exists():
        shutil.rmtree(aside)
    else:
        aside.rename(named)
    bundle.read_bundle(named, digest)
    return digest


def _groups_of(features: tuple[str, ...]) -> list[str]:
    return sorted({name.partition("__")[0] for name in features})


def _write_training(
    job: Job,
    trained: crossval.Trained,
    predictions: pd.DataFrame,
    order: Order,
    facts: Mapping[str, Any],
) -> list[Path]:
    folder, recipe = job.workspace.run, job.research.recipe
    out_of_fold = _predictions_table(trained.predictions, recipe)
    judged = _predictions_table(predictions.assign(fold=0), recipe)
    score = ensemble.score(predictions, trained.ensemble.outcomes)
    write(folder / "predictions.parquet", out_of_fold, tables.PREDICTIONS, order, {})
    write(folder / "oos_predictions.parquet", judged, tables.PREDICTIONS, order, {"fold": "0 is the final model"})
    write(folder / "score.parquet", score, tables.SCORE, order, {})
    durable.write_json(folder / "training.json", facts)
    names = ("predictions", "oos_predictions", "score")
    written = [file for name in names for file in with_manifest(folder / f"{name}.parquet")]
    return [*written, folder / "training.json"]


def _predictions_table(predictions: pd.DataFrame, recipe: str) -> pd.DataFrame:
    table = predictions[list(ensemble.PROBABILITIES)].copy()
    table["fold"] = predictions["fold"].astype(np.int64)
    table["recipe"] = pd.array([recipe] * len(table), dtype="str")
    return table
