"""Whether the judged window is unlike the windows before it, and by more than these are unlike each other.

Population stability index: Σ (a − e) ln(a ÷ e) over bins, of the shares a of one window and e of all others. It is 0
for alike shares; 0.1 and 0.25, the usual "moderate" and "large", are folklore: neighbouring rows hang together, so a
window is compared with how far windows of the same length have strayed. What is exchangeable is the furthest of W
windows once in W times. Source: Lin (2017), Examining the distributional characteristics of PSI, in credit scoring.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp

BINS = 10
FEWEST = 4  # windows to compare with


class Shift(NamedTuple):
    """The index of the judged window against all before, and the least and largest of those before, each against all.

    An index is a weighted mean over columns; `worst` are the columns that hold most of it, with their own.
    """

    judged: float
    least: float
    largest: float
    windows: int
    worst: dict[str, float]

    @property
    def furthest(self) -> bool:
        """Return whether the judged window lies further from the others than any of them does."""
        return self.judged > self.largest


def windows_before(ts: pd.DatetimeIndex, begin: pd.Timestamp, end: pd.Timestamp) -> np.ndarray:
    """Return for each stamp its window: 0 is `(begin, end]`, 1 the one of its length before it, and so on.

    −1 is what lies after `end`, and a rest at the beginning that is shorter than a window.
    """
    place = np.floor((end - ts) / (end - begin)).to_numpy().astype(np.int64)
    whole = np.floor((end - ts[0]) / (end - begin)) if len(ts) else 0
    return np.where((place >= 0) & (place < whole), place, -1)


def shift(columns: pd.DataFrame, window: np.ndarray, weights: pd.Series | None = None) -> Shift | None:
    """Return how far window 0 of `columns` (rows × numbers) lies from all others; None with fewer than four others.

    `window` numbers each row, −1 is left out. Bins hold equal counts of what came before window 0; a row that is NaN
    is left out of its column. `weights` are by column, by default all alike.
    """
    kept = window >= 0
    columns, number = columns[kept], pd.factorize(window[kept], sort=True)[0]
    count = int(number.max(initial=0)) + 1
    if count <= FEWEST or not (window == 0).any():
        return None
    each = np.array([_indices(columns[name].to_numpy(float), number, count) for name in columns])
    weight = np.ones(len(each)) if weights is None else weights.reindex(columns.columns).fillna(0.0).to_numpy(float)
    mean = np.average(each, axis=0, weights=weight)
    order = np.argsort(-each[:, 0] * weight, kind="stable")[:3]
    worst = {str(columns.columns[at]): float(each[at, 0]) for at in order}
    return Shift(float(mean[0]), float(mean[1:].min()), float(mean[1:].max()), count - 1, worst)


def stability_index(one: np.ndarray, other: np.ndarray) -> float:
    """Return the population stability index of two rows of counts, each of one at least.

    To each is added one that is distributed as both together, so that a bin that is empty in one has a logarithm.

    >>> round(stability_index(np.array([5000, 5000]), np.array([7500, 2500])), 3)
    0.275
    """
    both = (one + other)[one + other > 0]
    a, e = ((row[one + other > 0] + both / both.sum()) / (row.sum() + 1.0) for row in (one, other))
    return float(np.sum((a - e) * np.log(a / e)))


def distance(values: np.ndarray, window: np.ndarray) -> float:
    """Return the largest distance between the distributions in window 0 and in those before (Kolmogorov–Smirnov)."""
    known = np.isfinite(values)
    now, before = values[known & (window == 0)], values[known & (window > 0)]
    return float(ks_2samp(now, before, method="asymp").statistic)


def _indices(values: np.ndarray, number: np.ndarray, windows: int) -> np.ndarray:
    """Return the index of each window against all others together, in bins of what came before window 0."""
    known = np.isfinite(values)
    before = values[known & (number > 0)]
    edges = np.unique(np.quantile(before, np.linspace(0.0, 1.0, BINS + 1)[1:-1])) if len(before) else np.empty(0)
    place = number[known] * (BINS + 1) + np.searchsorted(edges, values[known], side="right")
    counts = np.bincount(place, minlength=windows * (BINS + 1)).reshape(windows, -1)[:, : len(edges) + 1]
    whole = counts.sum(axis=0)
    return np.array([stability_index(row, whole - row) for row in counts])
