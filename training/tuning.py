"""Tuning: each member's parameters, searched on the inner folds of a training part and on nothing else.

A trial is fitted on the training rows of an inner fold, stops early on their own purged tail, and is judged on the rows
that the inner fold left out. The first trial is the recipe's own parameters, so that what is chosen is never worse on
the inner folds than what was there. Same inputs, same trials: nothing hangs on a clock unless minutes bound the search.
Source: Cawley and Talbot (2010), On Over-fitting in Model Selection and Subsequent Selection Bias (selection inside).
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from market.errors import AssayError, DataError
from training import ensemble, objectives, parts, proposals
from training.dataset import Dataset
from training.journals import Journal, Journals
from training.members import MEMBERS, Sample
from training.objectives import Rows, Trade
from training.parts import Part
from training.performance import daily
from training.plan import Plan
from training.samples import sample_of
from training.trials import State, Trial, best


class Tuned(NamedTuple):
    """The parameters of each member that was tuned, every trial, and the splits that stopped trials early."""

    parameters: dict[str, dict[str, float]]
    trials: list[Trial]
    splits: list[Part]


class _Ground(NamedTuple):
    """An inner fold as all trials use it: where they learn and stop, and the rows that they are judged on."""

    learn: Sample
    watch: Sample
    X: np.ndarray
    judged: Rows
    stopping: Part


class _Course(NamedTuple):
    """What the trials of a training part have in common."""

    part: str
    plan: Plan
    grounds: list[_Ground]
    trade: Trade


def tune(
    train: Dataset,
    inner: Sequence[Part],
    features: Sequence[list[str]],
    bars: pd.DataFrame,
    plan: Plan,
    name: str,
    *,
    blocks: float = 1.0,
    store: Journals | None = None,
) -> Tuned:
    """Search the parameters of the recipe's members on the `inner` folds of `train`; `name` is what it is called.

    `features` are those chosen for each inner fold, `bars` all that may be known (up to the end of training), `blocks`
    how many block lengths the training part spans. `store` keeps finished trials for a search that goes on. Raises
    DataError where no trial of a member came to an end.
    """
    began = time.monotonic()
    known = bars.loc[: train.t1.max()]
    grounds = [_ground(train, part, chosen, known, plan) for part, chosen in zip(inner, features, strict=True)]
    paid = ensemble.outcomes(train.y, train.r, train.w)
    course = _Course(name, plan, grounds, Trade(known, plan.venue, plan.recipe.thresholds, paid, blocks))
    journals = {member: _journal(store, course, member) for member in plan.weights if MEMBERS[member].ranges}
    before = sum(one.seconds for journal in journals.values() for one in journal.kept)
    allowed = plan.tuning.seconds(plan.research.folds, blocks) - before
    with threadpool_limits(1, "blas"):  # for four numbers of a calibration more threads only wait for each other
        _search(course, journals, lambda: allowed - (time.monotonic() - began))
    trials = [trial for journal in journals.values() for trial in journal.trials]
    return Tuned(
        {member: _chosen(name, member, journal.trials) for member, journal in journals.items()},
        trials,
        [ground.stopping for ground in grounds],
    )


def _search(course: _Course, journals: Mapping[str, Journal], left: Callable[[], float]) -> None:
    """Make trials, one of each member in turn, until there are enough or another would not end in the seconds left.

    Each member's first is made whatever it takes.
    """
    number = 0
    while journals and number < course.plan.tuning.trials:
        for member, journal in journals.items():
            if number < len(journal.kept):
                continue
            if number > 0 and journal.kept[0].seconds > left():
                return
            began = time.monotonic()
            trial = _trial(course, member, journal.trials)
            journal.add(trial, time.monotonic() - began, MEMBERS[member].ranges)
        number += 1


def _trial(course: _Course, member: str, before: Sequence[Trial]) -> Trial:
    """Return the trial of `member` that follows those `before`."""
    plan, number = course.plan, len(before)
    objective = plan.tuning.settings.objective
    seed = f"{plan.research.seed}/{course.part}/{member}/{number}"
    ranges = MEMBERS[member].ranges
    parameters = proposals.propose(ranges, before, objective, seed) if before else own(plan, member)
    trial = Trial(course.part, member, number, parameters, "failed", objective)
    running: list[float] = []
    raw: list[np.ndarray] = []
    try:
        for ground in course.grounds:
            raw.append(_predicted(ground, member, parameters, plan))
            p, rows = _calibrated(course, raw)
            running.append(_value(p, rows, course, len(raw)))
            if len(raw) < len(course.grounds) and proposals.hopeless(running, before, objective):
                break
    except (AssayError, MemoryError):
        raise
    except Exception as error:  # whatever a library says of parameters that it cannot work with
        return trial._replace(running=tuple(running), message=f"{type(error).__name__}: {error}".splitlines()[0])
    state: State = "complete" if len(raw) == len(course.grounds) else "pruned"
    earned = daily(ensemble.scores(p, course.trade.paid)["score"], rows.r, rows.w, rows.ts)
    return trial._replace(state=state, running=tuple(running), daily=earned)


def own(plan: Plan, member: str) -> dict[str, float]:
    """Return the parameters that `member` has in the recipe: what it sets, and the member's own for the rest."""
    used = {**MEMBERS[member].parameters, **plan.parameters[member]}
    ranges = MEMBERS[member].ranges
    return {name: int(used[name]) if one.whole else float(used[name]) for name, one in ranges.items()}


def _predicted(ground: _Ground, member: str, parameters: Mapping[str, float], plan: Plan) -> np.ndarray:
    fit, seed, threads = MEMBERS[member].fit, plan.research.seed, plan.threads
    fitted = fit(ground.learn, held_out=ground.watch, rounds=None, seed=seed, parameters=parameters, threads=threads)
    p = fitted.predict(ground.X)
    if not np.isfinite(p).all():
        raise ValueError(f"{int((~np.isfinite(p)).any(axis=1).sum())} of {len(p)} probabilities are not finite")
    return p


def _calibrated(course: _Course, raw: Sequence[np.ndarray]) -> tuple[np.ndarray, Rows]:
    rows = [ground.judged for ground in course.grounds[: len(raw)]]
    return objectives.cross_calibrated(raw, rows), objectives.joined(rows)


def _value(p: np.ndarray, rows: Rows, course: _Course, done: int) -> float:
    if course.plan.tuning.settings.objective == "log_loss":
        return objectives.log_loss(p, rows)
    return objectives.expectancy(p, rows, course.trade, done / len(course.grounds))


def _ground(train: Dataset, part: Part, features: list[str], bars: pd.DataFrame, plan: Plan) -> _Ground:
    narrow = train._replace(X=train.X[features])
    learnt = narrow.take(part.train)
    stopping = parts.holdout(learnt, bars, plan.research)
    step = math.ceil(len(stopping.train) / plan.tuning.settings.rows)
    X = narrow.X.iloc[part.test].to_numpy(dtype=np.float32)
    usable = np.isfinite(X).all(axis=1)
    if not usable.any():
        raise DataError(f"None of {len(X)} rows of {part.name} has all of the chosen features: import more history.")
    test = part.test[usable]
    return _Ground(
        thinned(sample_of(learnt.take(stopping.train)), step),
        thinned(sample_of(learnt.take(stopping.test)), step),
        np.ascontiguousarray(X[usable]),
        Rows(pd.DatetimeIndex(train.X.index[test]), train.y[test], train.w[test], train.r[test]),
        stopping._replace(name=f"{part.name}, early stopping of trials"),
    )


def thinned(sample: Sample, step: int) -> Sample:
    """Return every `step`-th row; it weighs for those left out, so that penalties weigh what they weigh on all rows."""
    return Sample(np.ascontiguousarray(sample.X[::step]), sample.y[::step], sample.w[::step] * step)


def _journal(store: Journals | None, course: _Course, member: str) -> Journal:
    return Journal([]) if store is None else store.open(course.part, member, course.plan.tuning.settings.objective)


def _chosen(name: str, member: str, trials: list[Trial]) -> dict[str, float]:
    found = best(trials)
    if found is None:
        raise DataError(
            f"Tuning of {member} in {name}: none of {len(trials)} trials came to an end; the first, with the recipe's "
            f"own parameters: {trials[0].message}. Import more history, or train without --tune."
        )
    return found.parameters
