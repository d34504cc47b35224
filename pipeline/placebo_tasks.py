"""What the placebo has to do for a tier, one world after the other, and what becomes of each: a row of JSON values."""

import time
from typing import Any, NamedTuple

import pandas as pd
from threadpoolctl import threadpool_limits

from market import placebo_settings
from market.errors import AssayError, GateError
from market.placebo_settings import Tier, Worlds
from pipeline import oracle
from pipeline.placebo_controls import CONTROLS, Control
from pipeline.placebo_entries import measured
from pipeline.placebo_judging import HONEST, Rows, Steps, figures, judge, prepare
from pipeline.placebo_worlds import FAMILIES, PLANTED, Source, World, made, permuted, prepared

NULL, CONTROL = "null", "control"
_CONTROLLED, _RESAMPLED = list(FAMILIES)[1], list(FAMILIES)[3]
SMALL, FULL = "small", "full"


class Task(NamedTuple):
    """A world to judge: null, planted or control; its family, seed and edge, the leak, the variant, and how often."""

    kind: str
    family: str
    seed: int
    edge: float = 0.0
    control: str = ""
    variant: str = SMALL
    attempts: int = 1

    @property
    def key(self) -> str:
        """Return the name of the task, by which its row is found again."""
        return " | ".join(str(value) for value in self)


def tasks(tier: Tier, first_seed: int) -> list[Task]:
    """Return the worlds of a tier in the order in which they are judged; seeds are counted from `first_seed`."""
    families = list(FAMILIES)

    def nulls(count: int, variant: str) -> list[Task]:
        places = (divmod(at, len(families)) for at in range(count))
        return [Task(NULL, families[j], first_seed + i, 0.0, "", variant, tier.attempts) for i, j in places]

    leaks = [
        Task(CONTROL, _CONTROLLED, first_seed + i, 0.0, name)
        for name, control in CONTROLS.items()
        if control.steps is not None
        for i in range(_worlds(control, tier))
    ]
    planted = [Task(PLANTED, PLANTED, first_seed + i, edge) for edge in tier.edges for i in range(tier.planted)]
    strongest = max(tier.edges, default=0.0)
    large = [Task(PLANTED, PLANTED, first_seed + i, strongest, "", FULL) for i in range(tier.full_planted)]
    return nulls(tier.nulls, SMALL) + leaks + planted + nulls(tier.full, FULL) + large


def _worlds(control: Control, tier: Tier) -> int:
    """Return in how many worlds a leak is switched on: in none where they could not suffice to see it."""
    if control.needed == 0:
        return tier.unseen
    return tier.controls if tier.controls >= control.needed else 0


def done(task: Task, known: Source, common: Worlds) -> dict[str, Any]:
    """Return what became of a world; no seed is ever dropped.

    A training that refuses it, as it does where a feature knows too much, is `refused`; any other fault is an `error`.
    `seconds` are those of one core.
    """
    began = time.process_time()
    try:
        with threadpool_limits(1):
            row = _judged(task, known, common)
    except GateError as error:
        row = _ended(refused=str(error))
    except AssayError as error:
        row = _ended(error=str(error))
    return {"key": task.key} | task._asdict() | row | {"seconds": round(time.process_time() - began, 2)}


def _judged(task: Task, known: Source, common: Worlds) -> dict[str, Any]:
    world = made(task.family, task.seed, task.edge, task.variant, known)
    steps = _steps(task, world, common)
    ready = prepare(world, known.has_volume, steps)
    verdict = judge(ready, world.job, steps)
    bars = ready.bars.loc[: verdict.window.cut_off]
    entries = measured(bars, verdict, world.job.plan.venue, steps, common.tail, common.draws, task.seed)
    row = _ended() | {"attempt": 1} | figures(verdict) | {"entries": entries}
    if world.signal is not None:
        window = verdict.window
        best = oracle.trade(world.bars, world.signal, world.job.plan, window.oos_start, window.cut_off)
        row["oracle_profit_factor"] = best.profit_factor
    if task.variant == FULL:
        row["small"] = _judged_small(task, world, known, steps, common)
    promoted, models = _promoted(row), [verdict.trained]
    for attempt in range(1, task.attempts):
        if all(promoted.values()):
            break
        again = judge(ready, prepared(task.variant, attempt), steps, models)
        row |= figures(again) | {"attempt": attempt + 1}
        promoted = {profile: before or _promoted(row)[profile] for profile, before in promoted.items()}
        models.append(again.trained)
    return row | {"promoted": promoted[world.job.judging.decides], "promoted_by": promoted}


def _judged_small(task: Task, world: World, known: Source, steps: Steps, common: Worlds) -> dict[str, Any] | None:
    """Return what the small variant says of the last months of a world; None of one whose halves are of two sources.

    There its training would reach into the source of the judged bars.
    """
    if task.family == _RESAMPLED:
        return None
    months = pd.DateOffset(months=placebo_settings.variant(SMALL).months)
    last = world._replace(bars=world.bars.loc[world.bars.index[-1] - months :], job=prepared(SMALL))
    ready = prepare(last, known.has_volume, steps)
    verdict = judge(ready, last.job, steps)
    bars = ready.bars.loc[: verdict.window.cut_off]
    entries = measured(bars, verdict, last.job.plan.venue, steps, common.tail, common.draws, task.seed)
    return figures(verdict) | {"entries": entries}


def _promoted(row: dict[str, Any]) -> dict[str, bool]:
    return {profile: verdict["status"] == "READY" for profile, verdict in row["verdicts"].items()}


def _ended(error: str | None = None, refused: str | None = None) -> dict[str, Any]:
    ended: dict[str, Any] = {"error": error, "refused": refused, "promoted": False, "promoted_by": {}, "verdicts": {}}
    return ended | {"entries": None, "oracle_profit_factor": None}


def _steps(task: Task, world: World, common: Worlds) -> Steps:
    if task.control:
        leaky = CONTROLS[task.control].steps
        assert leaky is not None  # no task is made of those
        return leaky
    if not world.permuted:
        return HONEST

    def learnt(rows: Rows) -> Rows:
        return rows._replace(rows=_permuted_before(rows, common.label_block, task.seed))

    return HONEST._replace(learnt=learnt)


def _permuted_before(rows: Rows, block: int, seed: int) -> Any:
    """Return the rows with the labels that are known before the judged window in another order."""
    before = (rows.rows.t1 <= rows.window.oos_start).to_numpy()
    other = permuted(rows.rows.take(before), block, seed)
    y, w, r = rows.rows.y.copy(), rows.rows.w.copy(), rows.rows.r.copy()
    y[before], w[before], r[before] = other.y, other.w, other.r
    return rows.rows._replace(y=y, w=w, r=r)
