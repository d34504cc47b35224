"""The main job: enrich → label → train → backtest → gate → card, and its first stages alone."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from market import instruments, settings, workers
from market.errors import UnavailableError
from market.instruments import Series
from pipeline import answers, causality, job, stages, training_stage, verdict, workspace
from pipeline.job import Job
from pipeline.screen import Screen

_SIMULATED_SYMBOL = "XAUUSD"


def train(
    symbol: str,
    timeframe: str,
    cut_off: dt.date | None,
    recipe: str | None,
    workers: int | None,
    screen: Screen,
    *,
    trials: int | None = None,
    minutes: float | None = None,
) -> dict[str, Any]:
    """Run what is stale of the main job of a series and return its verdict; `trials` and `minutes` are for tuning."""
    series = instruments.series(symbol, timeframe)
    if recipe is not None:
        settings.recipe(recipe)
    if not series.simulated and not workspace.of(series).bars.exists() and series.symbol == _SIMULATED_SYMBOL:
        screen.say(
            f"No bars are imported for {series.name}: judging the built-in simulated market SIM_{series.name} instead. "
            "Import yours with `assay import FILE …`."
        )
        series = series._replace(simulated=True)
    work = job.prepare(series, cut_off, recipe, workers, trials, minutes)
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
    try:
        answers = [_enriched(one, screen) for one in series]
    finally:
        workers.end()
    return {"series": answers}


def _enriched(series: Series, screen: Screen) -> dict[str, Any]:
    work = job.prepare(series)
    with workspace.locked(work.workspace):
        with screen.stage("enrich") as report:
            done = stages.enrich(work, report)
        screen.finished("enrich", series.name, done.why)
    return {"series": series.name, "seconds": done.receipt.seconds, "why": done.why} | done.receipt.facts


def label(symbol: str, timeframe: str) -> dict[str, Any]:
    """Label the stored bars of a series."""
    work = job.prepare(instruments.series(symbol, timeframe))
    with workspace.locked(work.workspace):
        done = stages.label(work)
    return {"series": work.series.name, "why": done.why} | done.receipt.facts


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"rows": 0, "columns": 0, "trades": 0} | dict(facts)


_STAGES: tuple[tuple[str, Any, str], ...] = (
    ("enrich", stages.enrich, "{columns} features × {rows:,} bars"),
    ("label", lambda work, report: stages.label(work), "{rows:,} labels"),
    ("causality", causality.proved, "no look ahead in {columns} features and the labels"),
    ("train", training_stage.train, "walk-forward and final model"),
    ("backtest", lambda work, report: stages.backtest(work), "{trades} trades"),
)
