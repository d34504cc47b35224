"""What a result that passed is worth: those that pass were also lucky, so the truth behind them is smaller.

`given_pass` weighs a stated prior of edges with the chance of each to pass; `shrunken_mean` takes the prior from the
trials themselves. Both are Bayesian, so having chosen the best of many does not bias them, as long as the prior is
right: Efron (2011), Tweedie's formula and selection bias, Journal of the American Statistical Association 106.
"""

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

import numpy as np
from scipy.stats import binom

from backtest.significance.gate_chances import Bet, Judged, gate_chance, passing_wins
from market.errors import UsageError

FEWEST_TRIALS = 4

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)


class Prior(NamedTuple):
    """What is believed before any result: a share of what is tried has a win rate drawn evenly from `low` to `high`.

    All others win with `otherwise`: at ±1 R 0.5 is no edge before costs. An assumption, not a measurement.
    """

    share: float = 0.05
    low: float = 0.55
    high: float = 0.66
    otherwise: float = 0.50


class GivenPass(NamedTuple):
    """Of what passes: how much of all that is tried it is, what share has no edge, and its true averages, net of costs.

    `below` is the share whose true profit factor is under the benchmark that it passed.
    """

    pass_rate: float
    without_edge: float
    win_rate: float
    expectancy: float
    profit_factor: float
    below: float


class Shrunken(NamedTuple):
    """The posterior mean and standard deviation of a true mean R, and the share of its distance that was kept."""

    mean: float
    error: float
    kept: float


def given_pass(
    bounds: Mapping[str, float], payoff: Bet, trades: int = 200, prior: Prior | None = None, retries: int = 1
) -> GivenPass:
    """Return what is to be expected of a result that passed `bounds`, of which `profit_factor` is one.

    `bounds` are those that depend on wins alone; of `payoff` gain, loss and cost count, its win rate being the unknown.
    With `retries`, each candidate is judged so often on fresh trades and passes if one of them does. Raises UsageError
    for bounds without a profit factor, or with one that depends on the order of trades, or a prior that is none.

    >>> found = given_pass({"profit_factor": 1.60}, Bet(0.5, cost=0.055))
    >>> round(found.profit_factor, 2), round(found.below, 2)
    (1.56, 0.54)
    """
    prior = prior or Prior()
    _check_prior(bounds, prior, retries)
    gate_chance(bounds, payoff, Judged(trades=trades))
    gain, loss = payoff.gain - payoff.cost, payoff.loss + payoff.cost
    bar = bounds["profit_factor"]
    enough = min(max(bar * loss / (gain + bar * loss), prior.low), prior.high)  # the win rate whose truth is the bar
    below, above = _even(prior.low, enough), _even(enough, prior.high)
    p = np.concatenate([[prior.otherwise], below[0], above[0]])
    believed = np.concatenate(
        [[1.0 - prior.share], *(prior.share * part / (prior.high - prior.low) for _, part in (below, above))]
    )
    wins = np.flatnonzero(passing_wins(bounds, trades, payoff))
    once = binom.pmf(wins[:, None], trades, p).sum(axis=0)
    weight = believed * -np.expm1(retries * np.log1p(-np.minimum(once, 1.0 - 1e-16)))
    total = float(weight.sum())
    factor = p * gain / ((1.0 - p) * loss)
    averages = [
        float(np.sum(weight * value)) / total for value in (p, p * gain - (1.0 - p) * loss, factor, factor < bar)
    ]
    return GivenPass(total, float(weight[0]) / total, *averages)


def shrunken_mean(mean: float, error: float, trials: int, spread: float, centre: float = 0.0) -> Shrunken:
    """Return the empirical-Bayes estimate of a true mean R, from what it was measured at and how all trials came out.

    `error` is the standard error of `mean`; `spread` the standard deviation (n − 1) of the means of all `trials`, of
    which this is one, and `centre` their average. If they spread by no more than their own errors, nothing is kept.
    centre + (1 − B)(mean − centre), B = min(1, (k − 3)/(k − 1) × error² ÷ spread²): the positive-part estimator of
    James and Stein in the form of Efron and Morris (1973), Stein's estimation rule and its competitors, Journal of the
    American Statistical Association 68. It takes all trials for independent and their errors for alike.

    Raises UsageError for fewer than four trials, of which no prior can be had.

    >>> [round(value, 3) for value in shrunken_mean(0.30, 0.08, trials=40, spread=0.10)]
    [0.118, 0.05, 0.393]
    """
    if trials < FEWEST_TRIALS:
        raise UsageError(
            f"{trials} trials make no prior: wanted {FEWEST_TRIALS} at least. State one and use given_pass."
        )
    if not (error > 0.0 and spread >= 0.0):
        raise UsageError(f"A standard error is above 0 and a spread not below: found {error:g} and {spread:g}.")
    apart = (spread / error) ** 2
    lost = min(1.0, (trials - 3.0) / (trials - 1.0) / apart) if apart > 0.0 else 1.0
    return Shrunken(centre + (1.0 - lost) * (mean - centre), error * sqrt(1.0 - lost), 1.0 - lost)


def _even(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the places and weights of Gauss–Legendre between two win rates."""
    half = (high - low) / 2.0
    return low + half * (_NODES + 1.0), half * _WEIGHTS


def _check_prior(bounds: Mapping[str, float], prior: Prior, retries: int) -> None:
    if "profit_factor" not in bounds or not set(bounds) <= {"profit_factor", "sharpe_per_trade", "win_rate"}:
        raise UsageError(
            f"What passed is weighed by profit_factor, with sharpe_per_trade and win_rate: found {', '.join(bounds)}."
        )
    if not (0.0 <= prior.share <= 1.0 and 0.0 < prior.low < prior.high < 1.0 and 0.0 < prior.otherwise < 1.0):
        raise UsageError(
            f"A prior is a share from 0 to 1 and win rates between 0 and 1, low below high: found {prior}."
        )
    if retries < 1:
        raise UsageError(f"A candidate is judged once at least, found {retries}.")
