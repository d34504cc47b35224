"""Watching trade by trade: the handbook's charts, published run lengths, and how often a good strategy is stopped."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from backtest.kelly import wilson_lower
from backtest.sequential import always_valid_interval, cusum, e_process, ewma, limit_for, run_length, sprt
from market.errors import DataError, UsageError

# NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.3: twenty group means, target 325, k 0.3175, h 4.1959.
GROUPS = [324.925, 324.675, 324.725, 324.35, 325.35, 325.225, 324.125, 324.525, 325.225, 324.6, 324.625, 325.15]
GROUPS += [328.325, 327.25, 327.825, 328.5, 326.675, 327.775, 326.875, 328.35]
HIGH = [0, 0, 0, 0, 0.03, 0, 0, 0, 0, 0, 0, 0, 3.01, 4.94, 7.45, 10.63, 11.99, 14.44, 16.0, 19.04]
LOW = [0, 0.01, 0, 0.33, 0, 0, 0.56, 0.72, 0.17, 0.25, 0.31, 0, 0, 0, 0, 0, 0, 0, 0, 0]
# 6.3.2.4: twenty values, target 50, deviation 2.0539, weight 0.3.
VALUES = [52, 47, 53, 49.3, 50.1, 47, 51, 50.1, 51.2, 50.5, 49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
SMOOTHED = [50.6, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33, 50.11, 49.36, 49.52, 50.05, 49.38]
SMOOTHED += [49.92, 50.73, 51.23, 51.94, 51.99]


def test_the_cumulative_sums_are_the_handbooks():
    chart = cusum(GROUPS, 325, 0.3175, 4.1959)
    np.testing.assert_allclose(chart.high, HIGH, atol=0.0101)
    np.testing.assert_allclose(chart.low, LOW, atol=0.0101)
    assert chart.at == 13  # group 14


def test_the_moving_average_is_the_handbooks():
    mean, chart = ewma(VALUES, 50, 2.0539)
    np.testing.assert_allclose(mean, SMOOTHED, atol=0.0051)
    assert (chart.high[0], chart.low[0]) == (pytest.approx(52.5884, abs=1e-4), pytest.approx(47.4115, abs=1e-4))
    assert chart.at is None
    assert ewma([50.0, 70.0, 50.0], 50, 2.0539)[1].at == 1


def test_run_lengths_are_the_published_ones():
    """R's spc 0.7.2, one-sided with k = 0.5; Siegmund's approximation for the rest."""
    assert run_length(0.5, 4.0) == pytest.approx(335.4, abs=0.05)
    assert run_length(0.5, 5.0) == pytest.approx(930.9, abs=0.05)
    for allowance, limit, shift in ((0.5, 4.0, 1.0), (0.25, 8.0, 0.5), (1.0, 2.5, 0.0)):
        drift, wide = shift - allowance, limit + 1.166
        siegmund = (math.exp(-2 * drift * wide) + 2 * drift * wide - 1) / (2 * drift**2)
        assert run_length(allowance, limit, shift) == pytest.approx(siegmund, rel=0.07)


def test_run_lengths_are_those_of_simulated_values():
    """Four thousand charts at once: the mean count of values until each signals."""
    random = np.random.default_rng(1)
    level, running, lengths = np.zeros(4000), np.ones(4000, dtype=bool), np.zeros(4000)
    while running.any():
        lengths += running
        level = np.maximum(0.0, level + random.standard_normal(4000) - 0.5)
        running &= level <= 3.0
    assert lengths.mean() == pytest.approx(run_length(0.5, 3.0), rel=0.06)


@pytest.mark.parametrize("length", [20.0, 335.4, 5000.0])
def test_a_limit_is_the_one_that_keeps_alarms_apart(length):
    assert run_length(0.4, limit_for(length, 0.4)) == pytest.approx(length, rel=1e-6)


def test_a_limit_that_was_not_calibrated_is_useless():
    """k = 0.074, h = 12 looks wide and is not: on average it cries wolf within a few hundred trades."""
    assert run_length(0.074, 12.0) < 400


wins = st.lists(st.booleans(), min_size=1, max_size=60)


@settings(max_examples=25)
@given(wins)
def test_a_likelihood_ratio_is_a_sum_of_logarithms(won):
    found = sprt(np.array(won), 0.6, 0.5275)
    total, first = 0.0, None
    for at, one in enumerate(won):
        total += math.log(0.5275 / 0.6) if one else math.log(0.4725 / 0.4)
        first = at if first is None and total >= math.log(0.9 / 0.05) else first
        assert found.path[at] == pytest.approx(total)
    assert found.at == first


@settings(max_examples=25)
@given(wins, st.floats(0.2, 0.8))
def test_evidence_is_the_mean_of_products_and_goes_both_ways(won, promised):
    x = np.array(won, dtype=np.float64)
    for bound in (0.0, 1.0):
        stakes = [(at + 1) / 40 for at in range(20)]
        products = [math.prod(1 - c * (v - promised) / (bound - promised) for v in x) for c in stakes]
        assert e_process(x, promised, bound).path[-1] == pytest.approx(math.log(sum(products) / 20), abs=1e-9)


def stopped(random: np.random.Generator, rate: float) -> dict[str, np.ndarray]:
    """When each of the rules stops, among a thousand trades (1,000: never), in three hundred worlds."""
    worlds = random.random((300, 1000)) < rate
    rules = {
        "sprt": lambda won: sprt(won, 0.60, 0.5275).at,
        "e": lambda won: e_process(won.astype(float), 0.60, 1.0).at,
    }
    found = {name: [rule(won) for won in worlds] for name, rule in rules.items()}
    counts = np.arange(1, 1001)
    naive = binom.cdf(worlds.cumsum(axis=1), counts, 0.60)[:, 19:] <= 0.05
    times = {name: np.array([1000 if at is None else at + 1 for at in row]) for name, row in found.items()}
    return times | {"naive": np.where(naive.any(axis=1), naive.argmax(axis=1) + 20, 1000)}


def test_a_promise_that_is_kept_is_rarely_stopped_and_by_a_fixed_test_asked_again_often():
    times = stopped(np.random.default_rng(2), 0.60)
    stops = {name: np.mean(row < 1000) for name, row in times.items()}
    assert stops["sprt"] == pytest.approx(0.052, abs=0.038)
    assert stops["e"] == pytest.approx(0.038, abs=0.033)
    assert stops["naive"] == pytest.approx(0.285, abs=0.08)


@pytest.mark.parametrize(("rate", "by_sprt", "by_evidence"), [(0.5275, 205, 285), (0.50, 132, 140)])
def test_a_promise_that_is_broken_is_stopped_within_some_hundred_trades(rate, by_sprt, by_evidence):
    times = stopped(np.random.default_rng(3), rate)
    assert np.median(times["sprt"]) == pytest.approx(by_sprt, abs=35)
    assert np.median(times["e"]) == pytest.approx(by_evidence, abs=45)


def test_an_edge_is_proved_in_r_with_a_bound_on_the_worst_loss():
    random = np.random.default_rng(4)
    none, some = (random.choice([1.4, -1.0], (200, 400), p=[p, 1 - p]) for p in (1 / 2.4, 0.58))
    proved = [np.mean([e_process(r, 0.0, -2.0).at is not None for r in worlds]) for worlds in (none, some)]
    assert proved[0] <= 0.06 and proved[1] > 0.95


def test_an_interval_that_is_valid_always_is_wider_than_one_that_is_valid_once():
    low, high = always_valid_interval(124, 200)
    assert (low, high) == (pytest.approx(0.513, abs=0.002), pytest.approx(0.720, abs=0.006))
    assert low < wilson_lower(124, 200, 0.975) and high > 1 - wilson_lower(76, 200, 0.975)


@settings(max_examples=30)
@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_what_was_not_refused(counts):
    won, trades = counts
    low, high = always_valid_interval(won, trades)
    x = np.array([1.0] * won + [0.0] * (trades - won))
    assert 0.0 <= low <= won / trades <= high <= 1.0
    for rate, bound in ((low + 1e-4, 0.0), (high - 1e-4, 1.0)):
        if 0.0 < rate < 1.0 and low < high:
            assert e_process(x, rate, bound).path[-1] < math.log(40) + 1e-6


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        (lambda: sprt([True], 0.5, 0.6), UsageError, "broken win rate lies below the promised"),
        (lambda: sprt([True], 0.6, 0.5, level=0.0), UsageError, "between 0 and 1, found 0"),
        (lambda: e_process([1.0], 0.5, 0.5), UsageError, "two finite numbers"),
        (lambda: e_process([1.0, -3.5], 0.0, -3.0), DataError, "-3.5 lies beyond -3"),
        (lambda: e_process([np.nan], 0.5, 1.0), DataError, "finite"),
        (lambda: always_valid_interval(3, 2), UsageError, "found 3 of 2"),
        (lambda: ewma([1.0], 0.0, 1.0, weight=0.0), UsageError, "weight is above 0"),
        (lambda: run_length(0.5, 0.0), UsageError, "limit above it"),
        (lambda: limit_for(1.0), UsageError, "more than one value apart"),
        (lambda: limit_for(1e9, 0.0), UsageError, "No limit up to 50"),
    ],
)
def test_what_cannot_be_asked_is_refused(asked, error, told):
    with pytest.raises(error, match=told):
        asked()


def test_nothing_to_watch_is_nothing_to_stop():
    assert sprt(np.array([], dtype=bool), 0.6, 0.5).at is None
    assert e_process([], 0.6, 1.0).at is None
    assert cusum([], 0.0, 0.5, 4.0).at is None
