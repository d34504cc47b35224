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


def mean_r(got: float, wanted: float, trades: int) -> str:
    """Return what a mean R lacks.

    >>> mean_r(0.12, 0.2, 300)
    '0.080 R more a trade'
    """
    del trades
    return f"{wanted - got:.3f} R more a trade"


def of_days(got: float, wanted: float, trades: int) -> str:
    """Return what a Sharpe ratio of days lacks.

    >>> of_days(0.9, 1.8, 300)
    'a mean day 2.0× as good at the same spread of days'
    """
    del trades
    return "a mean day above 0" if got <= 0 else f"a mean day {wanted / got:.1f}× as good at the same spread of days"


def sureness(got: float, wanted: float, trades: int) -> str:
    """Return what a chance of a true edge lacks.

    >>> sureness(0.62, 0.95, 300)
    'a better Sharpe ratio or more trades: luck shows such a result of 300 trades too often (38 % of the doubt is left)'
    """
    del wanted
    return (
        f"a better Sharpe ratio or more trades: luck shows such a result of {trades} trades too often "
        f"({percent(1 - got)} of the doubt is left)"
    )


def choice(got: float, wanted: float, trades: int) -> str:
    """Return what a choice among configurations lacks.

    >>> choice(0.4, 0.05, 300)
    'a choice that holds outside: in 40 % of the splits it was below the median there, and lost'
    """
    del wanted, trades
    return f"a choice that holds outside: in {percent(got)} of the splits it was below the median there, and lost"


def chance(got: float, wanted: float, trades: int) -> str:
    """Return what a permutation test lacks.

    >>> chance(0.31, 0.05, 300)
    'a result that chance shows less often: 31 in 100 permutations were as good'
    """
    del wanted, trades
    return f"a result that chance shows less often: {100 * got:.0f} in 100 permutations were as good"


def broken(got: float, wanted: float, trades: int) -> str:
    """Return what a stress test lacks.

    >>> broken(2, 0, 300)
    '2 more bounds of [stress] that hold'
    """
    del trades
    return f"{got - wanted:.0f} more bounds of [stress] that hold"


def alike(got: float, wanted: float, trades: int) -> str:
    """Return what the likeness of folds lacks.

    >>> alike(0.003, 0.05, 300)
    'folds that differ by noise alone: those of one edge differ as much 3 times in 1000'
    """
    del wanted, trades
    return f"folds that differ by noise alone: those of one edge differ as much {1000 * got:.0f} times in 1000"


def earning(got: float, wanted: float, trades: int) -> str:
    """Return what the share of folds that earn lacks.

    >>> earning(0.6, 0.8, 300)
    'more folds that earn: 60 % do'
    """
    del wanted, trades
    return f"more folds that earn: {percent(got)} do"


def unseen(got: float, wanted: float, trades: int) -> str:
    """Return what a window lacks that was looked at too often.

    >>> unseen(4, 3, 300)
    'bars that nobody has looked at: this window was looked at 4 times, let paper trading or a later cut-off decide'
    """
    del wanted, trades
    return (
        f"bars that nobody has looked at: this window was looked at {got:.0f} times, let paper trading or a later "
        "cut-off decide"
    )


def percent(share: float, digits: int = 0) -> str:
    """Return a share as a percentage for people.

    >>> percent(0.0525, 1)
    '5.2 %'
    """
    return f"{100 * share:.{digits}f} %"
