"""Calibration of class probabilities: Platt scaling for several classes, fitted on predictions that are out of fold.

The log-probabilities of a member are scaled by one slope and shifted by a bias for each class. Four numbers learn from
thousands of predictions, so they cannot overfit, and a member without skill is flattened towards the base rate.
Source: Platt (1999); Guo et al. (2017), On Calibration of Modern Neural Networks, §4.2.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

_SMALLEST = 1e-6


class Calibration(NamedTuple):
    """Slope of the log-probabilities and bias of down, flat, up."""

    slope: float
    bias: tuple[float, float, float]


IDENTITY = Calibration(1.0, (0.0, 0.0, 0.0))


def fit(p: np.ndarray, y: np.ndarray, w: np.ndarray) -> Calibration:
    """Return the calibration that minimises weighted log-loss of `p` (rows × 3) on `y` (−1 0 1).

    The slope is kept in [0, 4]: a member can be flattened, never turned around.
    """
    logits = np.log(np.clip(p, _SMALLEST, 1.0))
    target = np.eye(3)[np.asarray(y, dtype=np.int64) + 1]
    weight = w / w.sum()

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        log_p = log_softmax(parameters[0] * logits + parameters[1:], axis=1)
        residual = (np.exp(log_p) - target) * weight[:, None]
        gradient = np.r_[(residual * logits).sum(), residual.sum(axis=0)]
        return -float((target * log_p).sum(axis=1) @ weight), gradient

    bounds = [(0.0, 4.0), (-5.0, 5.0), (-5.0, 5.0), (-5.0, 5.0)]
    found = minimize(loss, np.array([1.0, 0.0, 0.0, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds)
    slope, *bias = (float(value) for value in found.x)
    return Calibration(slope, (bias[0], bias[1], bias[2]))


def calibrated(p: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Return the calibrated probabilities of `p` (rows × 3)."""
    logits = np.log(np.clip(p, _SMALLEST, 1.0))
    return softmax(calibration.slope * logits + np.array(calibration.bias), axis=1)
