"""How long boosting goes on: a path of shrunken steps that ends where rows that were held out get no better.

A smaller learning rate takes as many more rounds for the same path, so that bounds are lengths of the path (rounds ×
learning rate) and a rate can be compared with another.
"""

import math

_LONGEST = 20.0  # of the path: 400 rounds at 0.05
_PATIENCE = 1.5  # of the path without progress: 30 rounds at 0.05


def longest(learning_rate: float) -> int:
    """Return after how many rounds boosting ends in any case.

    >>> longest(0.05), longest(0.01)
    (400, 2000)
    """
    return math.ceil(_LONGEST / learning_rate - 1e-9)


def patience(learning_rate: float) -> int:
    """Return how many rounds without progress end it.

    >>> patience(0.05), patience(0.3)
    (30, 5)
    """
    return math.ceil(_PATIENCE / learning_rate - 1e-9)
