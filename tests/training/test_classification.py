"""Classification metrics agree with scikit-learn, and skill is measured against the training base rate."""

import time

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from market.errors import DataError
from training import classification

PERFECT = np.eye(3)


def forecasts(seed: int, rows: int = 400, knowledge: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and probabilities from which the labels were drawn, blurred or sharpened by `knowledge`."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([2.0, 1.0, 2.0], size=rows)
    y = np.array([rng.choice([-1, 0, 1], p=row) for row in p])
    told = p**knowledge
    return y, told / told.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(5))
def test_scikit_learn_agrees(seed: int) -> None:
    y, p = forecasts(seed)
    calls = p.argmax(axis=1) - 1
    assert classification.accuracy(y, p) == pytest.approx(sklearn.metrics.accuracy_score(y, calls))
    assert classification.precision(y, p) == pytest.approx(sklearn.metrics.precision_score(y, calls, average="macro"))
    assert classification.recall(y, p) == pytest.approx(sklearn.metrics.recall_score(y, calls, average="macro"))
    assert classification.f1(y, p) == pytest.approx(sklearn.metrics.f1_score(y, calls, average="macro"))
    assert classification.auc(y, p) == pytest.approx(sklearn.metrics.roc_auc_score(y, p, multi_class="ovr"))
    assert classification.log_loss(y, p) == pytest.approx(sklearn.metrics.log_loss(y, p, labels=[-1, 0, 1]))
    shares = [sklearn.metrics.brier_score_loss(y == label, p[:, i]) for i, label in enumerate((-1, 0, 1))]
    assert classification.brier(y, p) == pytest.approx(sum(shares))


def test_ties_count_half_in_the_area() -> None:
    y, p = forecasts(9)
    coarse = np.round(p, 1)
    areas = [sklearn.metrics.roc_auc_score(y == label, coarse[:, i]) for i, label in enumerate((-1, 0, 1))]
    assert classification.auc(y, coarse) == pytest.approx(np.mean(areas))


def test_a_perfect_forecast_is_perfect() -> None:
    y = np.array([-1, 0, 1, 1])
    p = PERFECT[y + 1]
    for name in ("accuracy", "precision", "recall", "f1", "auc"):
        assert getattr(classification, name)(y, p) == 1.0
    assert classification.log_loss(y, p) == 0.0 and classification.brier(y, p) == 0.0


def test_a_certain_mistake_costs_much_but_not_everything() -> None:
    assert classification.log_loss(np.array([1]), PERFECT[[0]]) == pytest.approx(-np.log(1e-6))
    assert classification.brier(np.array([1]), PERFECT[[0]]) == 2.0


def test_what_cannot_be_computed_is_none() -> None:
    empty = (np.array([], dtype=int), np.empty((0, 3)))
    for name in ("accuracy", "precision", "recall", "f1", "auc", "log_loss", "brier"):
        assert getattr(classification, name)(*empty) is None
    assert classification.log_loss_skill(*empty, np.full(3, 1 / 3)) is None
    y, p = np.array([1, 1, -1]), PERFECT[[2, 2, 0]]
    for name in ("precision", "recall", "f1", "auc"):
        assert getattr(classification, name)(y, p) is None
    assert classification.precision(np.array([-1, 0, 1]), PERFECT[[0, 2, 2]]) is None
    assert classification.f1(np.array([-1, 0, 1]), PERFECT[[0, 2, 2]]) == pytest.approx((1 + 0 + 2 / 3) / 3)


@pytest.mark.parametrize(
    ("y", "p", "said"),
    [
        ([1, 0], np.full((1, 3), 1 / 3), "shape"),
        ([2], np.full((1, 3), 1 / 3), "label"),
        ([1], np.array([[np.nan, 0.5, 0.5]]), "NaN"),
        ([1], np.array([[1.5, -0.5, 0.0]]), "outside"),
    ],
)
def test_what_is_no_forecast_is_refused(y: list[int], p: np.ndarray, said: str) -> None:
    with pytest.raises(DataError, match=said):
        classification.log_loss(np.array(y), p)


def test_the_base_rate_itself_has_no_skill() -> None:
    y, _ = forecasts(1)
    shares = classification.class_shares(y)
    assert shares.sum() == pytest.approx(1.0)
    assert classification.log_loss_skill(y, np.tile(shares, (len(y), 1)), shares) == pytest.approx(0.0)
    with pytest.raises(DataError, match="no labels"):
        classification.class_shares(np.array([]))


@given(st.integers(0, 50))
def test_no_constant_forecast_beats_the_shares_of_the_same_labels(seed: int) -> None:
    y, _ = forecasts(seed, rows=60)
    constant = np.random.default_rng(seed).dirichlet([1.0, 1.0, 1.0])
    skill = classification.log_loss_skill(y, np.tile(constant, (60, 1)), classification.class_shares(y))
    assert skill is not None and skill <= 1e-12


def test_knowledge_is_skill_and_overconfidence_is_none() -> None:
    train, _ = forecasts(2, rows=4000)
    shares = classification.class_shares(train)
    y, honest = forecasts(3, rows=4000)
    _, loud = forecasts(3, rows=4000, knowledge=4.0)
    good, bad = (classification.log_loss_skill(y, p, shares) for p in (honest, loud))
    assert good and bad and good > 0.1 > 0 > bad
    low, high = classification.log_loss_skill_interval(y, honest, shares, block=50) or (1.0, 0.0)
    assert 0 < low < good < high


def test_noise_is_not_called_skill() -> None:
    """Labels that no forecast knows: the interval's upper end stays under or near 0."""
    rng = np.random.default_rng(4)
    y = rng.choice([-1, 0, 1], 2000, p=[0.4, 0.2, 0.4])
    noise = np.array([0.4, 0.2, 0.4]) * np.exp(0.2 * rng.standard_normal((2000, 3)))
    p = noise / noise.sum(axis=1, keepdims=True)
    low, high = classification.log_loss_skill_interval(y, p, np.array([0.4, 0.2, 0.4]), block=50) or (1.0, 1.0)
    assert low < 0 and high < 0.01


def test_blocks_widen_the_interval_where_labels_overlap() -> None:
    y, p = forecasts(5, rows=200)
    y, p = np.repeat(y, 20), np.repeat(p, 20, axis=0)
    shares = classification.class_shares(y)
    single, blocks = (classification.log_loss_skill_interval(y, p, shares, block=block) for block in (1, 100))
    assert single and blocks
    assert blocks[1] - blocks[0] > 3 * (single[1] - single[0])


def test_the_interval_is_fixed_by_its_seed_and_needs_two_blocks() -> None:
    y, p = forecasts(6)
    shares = np.full(3, 1 / 3)
    first, again = (classification.log_loss_skill_interval(y, p, shares, block=20) for _ in range(2))
    assert first == again and first is not None
    assert classification.log_loss_skill_interval(y, p, shares, block=201) is None


def test_scores_hold_every_metric_quickly() -> None:
    y, p = forecasts(7, rows=12_000)
    begin = time.perf_counter()
    table = classification.scores(y, p, classification.class_shares(y), block=50)
    assert time.perf_counter() - begin < 0.5
    figures = ["accuracy", "precision", "recall", "f1", "auc", "log_loss", "brier", "calibration_error"]
    assert list(table)[:8] == figures
    assert all(value is not None and np.isfinite(value) for value in table.values())
    unknown = classification.scores(np.array([1]), PERFECT[[2]], np.full(3, 1 / 3), block=50)
    assert unknown["auc"] is None and unknown["skill_low"] is None and unknown["skill"] == 1.0
