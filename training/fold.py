"""One fold: everything that is fitted, fitted on its training part alone.

Inside the training part a purged last share stops the boosting early, and purged k-folds choose features, tune,
calibrate and set thresholds. The members that predict the judged block are then fitted on all training rows.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from market.errors import DataError
from training import calibration, ensemble, inner, parts, thresholds, tuning
from training.calibration import Calibration
from training.dataset import Dataset, aged
from training.ensemble import Ensemble
from training.inner import Inner
from training.journals import Journals
from training.parts import Part
from training.plan import Plan
from training.thresholds import Choice
from training.trials import Trial


class FittedFold(NamedTuple):
    """A fitted ensemble, its thresholds, the rounds that its members took, the inner splits, and trials of tuning."""

    ensemble: Ensemble
    choice: Choice
    rounds: dict[str, int]
    splits: list[Part]
    trials: list[Trial]


def fit(
    train: Dataset, bars: pd.DataFrame, plan: Plan, blocks: float, name: str = "fold", store: Journals | None = None
) -> FittedFold:
    """Fit an ensemble with its thresholds on `train`; `bars` (all up to the end of training) are what it may know.

    `blocks` is how many judged-block lengths the training part spans, `name` what it is called; `store` keeps trials of
    tuning.
    """
    train = aged(train, plan.research.oldest_weight)
    explored = [inner.explore(train, part, bars, plan) for part in parts.inner(train, bars, plan.research)]
    held_out = parts.holdout(train, bars, plan.research)
    splits = [split for one in explored for split in one.splits]
    parameters, trials = plan.parameters, list[Trial]()
    if plan.tuning.on:
        tuned = tune(train, explored, bars, plan, name, blocks, store)
        parameters, trials, splits = parameters | tuned.parameters, tuned.trials, splits + tuned.splits
    # The last inner fold's features were chosen without the tail that stops the boosting.
    rounds = inner.rounds(train, held_out, explored[-1].features, parameters, plan)
    raw = inner.predictions(train, explored, rounds, parameters, plan)
    features = inner.choose(train, explored, plan).features
    members = {
        name: inner.fit_member(name, train, features, taken, parameters[name], plan) for name, taken in rounds.items()
    }
    judged = np.isfinite(next(iter(raw.values()))[:, 0])
    if not judged.any():
        raise DataError(f"None of {len(train.y)} training rows has all of the chosen features: import more history.")
    raw = {name: p[judged] for name, p in raw.items()}
    calibrations = calibrated(raw, train.take(judged), _within(judged, [one.part for one in explored]))
    paid = ensemble.outcomes(train.y, train.r, train.w)
    model = Ensemble(tuple(features), members, plan.weights, calibrations, paid)
    voted = ensemble.vote(raw, model.weights, calibrations)
    predictions = pd.DataFrame(voted, columns=list(ensemble.PROBABILITIES), index=train.X.index[judged])
    choice = choose(predictions, paid, bars, plan, blocks)
    return FittedFold(model, choice, rounds, [*splits, held_out], trials)


def tune(
    train: Dataset,
    explored: Sequence[Inner],
    bars: pd.DataFrame,
    plan: Plan,
    name: str,
    blocks: float,
    store: Journals | None,
) -> tuning.Tuned:
    """Search the parameters of the members on the inner folds of `train`."""
    splits, features = [one.part for one in explored], [one.features for one in explored]
    return tuning.tune(train, splits, features, bars, plan, name, blocks=blocks, store=store)


def calibrated(
    raw: dict[str, np.ndarray], rows: Dataset, folds: Sequence[tuple[np.ndarray, np.ndarray]]
) -> dict[str, Calibration]:
    """Return the calibration of each member's raw out-of-fold probabilities of `rows` that the `folds` prefer."""
    return {name: calibration.choose(p, rows.y, rows.w, folds) for name, p in raw.items()}


def choose(predictions: pd.DataFrame, paid: ensemble.Outcomes, bars: pd.DataFrame, plan: Plan, blocks: float) -> Choice:
    """Return the recipe's thresholds, fitted on out-of-fold `predictions` where it says so."""
    score = ensemble.score(predictions, paid)
    known = bars.loc[: score.index[-1]]
    if plan.recipe.thresholds == "fitted":
        return thresholds.choose(known, score, plan.venue, blocks)
    return thresholds.given(known, score, plan.venue, plan.recipe.thresholds.long, plan.recipe.thresholds.short)


def _within(mask: np.ndarray, splits: Sequence[Part]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the positions that train and test in each split, counted among the rows under `mask`."""
    position = np.cumsum(mask) - 1
    return [(position[one.train[mask[one.train]]], position[one.test[mask[one.test]]]) for one in splits]
