"""Stages: read tables, call a pure function, write tables. Each runs only if what it was made from has changed."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import feature_store
import labels
from backtest import metrics
from backtest.engine import run
from feature_store import groups as feature_groups
from feature_store import own_groups
from labels import sampling
from market import durable, simulated, tables
from market.errors import DataError
from market.sessions import hours
from pipeline import companions
from pipeline.imports import store_bars
from pipeline.job import Job
from pipeline.receipts import Order
from pipeline.stage import Done, Report, carried_out, inputs, manifest, provenance, quiet, with_manifest, write
from pipeline.workspace import read_json, require_bars
from training.thresholds import Choice

_FEATURE_MODULES = tuple(
    sorted(f"feature_store.groups.{path.stem}" for path in Path(feature_groups.__path__[0]).glob("*.py"))
)


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

    return carried_out(order, job.workspace.receipt("simulate"), work)


def enrich_order(job: Job) -> Order:
    """Return what the features are made from."""
    return _enrich_order(job, companions.look(job))


def enrich(job: Job, report: Report = quiet) -> Done:
    """Write the features of the stored bars."""
    require_bars(job.workspace)
    found = companions.look(job)
    groups, order = _groups(job, found), _enrich_order(job, found)

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
            table.finish(**provenance(order), facts=facts)
        return with_manifest(job.workspace.features), facts

    return carried_out(order, job.workspace.receipt("enrich"), work)


def label_order(job: Job) -> Order:
    """Return what the labels are made from."""
    return Order(
        stage="label",
        inputs={"bars": manifest(job.workspace.bars).sha256},
        config=[job.exits, job.sampling, job.instrument.costs, job.instrument.market, hours(job.instrument.market)],
        modules=("labels", "market.tables"),
    )


def label(job: Job) -> Done:
    """Write the labels of the stored bars that are events."""
    require_bars(job.workspace)
    order = label_order(job)

    def work() -> tuple[list[Path], Mapping[str, Any]]:
        bars = tables.read_table(job.workspace.bars, tables.BARS)
        events = labels.sampled(bars, job.sampling)
        table = labels.triple_barrier(bars, job.exits, job.instrument.costs, events, job.instrument.market)
        if len(table) == 0:
            raise DataError(_without_labels(job, len(bars), len(events)))
        shares = table["y"].value_counts(normalize=True)
        facts = {
            "rows": len(table),
            "sampling": sampling.stored(job.sampling) | {"events": len(events)},
            "effective": round(labels.effective_size(table["weight"].to_numpy())),
            "absent": labels.absent(bars, table, job.exits),
            "shares": {name: float(shares.get(y, 0.0)) for name, y in (("up", 1), ("down", -1), ("flat", 0))},
        }
        write(job.workspace.labels, table, tables.LABELS, order, facts)
        return with_manifest(job.workspace.labels), facts

    return carried_out(order, job.workspace.receipt("label"), work)


def backtest_order(job: Job) -> Order:
    """Return what the judged window's trades are made from; raises DataError without a training."""
    return Order(
        stage="backtest",
        inputs=inputs(job, "bars") | {"score": manifest(job.workspace.run / "score.parquet").sha256},
        config=[
            job.trading.model_dump(mode="json"),
            job.exits,
            job.instrument.costs,
            _training(job)["choice"],
            hours(job.instrument.market),
        ],
        modules=("backtest.engine", "backtest.metrics", "market.tables"),
    )


def backtest(job: Job) -> Done:
    """Trade the judged window and write its trades, equity and figures."""
    training, order = _training(job), backtest_order(job)

    def work() -> tuple[list[Path], Mapping[str, Any]]:
        folder = job.workspace.run
        bars = tables.read_table(job.workspace.bars, tables.BARS)
        score = tables.read_table(folder / "score.parquet", tables.SCORE)
        judged = bars.loc[: pd.Timestamp(training["window"]["cut_off"])]
        choice = Choice(**training["choice"])
        venue = job.plan.venue
        result = run(
            judged,
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
        write(folder / "trades.parquet", result.trades, tables.TRADES, order, {})
        write(folder / "equity.parquet", result.equity, tables.EQUITY, order, {})
        durable.write_json(folder / "backtest.json", facts)
        written = [*with_manifest(folder / "trades.parquet"), *with_manifest(folder / "equity.parquet")]
        return [*written, folder / "backtest.json"], {"trades": len(result.trades)}

    return carried_out(order, job.workspace.receipt("backtest"), work)


def _groups(job: Job, found: companions.Found) -> tuple[str, ...]:
    has_volume = bool(manifest(job.workspace.bars).facts.get("has_volume", True))
    return feature_store.groups_for(has_volume, found.stored)


def _enrich_order(job: Job, found: companions.Found) -> Order:
    return Order(
        stage="enrich",
        inputs={"bars": manifest(job.workspace.bars).sha256} | found.inputs,
        config=[_groups(job, found), own_groups.entered(), found.absent],
        modules=("feature_store", *_FEATURE_MODULES, "market.tables"),
    )


def _without_labels(job: Job, bars: int, events: int) -> str:
    if events == bars:
        return f"{job.series.name}: {bars} bars are too few for a label: import more history."
    return (
        f"{job.series.name}: of {bars} bars {events} are events ({job.sampling.told}), and none of these can be "
        "labelled: lower cusum in config/labels.toml, or import more history."
    )


def _refuse_nan_after(features: pd.DataFrame, lookback: int) -> None:
    late = features.iloc[max(lookback, 0) :]
    if broken := late.columns[np.isnan(late.to_numpy()).any(axis=0)].tolist():
        raise DataError(f"Features are NaN after their {lookback} bars of warm-up: {', '.join(broken)}.")


def _training(job: Job) -> dict[str, Any]:
    path = job.workspace.run / "training.json"
    if not path.exists():
        raise DataError(f"No training of {job.series.name}: run `assay train` first.")
    return read_json(path)
