"""Labelled rows become what a member learns from."""

import numpy as np

from training import selection
from training.dataset import Dataset
from training.members import Sample


def sample_of(data: Dataset, features: list[str] | None = None) -> Sample:
    """Return labelled rows as a sample: weights are uniqueness, evened out over the classes that have any, mean 1."""
    X = selection.columns(data.X, list(data.X) if features is None else features)
    weight = np.bincount(data.y.astype(np.int64) + 1, weights=data.w, minlength=3)
    even = len(data.w) / np.count_nonzero(weight)
    factor = np.divide(even, weight, out=np.zeros(3), where=weight > 0.0)
    return Sample(X, data.y, data.w * factor[data.y.astype(np.int64) + 1])
