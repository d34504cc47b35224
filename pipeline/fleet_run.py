"""`assay fleet run`: the plan, the workers, and the one process that judges what comes back."""

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from market import fleet_settings, settings
from market.errors import AssayError, UnavailableError
from pipeline import (
    fleet_address,
    fleet_judging,
    fleet_lock,
    fleet_plan,
    fleet_task,
    fleet_totals,
    shared_fleet,
    table_store,
    workspace,
)
from pipeline.fleet_address import Address
from pipeline.fleet_admission import Placed, Wanting, admitted
from pipeline.fleet_board import FAILED, WORKING, Board, last
from pipeline.fleet_judging import Fleet
from pipeline.fleet_plan import GATE, STALE, UP_TO_DATE, Planned
from pipeline.fleet_task import Outcome, Task
from pipeline.job_stages import stages_of
from pipeline.screen_fleet_live import Watched
from pipeline.table_store import Store

_TICK = 0.5  # seconds between two looks at the workers
_NEVER_RUN = "No fleet was run in this home yet: `assay fleet run`."


class Wish(NamedTuple):
    """Which series (patterns, none: all), by how many workers (None: one a core), from which stage on, and where."""

    only: tuple[str, ...] = ()
    workers: int | None = None
    begin: str | None = None
    scheduler: str | None = None

    def processes(self, most: int) -> int:
        """Return how many workers this machine starts for so many series."""
        return max(1, min(self.workers or os.cpu_count() or 1, most))


def planned(wish: Wish) -> dict[str, Any]:
    """Return the plan as `assay fleet plan` gives it: series with stages and reasons, expected costs and the disk."""
    home = settings.home()
    plan = fleet_plan.plan(wish.only, wish.begin, last(home).get("series", {}))
    workers = wish.processes(sum(one.state == STALE for one in plan))
    told = [one.told() for one in plan]
    return {"home": str(home), "series": told, "totals": fleet_totals.totals(home, plan, workers)}


def run(wish: Wish, watched: Watched) -> dict[str, Any]:
    """Run what is stale of the fleet and return the board with its totals.

    A series that fails says why, and the others go on. Raises UnavailableError where another process runs the fleet of
    this home, where nothing of it has bars, where the disk is too small, and where the scheduler or the store of shared
    tables is gone; finished stages are kept, whatever ends it.
    """
    home, address = settings.home(), fleet_address.address_of(fleet_settings.cluster(), wish.scheduler)
    fleet_plan.check_stage(wish.begin)
    store, killed = table_store.store(), fleet_lock.holder_of(home).get("token")
    with fleet_lock.held(home) as holder, shared_fleet.announced(store, holder, killed):
        refused = shared_fleet.settled(store, wish.only)
        plan = fleet_plan.plan(wish.only, wish.begin, last(home).get("series", {}))
        plan = [_refused(one, refused) for one in plan]
        fleet_totals.require_some(plan)
        fleet_totals.require_room(home, plan)
        _forget(plan, wish.begin, store)
        board = Board(home, holder, wish._asdict() | {"only": [*wish.only]}, plan)
        fleet = Fleet(home, holder, {one.series.name: one for one in plan}, board, watched, store)
        with _ending(board), watched.shown(board.series):
            _carried_out(fleet, wish, address)
    return board.about | {"series": board.series, "totals": _counts(board)}


def resume(watched: Watched) -> dict[str, Any]:
    """Run again what was asked for last, but for `--from`: what it asked for is stale until it is done."""
    asked = last(settings.home()).get("asked")
    if asked is None:
        raise UnavailableError(_NEVER_RUN)
    return run(Wish(tuple(asked["only"]), asked["workers"], None, asked["scheduler"]), watched)


def status() -> dict[str, Any]:
    """Return the board as it stands, and whether a process is at work on it."""
    home = settings.home()
    board = last(home)
    if not board:
        raise UnavailableError(_NEVER_RUN)
    running = fleet_lock.running(home)
    state = board["state"] if running or board["state"] != "running" else "killed"
    who = {name: value for name, value in fleet_lock.holder_of(home).items() if name != "token"}
    return board | {"holder": who, "running": running, "state": state}


def exit_code(answer: dict[str, Any]) -> int:
    """Return how the verb ends: as the worst of the series that failed would, else 0; FAILED verdicts are answers."""
    return max((one.get("exit_code", 0) for one in answer["series"].values() if one["state"] == FAILED), default=0)


def _carried_out(fleet: Fleet, wish: Wish, address: Address | None) -> None:
    stale = [one for one in fleet.plan.values() if one.state == STALE]
    trained = [one for one in stale if one.stale != (GATE,)]
    for one in fleet.plan.values():
        if one.state == UP_TO_DATE:
            fleet_judging.settle(fleet, one.series.name)
        elif one.stale == (GATE,):
            fleet_judging.judge(fleet, Outcome(one.series.name, {}, {}, 0, os.getpid()))
    if trained:
        _train(fleet, sorted(trained, key=_length, reverse=True), wish.processes(len(trained)), address)


def _train(fleet: Fleet, waiting: list[Planned], workers: int, address: Address | None) -> None:
    """Let workers train the series, the longest first, and judge one that came while they go on with the next."""
    from pipeline import fleet as engines

    said: SimpleQueue[tuple[str, str, int]] = SimpleQueue()
    wanting, working = [Wanting(one.series.name, one.cost.memory) for one in waiting], list[Placed]()
    share, came = fleet_settings.fleet().memory, deque[Outcome]()
    with engines.engine(workers, address, share, lambda *told: said.put(told)) as engine:
        while wanting or working or came:
            hosts = engine.hosts() if wanting else []
            slots = {host.name: host.slots for host in hosts}
            for one in admitted(wanting, working, hosts):
                shared_fleet.offer(fleet.store, fleet_judging.job_of(one.series))
                engine.submit(_task(fleet, one.series, slots[one.host]), one.host)
                working.append(one)
                fleet.change(one.series, WORKING, why="", stage="", worker=one.host)
            wanting = [one for one in wanting if one.series not in {placed.series for placed in working}]
            new = engine.finished(0.0 if came else _TICK) if working else [] if came else _waited()
            came.extend(new)
            for told in _said(said):
                _progress(fleet, *told)
            working = [one for one in working if one.series not in {outcome.series for outcome in new}]
            fleet.watched.tick()
            if came and not (new and wanting):  # first let those that have nothing to do begin
                fleet_judging.judge(fleet, came.popleft())


def _refused(one: Planned, why: dict[str, AssayError]) -> Planned:
    """Return a series, refused where its bars here and in the store cannot be told apart."""
    return fleet_plan.refused(one.series, why[one.series.name]) if one.series.name in why else one


def _task(fleet: Fleet, series: str, slots: int) -> Task:
    asked, tables = fleet_task.digest(fleet_judging.job_of(series)), fleet.store.url if fleet.store else ""
    return Task(series, str(fleet.home), fleet.holder.token, asked, slots, tables)


def _said(said: "SimpleQueue[tuple[str, str, int]]") -> Iterator[tuple[str, str, int]]:
    while True:
        try:
            yield said.get_nowait()
        except Empty:
            return


def _progress(fleet: Fleet, series: str, stage: str, process: int) -> None:
    if fleet.board.series.get(series, {}).get("state") == WORKING:
        fleet.change(series, WORKING, stage=stage, process=process)


def _waited() -> list[Outcome]:
    time.sleep(_TICK)
    return []


def _length(one: Planned) -> tuple[float, int]:
    return (float(one.bars) if one.cost.seconds is None else one.cost.seconds, one.bars)


def _forget(plan: Iterable[Planned], begin: str | None, store: Store | None) -> None:
    """Remove the receipts of the stages from `begin` on, so that they are run anew, and are so after a kill too; in the
    store as well.
    """
    names = [*(stage.name for stage in stages_of()), GATE]
    for one in plan if begin else ():
        if one.state == STALE:
            target = workspace.of(one.series)
            with workspace.locked(target):
                for name in names[names.index(str(begin)) :]:
                    target.receipt(name).unlink(missing_ok=True)
            shared_fleet.forget(store, fleet_judging.job_of(one.series.name), names[names.index(str(begin)) :])


def _counts(board: Board) -> dict[str, int]:
    states = [one["state"] for one in board.series.values()]
    verdicts = [one.get("verdict") for one in board.series.values()]
    found = {state: states.count(state) for state in dict.fromkeys(states)}
    return found | {verdict: verdicts.count(verdict) for verdict in ("READY", "FAILED") if verdict in verdicts}


@contextmanager
def _ending(board: Board) -> Iterator[None]:
    """Write how it ended, whatever ends it but a kill."""
    try:
        yield
    except BaseException as error:
        board.end("interrupted" if isinstance(error, KeyboardInterrupt) else f"ended by: {error}")
        raise
    board.end("done")
