"""The verdict: what was trained and traded becomes gates, a card and a run in MLflow."""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from backtest import policy as policies
from feature_store import own_groups
from market import durable, tables
from market.errors import DataError
from market.gate_settings import HONEST, SIX
from pipeline import (
    answers,
    causality_record,
    paths_record,
    placebo_record,
    proving,
    receipts,
    remedying,
    reporting,
    trial_records,
)
from pipeline.imports import data_warnings
from pipeline.job import Job
from pipeline.receipts import Order
from pipeline.workspace import Workspace
from registry import (
    bundle,
    card,
    deflation,
    gates,
    ledger,
    paths_plot,
    plots,
    power_plot,
    runs,
    stress_plots,
    survivorship,
    tracking,
    trials,
    tuning_plots,
)
from registry.card import Card
from registry.plain_values import plain
from registry.report import page

_LOOKS_TO_WARN = 4
_COSTS = ("configurations", "effective_trials", "expected_best_sharpe_200")
_NO_TRADE = (
    "The model does not trade: out of fold it said the same of every bar, or no threshold had a positive expectancy."
)


def order_of(job: Job) -> Order:
    """Return what a verdict is made from."""
    folder = job.workspace.run
    return Order(
        stage="gate",
        inputs={name: tables.sha256_of_file(folder / name) for name in ("training.json", "backtest.json")}
        | paths_record.digest(job),
        config=[
            job.judging.decides,
            job.judging.profiles,
            job.judging.stress.model_dump(),
            job.research.model_dump(mode="json"),
            placebo_record.on_card(job.judging),
        ],
        modules=("pipeline.verdict",),
    )


def judge(job: Job, seconds: dict[str, float], report: Callable[[str, int, int], None]) -> tuple[Card, str | None]:
    """Judge what the stages before left, unless that is done already; return the card and why it was made anew.

    The look at the judged window is in the ledger before anybody sees a number.
    """
    path = job.workspace.receipt("gate")
    order = order_of(job)
    why = order.stale(path)
    if why is None:
        made = answers.read(job.workspace)
    else:
        order.run(path, lambda: _judge(job, seconds, report))
        made = answers.read(job.workspace)
    return made, why


def bundle_folder(workspace: Workspace, bundle_sha256: str) -> Path:
    """Return where the bundle of that digest is."""
    return workspace.bundles / bundle_sha256[:16]


def _judge(job: Job, seconds: dict[str, float], report: Callable[[str, int, int], None]) -> tuple[list[Path], dict]:
    folder = job.workspace.run
    training, traded = _json(folder / "training.json"), _json(folder / "backtest.json")
    trades = tables.read_table(folder / "trades.parquet", tables.TRADES)
    equity = tables.read_table(folder / "equity.parquet", tables.EQUITY)
    counts, cost = _look(job, training)
    report("luck and stress", 1, 4)
    found = proving.find(job, training, trades, counts.looks, cost)
    report("gates", 2, 4)
    judged = {
        name: gates.judge(
            trades, equity, training["folds"], bounds, job.risk.per_trade, found.proof, job.instrument.market
        )
        for name, bounds in job.judging.profiles.items()
        if name in (job.judging.decides, SIX, HONEST)
    }
    tried = remedying.find(job, training, traded, judged[job.judging.decides], cost.effective_trials)
    made = _card(job, training, traded, judged, found, counts, seconds).model_copy(
        update={name: getattr(cost, name) for name in _COSTS} | {"paths": paths_record.on_card(job), "remedies": tried}
    )
    report("plots", 3, 4)
    told = reporting.shown(job.workspace, made)
    drawn = plots.draw(made, equity, told.calibration, training["importance"])
    drawn |= tuning_plots.draw(training["trials"])
    if found.stress is not None:
        drawn["stress"] = stress_plots.draw(job.series.name, plain(found.stress._asdict()))
    if made.placebo.get("power"):
        drawn["power"] = power_plot.draw(made.placebo)
    if made.paths:
        drawn["paths"] = paths_plot.draw(job.series.name, paths_record.trades(job.workspace))
    stored = bundle_folder(job.workspace, training["bundle"])
    bundle.read_bundle(stored, training["bundle"])
    files = {path.name: path for path in sorted(stored.iterdir())}
    run_id = tracking.log_run(
        job.workspace.home,
        made,
        card.to_markdown(made),
        files,
        drawn,
        report=lambda logged: page.to_html(logged, told),
    )
    made = made.model_copy(update={"run_id": run_id})
    runs.keep_card(job.workspace.home, made)
    report("run logged", 4, 4)
    durable.write_text(folder / "card.json", card.to_json(made))
    durable.write_text(folder / "card.md", card.to_markdown(made))
    reporting.write(job.workspace, made, told)
    for name, content in drawn.items():
        durable.write_bytes(folder / "plots" / f"{name}.png", content)
    return [folder / "card.json", folder / "card.md", folder / remedying.FILE], {
        "run_id": run_id,
        "status": made.status,
    }


def _look(job: Job, training: Mapping[str, Any]) -> tuple[ledger.Counts, deflation.Deflation]:
    """Write the trial and the look into the ledger; return the counts that include them, and what they cost."""
    home, series, window = job.workspace.home, job.series.name, training["window"]
    asked = {
        "bars_sha256": _sha256(job.workspace.bars),
        "config_sha256": tables.sha256_of([job.research.model_dump(mode="json"), job.recipe.model_dump(mode="json")]),
        "oos_start": window["oos_start"],
        "cut_off": window["cut_off"],
        "model": training["bundle"],
    }
    trial_records.record_run(job, training, asked)
    ledger.record(home, series, "look", **asked)
    entries = ledger.of(home, series)
    counts = ledger.count_of(entries, window["oos_start"], window["cut_off"])
    return counts, deflation.measure(entries, trials.kept(home, series))


def _card(
    job: Job,
    training: Mapping[str, Any],
    traded: Mapping[str, Any],
    judged: dict[str, list[gates.Gate]],
    found: proving.Found,
    counts: ledger.Counts,
    seconds: dict[str, float],
) -> Card:
    labelled = tables.read_manifest(job.workspace.labels)
    choice = training["choice"]
    decided = judged[job.judging.decides]
    thresholds = {"long_threshold": choice["long"], "short_threshold": choice["short"]}
    return Card(
        series=job.series.name,
        status=gates.status(decided, job.judging.decides),
        run_id="",
        made_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        simulated=job.series.simulated,
        bars_sha256=_sha256(job.workspace.bars),
        features_sha256=_sha256(job.workspace.features),
        labels_sha256=_sha256(job.workspace.labels),
        bundle_sha256=training["bundle"],
        recipe=job.research.recipe,
        members=job.plan.weights,
        window=training["window"],
        validation=_validation(job, training),
        gates=decided,
        profile=job.judging.decides,
        verdicts=judged,
        significance=dict(found.proof.significance),
        robustness=dict(found.proof.robustness),
        chances=found.chances,
        placebo=placebo_record.on_card(job.judging),
        oos=traded["metrics"] | {name: value for name, value in training["oos"].items() if "skill" not in name},
        oos_breakdown=traded["breakdown"],
        folds=[_on_card(fold) for fold in training["folds"]],
        splits=training["splits"],
        skill=_skills(training),
        features=training["features"],
        selection=training["selection"],
        model=training["model"],
        own_groups=own_groups.used(training["features"]),
        companions=training["companions"],
        labels=labelled.facts if labelled else {},
        costs=job.instrument.costs._asdict(),
        policy=policies.stored(job.guards) | thresholds,
        risk=job.risk._asdict(),
        exits=job.exits._asdict(),
        trials=counts.trials,
        looks=counts.looks,
        warnings=_warnings(job, training, counts),
        remedies=[],
        versions=receipts.versions(),
        seconds=seconds,
    )


def _on_card(fold: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the card tells of a fold: of the base rate, the share of labels it learnt from that were flat."""
    return _without(fold, "features", "base_rate", "splits", "trials") | {"flat_share": fold["base_rate"][1]}


def _validation(job: Job, training: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "scheme": "purged walk-forward, expanding",
        "folds": len(training["folds"]),
        "purge": job.research.purge,
        "embargo": job.research.embargo,
        "max_feature_auc": job.research.max_feature_auc,
        "max_feature_ic": job.research.max_feature_ic,
        "edges": training["edges"],
        "splits": len(training["splits"]),
        "leaks": sum(split["leaks"] for split in training["splits"]),
        "causality": causality_record.on_card(job),
    }


def _skills(training: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "oos": _skill(training["oos"]),
        "out_of_fold": _skill(training["pooled"]),
        "oos_classes": _skill(training["oos"], "class_skill"),
        "out_of_fold_classes": _skill(training["pooled"], "class_skill"),
    }


def _warnings(job: Job, training: Mapping[str, Any], counts: ledger.Counts) -> list[str]:
    manifest = tables.read_manifest(job.workspace.bars)
    found = data_warnings(manifest) if manifest else []
    if training["choice"]["long"] is None:
        found.append(_NO_TRADE)
    if manifest and manifest.last and pd.Timestamp(manifest.last) < job.cut_off:
        found.append(f"The bars end at {manifest.last[:10]}, before the cut-off {job.cut_off:%Y-%m-%d}.")
    if counts.looks >= _LOOKS_TO_WARN:
        found.append(f"This window has been looked at {counts.looks} times: a pass on it means less each time.")
    return found + survivorship.warnings(ledger.read(job.workspace.home).entries)


def _skill(figures: Mapping[str, Any], name: str = "skill") -> dict[str, Any]:
    return {"skill": figures[name], "low": figures[f"{name}_low"], "high": figures[f"{name}_high"]}


def _without(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _sha256(path: Path) -> str:
    manifest = tables.read_manifest(path)
    if manifest is None:
        raise DataError(f"No table at {path}: run `assay train`, which makes it.")
    return manifest.sha256


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))
