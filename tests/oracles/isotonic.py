"""A second opinion on isotonic regression: the largest of least means, in fractions, and no pooling anywhere."""

from fractions import Fraction

Row = tuple[float, int, int]
"""Score, whether it came true (0 or 1), and how many such rows there are."""


def rising(rows: list[Row]) -> list[tuple[float, Fraction]]:
    """Return each score with the value of the best rising function there: max over starts of min over ends of means.

    A row that came true stands at the lowest score and one that did not at the highest, beside those given.

    >>> [(at, str(value)) for at, value in rising([(0.1, 1, 1), (0.2, 0, 2), (0.3, 1, 3)])]
    [(0.1, '1/2'), (0.2, '1/2'), (0.3, '3/4')]
    """
    scores = sorted({score for score, _, _ in rows})
    every = [*rows, (scores[0], 1, 1), (scores[-1], 0, 1)]
    hits = [sum(count for score, hit, count in every if score == at and hit) for at in scores]
    counts = [sum(count for score, _, count in every if score == at) for at in scores]

    def mean(first: int, last: int) -> Fraction:
        return Fraction(sum(hits[first : last + 1]), sum(counts[first : last + 1]))

    size = range(len(scores))
    return [(scores[i], max(min(mean(a, b) for b in size if b >= i) for a in size if a <= i)) for i in size]
