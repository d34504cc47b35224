"""Multinomial regression with the elastic-net penalty, solved to the bottom by proximal Newton steps.

The loss is the weighted mean log-loss of a softmax with one row of coefficients a class, plus strength × (l1_ratio ×
Σ|b| + (1 − l1_ratio) ÷ 2 × Σb²) over all but the intercepts. Each step minimises the loss's second-order expansion with
the penalty as it is, by coordinate descent, and is halved until the loss falls. Near the bottom a step squares the
error, however correlated the columns are, so that a handful suffices; where it ended is measured, not assumed.
Kernels add row by row in one order: no BLAS, the same bits for any number of threads.
Source: Zou and Hastie (2005), Regularization and Variable Selection via the Elastic Net; Friedman, Hastie and
Tibshirani (2010), Regularization Paths for Generalized Linear Models via Coordinate Descent, §4.1; Lee, Sun and
Saunders (2014), Proximal Newton-Type Methods for Minimizing Composite Functions.
"""

from typing import NamedTuple

import numpy as np

from market.compiled import compiled

_TOLERANCE = 1e-9  # nats a row and unit of a coefficient
_INNER = 1e-3  # of that, where the expansion is left
_STEPS, _SWEEPS, _HALVINGS = 50, 10_000, 30
_SUFFICIENT = 1e-4  # of the fall that the expansion promised
_ROUNDING = 1e-13  # nats a row, below which no rise is seen
_LEAST = 1e-300


class Solution(NamedTuple):
    """Coefficients (classes × columns), how far they are from optimal (largest subgradient), and the steps taken."""

    coefficients: np.ndarray
    violation: float
    steps: int


def solve(Z: np.ndarray, y: np.ndarray, w: np.ndarray, l1: float, l2: float) -> Solution:
    """Return the coefficients that minimise the penalised loss of `Z` on classes `y` (0 … K − 1), weighed by `w`.

    `Z` is rows × columns, float64 and finite; its last column is all ones and carries the intercepts, which are not
    penalised and sum to 0. Every class must have some weight. The search ends where no coefficient's subgradient
    exceeds 1e-9, or where doubles can tell no better.
    """
    classes, columns = int(y.max()) + 1, Z.shape[1]
    w = w / w.sum()
    b = np.zeros((classes, columns))
    p = np.empty((len(Z), classes))
    loss, gradient = _loss(Z, y, w, b, p)
    steps, violation = 0, _violation(b, gradient, l1, l2)
    while violation > _TOLERANCE and steps < _STEPS:
        toward = _descended(_curvature(Z, w, p), gradient, b, l1, l2, _INNER * violation) - b
        promised = (gradient * toward).sum() + _penalty(b + toward, l1, l2) - _penalty(b, l1, l2)
        before, share = loss + _penalty(b, l1, l2), 1.0
        for _ in range(_HALVINGS):
            loss, gradient = _loss(Z, y, w, b + share * toward, p)
            if loss + _penalty(b + share * toward, l1, l2) <= before + _SUFFICIENT * share * promised + _ROUNDING:
                break
            share /= 2.0
        else:
            break
        b = b + share * toward
        steps, violation = steps + 1, _violation(b, gradient, l1, l2)
    b[:, -1] -= b[:, -1].mean()
    return Solution(b, violation, steps)


def _penalty(b: np.ndarray, l1: float, l2: float) -> float:
    slopes = b[:, :-1]
    return float(l1 * np.abs(slopes).sum() + 0.5 * l2 * (slopes * slopes).sum())


def _violation(b: np.ndarray, gradient: np.ndarray, l1: float, l2: float) -> float:
    """Return the largest size of the smallest subgradient: 0 at the optimum and only there."""
    pull = gradient[:, :-1] + l2 * b[:, :-1]
    at_zero = np.maximum(np.abs(pull) - l1, 0.0)
    slopes = np.where(b[:, :-1] == 0.0, at_zero, np.abs(pull + l1 * np.sign(b[:, :-1])))
    return float(max(slopes.max(initial=0.0), np.abs(gradient[:, -1]).max()))


@compiled
def _loss(Z, y, w, b, p):  # type: ignore[no-untyped-def]
    """Return the weighted log-loss at `b` and its gradient (classes × columns); fill `p` with the probabilities."""
    rows, columns = Z.shape
    classes = b.shape[0]
    loss, gradient = 0.0, np.zeros((classes, columns))
    for i in range(rows):
        highest = -np.inf
        for k in range(classes):
            logit = 0.0
            for j in range(columns):
                logit += b[k, j] * Z[i, j]
            p[i, k] = logit
            highest = max(highest, logit)
        own, total = p[i, y[i]], 0.0
        for k in range(classes):
            p[i, k] = np.exp(p[i, k] - highest)
            total += p[i, k]
        loss += w[i] * (highest + np.log(total) - own)
        for k in range(classes):
            p[i, k] /= total
            residual = w[i] * (p[i, k] - (1.0 if k == y[i] else 0.0))
            for j in range(columns):
                gradient[k, j] += residual * Z[i, j]
    return loss, gradient


@compiled
def _curvature(Z, w, p):  # type: ignore[no-untyped-def]
    """Return the Hessian of the loss (classes × columns × classes × columns) from a sum for each pair of classes."""
    rows, columns = Z.shape
    classes = p.shape[1]
    shared = np.zeros((classes * (classes - 1) // 2, columns, columns))  # by pair of classes, each contiguous
    for i in range(rows):
        pair = 0
        for k in range(classes):
            for m in range(k):
                _add_square(shared[pair], Z[i], w[i] * p[i, k] * p[i, m])
                pair += 1
    H = np.zeros((classes, columns, classes, columns))
    pair = 0
    for k in range(classes):
        for m in range(k):
            whole = shared[pair] + shared[pair].T - np.diag(np.diag(shared[pair]))
            pair += 1
            H[k, :, m, :] = -whole
            H[m, :, k, :] = -whole
            H[k, :, k, :] += whole
            H[m, :, m, :] += whole
    return H


@compiled
def _add_square(H, z, weight):  # type: ignore[no-untyped-def]
    """Add weight × z zᵀ to the lower triangle of `H`."""
    for j in range(len(z)):
        scaled = weight * z[j]
        for h in range(j + 1):
            H[j, h] += scaled * z[h]


@compiled
def _descended(H, gradient, start, l1, l2, tolerance):  # type: ignore[no-untyped-def]
    """Return where the expansion around `start` with the penalty is lowest, to within `tolerance` of a subgradient."""
    classes, columns = start.shape
    b, pull = start.copy(), gradient.copy()
    for _ in range(_SWEEPS):
        largest = 0.0
        for k in range(classes):
            for j in range(columns):
                kept = 1.0 if j < columns - 1 else 0.0
                curved = H[k, j, k, j] + kept * l2
                step = _step(H[k, j, k, j], curved, b[k, j], pull[k, j], kept * l1)
                if step != 0.0:
                    b[k, j] += step
                    pull += H[k, j] * step
                    largest = max(largest, abs(step) * curved)
        for j in range(columns - 1):
            b[:, j] -= _middle(b[:, j], l1, l2)
        if largest <= tolerance:
            break
    return b


@compiled
def _step(own, curved, b, pull, l1):  # type: ignore[no-untyped-def]
    """Return by how much a coefficient changes to where it is best, all others as they are."""
    if curved <= 0.0:
        return 0.0
    wanted = own * b - pull
    return np.sign(wanted) * max(abs(wanted) - l1, 0.0) / curved - b


@compiled
def _middle(b, l1, l2):  # type: ignore[no-untyped-def]
    """Return what to subtract from a column's coefficients for the least penalty; the softmax knows no difference.

    That is the median of the coefficients and of where the ridge would have it with s of them below (a median for the
    lasso, the mean for the ridge): coordinates taken one by one would creep there.
    """
    classes = len(b)
    candidates = np.empty(2 * classes + 1)
    candidates[:classes] = b
    for s in range(classes + 1):
        candidates[classes + s] = b.sum() / classes + l1 * (classes - 2 * s) / (classes * max(l2, _LEAST))
    return np.sort(candidates)[classes]
