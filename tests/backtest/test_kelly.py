"""Kelly's stake is the published one, its bound that of scipy, and a short history never stakes more."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest

from backtest import Risk
from backtest.kelly import sized, stake, surest_stake, wilson_lower
from backtest.risk import fresh, position_size, typed
from market.errors import DataError, UsageError
from tests.markets import COSTS


@pytest.mark.parametrize(
    ("win_rate", "gain", "published"),
    [
        (0.53, 1.0, 0.06),  # Thorp (2006), The Kelly Criterion in Blackjack, Sports Betting, and the Stock Market
        (0.60, 1.0, 0.20),  # Haghani and Dewey (2016), Rational Decision-Making under Uncertainty
        (0.50, 2.0, 0.25),
        (0.55, 1.2, 0.175),
        (0.45, 1.5, 1 / 12),
    ],
)
def test_the_stake_is_the_published_one(win_rate, gain, published):
    assert stake(win_rate, gain) == pytest.approx(published)


@given(st.floats(0.3, 0.8), st.floats(0.5, 3.0), st.floats(1.0, 2.0))
def test_no_other_stake_grows_faster(win_rate, gain, loss):
    def shrinks(share: float) -> float:
        return -(win_rate * np.log1p(share * gain) + (1 - win_rate) * np.log1p(-share * loss))

    best = minimize_scalar(shrinks, bounds=(0.0, 0.999 / loss), method="bounded", options={"xatol": 1e-9}).x
    assert stake(win_rate, gain, loss) == pytest.approx(best, abs=1e-3)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bound_is_that_of_scipy(counts):
    wins, trades = counts
    interval = binomtest(wins, trades).proportion_ci(0.90, method="wilson")
    assert wilson_lower(wins, trades) == pytest.approx(interval.low, abs=1e-12)


def test_a_longer_history_of_the_same_kind_stakes_more_and_never_what_its_averages_say():
    once = np.array([1.0] * 60 + [-1.0] * 40)
    stakes = [surest_stake(np.tile(once, times)) for times in (1, 4, 16, 64)]
    assert stakes == sorted(stakes) and 0.0 < stakes[0] < stakes[-1] < stake(0.6, 1.0)


@pytest.mark.parametrize("r", [[], [1.0], [-1.0] * 50, [1.0, -1.0] * 100, [0.0] * 20, [0.2, -0.1] * 100])
def test_what_proves_no_edge_stakes_nothing(r):
    cut = sized(Risk(), np.array(r))
    assert cut.per_trade == 0.0 and cut._replace(per_trade=0.005) == Risk()
    assert position_size(fresh(cut).cash, 5.0, 2_000.0, 1.0, COSTS, typed(cut)) == 0.0


def test_the_stake_is_a_quarter_and_never_more_than_the_risk_allows():
    r = np.array([1.0] * 600 + [-1.0] * 400)
    assert sized(Risk(per_trade=1.0), r).per_trade == pytest.approx(0.25 * stake(wilson_lower(600, 1000), 1.0))
    assert sized(Risk(), r) == Risk()


@pytest.mark.parametrize("fraction", [0.0, -1.0, 1.5, float("nan")])
def test_a_fraction_out_of_range_is_refused(fraction):
    with pytest.raises(UsageError, match="fraction"):
        sized(Risk(), np.array([1.0]), fraction)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (lambda: stake(0.5, 0), "gain of a bet is a finite number of R above 0, found 0"),
        (lambda: stake(0.5, 1.0, 0.0), "loss of a bet .* found 0"),
        (lambda: stake(0.5, float("nan")), "gain .* found nan"),
        (lambda: stake(0.5, 1.0, -1.0), "loss .* found -1"),
        (lambda: stake(1.1, 1.0), "win rate is from 0 to 1, found 1.1"),
        (lambda: stake(float("nan"), 1.0), "win rate .* found nan"),
        (lambda: wilson_lower(5, 3), "Wins are from 0 to the trades made, found 5 of 3"),
        (lambda: wilson_lower(-1, 3), "found -1 of 3"),
        (lambda: wilson_lower(0, -1), "found 0 of -1"),
        (lambda: wilson_lower(float("nan"), 3), "found nan of 3"),
    ],
)
def test_bets_that_are_none_are_refused(asked, told):
    with pytest.raises(UsageError, match=told):
        asked()


def test_results_that_are_no_numbers_are_refused():
    with pytest.raises(DataError, match="1 of 2"):
        surest_stake(np.array([1.0, np.nan]))
    with pytest.raises(UsageError, match="confidence"):
        wilson_lower(1, 2, 1.0)
