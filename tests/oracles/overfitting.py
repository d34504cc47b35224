"""Combinatorially symmetric cross-validation by the book: every split by itself, ranks by counting."""

import math
from collections.abc import Callable, Sequence
from itertools import combinations


def logits(
    matrix: Sequence[Sequence[float]], n_blocks: int, metric: Callable[[list[float]], float]
) -> list[tuple[float, int, float, float]]:
    """The logit, the chosen column and its performance inside and outside, a split each, in lexicographic order."""
    length, columns = len(matrix) // n_blocks, len(matrix[0])
    found = []
    for chosen in combinations(range(n_blocks), n_blocks // 2):
        halves: tuple[list[int], list[int]] = ([], [])
        for block in range(n_blocks):
            halves[block not in chosen].extend(range(block * length, (block + 1) * length))
        inside, outside = ([metric([matrix[t][n] for t in half]) for n in range(columns)] for half in halves)
        best = inside.index(max(inside))
        below = sum(value < outside[best] for value in outside)
        equal = sum(value == outside[best] for value in outside)
        share = (below + (equal + 1) / 2) / (columns + 1)
        found.append((math.log(share / (1 - share)), best, inside[best], outside[best]))
    return found
