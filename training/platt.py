"""Platt scaling of down, flat, up: a slope and a bias on the log-odds of each of two questions.

Does it move at all (flat against the rest), and which way (up against down)? A member can know when a market is quiet
and nothing of its direction; with one slope for both, the first would lend its confidence to the second. Four numbers
learn from thousands of predictions, so they hardly overfit, and a member without skill in a question is flattened to
the base rate.
Source: Platt (1999), Probabilistic Outputs for Support Vector Machines; Guo et al. (2017), On Calibration of Modern
Neural Networks, §4.2.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from market.compiled import compiled

_SMALLEST = 1e-6
_SLOPE, _BIAS = (0.0, 4.0), (-5.0, 5.0)


class Platt(NamedTuple):
    """Slope and bias of the log-odds of flat against the rest, and of up against down."""

    flat_slope: float
    flat_bias: float
    direction_slope: float
    direction_bias: float

    def calibrated(self, p: np.ndarray) -> np.ndarray:
        """Return the calibrated probabilities of `p` (rows × 3); NaN stays NaN."""
        return _scaled(np.ascontiguousarray(p, dtype=np.float64), *self)


IDENTITY = Platt(1.0, 0.0, 1.0, 0.0)


def fit(p: np.ndarray, y: np.ndarray, w: np.ndarray, sided: bool = True) -> Platt:
    """Return the scaling that minimises weighted log-loss of `p` (rows × 3) on `y` (−1 0 1).

    Slopes are kept in [0, 4]: a member can be flattened, never turned around. Unless `sided`, the slope of up against
    down is 0: the same share of ups whatever the member says.
    """
    log_p = np.log(np.clip(p, _SMALLEST, 1.0))
    flat, direction = log_p[:, 1] - (log_p[:, 0] + log_p[:, 2]) / 2.0, log_p[:, 2] - log_p[:, 0]
    target = np.eye(3)[np.asarray(y, dtype=np.int64) + 1]
    weight = w / w.sum()

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        flat_slope, flat_bias, direction_slope, direction_bias = parameters
        half = (direction_slope * direction + direction_bias) / 2.0
        log_q = log_softmax(np.column_stack([-half, flat_slope * flat + flat_bias, half]), axis=1)
        residual = (np.exp(log_q) - target) * weight[:, None]
        quiet, side = residual[:, 1], (residual[:, 2] - residual[:, 0]) / 2.0
        gradient = np.array([(quiet * flat).sum(), quiet.sum(), (side * direction).sum(), side.sum()])
        return -float(((target * log_q).sum(axis=1) * weight).sum()), gradient

    bounds = [_SLOPE, _BIAS, _SLOPE if sided else (0.0, 0.0), _BIAS]
    start = np.clip(IDENTITY, *np.transpose(bounds))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return Platt(*(float(value) for value in found.x))


@compiled
def _scaled(p, flat_slope, flat_bias, direction_slope, direction_bias):  # type: ignore[no-untyped-def]
    """Return softmax(−half, quiet, half) of each row, the same bits alone and in a batch."""
    q, log_p = np.empty((len(p), 3)), np.empty(3)
    for i in range(len(p)):
        for k in range(3):
            value = p[i, k]
            if value < _SMALLEST:
                value = _SMALLEST
            elif value > 1.0:
                value = 1.0
            log_p[k] = np.log(value)
        quiet = flat_slope * (log_p[1] - (log_p[0] + log_p[2]) / 2.0) + flat_bias
        half = (direction_slope * (log_p[2] - log_p[0]) + direction_bias) / 2.0
        highest = max(quiet, abs(half))
        down, flat, up = np.exp(-half - highest), np.exp(quiet - highest), np.exp(half - highest)
        total = down + flat + up
        q[i, 0], q[i, 1], q[i, 2] = down / total, flat / total, up / total
    return q
