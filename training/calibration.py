"""Calibration of class probabilities: Platt scaling for down, flat, up, fitted on predictions that are out of fold.

Two questions are calibrated apart: does it move at all (flat against the rest), and which way (up against down). Each
has a slope and a bias on the log-odds. A member can know when a market is quiet and nothing of its direction; with one
slope for both, the first would lend its confidence to the second. Four numbers learn from thousands of predictions, so
they cannot overfit, and a member without skill in a question is flattened to the base rate.
Source: Platt (1999), Probabilistic Outputs for Support Vector Machines; Guo et al. (2017), On Calibration of Modern
Neural Networks, §4.2.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

_SMALLEST = 1e-6
_SLOPE, _BIAS = (0.0, 4.0), (-5.0, 5.0)


class Calibration(NamedTuple):
    """Slope and bias of the log-odds of flat against the rest, and of up against down."""

    flat_slope: float
    flat_bias: float
    direction_slope: float
    direction_bias: float


IDENTITY = Calibration(1.0, 0.0, 1.0, 0.0)


def fit(p: np.ndarray, y: np.ndarray, w: np.ndarray) -> Calibration:
    """Return the calibration that minimises weighted log-loss of `p` (rows × 3) on `y` (−1 0 1).

    Slopes are kept in [0, 4]: a member can be flattened, never turned around.
    """
    flat, direction = _log_odds(p)
    target = np.eye(3)[np.asarray(y, dtype=np.int64) + 1]
    weight = w / w.sum()

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        log_p = log_softmax(_logits(flat, direction, Calibration(*parameters)), axis=1)
        residual = (np.exp(log_p) - target) * weight[:, None]
        quiet, sided = residual[:, 1], (residual[:, 2] - residual[:, 0]) / 2.0
        gradient = np.array([quiet @ flat, quiet.sum(), sided @ direction, sided.sum()])
        return -float((target * log_p).sum(axis=1) @ weight), gradient

    found = minimize(loss, np.array(IDENTITY), jac=True, method="L-BFGS-B", bounds=[_SLOPE, _BIAS, _SLOPE, _BIAS])
    return Calibration(*(float(value) for value in found.x))


def calibrated(p: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Return the calibrated probabilities of `p` (rows × 3).

    >>> np.round(calibrated(np.array([[0.2, 0.3, 0.5]]), IDENTITY), 6).tolist()
    [[0.2, 0.3, 0.5]]
    """
    return softmax(_logits(*_log_odds(p), calibration), axis=1)


def _log_odds(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the log-odds of flat against the geometric mean of the sides, and of up against down."""
    log_p = np.log(np.clip(p, _SMALLEST, 1.0))
    return log_p[:, 1] - (log_p[:, 0] + log_p[:, 2]) / 2.0, log_p[:, 2] - log_p[:, 0]


def _logits(flat: np.ndarray, direction: np.ndarray, calibration: Calibration) -> np.ndarray:
    quiet = calibration.flat_slope * flat + calibration.flat_bias
    half = (calibration.direction_slope * direction + calibration.direction_bias) / 2.0
    return np.column_stack([-half, quiet, half])
