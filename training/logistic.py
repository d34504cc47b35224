"""Multinomial logistic regression with the elastic net on standardised features, stored as JSON.

`strength` is the whole penalty in nats a row, so that it means the same for any number of rows; `l1_ratio` is the part
of it that sets coefficients to exactly 0. A feature is standardised by the mean and deviation of its known values,
weighed as the rows are, and kept within five deviations; where it is not known it is average.
"""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from market.compiled import compiled
from training import elastic_net
from training.member import CLASSES, Sample, shares
from training.parameters import Range, merged

_CLIP = 5.0
_CONSTANT = 1e-10  # a deviation of so small a share of the mean is the rounding of sums
_NEVER = -30.0  # the intercept of a class that was not there


class Logistic:
    """Multinomial logistic regression; nothing in it is drawn, and one thread is all that it asks for."""

    file = "logistic.json"
    parameters: ClassVar[dict[str, Any]] = {"strength": 0.005, "l1_ratio": 0.5}
    ranges: ClassVar[Mapping[str, Range]] = {
        "strength": Range(1e-5, 0.1, log=True),
        "l1_ratio": Range(0.0, 1.0),
    }

    def fit(
        self,
        sample: Sample,
        *,
        held_out: Sample | None,
        rounds: int | None,
        seed: int,
        parameters: Mapping[str, float] | None = None,
        threads: int = 1,
    ) -> "FittedLogistic":
        """Fit means, scales and coefficients on the rows of `sample` that have weight."""
        used = merged("logistic", self.parameters, self.ranges, parameters)
        heard = sample.w > 0.0
        X, w = np.ascontiguousarray(sample.X[heard]), np.ascontiguousarray(sample.w[heard], dtype=np.float64)
        mean, scale = _moments(X, w)
        Z = np.column_stack([_standardised(X, mean, scale), np.ones(len(X))])
        present, y = np.unique(sample.y[heard], return_inverse=True)
        penalties = (used["strength"] * used["l1_ratio"], used["strength"] * (1.0 - used["l1_ratio"]))
        solved = elastic_net.solve(Z, y.astype(np.int64), w, *penalties).coefficients
        coefficients, intercept = np.zeros((3, X.shape[1])), np.full(3, _NEVER)
        rows = [CLASSES.index(label) for label in present]
        coefficients[rows], intercept[rows] = solved[:, :-1], solved[:, -1]
        return FittedLogistic(mean, scale, coefficients, intercept)

    def load(self, content: bytes) -> "FittedLogistic":
        """Return the regression stored in `content`."""
        stored = json.loads(content)
        return FittedLogistic(*(np.array(stored[name]) for name in ("mean", "scale", "coefficients", "intercept")))


class FittedLogistic:
    """A fitted logistic regression."""

    rounds = 0

    def __init__(self, mean: np.ndarray, scale: np.ndarray, coefficients: np.ndarray, intercept: np.ndarray) -> None:
        self._mean = mean
        self._scale = scale
        self._coefficients = coefficients
        self._intercept = intercept

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities (rows × 3) of down, flat, up, in float64."""
        return _probabilities(np.ascontiguousarray(X), self._mean, self._scale, self._coefficients, self._intercept)

    def to_bytes(self) -> bytes:
        """Return means, scales and coefficients as JSON."""
        stored = {
            "mean": self._mean.tolist(),
            "scale": self._scale.tolist(),
            "coefficients": self._coefficients.tolist(),
            "intercept": self._intercept.tolist(),
        }
        return json.dumps(stored, sort_keys=True).encode()

    def importance(self) -> np.ndarray:
        """Return each feature's share of the absolute standardised coefficients."""
        return shares(np.abs(self._coefficients).sum(axis=0))

    def contributions(self, X: np.ndarray) -> np.ndarray:
        """Return coefficient × standardised value, and the intercepts (rows × 3 × features and one).

        They are Shapley values where features are independent, since a standardised feature is 0 on average.
        """
        added = _standardised(np.ascontiguousarray(X), self._mean, self._scale)[:, None, :] * self._coefficients
        return np.concatenate([added, np.broadcast_to(self._intercept[:, None], (len(X), 3, 1))], axis=2)


@compiled
def _moments(X, w):  # type: ignore[no-untyped-def]
    """Return the weighted mean and deviation of each column's finite values; the scale of a constant is 1."""
    rows, columns = X.shape
    total, mean, spread = np.zeros(columns), np.zeros(columns), np.zeros(columns)
    for i in range(rows):
        for j in range(columns):
            if np.isfinite(X[i, j]):
                total[j] += w[i]
                mean[j] += w[i] * X[i, j]
    for j in range(columns):
        mean[j] = mean[j] / total[j] if total[j] > 0.0 else 0.0
    for i in range(rows):
        for j in range(columns):
            if np.isfinite(X[i, j]):
                spread[j] += w[i] * (X[i, j] - mean[j]) ** 2
    scale = np.ones(columns)
    for j in range(columns):
        deviation = np.sqrt(spread[j] / total[j]) if total[j] > 0.0 else 0.0
        if deviation > _CONSTANT * abs(mean[j]):
            scale[j] = deviation
    return mean, scale


@compiled
def _standardised(X, mean, scale):  # type: ignore[no-untyped-def]
    Z = np.empty(X.shape)
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            z = (X[i, j] - mean[j]) / scale[j]
            Z[i, j] = 0.0 if np.isnan(z) else min(max(z, -_CLIP), _CLIP)
    return Z


@compiled
def _probabilities(X, mean, scale, coefficients, intercept):  # type: ignore[no-untyped-def]
    """Return the softmax of each row, added up in the same order alone and in a batch."""
    Z, p = _standardised(X, mean, scale), np.empty((X.shape[0], 3))
    for i in range(X.shape[0]):
        for k in range(3):
            logit = 0.0
            for j in range(X.shape[1]):
                logit += coefficients[k, j] * Z[i, j]
            p[i, k] = logit + intercept[k]
        highest = max(p[i, 0], p[i, 1], p[i, 2])
        for k in range(3):
            p[i, k] = np.exp(p[i, k] - highest)
        total = p[i, 0] + p[i, 1] + p[i, 2]
        for k in range(3):
            p[i, k] /= total
    return p
