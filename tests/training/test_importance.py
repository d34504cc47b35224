"""What moves a model's scores adds up to them, and what moves none of them differently counts nothing."""

import itertools
import math

import numpy as np
import pytest

from tests.training.test_members import learnable
from training.importance import shap
from training.logistic import FittedLogistic
from training.members import MEMBERS


@pytest.fixture(scope="module", params=list(MEMBERS))
def fitted(request):
    return MEMBERS[request.param].fit(learnable(), held_out=None, rounds=20, seed=7)


def test_contributions_and_base_sum_to_the_scores_behind_the_probabilities(fitted):
    X = learnable(1).X[:200]
    told = fitted.contributions(X)
    assert told.shape == (200, 3, 7)
    scores = told.sum(axis=2)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(p, fitted.predict(X), atol=1e-6)


def test_the_sum_would_miss_a_feature_that_is_left_out(fitted):
    X = learnable(1).X[:200]
    scores = np.delete(fitted.contributions(X), 0, axis=2).sum(axis=2)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert np.abs(p - fitted.predict(X)).max() > 0.05


def test_causes_come_in_their_order_and_noise_has_little(fitted):
    found = shap({"one": fitted}, {"one": 1.0}, learnable(1).X)
    assert found.sum() == pytest.approx(1.0)
    assert found[0] > found[1] > 3 * found[2:].max()


def test_trees_give_the_shapley_values_of_their_definition():
    """In a game of two features, what a set of them is worth is the mean of the tree over the one not in it."""
    sample = learnable(count=400)
    two = sample._replace(X=np.ascontiguousarray(sample.X[:, :2]))
    fitted = MEMBERS["lightgbm"].fit(two, held_out=None, rounds=1, seed=7, parameters={"num_leaves": 4})
    X = two.X[:3]
    assert fitted.contributions(X) == pytest.approx(_shapley(fitted, X), abs=1e-6)


def _shapley(fitted, X):
    trees = [told["tree_structure"] for told in fitted._booster.dump_model()["tree_info"]]
    told = np.zeros((len(X), 3, 3))
    for row, label in itertools.product(range(len(X)), range(3)):
        sets = map(frozenset, (set(), {0}, {1}, {0, 1}))
        value = {known: _expected(trees[label], X[row], known) for known in sets}
        for feature, other in ((0, 1), (1, 0)):
            alone = value[frozenset({feature})] - value[frozenset()]
            after = value[frozenset({0, 1})] - value[frozenset({other})]
            told[row, label, feature] = (alone + after) / math.factorial(2)
        told[row, label, 2] = value[frozenset()]
    return told


def _expected(node, row, known):
    """Return the tree's mean for `row` where only the features in `known` are known, weighed by the rows that went."""
    if "leaf_value" in node:
        return node["leaf_value"]
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        return _expected(left if row[node["split_feature"]] <= node["threshold"] else right, row, known)
    counts = [child.get("internal_count", child.get("leaf_count")) for child in (left, right)]
    return sum(n * _expected(child, row, known) for n, child in zip(counts, (left, right), strict=True)) / sum(counts)


# Its first feature moves all three scores alike, its second tells up from down.
BY_HAND = FittedLogistic(
    np.zeros(3), np.ones(3), np.array([[9.0, -1.0, 0.0], [9.0, 0.0, 0.0], [9.0, 1.0, 0.0]]), np.zeros(3)
)


def test_what_moves_all_classes_alike_moves_no_probability_and_weights_count():
    X = learnable(1).X[:, :3]
    assert shap({"a": BY_HAND}, {"a": 1.0}, X).tolist() == [0.0, 1.0, 0.0]
    logistic = MEMBERS["logistic"].fit(learnable()._replace(X=learnable().X[:, :3]), held_out=None, rounds=0, seed=0)
    alone = shap({"b": logistic}, {"b": 1.0}, X)
    both = shap({"a": BY_HAND, "b": logistic}, {"a": 0.25, "b": 0.75}, X)
    assert both == pytest.approx(0.25 * np.array([0.0, 1.0, 0.0]) + 0.75 * alone)


def test_rows_that_are_never_predicted_are_left_out():
    X = learnable(1).X[:, :3].copy()
    holes = X.copy()
    holes[::2, 2] = np.nan
    assert shap({"a": BY_HAND}, {"a": 1.0}, holes).tolist() == [0.0, 1.0, 0.0]
    assert shap({"a": BY_HAND}, {"a": 1.0}, np.full_like(X, np.nan)).tolist() == [0.0, 0.0, 0.0]
