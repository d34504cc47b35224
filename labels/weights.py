"""How much of a label is its own: concurrency and average uniqueness of overlapping outcomes."""

import numpy as np


def average_uniqueness(t0: np.ndarray, t1: np.ndarray) -> np.ndarray:
    """Return the average uniqueness of each label: the mean over its bars of 1 ÷ labels alive on that bar.

    `t0`, `t1` are integer bar positions of the first and the last bar of each label, `t1` inclusive; any order.
    Returns float64 in (0, 1]. Source: López de Prado (2018), Advances in Financial Machine Learning, §4.4.

    >>> average_uniqueness(np.array([0, 1]), np.array([1, 2])).tolist()
    [0.75, 0.75]
    """
    t0, t1 = np.asarray(t0, dtype=np.int64), np.asarray(t1, dtype=np.int64)
    if len(t0) == 0:
        return np.empty(0)
    if (t1 < t0).any():
        raise ValueError(f"label {int(np.argmax(t1 < t0))} ends before it starts")
    first = t0.min()
    births = np.bincount(t0 - first, minlength=t1.max() - first + 2)
    deaths = np.bincount(t1 - first + 1, minlength=len(births))
    alive = np.cumsum(births - deaths)
    shares = np.r_[0.0, np.cumsum(np.divide(1.0, alive, out=np.zeros(len(alive)), where=alive > 0))]
    return (shares[t1 - first + 1] - shares[t0 - first]) / (t1 - t0 + 1)
