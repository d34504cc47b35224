"""Fractional differences read plainly: weights by the binomial series in exact fractions, sums over slices."""

from fractions import Fraction
from math import factorial, prod


def coefficient(order: Fraction, lag: int) -> Fraction:
    """Return the coefficient of the `lag`-th power in (1 − L)^order: (−1)^lag times order over lag."""
    return (-1) ** lag * prod((order - i for i in range(lag)), start=Fraction(1)) / factorial(lag)


def weights(order: Fraction, threshold: Fraction) -> list[float]:
    """Return the weights down to the last that is not under `threshold` in size, the newest value's first."""
    kept: list[float] = []
    while abs(following := coefficient(order, len(kept))) >= threshold:
        kept.append(float(following))
    return kept


def difference(values: list[float], weighed: list[float]) -> float:
    """Return the fractional difference at the last of the values."""
    return sum(weight * value for weight, value in zip(weighed, values[::-1], strict=False))
