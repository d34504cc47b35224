"""Who traded: the direction of a bar by the tick rule, and the share of its volume that bought."""

import math

import numpy as np

from market.compiled import compiled


@compiled
def tick_rule(moves: np.ndarray, longest: int) -> np.ndarray:
    """Return the sign of each move; of no move, that of the newest move within the `longest` rows before, else 0.

    Source: Lee and Ready (1991), J. Finance 46.

    >>> tick_rule(np.array([0.0, 2.0, 0.0, 0.0, -1.0]), 1).tolist()
    [0.0, 1.0, 1.0, 0.0, -1.0]
    """
    signs = np.zeros(len(moves))
    for i in range(len(moves)):
        for age in range(min(longest, i) + 1):
            signs[i] = np.sign(moves[i - age])
            if signs[i] != 0.0:
                break
    return signs


@compiled
def bulk_balance(moves: np.ndarray) -> np.ndarray:
    """Return buyers' less sellers' share of each bar's volume, −1 to 1, from its move in standard deviations.

    The buyers' share is the normal distribution's at the move. Source: Easley, López de Prado and O'Hara (2012), Rev.
    Financial Studies 25 (bulk volume classification).

    >>> bulk_balance(np.array([0.0, -50.0])).tolist()
    [0.0, -1.0]
    """
    balance = np.empty(len(moves))
    for i in range(len(moves)):
        balance[i] = math.erf(moves[i] / math.sqrt(2.0))
    return balance
