"""One fold: everything that is fitted, fitted on its training part alone.

Inside the training part a purged last share stops the boosting early, and purged k-folds choose features, calibrate and
set thresholds. The members that predict the judged block are then fitted on all training rows.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from market.errors import DataError
from market.settings import Recipe, Research
from training import calibration, ensemble, parts, selection, thresholds
from training.dataset import Dataset
from training.ensemble import Ensemble
from training.members import MEMBERS, Fitted, Sample
from training.parts import Part
from training.thresholds import Choice, Venue


class Plan(NamedTuple):
    """What training does: the recipe, the validation settings and where is traded."""

    recipe: Recipe
    research: Research
    venue: Venue

    @property
    def weights(self) -> dict[str, float]:
        """Return the weight of each member."""
        return {str(name): weight for name, weight in self.recipe.members.items()}


class FittedFold(NamedTuple):
    """A fitted ensemble, its thresholds, the rounds that its members took and the inner splits."""

    ensemble: Ensemble
    choice: Choice
    rounds: dict[str, int]
    splits: list[Part]


def fit(train: Dataset, bars: pd.DataFrame, plan: Plan, blocks: float) -> FittedFold:
    """Fit an ensemble with its thresholds on `train`; `bars` (all up to the end of training) are what it may know.

    `blocks` is how many judged-block lengths the training part spans.
    """
    seed = plan.research.seed
    inner = parts.inner(train, bars, plan.research)
    held_out = parts.holdout(train, bars, plan.research)
    importance, rounds, raw = _inner_predictions(train, inner, held_out, plan)
    chosen = selection.select(train.X.to_numpy(), list(train.X), importance, plan.recipe.features)
    members = {name: _fit_member(name, train, chosen, taken, seed) for name, taken in rounds.items()}
    judged = np.isfinite(next(iter(raw.values()))[:, 0])
    if not judged.any():
        raise DataError(f"None of {len(train.y)} training rows has all of the chosen features: import more history.")
    calibrations = {name: calibration.fit(p[judged], train.y[judged], train.w[judged]) for name, p in raw.items()}
    paid = ensemble.outcomes(train.y, train.r, train.w)
    model = Ensemble(tuple(chosen), members, plan.weights, calibrations, paid)
    voted = ensemble.vote({name: p[judged] for name, p in raw.items()}, model.weights, calibrations)
    predictions = pd.DataFrame(voted, columns=list(ensemble.PROBABILITIES), index=train.X.index[judged])
    choice = choose(predictions, paid, bars, plan, blocks)
    return FittedFold(model, choice, rounds, [*inner, held_out])


def choose(predictions: pd.DataFrame, paid: ensemble.Outcomes, bars: pd.DataFrame, plan: Plan, blocks: float) -> Choice:
    """Return the recipe's thresholds, fitted on out-of-fold `predictions` where it says so."""
    score = ensemble.score(predictions, paid)
    known = bars.loc[: score.index[-1]]
    if plan.recipe.thresholds == "fitted":
        return thresholds.choose(known, score, plan.venue, blocks)
    return thresholds.given(known, score, plan.venue, plan.recipe.thresholds.long, plan.recipe.thresholds.short)


def gains_of(train: Dataset, inner: Sequence[Part], plan: Plan) -> np.ndarray:
    """Return the importance of every feature, averaged over the purged inner folds of `train`."""
    return selection.average([selection.gains(sample_of(train.take(part.train)), plan.research.seed) for part in inner])


def fit_member(name: str, train: Dataset, features: list[str], rounds: int, seed: int) -> bytes:
    """Return the native file of the member `name` fitted on all rows of `train` for `rounds`."""
    return _fit_member(name, train, features, rounds, seed).to_bytes()


def sample_of(data: Dataset, features: list[str] | None = None) -> Sample:
    """Return labelled rows as a sample: weights are uniqueness, evened out over the classes."""
    X = selection.columns(data.X, list(data.X) if features is None else features)
    w = data.w / data.w.mean()
    for label in (-1, 0, 1):
        rows = data.y == label
        if rows.any():
            w[rows] *= w.sum() / (3.0 * w[rows].sum())
    return Sample(X, data.y, w)


def _fit_member(name: str, train: Dataset, features: list[str], rounds: int, seed: int) -> Fitted:
    return MEMBERS[name].fit(sample_of(train, features), held_out=None, rounds=rounds, seed=seed)


def _inner_predictions(
    train: Dataset, inner: Sequence[Part], held_out: Part, plan: Plan
) -> tuple[np.ndarray, dict[str, int], dict[str, np.ndarray]]:
    """Return importance, rounds by member, and each member's raw out-of-fold probabilities on `train`."""
    seed = plan.research.seed
    scouts = [selection.gains(sample_of(train.take(part.train)), seed) for part in inner]
    names, matrix = list(train.X), train.X.to_numpy()
    rounds = _rounds(train, held_out, plan, scouts[-1])  # the last scout saw nothing of the tail
    raw = {name: np.full((len(train.y), 3), np.nan) for name in rounds}
    for part, scout in zip(inner, scouts, strict=True):
        chosen = selection.select(matrix[part.train], names, scout, plan.recipe.features)
        learn, X = train.take(part.train), selection.columns(train.X.iloc[part.test], chosen)
        for name in rounds:
            raw[name][part.test] = ensemble.predicted(_fit_member(name, learn, chosen, rounds[name], seed), X)
    return selection.average(scouts), rounds, raw


def _rounds(train: Dataset, held_out: Part, plan: Plan, importance: np.ndarray) -> dict[str, int]:
    """Return how many rounds each member takes until the purged tail of `train` gets no better."""
    early, seed = held_out.train, plan.research.seed
    chosen = selection.select(train.X.to_numpy()[early], list(train.X), importance, plan.recipe.features)
    learn, watch = sample_of(train.take(early), chosen), sample_of(train.take(held_out.test), chosen)
    return {name: MEMBERS[name].fit(learn, held_out=watch, rounds=None, seed=seed).rounds for name in plan.weights}
