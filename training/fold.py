"""One fold: everything that is fitted, fitted on its training part alone.

Inside the training part a purged last share stops the boosting early, and purged k-folds choose features, calibrate and
set thresholds. The members that predict the judged block are then fitted on all training rows.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from market.errors import DataError
from market.settings import Recipe, Research
from training import calibration, ensemble, selection, thresholds
from training.dataset import Dataset
from training.ensemble import Ensemble
from training.members import MEMBERS, Fitted, Sample
from training.splits import PurgedKFold, purged_holdout
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
    """A fitted ensemble, its thresholds and the rounds that its members took."""

    ensemble: Ensemble
    choice: Choice
    rounds: dict[str, int]


def fit(train: Dataset, bars: pd.DataFrame, plan: Plan, blocks: float) -> FittedFold:
    """Fit an ensemble with its thresholds on `train`; `bars` (all up to the end of training) are what it may know.

    `blocks` is how many judged-block lengths the training part spans.
    """
    seed = plan.research.seed
    importance, rounds, raw = _inner_predictions(train, bars, plan)
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
    return FittedFold(model, choice, rounds)


def choose(predictions: pd.DataFrame, paid: ensemble.Outcomes, bars: pd.DataFrame, plan: Plan, blocks: float) -> Choice:
    """Return the recipe's thresholds, fitted on out-of-fold `predictions` where it says so."""
    score = ensemble.score(predictions, paid)
    known = bars.loc[: score.index[-1]]
    if plan.recipe.thresholds == "fitted":
        return thresholds.choose(known, score, plan.venue, blocks)
    return thresholds.given(known, score, plan.venue, plan.recipe.thresholds.long, plan.recipe.thresholds.short)


def gains_of(train: Dataset, bars: pd.DataFrame, plan: Plan) -> np.ndarray:
    """Return the importance of every feature, averaged over the purged inner folds of `train`."""
    return selection.average(
        [selection.gains(sample_of(train.take(rows)), plan.research.seed) for rows, _ in _inner(train, bars, plan)]
    )


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


def _inner(train: Dataset, bars: pd.DataFrame, plan: Plan) -> list[tuple[np.ndarray, np.ndarray]]:
    research = plan.research
    splitter = PurgedKFold(research.inner_folds, research.purge, research.embargo)
    splits = list(splitter.split(train.X, t1=train.t1, bars=pd.DatetimeIndex(bars.index)))
    for rows, _ in splits:
        if len(np.unique(train.y[rows])) < 2:
            raise DataError(f"An inner fold has {len(rows)} rows of fewer than two classes: import more history.")
    return splits


def _inner_predictions(
    train: Dataset, bars: pd.DataFrame, plan: Plan
) -> tuple[np.ndarray, dict[str, int], dict[str, np.ndarray]]:
    """Return importance, rounds by member, and each member's raw out-of-fold probabilities on `train`."""
    seed = plan.research.seed
    splits = _inner(train, bars, plan)
    scouts = [selection.gains(sample_of(train.take(rows)), seed) for rows, _ in splits]
    names, matrix = list(train.X), train.X.to_numpy()
    rounds = _rounds(train, bars, plan, scouts[-1])  # the last scout saw nothing of the tail
    raw = {name: np.full((len(train.y), 3), np.nan) for name in rounds}
    for (rows, judged), scout in zip(splits, scouts, strict=True):
        chosen = selection.select(matrix[rows], names, scout, plan.recipe.features)
        part, X = train.take(rows), selection.columns(train.X.iloc[judged], chosen)
        for name in rounds:
            raw[name][judged] = ensemble.predicted(_fit_member(name, part, chosen, rounds[name], seed), X)
    return selection.average(scouts), rounds, raw


def _rounds(train: Dataset, bars: pd.DataFrame, plan: Plan, importance: np.ndarray) -> dict[str, int]:
    """Return how many rounds each member takes until the purged tail of `train` gets no better."""
    research = plan.research
    stamps = pd.DatetimeIndex(bars.index)
    early, late = purged_holdout(
        train.X, train.t1, research.inner_holdout, research.purge, research.embargo, bars=stamps
    )
    if len(early) == 0:
        raise DataError(f"{len(train.y)} training rows are too few for an early-stopping split: import more history.")
    chosen = selection.select(train.X.to_numpy()[early], list(train.X), importance, plan.recipe.features)
    learn, watch = sample_of(train.take(early), chosen), sample_of(train.take(late), chosen)
    return {
        name: MEMBERS[name].fit(learn, held_out=watch, rounds=None, seed=research.seed).rounds for name in plan.weights
    }
