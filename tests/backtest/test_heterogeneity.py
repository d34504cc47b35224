"""Folds that differ by chance and folds that really differ."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest.significance import fold_heterogeneity, heterogeneity, log_profit_factor
from market.errors import DataError, UsageError

pairs = st.lists(st.tuples(st.floats(-2, 2), st.floats(0.05, 2)), min_size=2, max_size=12)


@settings(max_examples=40)
@given(pairs)
def test_q_is_cochrans(given_pairs):
    x, error = zip(*given_pairs, strict=True)
    weights = [e**-2 for e in error]
    pooled = sum(w * v for w, v in zip(weights, x, strict=True)) / sum(weights)
    q = sum(w * (v - pooled) ** 2 for w, v in zip(weights, x, strict=True))
    found = heterogeneity(x, error)
    assert (found.q, found.pooled) == (pytest.approx(q, abs=1e-9), pytest.approx(pooled, abs=1e-9))
    assert found.i_squared == pytest.approx(max(0.0, (q - len(x) + 1) / q) if q > 1e-12 else 0.0, abs=1e-9)
    assert found.freedom == len(x) - 1 and found.pooled_error == pytest.approx(sum(weights) ** -0.5)


def test_the_p_of_two_estimates_is_that_of_their_difference():
    found = heterogeneity([0.5, 0.1], [0.15, 0.2])
    assert found.p == pytest.approx(math.erfc(0.4 / 0.25 / math.sqrt(2)))


@given(st.integers(5, 200), st.integers(5, 200), st.floats(0.2, 3.0))
def test_the_error_of_a_log_profit_factor_of_even_bets_is_that_of_log_odds(wins, losses, payoff):
    n = wins + losses
    value, error = log_profit_factor([payoff] * wins + [-1.0] * losses)
    assert value == pytest.approx(math.log(payoff * wins / losses))
    assert error == pytest.approx(math.sqrt((1 / wins + 1 / losses) * n / (n - 1)))


@pytest.mark.parametrize("of", ["mean", "log_profit_factor"])
def test_a_constant_edge_differs_one_time_in_twenty_and_a_changing_one_nearly_always(of):
    random = np.random.default_rng(1)
    same = random.random((300, 10, 60)) < 0.62
    changing = random.random((50, 10, 60)) < np.linspace(0.42, 0.82, 10)[:, None]
    alike, different = (
        [fold_heterogeneity(np.where(world, 0.945, -1.055), of).p <= 0.05 for world in worlds]
        for worlds in (same, changing)
    )
    assert np.mean(alike) == pytest.approx(0.05, abs=0.04)
    assert np.mean(different) > 0.95


def test_it_sees_what_the_variation_of_profit_factors_cannot():
    """Of ten folds with twenty trades each and one constant edge, the raw variation fails five in six."""
    worlds = np.random.default_rng(2).random((200, 10, 20)) < 0.62
    lossless = (worlds.all(axis=2) | ~worlds.any(axis=2)).any(axis=1)
    worlds = worlds[~lossless]
    won = worlds.sum(axis=2)
    factors = won / (20 - won)
    varied = factors.std(axis=1, ddof=1) / factors.mean(axis=1) > 0.35
    differ = [fold_heterogeneity(np.where(world, 1.0, -1.0), "log_profit_factor").p <= 0.05 for world in worlds]
    assert np.mean(varied) > 0.8 and np.mean(differ) < 0.1


FOLD = [1.0, -1.0, 0.5, -0.2]


@pytest.mark.parametrize(
    ("folds", "of", "error", "told"),
    [
        ([FOLD, [1.0]], "mean", DataError, "Fold 2 has under two trades \\(1 trades\\)"),
        ([FOLD, []], "mean", DataError, "Fold 2 has under two trades"),
        ([[1.0, 1.0], FOLD], "mean", DataError, "Fold 1 has trades that are all alike"),
        ([FOLD, [1.0, 2.0]], "log_profit_factor", DataError, "Fold 2 has no loss"),
        ([FOLD, [-1.0, -2.0]], "log_profit_factor", DataError, "Fold 2 has no gain"),
        ([FOLD], "mean", DataError, "1 folds cannot differ"),
        ([FOLD, FOLD], "median", UsageError, "mean or log_profit_factor, found 'median'"),
        ([FOLD, [1.0, np.nan]], "mean", DataError, "finite"),
    ],
)
def test_folds_that_cannot_be_compared_are_named(folds, of, error, told):
    with pytest.raises(error, match=told):
        fold_heterogeneity(folds, of)


def test_an_estimate_without_an_error_is_refused():
    with pytest.raises(DataError, match="each with an error above 0"):
        heterogeneity([0.1, 0.2], [0.1, 0.0])
