"""The main job: enrich → label → train → backtest → gate → card, and its first stages alone."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import feature_store
from feature_store import causality as causality_check
from market import instruments, settings, tables
from market.errors import UnavailableError
from pipeline import answers, job, stages, verdict, workspace
from pipeline.job import Job
from pipeline.screen import Screen

_SIMULATED_SYMBOL = "XAUUSD"


def train(
    symbol: str, timeframe: str, cut_off: dt.date | None, recipe: str | None, workers: int | None, screen: Screen
) -> dict[str, Any]:
    """Run what is stale of the main job of a series and return its verdict."""
    series = instruments.series(symbol, timeframe)
    if recipe is not None:
        settings.recipe(recipe)
    if not series.simulated and not workspace.of(series).bars.exists() and series.symbol == _SIMULATED_SYMBOL:
        screen.say(
            f"No bars are imported for {series.name}: judging the built-in simulated market SIM_{series.name} instead. "
            "Import yours with `assay import FILE …`."
        )
        series = series._replace(simulated=True)
    work = job.prepare(series, cut_off, recipe, workers)
    if not series.simulated:
        workspace.require_bars(work.workspace)
    return run(work, screen)


def run(work: Job, screen: Screen, **world: Any) -> dict[str, Any]:
    """Run what is stale of `work` and return its verdict; `world` are what `simulate` needs for another market."""
    with workspace.locked(work.workspace):
        return _run(work, screen, world)


def _run(work: Job, screen: Screen, world: Mapping[str, Any]) -> dict[str, Any]:
    changed = False
    simulation = ("simulate", lambda job, report: stages.simulate(job, **world), "{rows:,} bars")
    for name, stage, told in (simulation, *_STAGES) if work.series.simulated else _STAGES:
        with screen.stage(name) as report:
            done = stage(work, report)
        screen.finished(name, told.format(**_flat(done.receipt.facts)), done.why)
        changed = changed or done.why is not None
    with screen.stage("gate") as report:
        card, why = verdict.judge(work, dict(screen.seconds), report)
    screen.finished("gate", "judged", why)
    if not changed and why is None:
        screen.say("Nothing has changed since the last verdict: no stage was run.")
    return answers.verdict(work.workspace, card)


def enrich(names: list[str], screen: Screen) -> dict[str, Any]:
    """Compute the features of the named series, or of all imported ones."""
    series = [instruments.series_named(name) for name in names or workspace.stored(settings.home())]
    if not series:
        raise UnavailableError("No bars are imported: import some with `assay import FILE …`.")
    answers = []
    for one in series:
        work = job.prepare(one)
        with workspace.locked(work.workspace):
            with screen.stage("enrich") as report:
                done = stages.enrich(work, report)
            screen.finished("enrich", one.name, done.why)
        answers.append({"series": one.name, "seconds": done.receipt.seconds, "why": done.why} | done.receipt.facts)
    return {"series": answers}


def label(symbol: str, timeframe: str) -> dict[str, Any]:
    """Label the stored bars of a series."""
    work = job.prepare(instruments.series(symbol, timeframe))
    with workspace.locked(work.workspace):
        done = stages.label(work)
    return {"series": work.series.name, "why": done.why} | done.receipt.facts


def causality(symbol: str, timeframe: str, cuts: int) -> dict[str, Any]:
    """Perturb what was not yet available at cut points of the stored bars, and return the features that noticed."""
    target = workspace.of(instruments.series(symbol, timeframe))
    workspace.require_bars(target)
    bars = tables.read_table(target.bars, tables.BARS)
    manifest = tables.read_manifest(target.bars)
    groups = feature_store.groups_for(bool(manifest is None or manifest.facts.get("has_volume", True)))
    leaks = causality_check.check(bars, groups, cuts=cuts)
    columns = feature_store.compute(
        bars.iloc[-feature_store.lookback(groups, target.series.timeframe) :], groups
    ).shape[1]
    return {
        "series": target.series.name,
        "columns": columns,
        "cuts": cuts,
        "leaks": [leak._asdict() for leak in leaks],
    }


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"rows": 0, "columns": 0, "trades": 0} | dict(facts)


_STAGES: tuple[tuple[str, Any, str], ...] = (
    ("enrich", stages.enrich, "{columns} features × {rows:,} bars"),
    ("label", lambda work, report: stages.label(work), "{rows:,} labels"),
    ("train", stages.train, "walk-forward and final model"),
    ("backtest", lambda work, report: stages.backtest(work), "{trades} trades"),
)
