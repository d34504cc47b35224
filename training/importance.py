"""How much each feature moves what a fitted ensemble says: the mean size of its Shapley values."""

from collections.abc import Mapping

import numpy as np

from training.members import Fitted, shares

_ROWS = 500


def shap(members: Mapping[str, Fitted], weights: Mapping[str, float], X: np.ndarray) -> np.ndarray:
    """Return each feature's share (float64) of what moves the members' scores on `X` (rows × features, float32).

    A member's share is the mean size of the feature's contributions to its raw scores, over about 500 evenly spaced
    rows and the three classes; members count by their weights. What a feature adds to all three scores alike changes no
    probability, so that only its differences between them count. Rows with a feature that is not finite are left out:
    no prediction is made from them. All 0 where no row is left or nothing moves. Source: Lundberg and Lee (2017), A
    Unified Approach to Interpreting Model Predictions, NeurIPS 30.
    """
    known = X[np.isfinite(X).all(axis=1)]
    thinned = np.ascontiguousarray(known[:: max(len(known) // _ROWS, 1)])
    if len(thinned) == 0:
        return np.zeros(X.shape[1])
    moved = [weights[name] * shares(_sizes(member.contributions(thinned))) for name, member in members.items()]
    return shares(np.sum(moved, axis=0))


def _sizes(contributions: np.ndarray) -> np.ndarray:
    """Return the mean size of each feature's contributions (rows × 3 × features and the base)."""
    of_features = contributions[:, :, :-1]
    return np.abs(of_features - of_features.mean(axis=1, keepdims=True)).mean(axis=(0, 1))
