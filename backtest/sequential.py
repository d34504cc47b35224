"""Watching results one by one without being fooled by looking often: tests that may stop at any trade, control charts.

A test for a fixed count, asked again after every trade, stops a perfectly good strategy in more than a quarter of all
thousand trades. These do not.
"""

from collections.abc import Callable
from math import log
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp, ndtr
from scipy.stats import norm

from backtest.ratios import Numbers, finite
from market.errors import DataError, UsageError

_STAKES = np.arange(1, 21) / 40.0  # of the largest that can never lose all: up to one half of it
_NODES = 60
_MOST = 50.0


class Watched(NamedTuple):
    """A statistic after each result, and the position of the first one at which it asked to stop (None: never)."""

    path: np.ndarray
    at: int | None


class Chart(NamedTuple):
    """A control chart: the upper and lower statistic after each value, and the position of its first signal or None."""

    high: np.ndarray
    low: np.ndarray
    at: int | None


def sprt(won: np.ndarray, promised: float, broken: float, level: float = 0.05, missed: float = 0.10) -> Watched:
    """Return the log likelihood ratio of `broken` against `promised` win rate after each trade, and when to stop.

    Λ = Σ ln(f₁/f₀), stopped where it reaches ln((1 − missed) ÷ level): Wald (1945), Sequential tests of statistical
    hypotheses, Annals of Mathematical Statistics 16(2). There is no bound at which the watch ends well. False stops
    are about `level` over any length, where the win rate is as promised or better. `won` is true for each trade won.

    >>> sprt(np.zeros(20, dtype=bool), promised=0.60, broken=0.5275).at
    17
    """
    if not 0.0 < broken < promised < 1.0:
        raise UsageError(
            f"A broken win rate lies below the promised one, both between 0 and 1: {broken:g}, {promised:g}."
        )
    _check_level(level)
    _check_level(missed)
    steps = np.where(np.asarray(won, dtype=bool), log(broken / promised), log((1.0 - broken) / (1.0 - promised)))
    return _watched(np.cumsum(steps), log((1.0 - missed) / level))


def e_process(x: Numbers, mean: float, bound: float, level: float = 0.05) -> Watched:
    """Return the log of the evidence that the true mean of `x` is not what was promised, and when it suffices.

    With `bound` above `mean`, no x being larger, it is evidence against "the mean is at least `mean`": a halt. With
    `bound` below, no x being smaller, against "the mean is at most `mean`": a proof that there is an edge, for instance
    of R against 0 with the worst loss that can be. K = average over stakes c of Π(1 − c (x − mean) ÷ (bound − mean)), c
    from 0.025 to 0.5; stop at K ≥ 1/level. Ville (1939): over any length and with any dependence of later trades on
    earlier ones, K does so with chance `level` at most while the statement holds. Howard, Ramdas, McAuliffe and Sekhon
    (2021), Annals of Statistics 49(2); Waudby-Smith and Ramdas (2024), Estimating means of bounded random variables by
    betting, Journal of the Royal Statistical Society B 86(1).

    Raises UsageError where `bound` is `mean`, DataError where a result is beyond it.

    >>> e_process([0.0] * 20, mean=0.60, bound=1.0).at
    7
    >>> e_process([0.945] * 60, mean=0.0, bound=-3.0).at
    29
    """
    values = finite(x)
    if not np.isfinite([mean, bound]).all() or mean == bound:
        raise UsageError(f"The mean and the farthest result are two finite numbers: found {mean:g} and {bound:g}.")
    _check_level(level)
    share = (values - mean) / (bound - mean)
    if (share > 1.0).any():
        worst = values[int(np.argmax(share))]
        raise DataError(f"A result of {worst:g} lies beyond {bound:g}, said to be the farthest there is: widen it.")
    evidence = np.cumsum(np.log1p(-_STAKES[:, None] * share), axis=1)
    return _watched(logsumexp(evidence, axis=0) - log(len(_STAKES)), -log(level))


def always_valid_interval(wins: int, trades: int, level: float = 0.95) -> tuple[float, float]:
    """Return the win rates that no `e_process` has refused: at every trade at once they hold the true one with `level`.

    >>> [round(bound, 3) for bound in always_valid_interval(124, 200)]
    [0.512, 0.725]
    """
    if not 0 <= wins <= trades or trades < 1:
        raise UsageError(f"Wins are from 0 to the trades made, one at least: found {wins:g} of {trades:g}.")
    _check_level(level)
    beyond = log(2.0 / (1.0 - level))
    low = _root(lambda rate: _evidence(wins, trades, rate, 0.0) - beyond)
    high = _root(lambda rate: _evidence(wins, trades, rate, 1.0) - beyond)
    return (low if wins else 0.0), (high if wins < trades else 1.0)


def cusum(x: Numbers, target: float, allowance: float, limit: float) -> Chart:
    """Return Page's cumulative sums: high = max(0, high + x − target − allowance), low with the sign of x − target.

    A signal where either exceeds `limit`, all in the unit of x. Page (1954), Continuous inspection schemes, Biometrika
    41. A limit that was not chosen by `run_length` or `limit_for` says nothing.
    """
    values = finite(x)
    sums = np.zeros((2, len(values) + 1))
    for at, value in enumerate(values - target):
        sums[0, at + 1] = max(0.0, sums[0, at] + value - allowance)
        sums[1, at + 1] = max(0.0, sums[1, at] - value - allowance)
    return Chart(sums[0, 1:], sums[1, 1:], _first(sums[:, 1:].max(axis=0) > limit))


def ewma(
    x: Numbers, target: float, deviation: float, weight: float = 0.3, width: float = 3.0
) -> tuple[np.ndarray, Chart]:
    """Return the exponentially weighted mean after each value, and the limits it must not leave.

    mean = weight × x + (1 − weight) × mean, from `target` on; limits at target ± width × deviation × √(weight ÷ (2 −
    weight)), those of a long row. Roberts (1959), Control chart tests based on geometric moving averages, Technometrics
    1(3). The chart's `high` and `low` are those limits.
    """
    if not (0.0 < weight <= 1.0 and deviation > 0.0):
        raise UsageError(f"A weight is above 0 and at most 1, a deviation above 0: found {weight:g} and {deviation:g}.")
    means, last = [], target
    for value in finite(x):
        last = weight * float(value) + (1.0 - weight) * last
        means.append(last)
    mean = np.array(means)
    reach = width * deviation * (weight / (2.0 - weight)) ** 0.5
    outside = np.abs(mean - target) > reach
    return mean, Chart(np.full(len(mean), target + reach), np.full(len(mean), target - reach), _first(outside))


def run_length(allowance: float, limit: float, shift: float = 0.0) -> float:
    """Return after how many values on average a one-sided cumulative sum signals, of normals whose mean is `shift`.

    All in standard deviations; with no shift it is the mean time to a false alarm. The integral equation of Page, by
    Gauss–Legendre as in Crowder (1987), A simple method for studying run-length distributions, Technometrics 29(4).

    >>> round(run_length(0.5, 4.0), 1), round(run_length(0.5, 5.0), 1)
    (335.4, 930.9)
    """
    if not (allowance >= 0.0 and 0.0 < limit <= _MOST):
        raise UsageError(
            f"An allowance is not below 0 and a limit above it, at most 50: found {allowance:g}, {limit:g}."
        )
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    at, weight = limit * (nodes + 1.0) / 2.0, limit * weights / 2.0
    states = np.concatenate(([0.0], at))
    step = norm.pdf(at[None, :] + allowance - shift - states[:, None]) * weight
    to_zero = ndtr(allowance - shift - states)[:, None]
    lengths = np.linalg.solve(np.eye(len(states)) - np.hstack((to_zero, step)), np.ones(len(states)))
    return float(lengths[0])


def limit_for(length: float, allowance: float = 0.5) -> float:
    """Return the limit of a one-sided cumulative sum whose false alarms come `length` values apart on average.

    >>> round(limit_for(930.9), 2)
    5.0
    """
    if not length > 1.0:
        raise UsageError(f"False alarms come more than one value apart, found {length:g}.")
    low, high = 0.01, 1.0
    while run_length(allowance, high) < length:
        high *= 2.0
        if high > _MOST:
            raise UsageError(
                f"No limit up to {_MOST:g} keeps false alarms {length:g} apart with allowance {allowance:g}."
            )
    return low if run_length(allowance, low) >= length else float(_between(allowance, length, low, high))


def _between(allowance: float, length: float, low: float, high: float) -> float:
    return brentq(lambda limit: run_length(allowance, limit) - length, low, high, xtol=1e-9)


def _evidence(wins: int, trades: int, rate: float, bound: float) -> float:
    """Return the log evidence of `e_process` after wins and losses in any order."""
    won, lost = (-_STAKES * (x - rate) / (bound - rate) for x in (1.0, 0.0))
    return float(logsumexp(wins * np.log1p(won) + (trades - wins) * np.log1p(lost))) - log(len(_STAKES))


def _root(function: Callable[[float], float]) -> float:
    near = 1e-9
    ends = function(near), function(1.0 - near)
    if ends[0] * ends[1] > 0.0:
        return near if abs(ends[0]) < abs(ends[1]) else 1.0 - near
    return float(brentq(function, near, 1.0 - near, xtol=1e-12))


def _watched(path: np.ndarray, limit: float) -> Watched:
    return Watched(path, _first(path >= limit))


def _first(signals: np.ndarray) -> int | None:
    return int(np.argmax(signals)) if signals.any() else None


def _check_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise UsageError(f"An error rate or level lies between 0 and 1, found {level:g}.")
