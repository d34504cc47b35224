"""The winner's curse: what passes is worse than it looks, by as much as a prior and the count of trials say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import binom

from backtest.significance import Bet, Prior, given_pass, shrunken_mean
from market.errors import UsageError

PAYOFF, BAR = Bet(0.5, cost=0.055), {"profit_factor": 1.60}


def test_a_passing_profit_factor_is_less_and_after_retries_less_again():
    once, tenth = (given_pass(BAR, PAYOFF, retries=retries) for retries in (1, 10))
    assert (once.profit_factor, once.below) == (pytest.approx(1.56, abs=5e-3), pytest.approx(0.53, abs=0.015))
    assert (tenth.profit_factor, tenth.below) == (pytest.approx(1.48, abs=5e-3), pytest.approx(0.73, abs=0.01))
    assert tenth.without_edge > once.without_edge and tenth.pass_rate > once.pass_rate


@pytest.mark.parametrize("retries", [1, 4])
def test_it_is_the_integral_of_the_prior_over_what_passes(retries):
    prior = Prior(0.2, 0.5, 0.7, 0.45)

    def passes(p: float) -> float:
        return 1 - (1 - binom.sf(128, 200, p)) ** retries

    def over(value) -> float:
        return 0.8 * passes(0.45) * value(0.45) + quad(lambda p: passes(p) * value(p), 0.5, 0.7, limit=200)[0]

    total = over(lambda p: 1.0)
    found = given_pass(BAR, PAYOFF, prior=prior, retries=retries)
    assert found.pass_rate == pytest.approx(total, rel=1e-9)
    assert found.win_rate == pytest.approx(over(lambda p: p) / total, rel=1e-9)
    assert found.expectancy == pytest.approx(over(lambda p: 2 * p - 1.055) / total, rel=1e-9)
    assert found.profit_factor == pytest.approx(over(lambda p: 0.945 * p / (1.055 * (1 - p))) / total, rel=1e-9)
    assert found.without_edge == pytest.approx(0.8 * passes(0.45) / total, rel=1e-9)


def test_it_is_what_a_million_candidates_show():
    random = np.random.default_rng(1)
    p = np.where(random.random(1_000_000) < 0.05, random.uniform(0.55, 0.66, 1_000_000), 0.5)
    passed = p[random.binomial(200, p) >= 129]
    found = given_pass(BAR, PAYOFF)
    assert np.mean(0.945 * passed / (1.055 * (1 - passed))) == pytest.approx(found.profit_factor, abs=0.01)
    assert len(passed) / 1_000_000 == pytest.approx(found.pass_rate, rel=0.03)


def test_without_any_edge_in_the_prior_all_that_passes_has_none():
    found = given_pass(BAR, PAYOFF, prior=Prior(share=0.0))
    assert found.without_edge == 1.0 and found.win_rate == 0.5 and found.below == 1.0


def test_the_best_of_many_is_too_good_and_shrunken_it_is_not():
    random = np.random.default_rng(2)
    true = random.normal(0.0, 0.06, (3000, 40))
    seen = true + random.normal(0.0, 0.08, true.shape)
    best = seen.argmax(axis=1)
    worlds = np.arange(3000)
    shrunken = [
        shrunken_mean(row[at], 0.08, 40, row.std(ddof=1), row.mean()).mean for row, at in zip(seen, best, strict=True)
    ]
    assert np.mean(seen[worlds, best] - true[worlds, best]) > 0.12
    assert np.mean(shrunken - true[worlds, best]) == pytest.approx(0.0, abs=0.006)


@settings(max_examples=40)
@given(st.floats(-1, 1), st.floats(0.01, 0.5), st.integers(4, 500), st.floats(0.0, 1.0), st.floats(-0.2, 0.2))
def test_a_shrunken_mean_lies_between_the_centre_and_what_was_seen(mean, error, trials, spread, centre):
    found = shrunken_mean(mean, error, trials, spread, centre)
    low, high = sorted((mean, centre))
    assert low - 1e-12 <= found.mean <= high + 1e-12 and 0.0 <= found.error <= error
    assert shrunken_mean(mean, error, trials, spread + 0.1, centre).kept >= found.kept


def test_trials_that_differ_by_no_more_than_their_errors_are_all_the_same():
    assert shrunken_mean(0.5, 0.1, 1000, 0.09) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (lambda: shrunken_mean(0.1, 0.1, 3, 0.1), "3 trials make no prior: wanted 4"),
        (lambda: shrunken_mean(0.1, 0.0, 9, 0.1), "standard error is above 0"),
        (lambda: given_pass({"win_rate": 0.52}, PAYOFF), "weighed by profit_factor"),
        (lambda: given_pass(BAR | {"max_drawdown": 0.06}, PAYOFF), "found profit_factor, max_drawdown"),
        (lambda: given_pass(BAR, PAYOFF, prior=Prior(low=0.7, high=0.6)), "low below high"),
        (lambda: given_pass(BAR, PAYOFF, retries=0), "judged once at least, found 0"),
        (lambda: given_pass({"profit_factor": np.inf}, PAYOFF), "finite number"),
    ],
)
def test_what_cannot_be_asked_is_refused(asked, told):
    with pytest.raises(UsageError, match=told):
        asked()
