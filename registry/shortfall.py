"""What a failed benchmark lacks, in a few words: from what was got, what was wanted and how many trades there were."""

import math


def gains(got: float, wanted: float, trades: int) -> str:
    """Return what a profit factor lacks.

    >>> gains(1.28, 1.6, 300)
    '25 % more gains or 20 % smaller losses'
    """
    if got <= 0:
        return f"a gain: over {trades} trades there is none"
    return f"{percent(wanted / got - 1)} more gains or {percent(1 - got / wanted)} smaller losses"


def mean_result(got: float, wanted: float, trades: int) -> str:
    """Return what a Sharpe ratio lacks.

    >>> mean_result(0.1, 0.25, 300)
    'a mean R 2.5× as large at the same spread of results'
    """
    if got <= 0:
        return f"a positive mean R: over {trades} trades it is not"
    return f"a mean R {wanted / got:.1f}× as large at the same spread of results"


def wins(got: float, wanted: float, trades: int) -> str:
    """Return what a win rate lacks.

    >>> wins(0.5, 0.52, 300)
    '6 more of 300 trades won'
    """
    more = math.ceil(wanted * trades - 1e-9) - round(got * trades)
    return f"{max(more, 1)} more of {trades} trades won"


def count(got: float, wanted: float, trades: int) -> str:
    """Return what a number of trades lacks.

    >>> count(180, 200, 180)
    '20 more trades in the window (it closed 180)'
    """
    return f"{wanted - got:.0f} more trades in the window (it closed {trades})"


def fall(got: float, wanted: float, trades: int) -> str:
    """Return what a drawdown lacks.

    >>> fall(0.08, 0.06, 300)
    'a fall 25 % smaller over the same 300 trades'
    """
    return f"a fall {percent(1 - wanted / got)} smaller over the same {trades} trades"


def likeness(got: float, wanted: float, trades: int) -> str:
    """Return what the variation over folds lacks, whatever the number of `trades` out of sample.

    >>> likeness(0.7, 0.35, 300)
    'profit factors of the folds 50 % closer together'
    """
    del trades
    return f"profit factors of the folds {percent(1 - wanted / got)} closer together"


def percent(share: float, digits: int = 0) -> str:
    """Return a share as a percentage for people.

    >>> percent(0.0525, 1)
    '5.2 %'
    """
    return f"{100 * share:.{digits}f} %"
