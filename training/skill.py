"""Skill of forecasts: what a model knows beyond the base rate, asked the way a trader asks."""

import numpy as np
import pandas as pd

from training import classification
from training.dataset import Dataset
from training.ensemble import PROBABILITIES
from training.thresholds import ONE_OPINION


def skill(data: Dataset, predictions: pd.DataFrame, rates: np.ndarray, block: int) -> dict[str, float | None]:
    """Return the classification figures of `predictions` on the labelled rows of `data`, and skill with its interval.

    `skill` asks what a trader asks: of the rows that ended up or down, does the model know which, better than the base
    rate? `class_skill` is that of all three classes; it is positive on any market, because a wide spread or a quiet
    hour makes Flat likelier and is known beforehand. A forecast that is the same for every row knows nothing: its
    skill is 0, whatever luck the mix of classes brought it; so it is in the rows of each `fold`, where `predictions`
    tell them. `rates` is the base rate of the training labels, (3,) or one for each row; `block` rows are resampled
    together, since labels overlap.
    """
    p = predictions[list(PROBABILITIES)].to_numpy()
    rows = data.labelled & np.isfinite(p).all(axis=1)
    y, p, rates = data.y[rows], p[rows], np.broadcast_to(rates, p.shape)[rows]
    figures = {
        name.replace("skill", "class_skill"): value for name, value in classification.scores(y, p, rates, block).items()
    }
    moved = y != 0
    odds = _of_sides(rates[moved])
    folds = predictions["fold"].to_numpy()[rows][moved] if "fold" in predictions else np.zeros(len(odds))
    sides = _opinions(_of_sides(p[moved]), odds, folds)
    if len(sides) and np.array_equal(sides, odds):
        return figures | {"skill": 0.0, "skill_low": 0.0, "skill_high": 0.0}
    interval = classification.log_loss_skill_interval(y[moved], sides, odds, block) or (None, None)
    value = classification.log_loss_skill(y[moved], sides, odds)
    return figures | {"skill": value, "skill_low": interval[0], "skill_high": interval[1]}


def _opinions(sides: np.ndarray, odds: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return `sides`, and `odds` in the rows of each fold whose sides are one opinion."""
    known = sides.copy()
    for fold in np.unique(folds):
        rows = folds == fold
        if np.ptp(sides[rows, 2]) < ONE_OPINION:
            known[rows] = odds[rows]
    return known


def _of_sides(p: np.ndarray) -> np.ndarray:
    """Return probabilities of down and up given that it is not flat; even where both are 0."""
    total = p[:, 0] + p[:, 2]
    up = np.divide(p[:, 2], total, out=np.full(len(p), 0.5), where=total > 0)
    return np.column_stack([1.0 - up, np.zeros(len(p)), up])
