"""Feature selection, fitted on the rows it is given and nothing else: what matters, without near-duplicates."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from training.members import LightGBM, Sample, shares

_ROUNDS = 40
_LEARNING_RATE = 0.1
_DUPLICATE = 0.95
_SCOUTED_ROWS = 30_000
_CORRELATED_ROWS = 10_000


class _Scout(LightGBM):
    parameters = LightGBM.parameters | {"learning_rate": _LEARNING_RATE, "feature_fraction": 0.3}


def gains(sample: Sample, seed: int) -> np.ndarray:
    """Return each feature's share of the gain of a small boosted model on every k-th row of `sample`.

    Neighbouring labels overlap, so that thinning rows loses little; every feature is drawn often.
    """
    step = max(len(sample.y) // _SCOUTED_ROWS, 1)
    thinned = Sample(np.ascontiguousarray(sample.X[::step]), sample.y[::step], sample.w[::step])
    return _Scout().fit(thinned, held_out=None, rounds=_ROUNDS, seed=seed).importance()


def select(X: np.ndarray, names: list[str], importance: np.ndarray, count: int) -> list[str]:
    """Return up to `count` names by falling importance, leaving out near-duplicates of what is already chosen.

    Two features are near-duplicates where their rank correlation on thinned rows exceeds 0.95 in size. Ties are
    broken by name, so that the choice is deterministic; features without any importance are left out unless nothing
    else is there.
    """
    correlation = _rank_correlation(X[:: max(len(X) // _CORRELATED_ROWS, 1)])
    order = sorted(range(len(names)), key=lambda i: (-importance[i], names[i]))
    useful = [i for i in order if importance[i] > 0] or order
    chosen: list[int] = []
    for i in useful:
        if len(chosen) == count:
            break
        if not chosen or np.abs(correlation[i, chosen]).max() <= _DUPLICATE:
            chosen.append(i)
    return [names[i] for i in chosen]


def average(importances: list[np.ndarray]) -> np.ndarray:
    """Return the mean of importances, as shares."""
    return shares(np.mean(importances, axis=0))


def _rank_correlation(X: np.ndarray) -> np.ndarray:
    ranks = np.where(np.isnan(X), np.nan, rankdata(X, axis=0, nan_policy="omit"))
    known = np.maximum(np.isfinite(ranks).sum(axis=0), 1)
    ranks = np.nan_to_num(ranks - np.nansum(ranks, axis=0) / known, nan=0.0)
    scale = np.sqrt((ranks**2).sum(axis=0))
    scale[scale == 0.0] = np.inf
    ranks /= scale
    return ranks.T @ ranks


def columns(X: pd.DataFrame, names: list[str]) -> np.ndarray:
    """Return the named columns of `X` as one contiguous float32 matrix."""
    chosen = X if list(X.columns) == names else X[names]
    return np.ascontiguousarray(chosen.to_numpy(dtype=np.float32))
