"""The Sharpe ratio of the best of many trials: what luck alone would have shown, and what is left beyond it.

Ratios are per observation and records as in `backtest.significance.sharpe`. Independent trials are counted by
`backtest.multiplicity.effective_trials`.
"""

from math import sqrt

import numpy as np
from scipy.special import ndtr, ndtri

from backtest.multiplicity import expected_maximum
from backtest.ratios import Numbers, finite
from backtest.significance.sharpe import (
    Record,
    Revision,
    probabilistic_sharpe_ratio,
    sharpe_standard_error,
)
from market.errors import UsageError


def expected_maximum_sharpe_ratio(trials: float | Numbers, variance: float | None = None) -> float:
    """Return the ratio that the best of `trials` without any edge shows on average: √V × E[max of N].

    `trials` is a number of independent trials with the `variance` of their ratios, or the ratios themselves.
    Bailey and López de Prado (2014), The deflated Sharpe ratio, Journal of Portfolio Management 40(5), equation 6.
    Raises UsageError for less than one trial, or a variance that is below 0 or missing.

    >>> round(expected_maximum_sharpe_ratio(100, 0.5 / 250), 4)
    0.1132
    """
    number, variance = _trials(trials, variance)
    return sqrt(variance) * expected_maximum(number)


def deflated_sharpe_ratio(
    sharpe: float | Numbers,
    trials: float | Numbers,
    variance: float | None = None,
    n: float | None = None,
    skew: float | None = None,
    kurtosis: float | None = None,
    correlation: float | None = None,
    revision: Revision = "2012",
) -> float | None:
    """Return the chance that the true ratio is above what the best of so many trials shows by luck.

    The probabilistic ratio against `expected_maximum_sharpe_ratio(trials, variance)`, which explains what is given;
    ratio and moments as in `probabilistic_sharpe_ratio`. "2012" is the form that was printed in 2014, "2025" its
    revision, and "cautious", the smaller of both, is the one on which to decide. None where results do not vary.

    >>> round(deflated_sharpe_ratio(2.5 / 250**0.5, 100, 0.5 / 250, 1250, skew=-3, kurtosis=10), 4)
    0.9004
    """
    luck = expected_maximum_sharpe_ratio(trials, variance)
    return probabilistic_sharpe_ratio(sharpe, luck, n, skew, kurtosis, correlation, revision)


def minimum_backtest_length(trials: float, sharpe: float) -> float:
    """Return the periods below which the best of `trials` without an edge shows at least `sharpe` a period on average.

    (E[max of N] / SR)²: Bailey, Borwein, López de Prado and Zhu (2014), Pseudo-mathematics and financial charlatanism,
    Notices of the AMS 61(5). With a ratio a year, years.

    >>> round(minimum_backtest_length(45, 1.0), 1)
    5.0
    """
    if not sharpe > 0.0:
        raise UsageError(f"A backtest is long enough against a ratio above 0, found {sharpe:g}.")
    return (expected_maximum_sharpe_ratio(trials, 1.0) / sharpe) ** 2


def type_two_error(record: Record, edge: float, benchmark: float = 0.0, level: float = 0.05) -> float:
    """Return β: how often a test at `level` against `benchmark` misses a true ratio of `edge`; 1 − β is its power.

    Of `record` only the observations and moments count. López de Prado, Lipton and Zoonekynd (2025), as are the next.

    >>> round(type_two_error(Record(0.0, 24, -2.448, 10.164), edge=0.5), 3)
    0.315
    """
    critical = benchmark + float(ndtri(1.0 - level)) * sharpe_standard_error(record, benchmark, "2025")
    return float(ndtr((critical - edge) / sharpe_standard_error(record, edge, "2025")))


def planned_false_discovery_rate(prior: float, level: float, missed: float) -> float:
    """Return which share of all that such a test lets pass has no edge, where a share `prior` of all that is tried has.

    `missed` is β. Known before anything is tried.

    >>> round(planned_false_discovery_rate(0.05, 0.05, 0.315), 3)
    0.581
    """
    false, true = level * (1.0 - prior), (1.0 - missed) * prior
    return false / (false + true)


def observed_false_discovery_rate(record: Record, edge: float, prior: float, benchmark: float = 0.0) -> float:
    """Return the chance that there is no edge behind a ratio at least as good as this one, by the same two worlds.

    >>> round(observed_false_discovery_rate(Record(0.036 / 0.079, 24, -2.448, 10.164), edge=0.5, prior=0.05), 3)
    0.306
    """
    none, some = (
        float(ndtr((at - record.sharpe) / sharpe_standard_error(record, at, "2025"))) for at in (benchmark, edge)
    )
    return none * (1.0 - prior) / (none * (1.0 - prior) + some * prior)


def _trials(trials: float | Numbers, variance: float | None) -> tuple[float, float]:
    if np.ndim(trials) > 0:
        ratios = finite(np.asarray(trials))
        if variance is not None or len(ratios) < 2:
            raise UsageError(
                f"The ratios of two trials at least have their own variance: found {len(ratios)} of them"
                f"{' and a variance' if variance is not None else ''}."
            )
        return float(len(ratios)), float(np.var(ratios, ddof=1))
    number = float(np.asarray(trials))
    if not 1.0 <= number < np.inf:
        raise UsageError(f"The best is of one trial at least, found {number:g}: count what was tried, this one too.")
    if variance is None or not 0.0 <= variance < np.inf:
        raise UsageError(f"A number of trials needs the variance of their Sharpe ratios, 0 or more, found {variance}.")
    return number, float(variance)
