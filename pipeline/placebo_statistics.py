"""Statistics of the placebo: how sure one can be of a share, of a mean and of p-values over worlds; when to stop."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import kstest

from backtest.sequential import sprt
from backtest.significance import clopper_pearson

_ONE_SIDED = 0.90  # two-sided, and so 95 % on either side
# A share of promotions of 0.1 % is to be told from one of 5 %, either mistaken for the other in 5 %.
_HONEST, _BROKEN, _MISTAKEN = 0.001, 0.05, 0.05


class Mean(NamedTuple):
    """A mean over worlds, its standard error and the mean in units of it; None where there is no world."""

    worlds: int
    mean: float | None
    error: float | None
    z: float | None


def upper_bound(hits: int, worlds: int) -> float:
    """Return the upper end of the one-sided 95 % interval of a share, by Clopper and Pearson.

    >>> round(upper_bound(0, 300), 4), upper_bound(3, 3)
    (0.0099, 1.0)
    """
    return clopper_pearson(hits, worlds, _ONE_SIDED)[1]


def lower_bound(hits: int, worlds: int) -> float:
    """Return the lower end of the one-sided 95 % interval of a share, by Clopper and Pearson.

    >>> lower_bound(0, 300), round(lower_bound(10, 100), 4)
    (0.0, 0.0553)
    """
    return clopper_pearson(hits, worlds, _ONE_SIDED)[0]


def mean_of(values: Sequence[float], errors: Sequence[float]) -> Mean:
    """Return the mean of `values`, one a world, whose own standard errors are `errors`.

    The larger of two standard errors counts: of the spread over worlds, and of what the worlds say of themselves. The
    first knows nothing of one or two worlds, the second nothing of what trades of a world have in common.

    >>> mean_of([0.1, 0.3], [0.1, 0.1])
    Mean(worlds=2, mean=0.2, error=0.1, z=2.0)
    """
    worlds = len(values)
    if worlds == 0:
        return Mean(0, None, None, None)
    mean = float(np.mean(values))
    told = float(np.sqrt(np.sum(np.square(errors)))) / worlds
    spread = float(np.std(values, ddof=1)) / math.sqrt(worlds) if worlds > 1 else 0.0
    error = max(told, spread)
    rounded = [round(value, 9) for value in (mean, error, mean / error if error > 0 else 0.0)]
    return Mean(worlds, *rounded)


def uniformity(p: Sequence[float]) -> float | None:
    """Return the p-value of Kolmogorov and Smirnov's test that `p` is uniform on [0, 1]; None without any.

    >>> uniformity([0.5] * 20) < 1e-4 < uniformity(np.linspace(0.02, 0.98, 20))
    True
    """
    return float(kstest(np.asarray(p), "uniform").pvalue) if len(p) else None


def sequential(promoted: Sequence[bool]) -> tuple[str, int]:
    """Return what Wald's sequential test says of null worlds in their order, and after how many of them.

    `honest` or `broken`, or `undecided` after all of them.

    >>> sequential([False] * 100), sequential([False] * 10 + [True]), sequential([False] * 30 + [True])
    (('honest', 59), ('broken', 11), ('undecided', 31))
    """
    watched = sprt(~np.asarray(promoted, dtype=bool), 1.0 - _HONEST, 1.0 - _BROKEN, _MISTAKEN, _MISTAKEN)
    clean = np.flatnonzero(watched.path <= -math.log((1.0 - _MISTAKEN) / _MISTAKEN))
    if watched.at is not None and (not len(clean) or watched.at < clean[0]):
        return "broken", watched.at + 1
    return ("honest", int(clean[0]) + 1) if len(clean) else ("undecided", len(promoted))
