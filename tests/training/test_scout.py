"""A scout finds what matters where it has not learnt, tells it exactly, and costs little."""

import numpy as np
import pytest

from tests.oracles import choice as oracle
from training import scout as scouts
from training.members import Sample

CLUSTERS = np.array([0, 0, 1, 2, 3])


def sample(rows: int, seed: int, gaps: bool = False) -> Sample:
    """Return a cause and its twin, a weaker cause, noise, and a column that never changes."""
    rng = np.random.default_rng(seed)
    cause, weak, noise = rng.normal(size=(3, rows))
    pull = cause + 0.4 * weak + rng.normal(scale=1.5, size=rows)
    X = np.column_stack([cause, cause + 0.05 * rng.normal(size=rows), weak, noise, np.ones(rows)]).astype(np.float32)
    if gaps:
        X[rng.random(X.shape) < 0.2] = np.nan
    y = np.where(pull > 0.6, 1, np.where(pull < -0.6, -1, 0)).astype(np.int8)
    return Sample(X, y, rng.uniform(0.2, 1.0, rows))


def test_what_matters_is_found_and_a_twin_cannot_hide_it():
    learn, watch = sample(3000, 0), sample(3000, 1)
    together = scouts.scout(learn, watch, CLUSTERS, 7)
    assert together.permutation[0] == together.permutation[1] > together.permutation[2] > 0.0
    assert abs(together.permutation[3]) < 0.003
    assert together.permutation[4] == 0.0 == together.gain[4]
    assert together.gain.sum() == pytest.approx(1.0)
    alone = scouts.scout(learn, watch, np.arange(5), 7)
    assert max(alone.permutation[:2]) < 0.8 * together.permutation[0]  # the twin stands in


@pytest.mark.parametrize(("learnt_gaps", "watched_gaps"), [(False, False), (True, True), (False, True)])
def test_growth_is_that_of_predicting_permuted_rows_anew(learnt_gaps, watched_gaps):
    learn, watch = sample(800, 2, learnt_gaps), sample(150, 3, watched_gaps)
    model = scouts._fitted(learn, 7)
    found = scouts.permuted(model, watch, CLUSTERS, 11)
    random = np.random.default_rng(11)
    orders = [random.permutation(150) for _ in range(scouts._PERMUTATIONS)]
    for cluster, columns in ((0, [0, 1]), (1, [2]), (2, [3])):
        wanted = oracle.growth(model.predict, watch.X, watch.y.tolist(), watch.w.tolist(), columns, orders)
        assert found[columns] == pytest.approx([wanted] * len(columns), abs=1e-9), cluster


def test_noise_that_was_learnt_by_heart_is_worth_nothing_where_it_is_watched():
    """Gain is shared out among noise all the same: without the watched rows it looks as good as anything."""
    rng = np.random.default_rng(5)
    noise = [
        Sample(rng.normal(size=(1500, 20)).astype(np.float32), rng.integers(-1, 2, 1500), np.ones(1500)) for _ in "ab"
    ]
    found = scouts.scout(noise[0], noise[1], np.arange(20), 7)
    assert found.gain.min() > 0.01
    assert found.permutation.mean() < 0.0005
    by_heart = scouts.scout(noise[0], noise[0], np.arange(20), 7)
    assert by_heart.permutation.min() > 0.002


def test_the_same_arguments_give_the_same_bits():
    first, second = (scouts.scout(sample(1000, 0), sample(500, 1), CLUSTERS, 7) for _ in range(2))
    np.testing.assert_array_equal(first.gain, second.gain)
    np.testing.assert_array_equal(first.permutation, second.permutation)
