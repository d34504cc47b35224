"""Features that say the same, found from their ranks alone: what is chosen, permuted and shown goes by cluster."""

import numpy as np
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

SAME = 0.7  # |ρ| that two clusters have on average where they become one

_ROWS = 10_000
_DECIMALS = 6  # sums in another order differ far below it


def cluster(X: np.ndarray) -> np.ndarray:
    """Return the cluster of each column of `X` (rows × features, NaN allowed): int64, numbered as they first occur.

    Columns are joined from the closest on, by 1 − |ρ| between their ranks (see `correlation`) on average over all pairs
    of two clusters, until none are within 0.3 (|ρ| ≥ 0.7). A column that never changes is a cluster of its own. Columns
    in another order get the same clusters under other numbers. Sources: Mantegna (1999), Hierarchical structure in
    financial markets, Eur. Phys. J. B 11; López de Prado (2020), Machine Learning for Asset Managers, ch. 4 and §6.5.
    """
    return grouped(correlation(X))


def grouped(correlated: np.ndarray) -> np.ndarray:
    """Return what `cluster` does from a matrix of `correlation`."""
    if len(correlated) < 2:
        return np.zeros(len(correlated), dtype=np.int64)
    order = np.lexsort(np.sort(np.abs(correlated), axis=1).T)  # by content, so that ties fall alike in any order
    distance = 1.0 - np.abs(correlated[np.ix_(order, order)])
    np.fill_diagonal(distance, 0.0)
    tree = hierarchy.linkage(squareform(distance), method="average")
    labels = np.empty(len(order), dtype=np.int64)
    labels[order] = hierarchy.fcluster(tree, 1.0 - SAME, criterion="distance")
    return _by_first_occurrence(labels)


def correlation(X: np.ndarray) -> np.ndarray:
    """Return the rank correlations of the columns of `X` (rows × features, NaN allowed), rounded to six decimals.

    It is Spearman's on about 10,000 evenly spaced rows, ties at their mean rank, and a NaN at the mean of its column:
    it says nothing. A column that never changes has 0 with all others.
    """
    if X.shape[1] == 0:
        return np.empty((0, 0))
    thinned = np.ascontiguousarray(X[:: max(len(X) // _ROWS, 1)].T)
    ranks = np.stack([_centred_ranks(column) for column in thinned])
    length = np.sqrt(np.einsum("ij,ij->i", ranks, ranks, dtype=np.float64))
    ranks /= np.where(length > 0.0, length, 1.0)[:, None]
    correlated = np.clip(np.round(ranks @ ranks.T, _DECIMALS), -1.0, 1.0)
    np.fill_diagonal(correlated, 1.0)
    return correlated


def _centred_ranks(column: np.ndarray) -> np.ndarray:
    """Return the ranks of `column` minus their mean, ties at their mean rank; 0 for NaN."""
    order = np.argsort(column)  # NaN stand last
    known = int(np.isfinite(column).sum())
    values = column[order[:known]]
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]]) if known else np.empty(0, dtype=np.int64)
    lengths = np.diff(starts, append=known)
    ranks = np.zeros(len(column))
    ranks[order[:known]] = np.repeat(starts + 0.5 * (lengths - known), lengths)
    return ranks


def _by_first_occurrence(labels: np.ndarray) -> np.ndarray:
    _, first, numbers = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[numbers]
