"""The best of many trials by luck, and how many of them were different, against definitions and limits."""

import math

import numpy as np
import pytest

from backtest.multiplicity import (
    LEAST_COMMON_DAYS,
    chance_of_a_pass,
    effective_number,
    effective_trials,
    expected_maximum,
    mean_correlation,
    spendable,
)
from tests.oracles import multiplicity as oracle


@pytest.mark.parametrize(("trials", "exact"), [(1, 0.0), (2, 1 / math.sqrt(math.pi)), (3, 1.5 / math.sqrt(math.pi))])
def test_the_oracle_knows_the_closed_forms(trials, exact):
    assert oracle.expected_maximum(trials) == pytest.approx(exact, abs=1e-10)


@pytest.mark.parametrize(
    ("trials", "error"), [(2, -0.079), (5, 0.0255), (10, 0.0233), (100, 0.0092), (1_000, 0.0045), (10_000, 0.0026)]
)
def test_the_approximation_errs_by_so_much(trials, error):
    exact = oracle.expected_maximum(trials)
    assert expected_maximum(trials) / exact - 1.0 == pytest.approx(error, abs=0.001)


def test_one_trial_expects_nothing_and_more_expect_more():
    numbers = [1.0, 1.0000001, 1.2, 1.5, 2.0, 3.5, 10.0, 1e3, 1e6, 1e12, 1e18]
    found = [expected_maximum(number) for number in numbers]
    assert found[0] == 0.0 and min(found) >= 0.0
    assert found == sorted(found)
    assert found[-1] == pytest.approx(math.sqrt(2 * math.log(1e18)), rel=0.05)


@pytest.mark.parametrize("trials", [0.0, 0.99, -1.0, math.nan, math.inf])
def test_less_than_one_trial_has_no_best(trials):
    with pytest.raises(ValueError, match="one trial at least"):
        expected_maximum(trials)


def test_the_published_example_of_the_deflated_sharpe_ratio():
    assert math.sqrt(0.5 / 250) * expected_maximum(100) == pytest.approx(0.1132, abs=5e-5)


def correlated(trials: int, shared: float, days: int = 4_000, seed: int = 1) -> np.ndarray:
    """Return daily results (days, trials) whose pairs correlate by `shared`."""
    draw = np.random.default_rng(seed)
    return math.sqrt(shared) * draw.normal(size=(days, 1)) + math.sqrt(1 - shared) * draw.normal(size=(days, trials))


def eigenvalue_measure(daily: np.ndarray) -> float:
    """Return (Σ λ)² ÷ Σ λ² of the correlation matrix: another number of independent trials."""
    found = np.linalg.eigvalsh(np.corrcoef(daily.T))
    return float(found.sum() ** 2 / (found**2).sum())


def worth(daily: np.ndarray) -> float:
    return effective_number(daily.shape[1], mean_correlation(daily))


def test_identical_trials_are_one_and_independent_ones_are_all():
    same = np.repeat(correlated(1, 0.0), 7, axis=1)
    assert worth(same) == pytest.approx(1.0) and eigenvalue_measure(same) == pytest.approx(1.0)
    other = correlated(20, 0.0)
    assert worth(other) == pytest.approx(20, rel=0.02) and eigenvalue_measure(other) == pytest.approx(20, rel=0.02)
    assert effective_trials(np.ones((7, 7))) == 1.0 and effective_trials(np.eye(20)) == 20.0


@pytest.mark.parametrize("shared", [0.2, 0.5, 0.8])
def test_what_is_shared_by_all_counts_once_and_never_less_than_eigenvalues_say(shared):
    daily = correlated(20, shared)
    assert worth(daily) == pytest.approx(shared + (1 - shared) * 20, rel=0.05)
    assert worth(daily) > eigenvalue_measure(daily) > 1.0


def test_two_families_of_copies_count_as_more_than_two():
    families = np.repeat(correlated(2, 0.0), 10, axis=1)
    assert eigenvalue_measure(families) == pytest.approx(2.0, rel=0.01)
    assert 2.0 < worth(families) < 20.0


def test_opposite_trials_count_fully():
    one = correlated(1, 0.0)
    assert worth(np.hstack([one, -one])) == 2.0


def test_another_trial_never_makes_the_number_smaller():
    draw = np.random.default_rng(5)
    mixed = correlated(15, 0.3, days=300) @ draw.normal(size=(15, 15))
    copies = np.repeat(mixed[:, :1], 15, axis=1)
    daily = np.hstack([mixed, copies, mixed.sum(axis=1, keepdims=True)])
    counts = [worth(daily[:, :count]) for count in range(1, daily.shape[1] + 1)]
    assert (np.diff(counts) > -1e-9).all()


def holed(seed: int = 3) -> np.ndarray:
    """Return results of eleven trials, some on days of their own, one flat, one constant, one on too few days."""
    daily = correlated(11, 0.4, days=200, seed=seed)
    daily[np.random.default_rng(seed).random(daily.shape) < 0.3] = np.nan
    daily[:120, 1] = np.nan
    daily[80:, 2] = np.nan
    daily[LEAST_COMMON_DAYS - 1 :, 3] = np.nan
    daily[:, 4] = 0.0
    daily[:, 5] = 0.1
    daily[:, 6] *= 1e9
    daily[20:, 7] = 0.25
    return daily


@pytest.mark.parametrize("seed", range(4))
def test_pairs_are_compared_on_the_days_that_both_have(seed):
    daily = holed(seed)
    expected = oracle.effective_trials([list(trial) for trial in daily.T])
    assert worth(daily) == pytest.approx(expected, rel=1e-9)


def test_blocks_of_trials_change_nothing(monkeypatch):
    whole = mean_correlation(holed())
    monkeypatch.setattr("backtest.multiplicity._BLOCK", 4)
    assert mean_correlation(holed()) == pytest.approx(whole, rel=1e-12)


def test_no_pair_correlates_by_nothing():
    assert mean_correlation(np.empty((0, 0))) == mean_correlation(correlated(1, 0.0)) == 0.0
    assert (effective_number(0, 0.0), effective_number(1, 0.0), effective_number(5, -0.2)) == (0.0, 1.0, 5.0)
    assert effective_trials(np.empty((0, 0))) == 0.0


def test_a_correlation_that_is_not_known_counts_as_none():
    assert effective_trials(np.array([[1.0, np.nan], [np.nan, 1.0]])) == 2.0
    with pytest.raises(ValueError, match="square"):
        effective_trials(np.ones((2, 3)))


def test_looks_by_luck_and_what_each_may_spend():
    assert chance_of_a_pass(0, 0.05) == 0.0
    assert chance_of_a_pass(20, 5e-4) == pytest.approx(0.00995, abs=1e-5)
    rates = [spendable(look, 0.05) for look in range(1, 100_001)]
    assert rates[0] == pytest.approx(0.0304, abs=5e-5)
    assert math.fsum(rates) == pytest.approx(0.05, rel=1e-4) and math.fsum(rates) < 0.05
    together = 1.0 - math.prod(1.0 - rate for rate in rates)
    assert together < 0.05


def share_of_families_that_pass(spent: list[float]) -> float:
    """Return in how many of 4,000 families of looks at nothing at least one passes, look k spending `spent[k]`."""
    p = np.random.default_rng(8).random((4000, len(spent)))
    return float((p < np.array(spent)).any(axis=1).mean())


def test_what_each_look_may_spend_keeps_the_rate_of_all_and_a_twentieth_each_does_not():
    spending = [spendable(look, 0.05) for look in range(1, 51)]
    assert share_of_families_that_pass(spending) == pytest.approx(0.05, abs=0.0104)  # three standard errors
    for looks in (5, 20):
        each = share_of_families_that_pass([0.05] * looks)
        assert each == pytest.approx(chance_of_a_pass(looks, 0.05), abs=0.024)
        assert each > 4 * share_of_families_that_pass(spending[:looks])
