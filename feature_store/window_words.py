"""Words of symbols over a moving window: how often each occurs, and how far the newest bars repeat older ones.

Everything is counted in whole numbers. Unlike sums of fractions, they may run along with the window and still remember
nothing of what left it, so a row costs as much as there are kinds of words, or lags, and not a whole window anew.

A letter or a word that is not there (a bar that did not move, a tie) is −1, and does not count. Leading unknown letters
are warm-up: rows whose window touches them mean nothing, and the group's LOOKBACK must cover them.
"""

import numpy as np

from market.compiled import compiled


@compiled
def spell(letters: np.ndarray, alphabet: int, length: int) -> np.ndarray:
    """Return the word that the last `length` letters make: a number of `length` digits, the oldest first.

    Letters are 0 to `alphabet` − 1, or −1: then the words that contain it are −1, like those of the first rows.

    >>> spell(np.array([1, 0, 1, -1]), 2, 2).tolist()
    [-1, 2, 1, -1]
    """
    words = np.full(len(letters), -1)
    for i in range(length - 1, len(letters)):
        word = 0
        for j in range(i - length + 1, i + 1):
            word = -1 if word < 0 or letters[j] < 0 else word * alphabet + letters[j]
        words[i] = word
    return words


@compiled
def ordinal_pattern(values: np.ndarray, length: int) -> np.ndarray:
    """Return which of the `length`! orders the last `length` values stand in, 0 if they rise; −1 if two are equal.

    >>> ordinal_pattern(np.array([1.0, 2.0, 3.0, 1.0, 3.0]), 3).tolist()
    [-1, -1, 0, 3, -1]
    """
    patterns = np.full(len(values), -1)
    for i in range(length - 1, len(values)):
        pattern = 0
        for j in range(i - length + 1, i + 1):
            smaller = 0
            for later in range(j + 1, i + 1):
                smaller += values[later] < values[j]
                pattern = -1 if values[later] == values[j] else pattern
            pattern = -1 if pattern < 0 else pattern * (i + 1 - j) + smaller
        patterns[i] = pattern
    return patterns


@compiled
def window_entropy(words: np.ndarray, kinds: int, window: int) -> np.ndarray:
    """Return the Shannon entropy (bits) of the words of the last `window` rows by their shares; 0 if there is none.

    It is the plug-in estimate, low by about (kinds − 1) ÷ (2 ln 2 × window) where all words are equally likely.
    """
    out = np.full(len(words), np.nan)
    counts = np.zeros(kinds, dtype=np.int64)
    weighed = np.zeros(window + 1)
    for count in range(2, window + 1):
        weighed[count] = count * np.log2(count)
    total = 0
    for i in range(len(words)):
        if words[i] >= 0:
            counts[words[i]] += 1
            total += 1
        if i >= window and words[i - window] >= 0:
            counts[words[i - window]] -= 1
            total -= 1
        if i >= window - 1:
            inside = 0.0
            for kind in range(kinds):
                inside += weighed[counts[kind]]
            out[i] = (weighed[total] - inside) / total if total else 0.0
    return out


@compiled
def longest_match(letters: np.ndarray, window: int, longest: int) -> np.ndarray:
    """Return the length, up to `longest`, of the stretch that ends here and also ended at one of `window` rows before.

    It is 0 where the letter itself did not occur there. The two may overlap.
    """
    out = np.full(len(letters), np.nan)
    runs = np.zeros(window, dtype=np.int64)
    backwards = letters[::-1].copy()
    for i in range(1, len(letters)):
        older = backwards[len(letters) - i :]
        best = 0
        for lag in range(min(window, i)):
            runs[lag] = runs[lag] + 1 if older[lag] == letters[i] else 0
            best = max(best, runs[lag])
        if i >= window + longest - 1:
            out[i] = min(best, longest)
    return out


@compiled
def count_likenesses(values: np.ndarray, window: int, length: int, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return to how many of the stretches that ended at the `window` rows before the one that ends here is alike.

    Two arrays: stretches of `length` values, and of one more. Alike are two whose values, one by one, differ by at most
    `tolerance`.
    """
    alike, still_alike = np.full(len(values), np.nan), np.full(len(values), np.nan)
    runs = np.zeros(window, dtype=np.int64)
    backwards = values[::-1].copy()
    for i in range(1, len(values)):
        older = backwards[len(values) - i :]
        shorter, longer = 0, 0
        for lag in range(min(window, i)):
            runs[lag] = runs[lag] + 1 if abs(older[lag] - values[i]) <= tolerance else 0
            shorter += runs[lag] >= length
            longer += runs[lag] > length
        if i >= window + length:
            alike[i], still_alike[i] = shorter, longer
    return alike, still_alike
