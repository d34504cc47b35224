"""Win rates against break-even: scipy's tests, plain binomials, and what a row of trades needs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, chisquare

from backtest.significance import break_even, clopper_pearson, trades_needed, wilson, win_rate_of_counts, win_rate_test
from market.errors import DataError, UsageError

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=40)
@given(counts, st.floats(0.05, 0.95), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_it_is_what_scipy_says(given_counts, against, level):
    wins, trades = given_counts
    found = win_rate_of_counts(wins, trades, against, level)
    test = binomtest(wins, trades, against, alternative="greater")
    assert found.p == pytest.approx(test.pvalue, abs=1e-9)
    both = binomtest(wins, trades)
    assert found.clopper_pearson == pytest.approx(tuple(both.proportion_ci(level, "exact")), abs=1e-9)
    assert found.wilson == pytest.approx(tuple(both.proportion_ci(level, "wilson")), abs=1e-9)
    chi = chisquare([wins, trades - wins], [trades * against, trades * (1 - against)])
    assert (found.chi_square, found.chi_square_p) == pytest.approx((chi.statistic, chi.pvalue), abs=1e-9)


@settings(max_examples=30)
@given(st.floats(0.2, 4.0), st.floats(0.2, 3.0), st.floats(0.0, 0.15), st.integers(2, 90))
def test_break_even_is_measured_on_the_trades_themselves(gain, loss, cost, wins):
    trades = np.array([gain - cost] * wins + [-loss - cost] * (100 - wins))
    found = win_rate_test(trades)
    assert found.against == pytest.approx(break_even(gain, loss, cost))
    assert (found.rate > found.against) == (trades.mean() > 0) or trades.mean() == pytest.approx(0.0, abs=1e-9)


def test_a_rate_above_a_coin_may_lose_money():
    trades = [0.945] * 104 + [-1.055] * 96
    found = win_rate_test(trades)
    assert found.rate == 0.52 > 0.5 and found.against == pytest.approx(0.5275) and found.p > 0.5


def test_published_intervals():
    assert clopper_pearson(0, 300) == (0.0, pytest.approx(0.0122, abs=5e-5))
    assert clopper_pearson(1, 300) == (pytest.approx(0.0001, abs=5e-5), pytest.approx(0.0184, abs=5e-5))
    assert wilson(124, 200) == pytest.approx((0.551, 0.684), abs=5e-4)


def power(trades: int, rate: float, against: float, level: float) -> float:
    """The power of the exact test, from the definition of the binomial alone."""

    def tail(wins: int, p: float) -> float:
        return sum(math.comb(trades, k) * p**k * (1 - p) ** (trades - k) for k in range(wins, trades + 1))

    needed = next(wins for wins in range(trades + 2) if tail(wins, against) <= level)
    return tail(needed, rate)


@pytest.mark.parametrize(("rate", "against", "wanted"), [(0.75, 0.5, 0.8), (0.8, 0.5, 0.9), (0.7, 0.5275, 0.5)])
def test_from_the_count_on_the_power_is_there_and_just_before_it_is_not(rate, against, wanted):
    count = trades_needed(rate, against, wanted)
    assert power(count - 1, rate, against, 0.05) < wanted
    assert min(power(n, rate, against, 0.05) for n in range(count, count + 25)) >= wanted


def test_a_promised_win_rate_is_significant_only_after_this_many_trades():
    """The first count of which the expected wins, rounded up, are significant: less than even odds to find it."""

    def first(rate: float) -> int:
        return next(n for n in range(5, 4000) if binom.sf(math.ceil(rate * n - 1e-9) - 1, n, 0.5) <= 0.05)

    assert [first(rate) for rate in (0.52, 0.55, 0.58, 0.60)] == [1652, 262, 102, 62]
    assert [trades_needed(rate, 0.5, power=0.5) for rate in (0.52, 0.55, 0.58, 0.60)] == [1775, 300, 124, 85]
    assert [trades_needed(rate, 0.5, power=0.8) for rate in (0.52, 0.55, 0.58, 0.60)] == [3945, 654, 258, 169]


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        (lambda: win_rate_test([]), DataError, "0 trades without both"),
        (lambda: win_rate_test([1.0, 2.0]), DataError, "give `against`"),
        (lambda: win_rate_test([1.0, np.nan]), DataError, "finite"),
        (lambda: win_rate_of_counts(3, 2, 0.5), UsageError, "found 3 of 2"),
        (lambda: win_rate_of_counts(1, 2, 1.0), UsageError, "against lies between 0 and 1, found 1"),
        (lambda: break_even(1.0, 1.0, 1.5), UsageError, "gains more than it costs"),
        (lambda: trades_needed(0.5, 0.52), UsageError, "never found to be above 0.52"),
        (lambda: trades_needed(0.50001, 0.5), UsageError, "more than anyone makes"),
    ],
)
def test_what_cannot_be_asked_is_refused(asked, error, told):
    with pytest.raises(error, match=told):
        asked()
