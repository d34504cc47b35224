"""How far the folds agree on their features: chosen alike on other years, or drawn by chance."""

from collections import Counter
from collections.abc import Sequence


def stability(chosen: Sequence[Sequence[str]], features: int) -> float | None:
    """Return the stability Φ̂ of the choices of M ≥ 2 folds from `features` features, None where it has no meaning.

    1 where all folds choose the same, 0 on average where they draw as many by chance, below 0 where they avoid each
    other: 1 − the mean variance of being chosen ÷ that of drawing the mean number by chance. None for fewer than two
    folds and where all features or none are chosen. Above 0.75 agreement is excellent, below 0.4 poor. Source:
    Nogueira, Sechidis and Brown (2018), On the stability of feature selection algorithms, JMLR 18(174), eq. 4.

    >>> stability([["a", "b"], ["b", "a"]], 5), stability([["a", "b"], ["b", "c"]], 4)
    (1.0, 0.0)
    """
    folds = len(chosen)
    share = sum(len(set(one)) for one in chosen) / (folds * features) if folds and features else 0.0
    if folds < 2 or not 0.0 < share < 1.0:
        return None
    frequencies = (count / folds for count in folds_choosing(chosen).values())
    variance = folds / (folds - 1) * sum(p * (1.0 - p) for p in frequencies) / features
    return 1.0 - variance / (share * (1.0 - share))


def folds_choosing(chosen: Sequence[Sequence[str]]) -> dict[str, int]:
    """Return how many folds chose each feature, those chosen most first, then by name.

    >>> folds_choosing([["b", "a"], ["b"]])
    {'b': 2, 'a': 1}
    """
    counts = Counter(name for one in chosen for name in set(one))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
