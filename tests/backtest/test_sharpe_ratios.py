"""Sharpe ratios against printed numbers, plain algebra, and worlds without an edge."""

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from backtest import significance
from backtest.multiplicity import chance_of_a_pass, expected_maximum
from backtest.significance import Record
from market.errors import UsageError

HEDGE_FUNDS = {"skew": -2.448, "kurtosis": 10.164}  # monthly, of the worked example in all three papers
REVISED = {**HEDGE_FUNDS, "revision": "2025"}
DEFLATED = {"sharpe": 2.5 / math.sqrt(250), "variance": 0.5 / 250, "n": 1250}
psr, dsr = significance.probabilistic_sharpe_ratio, significance.deflated_sharpe_ratio
length = significance.minimum_track_record_length
EXAMPLE = Record(0.036 / 0.079, 24, -2.448, 10.164)

# Bacon (2008), Practical Portfolio Performance Measurement and Attribution, 24 monthly returns in percent.
BACON = [0.3, 2.6, 1.1, -1.0, 1.5, 2.5, 1.6, 6.7, -1.4, 4.0, -0.5, 8.1]
BACON += [4.0, -3.7, -6.1, 1.7, -4.9, -2.2, 7.0, 5.8, -6.5, 2.4, -0.5, -0.9]

PRINTED = [
    # Bailey and López de Prado (2012), The Sharpe ratio efficient frontier, pages 10 and 11
    ("PSR, normal", lambda: psr(0.458, 0, 24), 0.982, 5e-4),
    ("PSR", lambda: psr(0.458, 0, 24, **HEDGE_FUNDS), 0.913, 5e-4),
    ("PSR, three years (0.95351)", lambda: psr(0.458, 0, 36, **HEDGE_FUNDS), 0.953, 1e-3),
    ("error", lambda: significance.sharpe_standard_error(Record(0.7079, 134, -0.225, 2.957)), 0.1028, 5e-5),
    ("error", lambda: significance.sharpe_standard_error(Record(0.8183, 134, -1.4455, 7.0497)), 0.155, 5e-4),
    ("days", lambda: length(2 / math.sqrt(250), 1 / math.sqrt(250)) / 250, 2.73, 5e-3),
    ("weeks", lambda: length(2 / math.sqrt(52), 1 / math.sqrt(52)) / 52, 2.83, 5e-3),
    ("months", lambda: length(2 / math.sqrt(12), 1 / math.sqrt(12)) / 12, 3.24, 5e-3),
    ("fat", lambda: length(2 / math.sqrt(12), 1 / math.sqrt(12), -0.72, 5.78) / 12, 4.99, 5e-3),
    ("track", lambda: length(0.7079, 0, -0.225, 2.957) / 12, 0.7152, 5e-5),
    ("track", lambda: length(0.8183, 0, -1.4455, 7.0497) / 12, 1.1593, 5e-5),
    # Bailey and López de Prado (2014), The deflated Sharpe ratio, pages 9 and 10
    ("luck", lambda: significance.expected_maximum_sharpe_ratio(100, 0.002), 0.1132, 5e-5),
    ("DSR", lambda: dsr(trials=100, skew=-3, kurtosis=10, **DEFLATED), 0.9004, 5e-5),
    ("DSR", lambda: dsr(trials=46, skew=-3, kurtosis=10, **DEFLATED), 0.9505, 5e-5),
    ("DSR, normal", lambda: dsr(trials=88, **DEFLATED), 0.9505, 5e-5),
    # Bailey, Borwein, López de Prado and Zhu (2014), Pseudo-mathematics and financial charlatanism
    ("best of 10", lambda: significance.expected_maximum_sharpe_ratio(10, 1.0), 1.57, 5e-3),
    ("45 trials", lambda: significance.minimum_backtest_length(45, 1.0), 5.0, 5e-2),
    ("7 trials", lambda: significance.minimum_backtest_length(7, 1.0), 2.0, 0.1),
    # Harvey and Liu (2015), Backtesting
    ("family-wise", lambda: chance_of_a_pass(10, 0.05), 0.401, 5e-4),
    # López de Prado, Lipton and Zoonekynd (2025), Sharpe ratio inference
    ("error, 2025", lambda: significance.sharpe_standard_error(EXAMPLE, form="2025"), 0.329, 5e-4),
    ("error, normal", lambda: significance.sharpe_standard_error(Record(EXAMPLE[0], 24), form="2025"), 0.214, 6e-4),
    ("track, 2025", lambda: length(EXAMPLE.sharpe, 0, **REVISED), 13.029, 5e-4),
    ("PSR, 2025", lambda: psr(EXAMPLE.sharpe, 0, 24, **REVISED), 0.987, 5e-4),
    ("PSR, 2025", lambda: psr(EXAMPLE.sharpe, 0.1, 24, **REVISED), 0.939, 5e-4),
    ("beta", lambda: significance.type_two_error(EXAMPLE, 0.5), 0.315, 5e-4),
    ("planned", lambda: significance.planned_false_discovery_rate(0.05, 0.05, 0.315), 0.581, 5e-4),
    ("observed", lambda: significance.observed_false_discovery_rate(EXAMPLE, 0.5, 0.05), 0.306, 5e-4),
]


@pytest.mark.parametrize(("ours", "printed", "rounding"), [row[1:] for row in PRINTED], ids=[row[0] for row in PRINTED])
def test_it_is_the_printed_number(ours, printed, rounding):
    assert ours() == pytest.approx(printed, abs=rounding)


def test_all_twenty_seven_are_there():
    assert len(PRINTED) == 27


def test_moments_are_the_published_ones():
    record = significance.measured(BACON)
    assert record.skew / record.kurtosis == pytest.approx(-0.034, abs=5e-4)  # Bacon (2008), as PerformanceAnalytics
    yearly = [0.259, 0.198, 0.364, -0.081, 0.057, 0.055, 0.188, 0.317, 0.24, 0.184, -0.01, 0.526]
    assert significance.measured(np.array(yearly) - 0.05).sharpe == pytest.approx(
        0.834364, abs=5e-7
    )  # of pypbo's tests


def by_hand(r: list[float], benchmark: float, form: str) -> float:
    """The probabilistic ratio of a row in plain Python."""
    n, mean = len(r), sum(r) / len(r)
    deviations = [value - mean for value in r]
    second, third, fourth = (sum(d**power for d in deviations) / n for power in (2, 3, 4))
    ratio, skew, kurtosis = mean / math.sqrt(second * n / (n - 1)), third / second**1.5, fourth / second**2
    rho = sum(a * b for a, b in pairwise(deviations)) / (second * n)
    if form == "2012":
        variance = (1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2) / (n - 1)
    else:
        x, y = rho / (1 - rho), rho**2 / (1 - rho**2)
        a, b, c = 1 + 2 * x, 1 + x + y, 1 + 2 * y
        variance = (a - b * skew * benchmark + c * (kurtosis - 1) / 4 * benchmark**2) / n
    return NormalDist().cdf((ratio - benchmark) / math.sqrt(variance))


rows = arrays(np.float64, st.integers(12, 40), elements=st.integers(-3000, 3000).map(lambda x: x / 1000)).map(list)


@settings(max_examples=40)
@given(rows.filter(lambda r: np.std(r) > 0.05), st.floats(-0.2, 0.2))
def test_a_row_says_what_plain_algebra_says(r, benchmark):
    for form in ("2012", "2025"):
        assert psr(r, benchmark, revision=form) == pytest.approx(by_hand(r, benchmark, form), abs=1e-9)


@settings(max_examples=25)
@given(rows.filter(lambda r: np.std(r) > 0.05), st.floats(0.1, 50))
def test_the_unit_of_the_results_says_nothing(r, unit):
    assert psr(np.array(r) * unit, revision="2025") == pytest.approx(psr(r, revision="2025"), abs=1e-9)


ratios, skews = st.floats(0.02, 0.6), st.floats(-2.0, 2.0)


@given(ratios, skews, st.floats(0.0, 5.0), st.floats(0.6, 0.99), st.sampled_from(["2012", "2025", "cautious"]))
def test_the_track_record_is_the_one_at_which_the_chance_is_the_confidence(ratio, skew, more, confidence, revision):
    kurtosis = 1.5 + skew**2 + more
    n = length(ratio, 0.01, skew, kurtosis, confidence=confidence, revision=revision)
    if n >= 2:
        assert psr(ratio, 0.01, n, skew, kurtosis, revision=revision) == pytest.approx(confidence, abs=1e-9)


@given(ratios, skews, st.floats(1.0, 1e4), st.floats(1.0, 1e4), st.floats(1e-4, 0.01))
def test_more_trials_never_make_a_ratio_better(ratio, skew, fewer, more, variance):
    fewer, more = sorted((fewer, more))
    chances = [dsr(ratio, trials, variance, 300, skew, 3 + skew**2) for trials in (fewer, more)]
    assert chances[1] <= chances[0] <= psr(ratio, 0.0, 300, skew, 3 + skew**2)


@given(ratios, skews, st.floats(-0.5, 0.5), st.floats(0.0, 0.3))
def test_the_cautious_form_is_the_one_that_says_less(ratio, skew, rho, luck):
    both = [psr(ratio, luck, 250, skew, 4 + skew**2, rho, revision=form) for form in ("2012", "2025")]
    cautious = psr(ratio, luck, 250, skew, 4 + skew**2, rho, revision="cautious")
    assert cautious is None if None in both else cautious == min(both)


def test_results_that_follow_each_other_count_for_less():
    plain, following = (psr(0.1, 0.0, 200, correlation=rho, revision="2025") for rho in (0.0, 0.5))
    assert following == pytest.approx(NormalDist().cdf(0.1 * math.sqrt(200 / 3)))
    assert following < plain


def test_trials_may_be_given_as_their_ratios():
    trials = np.random.default_rng(5).normal(0.0, 0.05, 40)
    luck = np.std(trials, ddof=1) * expected_maximum(40)
    assert significance.expected_maximum_sharpe_ratio(trials) == pytest.approx(luck)
    assert dsr(0.2, trials, n=200) == pytest.approx(psr(0.2, luck, 200))


def test_one_trial_deflates_nothing():
    assert dsr(0.2, 1, 0.01, 200) == psr(0.2, 0.0, 200)


def skewed(random: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
    """Trades without an edge that win rarely and much: a 30 % chance of 7/3 R."""
    return np.where(random.random(size) < 0.3, 7 / 3, -1.0)


@pytest.mark.parametrize("revision", ["2012", "2025"])
def test_without_an_edge_one_in_twenty_is_sure(revision):
    worlds = skewed(np.random.default_rng(11), (1500, 300))
    sure = np.mean([psr(r, revision=revision) > 0.95 for r in worlds])
    assert sure == pytest.approx(0.05, abs=0.018)


def test_the_revision_knows_results_that_follow_each_other_and_the_old_form_does_not():
    noise = np.random.default_rng(12).standard_normal((800, 300))
    for at in range(1, 300):
        noise[:, at] += 0.4 * noise[:, at - 1]
    sure = {form: np.mean([psr(r, revision=form) > 0.95 for r in noise]) for form in ("2012", "2025")}
    assert sure["2025"] == pytest.approx(0.05, abs=0.024)
    assert sure["2012"] > 0.11


def test_the_best_of_fifty_is_sure_until_it_is_deflated():
    worlds = np.random.default_rng(13).standard_normal((150, 50, 250))
    ratios = worlds.mean(axis=2) / worlds.std(axis=2, ddof=1)
    best = worlds[np.arange(150), ratios.argmax(axis=1)]
    plain = np.mean([psr(r) > 0.95 for r in best])
    deflated = np.mean([dsr(r, trials, revision="cautious") > 0.95 for r, trials in zip(best, ratios, strict=True)])
    assert plain > 0.85 and deflated <= 0.05


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (lambda: psr(0.2), "give n"),
        (lambda: psr([1.0, -1.0, 2.0], n=3), "has its own n: give the row or the numbers"),
        (lambda: psr(0.2, n=100, skew=2.0, kurtosis=3.0), "at least 1 \\+ skewness², 5"),
        (lambda: psr(0.2, n=1), "two observations at least, found n = 1"),
        (lambda: psr(0.2, n=100, correlation=1.0), "between -1 and 1, found 1"),
        (lambda: psr(math.nan, n=100), "finite numbers"),
        (lambda: psr(0.2, n=100, revision="2014"), "one of 2012, 2025, cautious, found '2014'"),
        (lambda: length(0.2, confidence=0.2), "from 0.5 to below 1, found 0.2"),
        (lambda: dsr(0.2, 0, 0.01, 100), "one trial at least, found 0"),
        (lambda: dsr(0.2, 10, None, 100), "needs the variance"),
        (lambda: dsr(0.2, [0.1], n=100), "found 1 of them"),
        (lambda: dsr(0.2, [0.1, 0.2], 0.01, n=100), "found 2 of them and a variance"),
        (lambda: significance.minimum_backtest_length(10, 0.0), "above 0, found 0"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_reason(asked, told):
    with pytest.raises(UsageError, match=told):
        asked()


def test_what_cannot_be_computed_is_none():
    assert psr([1.0]) is None and psr([1.0, 1.0, 1.0]) is None and dsr([2.0, 2.0], 10, 0.01) is None
    assert length(0.1, 0.1) is None and length(-0.1) is None and length([1.0, 1.0]) is None
