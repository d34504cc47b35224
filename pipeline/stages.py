"""Stages: read tables, call a pure function, write tables. Each runs only if what it was made from has changed."""

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import feature_store
import labels
from backtest import metrics
from backtest import policy as policies
from backtest.engine import run
from feature_store import groups as feature_groups
from feature_store import own_groups
from market import durable, simulated, tables
from market.errors import DataError
from market.sessions import hours
from pipeline import causality_record, companions, held_edges, receipts
from pipeline.fold_store import FoldStore
from pipeline.imports import store_bars
from pipeline.job import Job
from pipeline.receipts import Order, Receipt
from pipeline.workspace import read_json, require_bars
from registry import bundle, golden
from training import crossval, dataset, ensemble
from training.thresholds import Choice

Report = Callable[[str, int, int], None]


_FEATURE_MODULES = tuple(
    sorted(f"feature_store.groups.{path.stem}" for path in Path(feature_groups.__path__[0]).glob("*.py"))
)


class Done(NamedTuple):
    """A stage's receipt and why it was run; None where it was up to date."""

    receipt: Receipt
    why: str | None


def quiet(what: str, done: int, total: int) -> None:
    """Report no progress."""


def simulate(job: Job, **world: Any) -> Done:
    """Write the bars of a simulated market: the built-in one, or what `market.simulated` makes of `world`."""
    target = job.workspace.bars
    name = job.series.timeframe.name
    order = Order(
        stage="simulate",
        inputs={},
        config=[job.series.name, *sorted(world.items())],
        modules=("market.simulated", "market.tables"),
    )

    def work() -> tuple[list[Path], Mapping[str, Any]]:
        bars = simulated.simulate(job.series.symbol, name, **world)
        store_bars(job.workspace, bars, {"simulated": True, "has_volume": True, "sources": []})
        return [target, tables.manifest_path(target)], {"rows": len(bars)}

    return _carried_out(order, job.workspace.receipt("simulate"), work)


def enrich(job: Job, report: Report = quiet) -> Done:
    """Write the features of the stored bars."""
    require_bars(job.workspace)
    bars_manifest = _manifest(job.workspace.bars)
    has_volume = bool(bars_manifest.facts.get("has_volume", True))
    found = companions.look(job)
    groups = feature_store.groups_for(has_volume, found.stored)
    order = Order(
        stage="enrich",
        inputs={"bars": bars_manifest.sha256} | found.inputs,
        config=[groups, own_groups.entered(), found.absent],
        modules=("feature_store", *_FEATURE_MODULES, "market.tables"),
    )

    def work() -> tuple[list[Path], Mapping[str, Any]]:
        bars = tables.read_table(job.workspace.bars, tables.BARS)
        timeframe = job.series.timeframe
        lookback = feature_store.lookback(groups, timeframe)
        made = feature_store.chunks(bars, groups, companions.bars(found), timeframe, job.workers)
        with closing(made), tables.appending(job.workspace.features, tables.FEATURES) as table:
            for chunk in made:
                _refuse_nan_after(chunk, lookback - table.rows)
                table.add(chunk)
                report("bars", table.rows, len(bars))
            facts = {"columns": chunk.shape[1], "rows": table.rows, "lookback": lookback, "companions": found.facts}
            table.finish(**_provenance(order), facts=facts)
        return _with_manifest(job.workspace.features), facts

    return _carried_out(order, job.workspace.receipt("enrich"), work)


def label(job: Job) -> Done:
    """Write the labels of the stored bars."""
    require_bars(job.workspace)
    order = Order(
        stage="label",
        inputs={"bars": _manifest(job.workspace.bars).sha256},
        config=[job.exits, job.instrument.costs, job.instrument.market, hours(job.instrument.market)],
        modules=("labels", "market.tables"),
    )

    def work() -> tuple[list[Path], Mapping[str, Any]]:
        bars = tables.read_table(job.workspace.bars, tables.BARS)
        table = labels.triple_barrier(bars, job.exits, job.instrument.costs, market=job.instrument.market)
        if len(table) == 0:
            raise DataError(f"{job.series.name}: {len(bars)} bars are too few for a label: import more history.")
        shares = table["y"].value_counts(normalize=True)
        facts = {
            "rows": len(table),
            "effective": round(labels.effective_size(table["weight"].to_numpy())),
            "absent": labels.absent(bars, table, job.exits),
            "shares": {name: float(shares.get(y, 0.0)) for name, y in (("up", 1), ("down", -1), ("flat", 0))},
        }
        _write(job.workspace.labels, table, tables.LABELS, order, facts)
        return _with_manifest(job.workspace.labels), facts

    return _carried_out(order, job.workspace.receipt("label"), work)


def train(job: Job, report: Report = quiet) -> Done:
    """Run the walk-forward, fit the final model; write predictions, the judged window's score and the bundle.

    Raises GateError where no record stands that features and labels know nothing of the future.
    """
    causality_record.require(job)
    held = job.workspace.run / "edges.json"
    order = Order(
        stage="train",
        inputs=_inputs(job, "bars", "features", "labels"),
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

    return _carried_out(order, job.workspace.receipt("train"), work)


def backtest(job: Job) -> Done:
    """Trade the judged window and write its trades, equity and figures."""
    training = _training(job)
    order = Order(
        stage="backtest",
        inputs=_inputs(job, "bars") | {"score": _manifest(job.workspace.run / "score.parquet").sha256},
        config=[
            job.trading.model_dump(mode="json"),
            job.exits,
            job.instrument.costs,
            training["choice"],
            hours(job.instrument.market),
        ],
        modules=("backtest.engine", "backtest.metrics", "market.tables"),
    )

    def work() -> tuple[list[Path], Mapping[str, Any]]:
        folder = job.workspace.run
        bars = tables.read_table(job.workspace.bars, tables.BARS)
        score = tables.read_table(folder / "score.parquet", tables.SCORE)
        choice = Choice(**training["choice"])
        venue = job.plan.venue
        result = run(
            bars.loc[: score.index[-1]],
            score,
            choice.policy(venue.guards),
            venue.exits,
            venue.costs,
            venue.risk,
            venue.market,
        )
        facts = {
            "metrics": metrics.summary(result.trades, result.equity["equity"], job.instrument.market),
            "breakdown": {
                by: metrics.breakdown(result.trades, by).reset_index().to_dict("records")
                for by in ("side", "session", "month")
            },
            "refusals": result.refusals,
        }
        _write(folder / "trades.parquet", result.trades, tables.TRADES, order, {})
        _write(folder / "equity.parquet", result.equity, tables.EQUITY, order, {})
        durable.write_json(folder / "backtest.json", facts)
        written = [*_with_manifest(folder / "trades.parquet"), *_with_manifest(folder / "equity.parquet")]
        return [*written, folder / "backtest.json"], {"trades": len(result.trades)}

    return _carried_out(order, job.workspace.receipt("backtest"), work)


def _carried_out(order: Order, path: Path, work: Callable[[], tuple[list[Path], Mapping[str, Any]]]) -> Done:
    why = order.stale(path)
    if why is None:
        receipt = receipts.read(path)
        assert receipt is not None  # a fresh order has a receipt
        return Done(receipt, None)
    return Done(order.run(path, work), why)


def _manifest(path: Path) -> tables.Manifest:
    manifest = tables.read_manifest(path)
    if manifest is None:
        raise DataError(f"No table at {path}: run the stage that makes it, or `assay train`, which runs them all.")
    return manifest


def _inputs(job: Job, *names: str) -> dict[str, str]:
    return {name: _manifest(getattr(job.workspace, name)).sha256 for name in names}


def _write(path: Path, frame: pd.DataFrame, schema: tables.Schema, order: Order, facts: Mapping[str, Any]) -> None:
    tables.write_table(path, frame, schema, **_provenance(order), facts=facts)


def _provenance(order: Order) -> dict[str, Any]:
    """Return what a table's manifest tells of where it comes from."""
    return {
        "inputs": order.inputs,
        "config_sha256": tables.sha256_of(order.config),
        "code_sha256": receipts.code_sha256(*order.modules),
    }


def _with_manifest(path: Path) -> list[Path]:
    return [path, tables.manifest_path(path)]


def _refuse_nan_after(features: pd.DataFrame, lookback: int) -> None:
    late = features.iloc[max(lookback, 0) :]
    if broken := late.columns[np.isnan(late.to_numpy()).any(axis=0)].tolist():
        raise DataError(f"Features are NaN after their {lookback} bars of warm-up: {', '.join(broken)}.")


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
        "inputs": _inputs(job, "bars", "features", "labels"),
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
    _write(folder / "predictions.parquet", out_of_fold, tables.PREDICTIONS, order, {})
    _write(folder / "oos_predictions.parquet", judged, tables.PREDICTIONS, order, {"fold": "0 is the final model"})
    _write(folder / "score.parquet", score, tables.SCORE, order, {})
    durable.write_json(folder / "training.json", facts)
    names = ("predictions", "oos_predictions", "score")
    written = [file for name in names for file in _with_manifest(folder / f"{name}.parquet")]
    return [*written, folder / "training.json"]


def _predictions_table(predictions: pd.DataFrame, recipe: str) -> pd.DataFrame:
    table = predictions[list(ensemble.PROBABILITIES)].copy()
    table["fold"] = predictions["fold"].astype(np.int64)
    table["recipe"] = pd.array([recipe] * len(table), dtype="str")
    return table


def _training(job: Job) -> dict[str, Any]:
    path = job.workspace.run / "training.json"
    if not path.exists():
        raise DataError(f"No training of {job.series.name}: run `assay train` first.")
    return read_json(path)
