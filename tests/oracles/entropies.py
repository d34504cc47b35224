"""Entropies read plainly: words are tuples that are counted, stretches are slices that are compared."""

from collections import Counter
from itertools import pairwise
from math import log2, sqrt


def shannon(words: list) -> float:
    """Return the entropy (bits) of the words by their shares; 0 without any."""
    shares = [count / len(words) for count in Counter(words).values()]
    return -sum(share * log2(share) for share in shares)


def words(letters: list, length: int) -> list[tuple]:
    """Return the words that successive letters make, but those with a letter that is not there (None)."""
    made = [tuple(letters[i : i + length]) for i in range(len(letters) - length + 1)]
    return [word for word in made if None not in word]


def directions(close: list[float]) -> list[str | None]:
    """Return "up" or "down" for each close but the first, None where it is the one before."""
    return [None if later == before else "up" if later > before else "down" for before, later in pairwise(close)]


def next_letter(letters: list, contexts: int) -> float:
    """Return the entropy of a letter given the `contexts` before it: mean over contexts, by how often each occurs."""
    following: dict[tuple, list] = {}
    known = words(letters, contexts + 1)
    for word in known:
        following.setdefault(word[:-1], []).append(word[-1])
    return sum(len(letters) * shannon(letters) for letters in following.values()) / len(known) if known else 0.0


def sizes(returns: list[float], past: int) -> list[str | None]:
    """Return the letter of each return that has `past` returns to be measured by, itself among them."""
    letters: list[str | None] = []
    for i in range(past - 1, len(returns)):
        measured = returns[i - past + 1 : i + 1]
        mean = sum(measured) / past
        deviation = sqrt(sum((one - mean) ** 2 for one in measured) / (past - 1))
        side = "rise" if returns[i] > 0 else "fall" if returns[i] < 0 else None
        letters.append(side and ("large " if abs(returns[i]) > 0.6745 * deviation else "") + side)
    return letters


def orders(values: list[float], length: int) -> list[tuple]:
    """Return the ranks in which each `length` successive values stand, those with a tie left out."""
    made = [values[i : i + length] for i in range(len(values) - length + 1)]
    return [tuple(sorted(part).index(value) for value in part) for part in made if len(set(part)) == length]


def carried(letters: list, longest: int) -> list:
    """Return the letters with those that are not there (None) set to the newest of the `longest` before them."""
    filled = []
    for i in range(len(letters)):
        known = [letter for letter in letters[max(i - longest, 0) : i + 1] if letter is not None]
        filled.append(known[-1] if known else None)
    return filled


def match(letters: list, past: int, longest: int) -> int:
    """Return the length of the longest stretch that ends the letters and also ended at one of `past` places before."""
    end = len(letters)
    for length in range(longest, 0, -1):
        newest = letters[end - length :]
        if any(letters[end - length - lag : end - lag] == newest for lag in range(1, past + 1)):
            return length
    return 0


def lempel_ziv(letters: list, rows: int, past: int, longest: int) -> float:
    """Return the entropy rate (bits) of the last `rows` letters by their longest matches; a longest one surprises 0."""
    total = 0.0
    for back in range(rows):
        found = match(letters[: len(letters) - back], past, longest)
        total += 0.0 if found == longest else log2(past) / (found + 1)
    return total / rows


def alike_pairs(values: list[float], rows: int, past: int, length: int, tolerance: float) -> int:
    """Return how many pairs of stretches are alike: each of the last `rows` against the `past` before it."""
    found = 0
    for back in range(rows):
        end = len(values) - back
        newest = values[end - length : end]
        for lag in range(1, past + 1):
            older = values[end - length - lag : end - lag]
            found += all(abs(a - b) <= tolerance for a, b in zip(newest, older, strict=True))
    return found
