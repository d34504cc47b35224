"""What only the process that runs a fleet does: judge what workers left, write ledger and registry, and promote."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from market import durable, instruments
from market.errors import AssayError, UnavailableError
from pipeline import answers, fleet_task, job, promoting, shared_fleet, trial_records, verdict, workspace
from pipeline.fleet_board import FAILED, JUDGED, JUDGING, UP_TO_DATE, Board
from pipeline.fleet_lock import Holder
from pipeline.fleet_plan import GATE, Planned
from pipeline.fleet_task import Outcome
from pipeline.job import Job
from pipeline.job_stages import stages_of
from pipeline.screen_fleet_live import Watched
from pipeline.table_store import Store
from registry import promotion
from registry.card import Card


class Fleet(NamedTuple):
    """What a run needs all the time: the home, who holds it, the plan by series, the board, who watches it, and where
    tables are shared, None where they are not.
    """

    home: Path
    holder: Holder
    plan: dict[str, Planned]
    board: Board
    watched: Watched
    store: Store | None = None

    def change(self, series: str, state: str, **more: Any) -> None:
        """Write and show that a series is in `state` now."""
        self.board.change(series, state, **more)
        self.watched.changed(series, self.board.series)


def job_of(series: str) -> Job:
    """Return the job of a series by its name."""
    return job.prepare(instruments.series_named(series))


def judge(fleet: Fleet, outcome: Outcome) -> None:
    """Judge what a worker left, after another look at what it was made from; whatever goes wrong is the series' own."""
    series, before = outcome.series, fleet.board.series[outcome.series]
    told: dict[str, Any] = {"seconds": before.get("seconds", {}) | outcome.seconds}
    told |= {"memory": outcome.memory or before.get("memory", 0)}
    began = time.perf_counter()
    with _own_fault(fleet, series, told):
        work = job_of(series)
        with workspace.locked(work.workspace):
            trial_records.deliver(work)
            shared_fleet.collect(fleet.store, work, failed=bool(outcome.error))
            if outcome.error:
                fleet.change(series, FAILED, why=_failure(fleet, outcome), exit_code=outcome.exit_code, **told)
                return
            fleet.change(series, JUDGING, stage=GATE)
            _require_fresh(work)
            card, _ = verdict.judge(work, outcome.seconds, lambda *_: None)
            settled = promoting.settled(work.workspace, card)
        told["seconds"] |= {GATE: round(time.perf_counter() - began, 3)}
        more = _of_card(card) | told
        fleet.change(series, JUDGED, stage="", why=settled["why"], promoted=settled["promoted"], **more)


def settle(fleet: Fleet, series: str) -> None:
    """Say what the verdict of a series is that is up to date; promote a READY one that was not asked for it yet."""
    with _own_fault(fleet, series, {}):
        work = job_of(series)
        card = answers.read(work.workspace)
        more = _of_card(card)
        if card.status == "READY" and promotion.production(fleet.home).get(series, {}).get("run_id") != card.run_id:
            with workspace.locked(work.workspace):
                settled = promoting.settled(work.workspace, card)
            more |= {"why": settled["why"], "promoted": settled["promoted"]}
        fleet.change(series, UP_TO_DATE, **more)


@contextmanager
def _own_fault(fleet: Fleet, series: str, told: dict[str, Any]) -> Iterator[None]:
    """Let what is raised be why the series failed, and nothing that ends the fleet."""
    try:
        yield
    except AssayError as error:
        fleet.change(series, FAILED, why=f"{GATE}: {error}", exit_code=error.exit_code, **told)
    except Exception as error:
        failed = fleet_task.failed(series, GATE, error)
        fleet.change(series, FAILED, why=_failure(fleet, failed), exit_code=failed.exit_code, **told)


def _of_card(card: Card) -> dict[str, Any]:
    return {"verdict": card.status, "run_id": card.run_id, "trades": card.oos.get("trades")}


def _require_fresh(work: Job) -> None:
    """Raise UnavailableError unless every stage that a worker ran holds here: its content, settings and code."""
    for stage in stages_of():
        if why := stage.why(work):
            raise UnavailableError(
                f"{stage.name} of {work.series.name} does not hold here ({why}): bars, settings or code were changed "
                "while the fleet was at work, or the worker's are others. `assay fleet resume` does it again."
            )


def _failure(fleet: Fleet, outcome: Outcome) -> str:
    """Return why a worker failed; the details of a bug are kept in a file."""
    told = f"{outcome.stage}: {outcome.error}" if outcome.stage else outcome.error
    if not outcome.trace:
        return told
    path = fleet.home / "logs" / f"bug-fleet-{outcome.series}.txt"
    try:
        durable.write_text(path, outcome.trace)
    except OSError as error:
        return f"{told}. The details could not be written to {path}: {error}."
    return f"{told}. The details are in {path}; please report them."
