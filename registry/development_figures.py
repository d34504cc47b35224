"""What gates measure, from daily sums of trades over the folds: for many accounts, and many histories of them, at once.

Sums have the shape (…, folds, accounts, SUMS): what they are summed over is one fold's days, drawn or as they were.
A figure that cannot be computed is NaN.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr
from scipy.stats import chi2

from backtest.multiplicity import expected_maximum
from registry.measures import FOLD_TRADES
from registry.stability import FEWEST_TRADES

GAINS, LOSSES, COUNT, WINS, TOTAL, SQUARES, DAYS, DAY_SQUARES = range(8)
SUMS = 8


class Judged(NamedTuple):
    """What a window like the judged one would be asked: its share of the folds' time, days a year, trials in all."""

    share: float
    days_a_year: float
    trials: float


def profit_factor(sums: np.ndarray, judged: Judged) -> np.ndarray:
    """Return gains ÷ losses over all folds."""
    del judged
    whole = _whole(sums)
    return _ratio(whole[..., GAINS], whole[..., LOSSES])


def expectancy(sums: np.ndarray, judged: Judged) -> np.ndarray:
    """Return the mean R over all folds."""
    del judged
    whole = _whole(sums)
    return _ratio(whole[..., TOTAL], whole[..., COUNT])


def win_rate(sums: np.ndarray, judged: Judged) -> np.ndarray:
    """Return the share of trades won over all folds."""
    del judged
    whole = _whole(sums)
    return _ratio(whole[..., WINS], whole[..., COUNT])


def sharpe_per_trade(sums: np.ndarray, judged: Judged) -> np.ndarray:
    """Return the mean R over its standard deviation (n − 1) over all folds."""
    del judged
    whole = _whole(sums)
    return _sharpe(whole[..., COUNT], whole[..., TOTAL], whole[..., SQUARES])


def trades(sums: np.ndarray, judged: Judged) -> np.ndarray:
    """Return how many trades a window as long as the judged one has."""
    return _whole(sums)[..., COUNT] * judged.share


def daily_sharpe(sums: np.ndarray, judged: Judged) -> np.ndarray:
    """Return the Sharpe ratio of days, a year, by the sum of R that ended on each."""
    whole = _whole(sums)
    return _sharpe(whole[..., DAYS], whole[..., TOTAL], whole[..., DAY_SQUARES]) * np.sqrt(judged.days_a_year)


def proven(sums: np.ndarray, judged: Judged) -> np.ndarray:
    """Return the Sharpe ratio per trade × √trades of a window as long as the judged one: its standard errors above 0.

    What permutations and deflation ask rises with it.
    """
    return sharpe_per_trade(sums, judged) * np.sqrt(trades(sums, judged))


def deflated_sharpe(sums: np.ndarray, judged: Judged) -> np.ndarray:
    """Return the chance of a true Sharpe ratio above what the best of all trials shows by luck, in such a window.

    Results are taken as normal (Bailey and López de Prado 2014): without the trades themselves no moment is known.
    """
    ratio, count = sharpe_per_trade(sums, judged), trades(sums, judged)
    error = 1.0 / np.sqrt(np.where(count > 1.0, count - 1.0, np.nan))
    luck = error * expected_maximum(max(judged.trials, 1.0))
    return ndtr((ratio - luck) / (error * np.sqrt(1.0 + 0.5 * ratio**2)))


def permutation_p(sums: np.ndarray, judged: Judged) -> np.ndarray:
    """Return how often other signs of as many trades would earn as much in such a window, normally distributed."""
    return 1.0 - ndtr(proven(sums, judged))


def fold_profit_factor_variation(sums: np.ndarray, judged: Judged) -> np.ndarray:
    """Return the coefficient of variation of the folds' profit factors; NaN where a fold has too few trades."""
    few = (sums[..., COUNT] < FOLD_TRADES).any(axis=-2)
    return np.where(few, np.nan, variation(sums, judged))


def variation(sums: np.ndarray, judged: Judged) -> np.ndarray:
    """Return the same, however few trades a fold has."""
    del judged
    factors = _ratio(sums[..., GAINS], sums[..., LOSSES])
    return _ratio(factors.std(axis=-2, ddof=1), factors.mean(axis=-2))


def fold_heterogeneity_p(sums: np.ndarray, judged: Judged) -> np.ndarray:
    """Return the p of Cochran's Q over the folds' mean R; NaN where a fold has too few trades."""
    del judged
    count = np.where(sums[..., COUNT] >= FEWEST_TRADES, sums[..., COUNT], np.nan)
    mean = sums[..., TOTAL] / count
    weight = _ratio(count, (sums[..., SQUARES] - count * mean**2) / (count - 1.0))
    pooled = (weight * mean).sum(axis=-2, keepdims=True) / weight.sum(axis=-2, keepdims=True)
    q = (weight * (mean - pooled) ** 2).sum(axis=-2)
    return chi2.sf(q, sums.shape[-3] - 1)


def folds_earning(sums: np.ndarray, judged: Judged) -> np.ndarray:
    """Return the share of folds whose mean R is above 0."""
    del judged
    return (sums[..., TOTAL] > 0.0).mean(axis=-2)


def earned(sums: np.ndarray, judged: Judged) -> np.ndarray:
    """Return the sum of R over all folds a day."""
    del judged
    whole = _whole(sums)
    return whole[..., TOTAL] / whole[..., DAYS]


Figure = Callable[[np.ndarray, Judged], np.ndarray]

FIGURES: dict[str, Figure] = {
    "profit_factor": profit_factor,
    "sharpe_per_trade": sharpe_per_trade,
    "win_rate": win_rate,
    "trades": trades,
    "fold_profit_factor_variation": fold_profit_factor_variation,
    "expectancy": expectancy,
    "daily_sharpe": daily_sharpe,
    "deflated_sharpe": deflated_sharpe,
    "permutation_p": permutation_p,
    "fold_heterogeneity_p": fold_heterogeneity_p,
    "folds_earning": folds_earning,
}
TESTED: dict[str, Figure] = FIGURES | {  # by what is told from luck, where the figure itself has a floor or a ceiling
    "deflated_sharpe": proven,
    "permutation_p": lambda sums, judged: -proven(sums, judged),
    "fold_profit_factor_variation": variation,
}


def falls(daily: np.ndarray, risk: np.ndarray) -> np.ndarray:
    """Return the largest fall (…, accounts) of accounts that compound `risk` a trade on `daily` R (…, days, accounts).

    1 where the account is lost.
    """
    growth = 1.0 + risk * daily
    lost = growth.min(axis=-2) <= 0.0
    equity = np.cumprod(np.maximum(growth, 1e-9), axis=-2)
    peak = np.maximum(np.maximum.accumulate(equity, axis=-2), 1.0)
    return np.where(lost, 1.0, (1.0 - equity / peak).max(axis=-2))


def _whole(sums: np.ndarray) -> np.ndarray:
    return sums.sum(axis=-3)


def _sharpe(count: np.ndarray, total: np.ndarray, squares: np.ndarray) -> np.ndarray:
    several = np.where(count > 1.0, count, np.nan)
    mean = total / several
    variance = (squares - several * mean**2) / (several - 1.0)
    return _ratio(mean, np.sqrt(np.maximum(variance, 0.0)))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    known = below > 0.0
    return np.divide(above, below, out=np.full(np.shape(below), np.nan), where=known)
