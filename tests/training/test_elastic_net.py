"""The elastic net is at its bottom: its conditions hold, and scikit-learn's saga, run for long, gets there too."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from training import elastic_net
from training.elastic_net import solve

PENALTIES = [(0.0, 1e-3), (5e-4, 5e-4), (2e-3, 0.0), (1e-5, 1e-5), (0.05, 0.05)]


def correlated(count: int = 2500, classes: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return eight columns that hang together closely, one of ones, the classes and weights of rows."""
    random = np.random.default_rng(0)
    Z = random.normal(size=(count, 2)) @ random.normal(size=(2, 8)) + 0.15 * random.normal(size=(count, 8))
    pull = Z @ random.normal(size=(8, classes)) * 0.5 + random.gumbel(size=(count, classes))
    return np.column_stack([Z / Z.std(axis=0), np.ones(count)]), pull.argmax(axis=1), random.uniform(0.2, 2.0, count)


def objective(b: np.ndarray, Z, y, w, l1: float, l2: float) -> float:
    own = softmax(Z @ b.T, axis=1)[np.arange(len(y)), y]
    slopes = b[:, :-1]
    return float(np.average(-np.log(own), weights=w) + l1 * np.abs(slopes).sum() + l2 / 2 * (slopes**2).sum())


def subgradients(b: np.ndarray, Z, y, w, l1: float, l2: float) -> np.ndarray:
    """Return how far each coefficient is from the condition that it meets at the bottom."""
    residual = (softmax(Z @ b.T, axis=1) - np.eye(len(b))[y]) * (w / w.sum())[:, None]
    pull = residual.T @ Z
    slopes = pull[:, :-1] + l2 * b[:, :-1]
    away = np.where(b[:, :-1] == 0, np.maximum(np.abs(slopes) - l1, 0), np.abs(slopes + l1 * np.sign(b[:, :-1])))
    return np.column_stack([away, np.abs(pull[:, -1])])


@pytest.mark.parametrize(("l1", "l2"), PENALTIES)
@pytest.mark.parametrize("classes", [2, 3])
def test_the_conditions_of_the_bottom_hold(l1, l2, classes):
    data = correlated(classes=classes)
    found = solve(*data, l1, l2)
    assert subgradients(found.coefficients, *data, l1, l2).max() < 1.1e-9
    assert found.violation < 1e-9
    assert found.steps < 20


@pytest.mark.parametrize(("l1", "l2"), PENALTIES[:3])
def test_saga_run_for_long_finds_nothing_better_and_the_same_zeros(l1, l2):
    Z, y, w = correlated(1000)
    found = solve(Z, y, w, l1, l2).coefficients
    strength = l1 + l2
    saga = LogisticRegression(
        C=1 / (strength * w.sum()), l1_ratio=l1 / strength, solver="saga", tol=1e-9, max_iter=20_000, random_state=0
    ).fit(Z[:, :-1], y, sample_weight=w)
    theirs = np.column_stack([saga.coef_, saga.intercept_])
    assert objective(found, Z, y, w, l1, l2) <= objective(theirs, Z, y, w, l1, l2) + 1e-12
    np.testing.assert_allclose(found[:, :-1], saga.coef_, rtol=0.0, atol=1e-4)
    np.testing.assert_array_equal(found[:, :-1] == 0, np.abs(saga.coef_) < 1e-9)


def test_a_search_that_ends_after_one_step_would_be_caught(monkeypatch):
    monkeypatch.setattr(elastic_net, "_STEPS", 1)
    data = correlated()
    assert subgradients(solve(*data, 5e-4, 5e-4).coefficients, *data, 5e-4, 5e-4).max() > 1e-5


def test_classes_that_a_line_parts_are_found_at_any_strength():
    random = np.random.default_rng(1)
    Z = np.column_stack([random.normal(size=(900, 3)), np.ones(900)])
    y = np.digitize(Z[:, 0], [-0.5, 0.5])
    for l1, l2 in ((1e-5, 0.0), (0.0, 1e-5), (0.1, 0.0)):
        found = solve(Z, y, np.ones(900), l1, l2)
        assert subgradients(found.coefficients, Z, y, np.ones(900), l1, l2).max() < 1e-6


def test_so_strong_a_penalty_that_nothing_is_left_gives_the_base_rate():
    Z, y, w = correlated()
    b = solve(Z, y, w, 10.0, 0.0).coefficients
    assert (b[:, :-1] == 0).all()
    np.testing.assert_allclose(softmax(b[:, -1]), np.bincount(y, weights=w) / w.sum(), atol=1e-6)
