"""Kelly's stake, from what a history of trades lets one be sure of rather than from its averages: always a fraction."""

from math import inf, sqrt
from statistics import NormalDist

import numpy as np

from backtest.risk import Risk
from market.errors import DataError, UsageError

QUARTER = 0.25


def stake(win_rate: float, gain: float, loss: float = 1.0) -> float:
    """Return the share of equity at risk in 1 R that grows fastest, of bets that bring `gain` R or cost `loss` R.

    Kelly (1956), A New Interpretation of Information Rate: p ÷ loss − q ÷ gain. 0 where there is no edge.

    >>> round(stake(0.53, 1.0), 9), round(stake(0.5, 2.0), 9), stake(0.4, 1.0)
    (0.06, 0.25, 0.0)

    Raises UsageError for a rate outside of 0 … 1, or a gain or loss that is not above 0.
    """
    if not 0.0 <= win_rate <= 1.0:
        raise UsageError(f"A win rate is from 0 to 1, found {win_rate:g}.")
    for name, value in (("gain", gain), ("loss", loss)):
        if not 0.0 < value < inf:
            raise UsageError(f"The {name} of a bet is a finite number of R above 0, found {value:g}.")
    return max(win_rate / loss - (1.0 - win_rate) / gain, 0.0)


def wilson_lower(wins: int, trades: int, confidence: float = 0.95) -> float:
    """Return the rate that the true win rate exceeds with `confidence`; 0 without trades.

    Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference.

    >>> round(wilson_lower(124, 200, 0.975), 3)
    0.551

    Raises UsageError unless 0 ≤ wins ≤ trades.
    """
    if not 0 <= wins <= trades:
        raise UsageError(f"Wins are from 0 to the trades made, found {wins:g} of {trades:g}.")
    if not 0.5 <= confidence < 1.0:
        raise UsageError(f"A confidence is from 0.5 to below 1, found {confidence:g}.")
    if trades == 0:
        return 0.0
    z = NormalDist().inv_cdf(confidence)
    rate, spread = wins / trades, z * z / trades
    centre = rate + spread / 2.0
    return max((centre - z * sqrt(rate * (1.0 - rate) / trades + spread / (4.0 * trades))) / (1.0 + spread), 0.0)


def surest_stake(r_history: np.ndarray, confidence: float = 0.95) -> float:
    """Return Kelly's stake at the lower bound of the win rate of `r_history`, net R of closed trades.

    Gain and loss are the means of the trades won and of all others, but no loss is taken for less than the planned 1 R.
    0 where no trade was won, or that bound leaves no edge. Raises DataError for what is no finite number.
    """
    r = np.asarray(r_history, dtype=np.float64)
    if not np.isfinite(r).all():
        raise DataError(f"A stake needs finite results: {int((~np.isfinite(r)).sum())} of {len(r)} are not.")
    won = r > 0.0
    if not won.any():
        return 0.0
    loss = max(1.0, float(-r[~won].mean())) if not won.all() else 1.0
    return stake(wilson_lower(int(won.sum()), len(r), confidence), float(r[won].mean()), loss)


def sized(risk: Risk, r_history: np.ndarray, fraction: float = QUARTER, confidence: float = 0.95) -> Risk:
    """Return `risk` with its share for a trade cut to a fraction of the surest stake; never more than it was.

    0 is no edge proved: a backtest refuses it, since nothing could be traded. Raises UsageError for a fraction that is
    not above 0 and at most 1.
    """
    if not 0.0 < fraction <= 1.0:
        raise UsageError(f"A fraction of Kelly's stake is above 0 and at most 1, found {fraction:g}.")
    return risk._replace(per_trade=min(risk.per_trade, fraction * surest_stake(r_history, confidence)))
