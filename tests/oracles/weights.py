"""A second opinion on overlap and weights: plain Python over every bar of every label, as the book's snippets do it.

Labels are pairs of first and last bar, both included.
"""

from fractions import Fraction
from math import fsum

Span = tuple[int, int]


def alive(labels: list[Span], bar: int) -> int:
    """Return how many labels live on a bar."""
    return sum(first <= bar <= last for first, last in labels)


def average_uniqueness(labels: list[Span]) -> list[float]:
    """Return for each label the mean of 1 ÷ labels alive over its bars.

    >>> average_uniqueness([(0, 1), (1, 2)])
    [0.75, 0.75]
    """
    return [
        fsum(1.0 / alive(labels, bar) for bar in range(first, last + 1)) / (last - first + 1) for first, last in labels
    ]


def return_attribution(labels: list[Span], returns: list[float]) -> list[float]:
    """Return |Σ return ÷ labels alive| of each label, scaled such that all sum to their number."""
    own = [abs(fsum(returns[bar] / alive(labels, bar) for bar in range(a, b + 1))) for a, b in labels]
    return [len(labels) * one / fsum(own) for one in own]


def time_decay(uniqueness: list[float], oldest: float) -> list[float]:
    """Return the factors of snippet 4.11: a line through (0, oldest), or through 0 at a share of the way, up to 1."""
    total = fsum(uniqueness)
    slope = (1.0 - oldest) / total if oldest >= 0.0 else 1.0 / ((oldest + 1.0) * total)
    constant = 1.0 - slope * total
    sums = [fsum(uniqueness[: i + 1]) for i in range(len(uniqueness))]
    return [max(constant + slope * one, 0.0) for one in sums]


def probabilities(labels: list[Span], drawn: list[int]) -> list[Fraction]:
    """Return the exact probability of each label to be drawn next, after `drawn`.

    >>> [str(one) for one in probabilities([(0, 2), (2, 3), (4, 5)], [1])]
    ['5/14', '3/14', '3/7']
    """
    unique = []
    for first, last in labels:
        shares = [Fraction(1, 1 + alive([labels[i] for i in drawn], bar)) for bar in range(first, last + 1)]
        unique.append(sum(shares, Fraction(0)) / len(shares))
    return [one / sum(unique) for one in unique]
