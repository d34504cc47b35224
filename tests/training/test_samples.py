"""Classes weigh the same in a sample, and rows of a class keep the uniqueness that sets them apart."""

import numpy as np
import pandas as pd
import pytest

from tests.markets import stamps
from training.dataset import Dataset
from training.samples import sample_of


def rows(y: np.ndarray, w: np.ndarray) -> Dataset:
    index = stamps(len(y))
    X = pd.DataFrame({"made__x": np.arange(len(y), dtype=np.float32)}, index=index)
    return Dataset(X, y.astype(np.int8), w, pd.Series(index, index=index), np.zeros((len(y), 2)))


@pytest.mark.parametrize("labels", [(-1, 0, 1), (-1, 1), (1,)])
def test_classes_weigh_the_same_and_the_mean_is_one(labels):
    random = np.random.default_rng(0)
    y = random.choice(labels, 4000, p=np.array([0.7, 0.2, 0.1])[: len(labels)] / sum([0.7, 0.2, 0.1][: len(labels)]))
    w = random.uniform(0.05, 1.0, 4000)
    sample = sample_of(rows(y, w))
    weights = [sample.w[y == label].sum() for label in labels]
    np.testing.assert_allclose(weights, 4000 / len(labels), rtol=1e-12)
    for label in labels:
        np.testing.assert_allclose(np.ptp((sample.w / w)[y == label]), 0.0, atol=1e-12)


def test_a_class_without_weight_stays_without_it_and_the_rows_given_are_not_touched():
    y, w = np.array([-1, -1, 0, 1]), np.array([0.5, 1.0, 0.0, 0.25])
    data = rows(y, w)
    assert sample_of(data).w.tolist() == pytest.approx([2 / 3, 4 / 3, 0.0, 2.0])
    assert data.w.tolist() == [0.5, 1.0, 0.0, 0.25]
