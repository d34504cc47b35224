"""The choice of features: by what held unseen too, without near-duplicates, deterministic, and inside the fold."""

import numpy as np
import pytest

from training import clusters as groups
from training import selection
from training.members import Sample
from training.scout import Scout, scout

NAMES = ["a1", "a2", "a3", "b1", "b2", "c1", "idle"]
CLUSTERS = np.array([0, 0, 0, 1, 1, 2, 3])
GAIN = np.array([0.12, 0.16, 0.04, 0.36, 0.04, 0.28, 0.0])
PERMUTATION = np.array([0.08, 0.08, 0.08, 0.02, 0.02, -0.01, 0.0])


def apart(*near: tuple[int, int]) -> np.ndarray:
    """Return correlations of 0 but for the pairs `near`, which say the same."""
    correlation = np.eye(7)
    for i, j in near:
        correlation[i, j] = correlation[j, i] = -0.96
    return correlation


def chosen(count: int, *near: tuple[int, int], gain: np.ndarray = GAIN) -> list[str]:
    return selection.choose(NAMES, [Scout(gain, PERMUTATION)], CLUSTERS, apart(*near), count)


def test_credit_is_half_of_gain_and_half_of_what_a_cluster_proved_shared_out_by_gain():
    """By hand: cluster a proved 0.8 of it all, b 0.2, c nothing."""
    proved = np.array([0.8 * 12 / 32, 0.8 * 16 / 32, 0.8 * 4 / 32, 0.2 * 36 / 40, 0.2 * 4 / 40, 0.0, 0.0])
    assert selection.credit([Scout(GAIN, PERMUTATION)], CLUSTERS) == pytest.approx(GAIN + proved)


def test_what_held_unseen_comes_before_what_was_only_learnt():
    assert chosen(6) == ["a2", "b1", "a1", "c1", "a3", "b2"]
    assert chosen(2) == ["a2", "b1"]
    by_gain = [NAMES[i] for i in np.argsort(-GAIN)]
    assert by_gain[:3] == ["b1", "c1", "a2"]  # c1 would have come before


def test_near_duplicates_are_never_chosen_together():
    assert chosen(6, (0, 1)) == ["a2", "b1", "c1", "a3", "b2"]
    assert chosen(6, (1, 3)) == ["a2", "a1", "c1", "a3", "b2"]  # of two clusters


def test_what_no_scout_used_is_chosen_only_where_there_is_nothing_else():
    assert "idle" not in chosen(7)
    assert chosen(3, gain=np.zeros(7)) == ["a1", "a2", "a3"]


def test_scouts_are_averaged():
    second = Scout(np.array([0.0, 0.0, 0.0, 0.1, 0.0, 0.9, 0.0]), np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.2, 0.0]))
    assert selection.choose(NAMES, [Scout(GAIN, PERMUTATION), second], CLUSTERS, apart(), 2) == ["c1", "b1"]


def test_the_order_of_columns_changes_nothing():
    rng = np.random.default_rng(0)
    gain, permutation = np.round(GAIN, 1), np.zeros(7)  # ties everywhere
    first = selection.choose(NAMES, [Scout(gain, permutation)], CLUSTERS, apart((0, 4)), 5)
    for _ in range(10):
        order = rng.permutation(7)
        names, scouts = [NAMES[i] for i in order], [Scout(gain[order], permutation[order])]
        between = apart((0, 4))[np.ix_(order, order)]
        assert selection.choose(names, scouts, CLUSTERS[order], between, 5) == first


def test_why_is_told_for_each_chosen_feature():
    told = selection.described(
        ["a2", "c1"], NAMES, [Scout(GAIN, PERMUTATION)], CLUSTERS, np.array([0.7, 0.3]), [["a2", "b1"], ["a2", "c1"]]
    )
    assert told["features"]["a2"] == {"cluster": 0, "permutation": 0.08, "gain": 0.16, "shap": 0.7, "folds": 2}
    assert told["features"]["c1"]["folds"] == 1
    assert told["clusters"] == 4
    assert told["stability"] == pytest.approx(1 - (0.5 + 0.5) / 7 / (2 / 7 * 5 / 7))


def error_on_noise(inside: bool, seed: int) -> float:
    """Return the cross-validated error of nearest means on 30 of 200 features that know nothing of a coin's sides.

    The choice is made from the rows that train, or, as it must not be, once and from all rows.
    """
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(100, 200)).astype(np.float32), rng.choice([-1, 1], size=100)
    of_all, wrong = chosen_from(X, y), 0
    for fold in range(3):
        test = np.arange(100) % 3 == fold
        features = chosen_from(X[~test], y[~test]) if inside else of_all
        up, down = (X[~test & (y == side)][:, features].mean(axis=0) for side in (1, -1))
        middle = (X[test][:, features] - (up + down) / 2.0) @ (up - down)
        wrong += int((np.sign(middle) != y[test]).sum())
    return wrong / 100


def chosen_from(X: np.ndarray, y: np.ndarray) -> list[int]:
    """Return what every second row and then the others, watched by the ones before, find best."""
    halves = [Sample(X[part::2], y[part::2], np.ones(len(y[part::2]))) for part in (0, 1)]
    correlation = groups.correlation(X)
    clusters = groups.grouped(correlation)
    scouts = [scout(halves[0], halves[1], clusters, 0), scout(halves[1], halves[0], clusters, 0)]
    return [int(name) for name in selection.choose([str(i) for i in range(200)], scouts, clusters, correlation, 30)]


def test_chosen_inside_the_folds_noise_has_the_error_of_a_coin_and_outside_it_looks_like_knowledge():
    """Hastie, Tibshirani and Friedman (2009), The Elements of Statistical Learning, §7.10.2."""
    inside = np.mean([error_on_noise(True, seed) for seed in range(2)])
    outside = np.mean([error_on_noise(False, seed) for seed in range(2)])
    assert inside == pytest.approx(0.5, abs=0.06)
    assert outside < 0.4


PUBLISHED = (50, 5000, 100)  # rows, features that know nothing, how many are chosen


def error_of_a_nearest_neighbour(inside: bool, seed: int) -> float:
    """Return its five-fold error on 100 of 5,000 normal features of 50 rows, 25 on either side."""
    rows, features, count = PUBLISHED
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(rows, features)), rng.permutation(np.repeat([-1, 1], rows // 2))
    of_all, wrong = most_correlated(X, y, count), 0
    for fold in range(5):
        test = np.arange(rows) % 5 == fold
        chosen = most_correlated(X[~test], y[~test], count) if inside else of_all
        apart = np.square(X[test][:, None, chosen] - X[~test][None, :, chosen]).sum(axis=2)
        wrong += int((y[~test][apart.argmin(axis=1)] != y[test]).sum())
    return wrong / rows


def most_correlated(X: np.ndarray, y: np.ndarray, count: int) -> list[int]:
    """Return the features that `choose` takes where a scout has found the size of their correlation with the sides."""
    found = np.abs(((X - X.mean(axis=0)) / X.std(axis=0)).T @ y) / len(y)
    alone, nothing = np.arange(X.shape[1]), np.zeros(X.shape[1])
    unlike = np.eye(X.shape[1], dtype=np.int8)
    return [
        int(name) for name in selection.choose([str(i) for i in alone], [Scout(found, nothing)], alone, unlike, count)
    ]


def test_the_published_experiment_on_noise_comes_out_chosen_inside_the_folds_and_outside_them():
    """Hastie, Tibshirani and Friedman (2009), §7.10.2: the right way has an error of 50 %, the wrong one of 3 %."""
    honest = np.mean([error_of_a_nearest_neighbour(True, seed) for seed in range(8)])
    leaky = np.mean([error_of_a_nearest_neighbour(False, seed) for seed in range(8)])
    assert honest == pytest.approx(0.5, abs=0.08)
    assert leaky < 0.06
