"""The main job: enrich → label → train → backtest → [paths] → gate → card, and its first stages alone."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from market import instruments, settings, workers
from market.errors import UnavailableError
from market.instruments import Series
from pipeline import (
    answers,
    job,
    promoting,
    shared_fleet,
    shared_stages,
    shared_tables,
    stages,
    table_store,
    verdict,
    workspace,
)
from pipeline.job import Job
from pipeline.job_stages import Stage, stages_of
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
    paths: bool = False,
) -> dict[str, Any]:
    """Run what is stale of the main job of a series and return its verdict; `trials` and `minutes` are for tuning.

    `paths` asks for combinatorial paths besides, which settings may always ask for.
    """
    series = instruments.series(symbol, timeframe)
    work = job.prepare(series, cut_off, recipe, workers, trials, minutes)
    shared_fleet.settle(table_store.store(), series)
    if not series.simulated and not work.workspace.bars.exists() and series.symbol == _SIMULATED_SYMBOL:
        screen.say(
            f"No bars are imported for {series.name}: judging the built-in simulated market SIM_{series.name} instead. "
            "Import yours with `assay import FILE …`."
        )
        work = work._replace(workspace=workspace.of(series._replace(simulated=True)))
    if not work.series.simulated:
        workspace.require_bars(work.workspace)
    return run(work, screen, paths)


def run(work: Job, screen: Screen, paths: bool = False, **world: Any) -> dict[str, Any]:
    """Run what is stale of `work` and return its verdict; `world` are what `simulate` needs for another market."""
    with workspace.locked(work.workspace):
        return _run(work, screen, stages_of(paths), world)


def _run(work: Job, screen: Screen, asked: tuple[Stage, ...], world: Mapping[str, Any]) -> dict[str, Any]:
    changed, shared = False, shared_stages.of(table_store.store(), work)
    if work.series.simulated:
        with screen.stage("simulate"):
            done = stages.simulate(work, **world)
        screen.finished("simulate", "{rows:,} bars".format(**_flat(done.receipt.facts)), done.why)
        changed = done.why is not None
    for stage in asked:
        with screen.stage(stage.name) as report:
            done = shared.carried_out(stage, report) if shared else stage.run(work, report)
        screen.finished(stage.name, stage.told.format(**_flat(done.receipt.facts)), done.why)
        changed = changed or done.why is not None
    if shared:
        shared_tables.settle(shared.store, work.workspace, shared_tables.EDGES, held=True)
        shared.collect_trials()
    with screen.stage("gate") as report:
        card, why = verdict.judge(work, dict(screen.seconds), report)
    screen.finished("gate", "judged", why)
    if not changed and why is None:
        screen.say("Nothing has changed since the last verdict: no stage was run.")
    with screen.stage("promote"):
        promotion = promoting.settled(work.workspace, card)
    return answers.verdict(work.workspace, card) | {"promotion": promotion}


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
