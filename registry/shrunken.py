"""What a result is worth once one remembers how seldom there is an edge: its expectation under a stated prior."""

from typing import NamedTuple

import numpy as np
from scipy.stats import binom

from backtest.significance import Bet, Prior, break_even
from market.errors import DataError

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)
_MOST = 0.99  # of a win rate


class Worth(NamedTuple):
    """The mean R expected of such a result, how likely there is no edge behind it, and the share that was believed."""

    expectancy: float
    without_edge: float
    share: float


def worth(r: np.ndarray, cost: np.ndarray) -> Worth:
    """Return what trades of net `r` that paid `cost` R each are worth: the posterior mean, never NaN.

    Prior: that of `backtest.significance.Prior`, moved so that its 50 % is the win rate of a fair bet at the payoff of
    these trades, so 5 % of what is tried wins 5 to 16 points more often than that. Having chosen the best of many does
    not bias it as long as the prior is right (Efron 2011). Raises DataError where the payoff is not known.
    """
    gains, losses, paid = r[r > 0], -r[r < 0], float(cost.mean()) if len(cost) else 0.0
    if not (len(gains) and len(losses)):
        raise DataError("there is no gain, or no loss, so the payoff is not known")
    bet = Bet(0.5, float(gains.mean()) + paid, float(losses.mean()) - paid, paid)
    believed = moved(bet)
    half = (believed.high - believed.low) / 2.0
    p = np.append(believed.low + half * (_NODES + 1.0), believed.otherwise)
    prior = np.append(believed.share * _WEIGHTS / 2.0, 1.0 - believed.share)
    weighed = np.log(prior) + binom.logpmf(len(gains), len(gains) + len(losses), p)
    posterior = np.exp(weighed - weighed.max())
    posterior /= posterior.sum()
    mean = p * (bet.gain - paid) - (1.0 - p) * (bet.loss + paid)
    return Worth(float(np.sum(posterior * mean)), float(posterior[-1]), believed.share)


def moved(bet: Bet, prior: Prior | None = None) -> Prior:
    """Return a prior of win rates for the payoff of `bet`, where that of a fair bet stands for its `otherwise`.

    >>> [round(value, 3) for value in moved(Bet(0.5, gain=1.4, loss=1.0))]
    [0.05, 0.467, 0.577, 0.417]
    """
    usual = prior or Prior()
    fair = break_even(bet.gain, bet.loss)
    high = min(fair + usual.high - usual.otherwise, _MOST)
    return Prior(usual.share, min(fair + usual.low - usual.otherwise, high), high, fair)
