"""How sure a Sharpe ratio is: the chance that the true one is above a benchmark, and how long a record that takes.

Every ratio here is per observation (a trade, a day), never annualised; skewness γ₃ and raw kurtosis γ₄ (3 for a normal)
are of the observations. A ratio is given as a number together with what it rests on, or as the row of results itself,
of which everything is then measured. Two published forms of its variance:

"2012": (1 − γ₃ SR + (γ₄ − 1)/4 SR²) / (n − 1) at the observed ratio. Bailey and López de Prado (2012), The Sharpe ratio
efficient frontier, Journal of Risk 15(2).

"2025": (a − b γ₃ SR* + c (γ₄ − 1)/4 SR*²) / n at the benchmark, as a test of it should be, where a = (1 + ρ)/(1 − ρ),
b = 1 + ρ/(1 − ρ) + ρ²/(1 − ρ²) and c = (1 + ρ²)/(1 − ρ²) allow for results of which each hangs on the one before (ρ is
their first autocorrelation). López de Prado, Lipton and Zoonekynd (2025), Sharpe ratio inference, SSRN 5520741.

"cautious" is whichever of the two says less.
"""

from math import inf, sqrt
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from scipy.special import ndtr, ndtri

from backtest.ratios import Numbers, finite, sharpe
from market.errors import UsageError

Form: TypeAlias = Literal["2012", "2025"]
Revision: TypeAlias = Literal["2012", "2025", "cautious"]

_FORMS: dict[str, tuple[Form, ...]] = {"2012": ("2012",), "2025": ("2025",), "cautious": ("2012", "2025")}
_SLACK = 1e-9


class Record(NamedTuple):
    """What a Sharpe ratio rests on: observations, skewness, raw kurtosis, autocorrelation at lag 1."""

    sharpe: float
    n: float
    skew: float = 0.0
    kurtosis: float = 3.0
    correlation: float = 0.0


def measured(r: Numbers) -> Record | None:
    """Return the record of a row of results: ratio with n − 1, the moments with n; None where nothing varies.

    >>> [round(value, 3) for value in measured([2.0, -1.0, -1.0, 2.0, -1.0, 2.0, 2.0])]
    [0.445, 7, -0.289, 1.083, -0.274]
    """
    values = finite(r)
    ratio = sharpe(values)
    if ratio is None:
        return None
    z = values - values.mean()
    variance = float(np.mean(z**2))
    skew, kurtosis = float(np.mean(z**3)) / variance**1.5, float(np.mean(z**4)) / variance**2
    return Record(ratio, len(values), skew, kurtosis, float(np.sum(z[1:] * z[:-1]) / np.sum(z**2)))


def sharpe_standard_error(record: Record, at: float | None = None, form: Form = "2012") -> float:
    """Return the standard error of the ratio; the form of 2025 takes it at the ratio `at` (else the observed one).

    Infinite where a record is too short, or its moments and its autocorrelation together allow for none.

    >>> round(sharpe_standard_error(Record(0.7079, 134, -0.225, 2.957)), 4)
    0.1028
    """
    ratio, n, skew, kurtosis, rho = record
    if form == "2012":
        spread, n = 1.0 - skew * ratio + (kurtosis - 1.0) / 4.0 * ratio**2, n - 1
    else:
        ratio = ratio if at is None else at
        a, c = (1.0 + rho) / (1.0 - rho), (1.0 + rho**2) / (1.0 - rho**2)
        b = 1.0 + rho / (1.0 - rho) + rho**2 / (1.0 - rho**2)
        spread = a - b * skew * ratio + c * (kurtosis - 1.0) / 4.0 * ratio**2
    return sqrt(spread / n) if spread > 0.0 and n > 0 else inf


def probabilistic_sharpe_ratio(
    sharpe: float | Numbers,
    benchmark: float = 0.0,
    n: float | None = None,
    skew: float | None = None,
    kurtosis: float | None = None,
    correlation: float | None = None,
    revision: Revision = "2012",
) -> float | None:
    """Return the chance with which a ratio like this says that the true one is above `benchmark`: Φ((SR − SR*) / σ).

    `sharpe` is a ratio, then with its `n` and, where they are not 0, 3 and 0, its moments and autocorrelation; or a row
    of results, of which all of these are measured. None where results do not vary, or no variance is left. Raises
    UsageError for a ratio without `n`, a row with it, or moments that no results have.

    >>> round(probabilistic_sharpe_ratio(0.458, 0.0, 24, skew=-2.448, kurtosis=10.164), 3)
    0.913
    >>> round(probabilistic_sharpe_ratio(0.036 / 0.079, 0.0, 24, skew=-2.448, kurtosis=10.164, revision="2025"), 3)
    0.987
    """
    record = recorded(sharpe, n, skew, kurtosis, correlation)
    if record is None:
        return None
    errors = [sharpe_standard_error(record, benchmark, form) for form in forms(revision)]
    return float(min(ndtr((record.sharpe - benchmark) / error) for error in errors)) if max(errors) < inf else None


def minimum_track_record_length(
    sharpe: float | Numbers,
    benchmark: float = 0.0,
    skew: float | None = None,
    kurtosis: float | None = None,
    correlation: float | None = None,
    confidence: float = 0.95,
    revision: Revision = "2012",
) -> float | None:
    """Return how many observations a ratio like this needs to be above `benchmark` with `confidence`; not rounded.

    n σ² (Φ⁻¹(confidence) / (SR − SR*))², and one more in the form of 2012. Ratio and moments as in
    `probabilistic_sharpe_ratio`. None where no record would be long enough: the ratio is not above the benchmark.

    >>> round(minimum_track_record_length(2 / 250**0.5, 1 / 250**0.5) / 250, 2)
    2.73
    >>> round(minimum_track_record_length(0.036 / 0.079, 0.0, -2.448, 10.164, revision="2025"), 3)
    13.029
    """
    if not 0.5 <= confidence < 1.0:
        raise UsageError(f"A confidence is from 0.5 to below 1, found {confidence:g}.")
    row = np.ndim(sharpe) > 0
    record = recorded(sharpe, None if row else inf, skew, kurtosis, correlation)
    if record is None or record.sharpe <= benchmark:
        return None
    lengths = [_length(record, benchmark, form, confidence) for form in forms(revision)]
    return max(lengths) if max(lengths) < inf else None


def recorded(
    sharpe: float | Numbers,
    n: float | None,
    skew: float | None = None,
    kurtosis: float | None = None,
    correlation: float | None = None,
) -> Record | None:
    """Return what was given, a ratio with its moments or a row of results, as a record; None where nothing varies."""
    given = [
        name
        for name, value in zip(Record._fields[1:], (n, skew, kurtosis, correlation), strict=True)
        if value is not None
    ]
    if np.ndim(sharpe) > 0:
        if given:
            raise UsageError(f"A row of results has its own {', '.join(given)}: give the row or the numbers, not both.")
        return measured(np.asarray(sharpe))
    if n is None:
        raise UsageError("A Sharpe ratio alone proves nothing: give n, the observations on which it rests.")
    record = Record(
        float(np.asarray(sharpe)), n, skew or 0.0, 3.0 if kurtosis is None else kurtosis, correlation or 0.0
    )
    _check(record)
    return record


def forms(revision: Revision) -> tuple[Form, ...]:
    """Return the forms that a revision asks for; raises UsageError for another word."""
    if revision not in _FORMS:
        raise UsageError(f"A revision is one of {', '.join(_FORMS)}, found {revision!r}.")
    return _FORMS[revision]


def _length(record: Record, benchmark: float, form: Form, confidence: float) -> float:
    spent = 1.0 if form == "2012" else 0.0
    of_one = sharpe_standard_error(record._replace(n=1.0 + spent), benchmark, form)
    return spent + (of_one * float(ndtri(confidence)) / (record.sharpe - benchmark)) ** 2


def _check(record: Record) -> None:
    if not np.isfinite([record.sharpe, record.skew, record.kurtosis, record.correlation]).all():
        raise UsageError(f"A Sharpe ratio and its moments are finite numbers, found {tuple(record)}.")
    if record.kurtosis < (1.0 + record.skew**2) * (1.0 - _SLACK):
        raise UsageError(
            f"No results have kurtosis {record.kurtosis:g} with skewness {record.skew:g}: raw kurtosis (3 for a "
            f"normal) is at least 1 + skewness², {1.0 + record.skew**2:g}."
        )
    if not -1.0 < record.correlation < 1.0:
        raise UsageError(f"An autocorrelation lies between -1 and 1, found {record.correlation:g}.")
    if not record.n >= 2:
        raise UsageError(f"A Sharpe ratio rests on two observations at least, found n = {record.n:g}.")
