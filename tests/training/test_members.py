"""Every member learns, keeps its native file, predicts the same alone and in a batch, and is the same bytes twice."""

import numpy as np
import pytest

from training.members import MEMBERS, Sample


def learnable(seed: int = 0, count: int = 1500) -> Sample:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(count, 6)).astype(np.float32)
    pull = X[:, 0] + 0.5 * X[:, 1] + rng.normal(scale=0.7, size=count)
    y = np.where(pull > 0.5, 1, np.where(pull < -0.5, -1, 0)).astype(np.int8)
    return Sample(X, y, rng.uniform(0.5, 1.5, count))


@pytest.fixture(params=list(MEMBERS))
def member(request):
    return MEMBERS[request.param]


@pytest.fixture
def fitted(member):
    return member.fit(learnable(), held_out=None, rounds=20, seed=7)


def test_probabilities_sum_to_one_and_know_more_than_the_base_rate(fitted):
    unseen = learnable(1)
    p = fitted.predict(unseen.X)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-6)
    right = p[np.arange(len(p)), unseen.y.astype(int) + 1]
    assert np.log(right).mean() > np.log(1 / 3) + 0.1


def test_the_native_file_gives_the_same_predictions(member, fitted):
    again = member.load(fitted.to_bytes())
    X = learnable(2).X
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert again.to_bytes() == fitted.to_bytes()


def test_the_same_inputs_give_the_same_bytes(member, fitted):
    assert member.fit(learnable(), held_out=None, rounds=20, seed=7).to_bytes() == fitted.to_bytes()


def test_a_row_alone_predicts_as_in_a_batch_to_six_decimals(fitted):
    X = learnable(3).X[:40]
    alone = np.vstack([fitted.predict(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_array_equal(np.round(alone, 6), np.round(fitted.predict(X), 6))


def test_missing_values_are_learnt_around(member):
    sample = learnable()
    X = sample.X.copy()
    X[::3, 2] = np.nan
    p = member.fit(sample._replace(X=X), held_out=None, rounds=5, seed=1).predict(X)
    assert np.isfinite(p).all()


def test_what_was_seen_matters_most(fitted):
    importance = fitted.importance()
    assert importance.sum() == pytest.approx(1.0)
    assert np.argmax(importance) == 0


def test_early_stopping_takes_fewer_rounds_on_noise():
    rng = np.random.default_rng(0)
    noise = Sample(
        rng.normal(size=(2000, 5)).astype(np.float32), rng.integers(-1, 2, 2000).astype(np.int8), np.ones(2000)
    )
    watched = noise._replace(X=rng.normal(size=(2000, 5)).astype(np.float32))
    for name in ("xgboost", "lightgbm"):
        assert MEMBERS[name].fit(noise, held_out=watched, rounds=None, seed=1).rounds < 30


def test_a_member_learns_from_two_classes(member):
    sample = learnable()
    two = sample.y != 0
    fitted = member.fit(Sample(sample.X[two], sample.y[two], sample.w[two]), held_out=None, rounds=20, seed=1)
    p = fitted.predict(sample.X[two])
    assert p[:, 1].max() < 0.2
    assert ((p[:, 2] > p[:, 0]) == (sample.y[two] > 0)).mean() > 0.7
