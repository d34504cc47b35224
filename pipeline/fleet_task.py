"""What a worker does: the stages of one series, up to the verdict, which is whoever runs the fleet's to make.

It needs the same code and settings, and the home, at the same path, or a home of its own and the store in which the
fleet shares its tables; it writes neither ledger nor registry.
"""

import os
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from threadpoolctl import threadpool_limits

from market import instruments, settings, tables
from market.command import MACHINE
from market.errors import AssayError, UnavailableError
from pipeline import (
    fleet_lock,
    job,
    receipts,
    shared_fleet,
    shared_stages,
    shared_tables,
    table_store,
    trial_records,
    workspace,
)
from pipeline.job import Job
from pipeline.job_stages import stages_of
from pipeline.table_store import Store
from training.plan import Plan

_ME = f"worker {os.getpid()} on {os.uname().nodename}"
_PEAK = "VmHWM:"
_PROJECT = Path(__file__).parent.parent


class Task(NamedTuple):
    """A series to train for the fleet that holds `home` under `token`; `asked` is `digest` of its job there.

    `slots` series at most are trained beside each other on one machine, and share its cores. `tables` is where the
    fleet shares its tables, "" where the home is shared.
    """

    series: str
    home: str
    token: str
    asked: str
    slots: int
    tables: str = ""


class Outcome(NamedTuple):
    """What came of a task: seconds and reasons of the stages that ran, the peak of memory in bytes, what went wrong.

    `error` is "" where nothing did; `exit_code` is how the command line would end with it, `trace` a bug's details.
    """

    series: str
    seconds: dict[str, float]
    why: dict[str, str]
    memory: int
    process: int
    stage: str = ""
    error: str = ""
    exit_code: int = 0
    trace: str = ""


class Alone(Job):
    """A job of one process among others: it starts none of its own, and its fits may use `threads`."""

    threads: int = 1

    @property
    def plan(self) -> Plan:
        """Return what training does."""
        return super().plan._replace(threads=self.threads)


def digest(work: Job) -> str:
    """Return one digest of the code and of every setting of a job."""
    settings = [repr(part) for part in work._replace(workers=1)]
    return tables.sha256_of([settings, _sources(), receipts.versions()])


@cache
def _sources() -> list[tuple[str, str]]:
    """Return the digest of each source of the project; what a stage is made from is told by its receipt."""
    files = sorted(path for room in receipts.ROOMS for path in (_PROJECT / room).rglob("*.py"))
    return [(str(path.relative_to(_PROJECT)), tables.sha256_of_file(path)) for path in files]


def run(task: Task, tell: Callable[[str, str, int], None]) -> Outcome:
    """Run what is stale of the series; `tell(series, stage, process)` is called as each begins. Nothing is raised."""
    seconds: dict[str, float] = {}
    why: dict[str, str] = {}
    stage = ""
    _forget_peak()
    try:
        store = table_store.store() if task.tables else None
        work = _prepared(task, store)
        with (
            threadpool_limits(work.threads),  # else BLAS takes every core for itself, and all wait for each other
            workspace.locked(work.workspace),
            trial_records.left_in(work.workspace.run),
        ):
            if store is not None:
                shared_tables.settle_all(store, work, held=True, sends=False)
            shared = shared_stages.of(store, work, follows=True)
            for one in stages_of():
                _require_fleet(task, store)
                stage = one.name
                tell(task.series, stage, os.getpid())
                done = shared.carried_out(one, _silent) if shared else one.run(work, _silent)
                if done.why is not None:
                    seconds[stage], why[stage] = done.receipt.seconds, done.why
    except Exception as error:
        return failed(task.series, stage, error)._replace(seconds=seconds, why=why, memory=_peak())
    return Outcome(task.series, seconds, why, _peak(), os.getpid())


def failed(series: str, stage: str, error: Exception) -> Outcome:
    """Return what came of a series at whose `stage` an error was raised; one that nobody foresaw is a bug of ours."""
    outcome = Outcome(series, {}, {}, 0, os.getpid(), stage)
    if isinstance(error, AssayError):
        return outcome._replace(error=str(error), exit_code=error.exit_code)
    if isinstance(error, OSError) and error.errno in MACHINE:
        return outcome._replace(error=f"the machine refused: {error}", exit_code=UnavailableError.exit_code)
    said = " ".join(str(error).split())[:200]
    told = f"this is a bug in Assay ({type(error).__name__}: {said})"
    trace = "".join(traceback.format_exception(error))
    return outcome._replace(error=told, exit_code=AssayError.exit_code, trace=trace)


def _prepared(task: Task, store: Store | None) -> Alone:
    """Return the job, in a home of its own where there is a store; raises UnavailableError where this process is not of
    the fleet that asks.
    """
    _require_fleet(task, store)
    series = instruments.series_named(task.series)
    work = job.prepare(series, workers=1)._replace(workspace=workspace.of(series, Path(task.home)))
    if digest(work) != task.asked:
        raise UnavailableError(f"{_ME} has other code, libraries or settings than the fleet: install the same there.")
    if store is not None:
        work = work._replace(workspace=workspace.of(series, settings.home()))
    made = Alone(*work)
    made.threads = max((os.cpu_count() or 1) // task.slots, 1)
    return made


def _silent(what: str, done: int, total: int) -> None:
    """Report no progress: what is told of a worker is the stage that it is at."""


def _require_fleet(task: Task, store: Store | None) -> None:
    """Raise UnavailableError where the home, or the store, is not one that the fleet of the task holds any longer."""
    if task.tables:
        shared_fleet.require_same(store, task.tables, _ME)
    if store is not None and not shared_fleet.sees(store, task.token):
        raise UnavailableError(f"{_ME} does not find the fleet at {store.url}: it has ended, or was begun again.")
    if store is None and not fleet_lock.sees(Path(task.home), task.token):
        raise UnavailableError(
            f"{_ME} does not see {task.home} as the fleet does: mount it there at the same path, or another fleet has "
            "begun since."
        )


def _forget_peak() -> None:
    """Let the peak of memory begin anew, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """Return the most bytes of memory that this process has had since; 0 where the system does not tell."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(_PEAK):
                return 1024 * int(line.split()[1])
    return 0
