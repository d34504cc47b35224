"""The stage that trains: rows from features and labels, the walk-forward, predictions and the bundle."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import feature_store
from backtest import policy as policies
from feature_store import own_groups
from market import durable, tables
from market.errors import DataError
from market.sessions import hours
from pipeline import causality_record, companions, held_edges, receipts
from pipeline.fold_store import FoldStore
from pipeline.job import Job
from pipeline.receipts import Order
from pipeline.stage import Done, Report, carried_out, inputs, quiet, with_manifest, write
from registry import bundle, golden
from training import crossval, dataset, ensemble


def train(job: Job, report: Report = quiet) -> Done:
    """Run the walk-forward, fit the final model; write predictions, the judged window's score and the bundle.

    Raises GateError where no record stands that features and labels know nothing of the future.
    """
    causality_record.require(job)
    held = job.workspace.run / "edges.json"
    order = Order(
        stage="train",
        inputs=inputs(job, "bars", "features", "labels"),
        config=[
            job.research.model_dump(mode="json"),
            job.recipe.model_dump(mode="json"),
            job.trading.model_dump(mode="json"),
            job.exits,
            job.instrument.costs,
            job.instrument.market,
            hours(job.instrument.market),
        ],
        modules=("training.crossval", "registry.bundle", "registry.golden", "market.tables"),
    )

    def work() -> tuple[list[Path], Mapping[str, Any]]:
        bars = tables.read_table(job.workspace.bars, tables.BARS)
        features = tables.read_table(job.workspace.features, tables.FEATURES)
        columns = [name for name in features if _in_groups(name, job.recipe.groups)]
        if not columns:
            raise DataError(f"{job.series.name} has no volume, and recipe {job.research.recipe} asks for nothing else.")
        rows, warm_up = dataset.assemble(features[columns], tables.read_table(job.workspace.labels, tables.LABELS))
        window = dataset.windows(rows.X.index, job.history_start, job.cut_off, job.research.oos_months)
        development, judged = dataset.up_to(rows, window), dataset.out_of_sample(rows, window)
        known = bars.loc[: window.oos_start]
        cuts = held_edges.brought(held, window, job.research.folds)
        plan = job.plan._replace(research=job.research.model_copy(update={"folds": len(cuts) - 2}))
        kept = FoldStore(job.workspace.run / "folds", order.key)
        trained = crossval.train(development, known, plan, cuts, job.workers, report, kept.finished(), kept.keep)
        predictions = trained.ensemble.predict(judged.X)
        score = ensemble.score(predictions.dropna(), trained.ensemble.outcomes)
        facts = {
            "window": _window_facts(window, bars, development, judged, warm_up),
            "edges": [edge.isoformat() for edge in cuts],
            "folds": trained.folds,
            "splits": trained.splits,
            "pooled": trained.pooled,
            "oos": crossval.skill(judged, predictions, dataset.base_rate(development), job.exits.bars),
            "choice": trained.choice._asdict(),
            "features": list(trained.ensemble.features),
            "companions": companions.of_features(job, trained.ensemble.features),
            "importance": trained.ensemble.importance(),
        }
        bundle_sha256 = _write_bundle(job, trained, facts, development.X, known)
        facts |= {"bundle": bundle_sha256}
        written = _write_training(job, trained, predictions, score, order, facts)
        kept.clear()
        held_edges.record(held, cuts, job.research.folds)
        written += sorted((job.workspace.bundles / bundle_sha256[:16]).iterdir())
        return written, {"bundle_sha256": bundle_sha256}

    return carried_out(order, job.workspace.receipt("train"), work)


def _in_groups(name: str, groups: list[str]) -> bool:
    return not groups or name.partition("__")[0] in groups


def _window_facts(
    window: dataset.Windows,
    bars: pd.DataFrame,
    development: dataset.Dataset,
    judged: dataset.Dataset,
    warm_up: int,
) -> dict[str, Any]:
    inside = bars.loc[window.start : window.cut_off]
    return {
        "history_start": window.start.isoformat(),
        "development_end": window.oos_start.isoformat(),
        "oos_start": window.oos_start.isoformat(),
        "cut_off": window.cut_off.isoformat(),
        "bars": len(inside),
        "development_rows": int(development.labelled.sum()),
        "oos_rows": int(judged.labelled.sum()),
        "warm_up_rows": warm_up,
    }


def _write_bundle(
    job: Job, trained: crossval.Trained, facts: Mapping[str, Any], X: pd.DataFrame, known: pd.DataFrame
) -> str:
    """Write the bundle of `trained`, with golden evidence from development rows `X` and bars `known`."""
    lookback = feature_store.lookback(_groups_of(trained.ensemble.features), job.series.timeframe)
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
        "own_groups": own_groups.used(trained.ensemble.features),
        "companions": facts["companions"]["used"],
        "inputs": inputs(job, "bars", "features", "labels"),
        "window": facts["window"],
        "versions": receipts.versions(),
    }
    files = trained.ensemble.to_files()
    others = companions.bars_of(job, meta["companions"])
    files[golden.FILE] = golden.evidence(trained.ensemble, X, known.iloc[-lookback:], others)
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
    score: pd.DataFrame,
    order: Order,
    facts: Mapping[str, Any],
) -> list[Path]:
    folder, recipe = job.workspace.run, job.research.recipe
    out_of_fold = _predictions_table(trained.predictions, recipe)
    judged = _predictions_table(predictions.assign(fold=0), recipe)
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
