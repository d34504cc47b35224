"""Every member learns, hears weights and parameters, keeps its native file, and is the same bytes on any way."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from market.errors import UsageError
from training import lightgbm_trees
from training.members import MEMBERS, Sample

MANY = 50_000
QUICK = {"random_forest": {"max_depth": 3, "subsample": 0.1}, "lightgbm": {"num_leaves": 5}}


def learnable(seed: int = 0, count: int = 1500) -> Sample:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(count, 6)).astype(np.float32)
    pull = X[:, 0] + 0.5 * X[:, 1] + rng.normal(scale=0.7, size=count)
    y = np.where(pull > 0.5, 1, np.where(pull < -0.5, -1, 0)).astype(np.int8)
    return Sample(X, y, rng.uniform(0.5, 1.5, count))


def in_steps(seed: int = 0, count: int = 1500) -> Sample:
    """Return rows of few distinct values, which every histogram keeps apart, and of whole weights."""
    sample = learnable(seed, count)
    w = np.random.default_rng(seed).integers(1, 4, count).astype(np.float64)
    return Sample(np.round(sample.X * 4.0).astype(np.float32), sample.y, w)


def noise(seed: int, count: int = 2000) -> Sample:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(count, 5)).astype(np.float32)
    return Sample(X, rng.integers(-1, 2, count).astype(np.int8), np.ones(count))


def sha256(name: str, sample: Sample, threads: int = 1) -> str:
    fitted = MEMBERS[name].fit(sample, held_out=None, rounds=3, seed=7, threads=threads, parameters=QUICK.get(name))
    return hashlib.sha256(fitted.to_bytes()).hexdigest()


@pytest.fixture(params=list(MEMBERS))
def name(request) -> str:
    return request.param


@pytest.fixture
def member(name):
    return MEMBERS[name]


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
    assert again.rounds == fitted.rounds


def test_rounds_are_those_that_were_asked_for(name, fitted):
    assert fitted.rounds == {"logistic": 0, "random_forest": 1}.get(name, 20)


def test_one_thread_two_threads_and_any_layout_give_the_same_bytes(name):
    sample = learnable(count=MANY)
    once = sha256(name, sample)
    assert sha256(name, sample, threads=2) == once
    assert sha256(name, sample._replace(X=np.asfortranarray(sample.X))) == once


def test_a_text_that_tells_how_many_threads_made_it_would_be_caught(monkeypatch):
    monkeypatch.setattr(lightgbm_trees, "_THREADS", re.compile("nothing of the text"))
    assert sha256("lightgbm", learnable(), threads=2) != sha256("lightgbm", learnable())


def test_another_process_with_another_number_of_threads_gives_the_same_bytes():
    said = {name: sha256(name, learnable()) for name in MEMBERS}
    code = "from tests.training.test_members import *; print({name: sha256(name, learnable()) for name in MEMBERS})"
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "2")
    root, environment = Path(__file__).parents[2], os.environ | threads | {"PYTHONHASHSEED": "1"}
    other = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True)
    assert other.stdout.strip() == str(said), other.stderr


def test_a_seed_matters_where_something_is_drawn(name, member, fitted):
    other = member.fit(learnable(), held_out=None, rounds=20, seed=8).to_bytes()
    assert (other == fitted.to_bytes()) == (name == "logistic")


def test_a_row_alone_has_the_bits_that_it_has_in_a_batch(fitted):
    X = learnable(3).X[:200]
    alone = np.vstack([fitted.predict(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_array_equal(alone, fitted.predict(X))
    np.testing.assert_array_equal(fitted.predict(np.asfortranarray(X)), fitted.predict(X))


def test_missing_values_are_learnt_around(member):
    sample = learnable()
    X = sample.X.copy()
    X[::3, 2] = np.nan
    X[:, 5] = np.nan
    p = member.fit(sample._replace(X=X), held_out=None, rounds=5, seed=1).predict(X)
    assert np.isfinite(p).all()


def test_what_was_seen_matters_most(fitted):
    importance = fitted.importance()
    assert importance.sum() == pytest.approx(1.0)
    assert (importance >= 0).all()
    assert np.argmax(importance) == 0


def test_a_constant_feature_matters_not(member):
    sample = learnable()
    X = np.column_stack([sample.X, np.full(len(sample.X), 0.1, dtype=np.float32)])
    assert member.fit(sample._replace(X=X), held_out=None, rounds=20, seed=7).importance()[-1] == 0.0


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_boosting_stops_where_held_out_rows_get_no_better(name):
    member = MEMBERS[name]
    assert member.fit(noise(0), held_out=noise(1), rounds=None, seed=1).rounds < 30
    fast, slow = (
        member.fit(learnable(), held_out=learnable(1), rounds=None, seed=1, parameters={"learning_rate": rate})
        for rate in (0.2, 0.05)
    )
    assert 2 * fast.rounds < slow.rounds < 400
    right = learnable(1)
    turned = member.fit(learnable(), held_out=right._replace(y=-right.y), rounds=None, seed=1)
    assert turned.rounds < 5
    again = member.fit(learnable(), held_out=None, rounds=slow.rounds, seed=1, parameters={"learning_rate": 0.05})
    np.testing.assert_array_equal(again.predict(right.X), slow.predict(right.X))


def test_a_member_learns_from_two_classes(member):
    sample = learnable()
    two = sample.y != 0
    fitted = member.fit(Sample(sample.X[two], sample.y[two], sample.w[two]), held_out=None, rounds=20, seed=1)
    p = fitted.predict(sample.X[two])
    assert p[:, 1].max() < 0.2
    assert ((p[:, 2] > p[:, 0]) == (sample.y[two] > 0)).mean() > 0.7


ALL_ROWS = {
    "xgboost": {"subsample": 1.0, "colsample_bytree": 1.0},
    "lightgbm": {"bagging_fraction": 1.0, "feature_fraction": 1.0, "min_data_in_leaf": 20},
    "logistic": {"strength": 0.01},
    "random_forest": {"subsample": 1.0, "colsample_bynode": 1.0},
}


@pytest.mark.parametrize("name", ["xgboost", "logistic", "random_forest"])
def test_a_weight_is_a_repetition(name):
    """LightGBM counts rows in its leaves, whatever they weigh: it promises this not."""
    sample = in_steps()
    each = np.repeat(np.arange(len(sample.y)), sample.w.astype(int))
    repeated = Sample(sample.X[each], sample.y[each], np.ones(len(each)))
    once, again = (
        MEMBERS[name].fit(one, held_out=None, rounds=10, seed=1, parameters=ALL_ROWS[name])
        for one in (sample, repeated)
    )
    np.testing.assert_allclose(once.predict(sample.X), again.predict(sample.X), rtol=0.0, atol=1e-5)


def test_weights_are_heard(name, member):
    sample = in_steps()
    up = sample._replace(w=np.where(sample.y > 0, 4.0, 1.0))
    even, leaning = (member.fit(one, held_out=None, rounds=20, seed=1).predict(sample.X) for one in (sample, up))
    assert leaning[:, 2].mean() > even[:, 2].mean() + 0.1


def test_parameters_are_heard_and_the_members_own_lie_in_their_ranges(member):
    for parameter, bounds in member.ranges.items():
        assert bounds.holds(member.parameters[parameter])
        ends = [
            member.fit(learnable(), held_out=None, rounds=20, seed=7, parameters={parameter: end}).predict(
                learnable().X
            )
            for end in bounds[:2]
        ]
        assert (ends[0] != ends[1]).any(), parameter


def test_both_ends_of_every_range_can_be_fitted(member):
    for end in ("low", "high"):
        given = {parameter: getattr(bounds, end) for parameter, bounds in member.ranges.items()}
        p = member.fit(learnable(), held_out=None, rounds=3, seed=7, parameters=given).predict(learnable(1).X)
        np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-6)


def test_whatever_is_wrong_with_parameters_is_named_at_once():
    wrong = {"learnin_rate": 0.1, "num_leaves": 5000, "min_data_in_leaf": 20.5, "lambda_l2": float("nan"), "zzz": 1}
    with pytest.raises(UsageError) as said:
        MEMBERS["lightgbm"].fit(learnable(), held_out=None, rounds=1, seed=0, parameters=wrong)
    assert str(said.value) == (
        "Parameters of lightgbm: unknown 'learnin_rate'. Did you mean learning_rate?; num_leaves = 5000: wanted a "
        "whole number from 4 to 127; min_data_in_leaf = 20.5: wanted a whole number from 20 to 2000; lambda_l2 = nan: "
        "wanted a number from 0.1 to 100; unknown 'zzz'. There are learning_rate, num_leaves, min_data_in_leaf, "
        "lambda_l2, bagging_fraction, feature_fraction."
    )


def test_every_member_refuses_what_it_has_no_parameter_for(name, member):
    with pytest.raises(UsageError, match=f"Parameters of {name}: unknown 'nthread'"):
        member.fit(learnable(), held_out=None, rounds=1, seed=0, parameters={"nthread": 8})
