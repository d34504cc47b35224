"""Feature selection, fitted on the rows it is given and nothing else: what matters, without near-duplicates."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from training.members import shares
from training.scout import Scout
from training.stability import folds_choosing, stability

_DUPLICATE = 0.95


def choose(
    names: Sequence[str], scouts: Sequence[Scout], clusters: np.ndarray, correlation: np.ndarray, count: int
) -> list[str]:
    """Return up to `count` of `names` by falling credit, leaving out near-duplicates of what is already chosen.

    `clusters` and `correlation` are those of `training.clusters` for the columns called `names`; what the `scouts`
    found is averaged. Features whose |ρ| exceeds 0.95 are never chosen together. Features that no scout used are left
    out unless there are no others. Ties are broken by name, so that the choice is deterministic.
    """
    given = credit(scouts, clusters)
    order = sorted(range(len(names)), key=lambda i: (-given[i], names[i]))
    chosen: list[int] = []
    for i in [i for i in order if given[i] > 0.0] or order:
        if len(chosen) == count:
            break
        if not (np.abs(correlation[i, chosen]) > _DUPLICATE).any():
            chosen.append(i)
    return [names[i] for i in chosen]


def credit(scouts: Sequence[Scout], clusters: np.ndarray) -> np.ndarray:
    """Return what each feature is worth (float64, ≥ 0): its share of the gain plus its share of what held unseen.

    Gain tells features of a cluster apart, but is of rows that were learnt and flatters what has many values;
    permutation importance is of rows that were not, but is noisy and that of a whole cluster. So each cluster's, if
    above 0, is shared out among its features by their gain, and both kinds count half. Each alone, or a turn for every
    cluster, chose worse on some market: docs/selection.md has the figures.
    """
    gain, permutation = _means(scouts)
    of_cluster = np.bincount(clusters, weights=gain)[clusters]
    within = np.divide(gain, of_cluster, out=np.zeros_like(gain), where=of_cluster > 0.0)
    return shares(gain) + shares(np.maximum(permutation, 0.0) * within)


def described(
    chosen: Sequence[str],
    names: Sequence[str],
    scouts: Sequence[Scout],
    clusters: np.ndarray,
    shap: np.ndarray,
    by_fold: Sequence[Sequence[str]],
) -> dict[str, Any]:
    """Return why `chosen` were chosen from `names`, as JSON values; `shap` has a share for each of them, in order.

    `stability` is that of the choices of the folds, `clusters` the number of clusters; of each feature its cluster,
    its mean `permutation` importance and `gain`, `shap` and how many folds chose it.
    """
    gain, permutation = _means(scouts)
    counts, at = folds_choosing(by_fold), {name: i for i, name in enumerate(names)}
    features = {
        name: {
            "cluster": int(clusters[at[name]]),
            "permutation": float(permutation[at[name]]),
            "gain": float(gain[at[name]]),
            "shap": float(share),
            "folds": counts.get(name, 0),
        }
        for name, share in zip(chosen, shap, strict=True)
    }
    return {"stability": stability(by_fold, len(names)), "clusters": len(np.unique(clusters)), "features": features}


def _means(scouts: Sequence[Scout]) -> tuple[np.ndarray, np.ndarray]:
    """Return gain and permutation importance, averaged over `scouts`."""
    return np.mean([one.gain for one in scouts], axis=0), np.mean([one.permutation for one in scouts], axis=0)


def columns(X: pd.DataFrame, names: list[str]) -> np.ndarray:
    """Return the named columns of `X` as one contiguous float32 matrix."""
    chosen = X if list(X.columns) == names else X[names]
    return np.ascontiguousarray(chosen.to_numpy(dtype=np.float32))
