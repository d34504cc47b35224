"""Whether folds differ by more than their own noise: the stability that a coefficient of variation cannot see.

Cochran (1954), The combination of estimates from different experiments, Biometrics 10(1); I² of Higgins and Thompson
(2002), Quantifying heterogeneity in a meta-analysis, Statistics in Medicine 21(11).
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy.stats import chi2

from backtest.ratios import Numbers, finite, varies
from market.errors import DataError, UsageError


class Heterogeneity(NamedTuple):
    """Q = Σ (x − pooled)² ÷ se², its p by χ² of `freedom`, I² = 1 − freedom ÷ Q (0 at least), and what is pooled."""

    q: float
    freedom: int
    p: float
    i_squared: float
    pooled: float
    pooled_error: float


def heterogeneity(estimates: Numbers, errors: Numbers) -> Heterogeneity:
    """Return how far estimates differ beyond their standard errors, weighted by 1 ÷ error².

    >>> found = heterogeneity([0.1, 0.2, 0.3], [0.1, 0.1, 0.1])
    >>> round(found.q, 9), found.freedom, round(found.p, 4), round(found.pooled, 9)
    (2.0, 2, 0.3679, 0.2)
    """
    x, error = finite(estimates), finite(errors)
    if len(x) != len(error) or len(x) < 2 or not (error > 0).all():
        raise DataError(
            f"{len(x)} estimates with {len(error)} errors: wanted two at least, each with an error above 0."
        )
    weight = error**-2.0
    pooled = float(np.sum(weight * x) / np.sum(weight))
    q, freedom = float(np.sum(weight * (x - pooled) ** 2)), len(x) - 1
    i_squared = max(0.0, 1.0 - freedom / q) if q > 0.0 else 0.0
    return Heterogeneity(q, freedom, float(chi2.sf(q, freedom)), i_squared, pooled, float(np.sum(weight) ** -0.5))


def fold_heterogeneity(folds: Sequence[Numbers], of: Literal["mean", "log_profit_factor"] = "mean") -> Heterogeneity:
    """Return whether the net R of the folds' trades differs from fold to fold by more than chance.

    Compared is the mean R (error: standard deviation ÷ √n) or the logarithm of the profit factor (error by the delta
    method). Errors are measured on each fold's own trades, which makes Q too large where they are few. Raises DataError
    for fewer than two folds, a fold with under two trades, whose trades are all alike, or, for the profit factor, one
    without a gain or a loss.
    """
    if of not in ("mean", "log_profit_factor"):
        raise UsageError(f"Folds are compared by mean or log_profit_factor, found {of!r}.")
    rows = [finite(fold) for fold in folds]
    if len(rows) < 2:
        raise DataError(f"{len(rows)} folds cannot differ: wanted two at least.")
    for number, row in enumerate(rows, start=1):
        _check(number, row, of)
    found = [_mean(row) if of == "mean" else log_profit_factor(row) for row in rows]
    return heterogeneity([value for value, _ in found], [error for _, error in found])


def log_profit_factor(r: Numbers) -> tuple[float, float]:
    """Return ln(Σ gains ÷ Σ losses) and its standard error by the delta method, of trades with both.

    With g = max(R, 0) and l = max(−R, 0): n × var(g ÷ Σg − l ÷ Σl).

    >>> [round(value, 4) for value in log_profit_factor([1.0] * 62 + [-1.0] * 38)]
    [0.4895, 0.2071]
    """
    values = finite(r)
    gain, loss = np.maximum(values, 0.0), np.maximum(-values, 0.0)
    influence = gain / gain.sum() - loss / loss.sum()
    return float(np.log(gain.sum() / loss.sum())), float(np.sqrt(len(values) * influence.var(ddof=1)))


def _mean(r: np.ndarray) -> tuple[float, float]:
    return float(r.mean()), float(r.std(ddof=1) / np.sqrt(len(r)))


def _check(number: int, r: np.ndarray, of: str) -> None:
    lack = ""
    if len(r) < 2:
        lack = "under two trades"
    elif not varies(r):
        lack = "trades that are all alike"
    elif of == "log_profit_factor" and not (r > 0).any():
        lack = "no gain"
    elif of == "log_profit_factor" and not (r < 0).any():
        lack = "no loss"
    if lack:
        raise DataError(
            f"Fold {number} has {lack} ({len(r)} trades): its spread is not known, so folds are not compared."
        )
