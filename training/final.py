"""The final model: members on all development rows, calibration and thresholds from what was predicted out of fold."""

from collections.abc import Sequence
from statistics import median_low
from typing import Any, NamedTuple

import joblib
import numpy as np
import pandas as pd

from training import calibration, ensemble, fold, importance, inner, parts, selection
from training.dataset import Dataset, aged
from training.ensemble import PROBABILITIES, Ensemble
from training.inner import Chosen, Inner
from training.journals import Journals
from training.judging import Judged
from training.members import MEMBERS
from training.parts import Part
from training.plan import Plan
from training.thresholds import Choice
from training.trials import Trial
from training.workers import Progress, spread

_NAME = "final model"


class Final(NamedTuple):
    """The model with its thresholds, the splits used (JSON values), trials of tuning, and why it has its features.

    `told` are the members' rounds, the parameters that are not their defaults, and how each is calibrated.
    """

    ensemble: Ensemble
    choice: Choice
    splits: list[dict[str, Any]]
    trials: list[Trial]
    selection: dict[str, Any]
    told: dict[str, Any]


def fit(
    data: Dataset,
    bars: pd.DataFrame,
    plan: Plan,
    judged: Sequence[Judged],
    workers: int,
    progress: Progress,
    store: Journals | None = None,
) -> Final:
    """Fit the model of all labelled rows of `data` that end a gap before the judged window.

    Rounds are the folds' median. Where the parameters were tuned, each fold has its own, and rounds that belong to
    other parameters mean nothing: then they are counted on the purged tail, as in a fold.
    """
    before = parts.final(data, bars, plan.research)
    train = aged(data.take(before.train), plan.research.oldest_weight)
    explored = _explored(train, bars, plan, workers, progress)
    splits = [split for one in explored for split in one.splits]
    parameters, trials = plan.parameters, list[Trial]()
    rounds = {name: median_low([one.rounds[name] for one in judged]) for name in plan.weights}
    if plan.tuning.on:
        tuned = fold.tune(train, explored, bars, plan, _NAME, len(judged) + 1, store)
        held_out = parts.holdout(train, bars, plan.research)
        parameters, trials, splits = parameters | tuned.parameters, tuned.trials, [*splits, *tuned.splits, held_out]
        rounds = inner.rounds(train, held_out, explored[-1].features, parameters, plan)
    chosen = inner.choose(train, explored, plan)
    features = chosen.features
    tasks = [
        joblib.delayed(_fitted)(name, train, features, rounds[name], parameters[name], plan) for name in plan.weights
    ]
    fitted = dict(spread(tasks, workers, "final members", progress, len(tasks)))
    members = {name: MEMBERS[name].load(fitted[name]) for name in plan.weights}
    raw, rows = _out_of_fold(data, judged, plan.research.oldest_weight)
    pooled = parts.pooled(rows, bars, plan.research)
    calibrations = fold.calibrated(raw, rows, [(part.train, part.test) for part in pooled])
    paid = ensemble.outcomes(train.y, train.r, train.w)
    model = Ensemble(tuple(features), members, plan.weights, calibrations, paid)
    choice = fold.choose(_voted(judged, model), paid, bars, plan, blocks=len(judged))
    told = [before.told(), *(part.told(_NAME) for part in [*splits, *pooled])]
    fitted_as = {
        "rounds": rounds,
        "parameters": parameters,
        "calibrations": {name: calibration.named(one) for name, one in calibrations.items()},
    }
    return Final(model, choice, told, trials, _why(chosen, model, train, judged), fitted_as)


def _why(chosen: Chosen, model: Ensemble, train: Dataset, judged: Sequence[Judged]) -> dict[str, Any]:
    """Return as JSON values why the model has its features; see `selection.described`."""
    X = selection.columns(train.X, chosen.features)
    moved = importance.shap(model.members, model.weights, X)
    by_fold = [one.figures["features"] for one in judged]
    return selection.described(chosen.features, chosen.names, chosen.scouts, chosen.clusters, moved, by_fold)


def _explored(train: Dataset, bars: pd.DataFrame, plan: Plan, workers: int, progress: Progress) -> list[Inner]:
    """Return what the inner folds say about features, each asked in a process of its own."""
    splits = parts.inner(train, bars, plan.research)
    tasks = [joblib.delayed(_numbered)(number, train, part, bars, plan) for number, part in enumerate(splits)]
    return [one for _, one in sorted(spread(tasks, workers, "final features", progress, len(tasks)), key=_number)]


def _numbered(number: int, train: Dataset, part: Part, bars: pd.DataFrame, plan: Plan) -> tuple[int, Inner]:
    return number, inner.explore(train, part, bars, plan)


def _number(explored: tuple[int, Inner]) -> int:
    return explored[0]


def _fitted(
    name: str, train: Dataset, features: list[str], rounds: int, parameters: dict[str, float], plan: Plan
) -> tuple[str, bytes]:
    return name, inner.fit_member(name, train, features, rounds, parameters, plan).to_bytes()


def _out_of_fold(data: Dataset, judged: Sequence[Judged], oldest: float) -> tuple[dict[str, np.ndarray], Dataset]:
    """Return each member's raw probabilities of the blocks, and their rows: those with a label and all features."""
    at = data.X.index.get_indexer(_stamps(judged))
    raw = {name: np.vstack([one.raw[name] for one in judged]) for name in judged[0].raw}
    have = (at >= 0) & np.isfinite(next(iter(raw.values()))[:, 0])
    return {name: p[have] for name, p in raw.items()}, aged(data.take(at[have]), oldest)


def _voted(judged: Sequence[Judged], model: Ensemble) -> pd.DataFrame:
    voted = np.vstack([ensemble.vote(one.raw, model.weights, model.calibrations) for one in judged])
    return pd.DataFrame(voted, columns=list(PROBABILITIES), index=_stamps(judged)).dropna()


def _stamps(judged: Sequence[Judged]) -> pd.Index:
    return pd.concat([one.predictions for one in judged]).index
