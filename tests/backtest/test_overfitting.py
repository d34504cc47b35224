"""The probability of overfitting against the R package's own examples, splits made by hand, and worlds without any."""

import math
import statistics
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from backtest.significance import cross_validated, probability_of_backtest_overfitting
from market.errors import DataError, UsageError
from tests.oracles import overfitting
from tests.oracles.normals_of_r import rnorm

RISK_FREE = 0.03 / 252
# Of the package's vignette: the column that each of its 70 splits chooses, from 0.
CHOSEN = [86, 11, 86, 49, 0, 77, 71, 76, 82, 17, 17, 82, 17, 82, 82, 80, 71, 80, 80, 11, 42, 80, 44, 0, 49, 27, 77, 77]
CHOSEN += [71, 82, 63, 32, 82, 82, 32, 40, 86, 49, 0, 19, 49, 19, 38, 19, 49, 71, 6, 63, 71, 71, 59, 45, 19, 49, 45]
CHOSEN += [73, 40, 40, 54, 0, 49, 42, 56, 49, 54, 50, 13, 50, 50, 42]


def over_risk_free(rows: np.ndarray) -> np.ndarray:
    return (rows - RISK_FREE).mean(axis=0) / rows.std(axis=0, ddof=1)


def vignette() -> np.ndarray:
    """The matrix of the vignette of R's pbo (seed 765): a hundred columns with the same mean and deviation."""
    matrix = rnorm(765, 100 * 2400).reshape(100, 2400).T
    matrix *= 252**-0.5 / matrix.std(axis=0, ddof=1)
    return matrix - matrix.mean(axis=0)


def test_the_normals_are_those_of_r():
    np.testing.assert_allclose(rnorm(42, 3), [1.37095845, -0.56469817, 0.36312841], atol=5e-9)


def test_it_is_the_vignette_of_the_r_package():
    found = cross_validated(vignette(), 8, over_risk_free)
    assert (found.probability, found.loss) == (1.0, 1.0)
    assert found.chosen.tolist() == CHOSEN
    assert (found.inside[0], found.outside[0]) == pytest.approx((0.045690259990913216, -0.05315645670327665), rel=1e-9)
    assert (found.intercept, found.slope) == pytest.approx((-0.004548399367581718, -0.9980139776330414), rel=1e-8)


def test_what_that_package_calls_its_slope_is_the_intercept_of_inside_on_outside():
    found = cross_validated(vignette(), 8, over_risk_free)
    slope, intercept = np.polyfit(found.outside, found.inside, 1)
    assert (intercept, slope) == pytest.approx((-0.0030456, -0.97377), abs=5e-6)


def test_it_is_the_unit_test_of_the_r_package():
    found = cross_validated(rnorm(852, 200 * 40).reshape(200, 40), 4, over_risk_free)
    assert (found.probability, found.loss) == (0.5, 0.5)
    assert found.chosen.tolist()[:4] == [4, 11, 4, 21]
    assert (found.intercept, found.slope) == pytest.approx((0.00795405762765857, -0.21989305786273555), rel=1e-9)
    by_pypbo = [0.6567795363890703, 0.7672551527136674, 1.5804503755608479, 2.5389738710582765, 2.970414465569701]
    assert sorted(set(np.abs(found.logits).round(9))) == [round(logit, 9) for logit in by_pypbo]


small = arrays(np.int64, st.tuples(st.sampled_from([8, 12, 16]), st.integers(2, 6)), elements=st.integers(-3, 3))


@settings(max_examples=40)
@given(small)
def test_each_split_is_the_one_made_by_hand_ties_and_all(matrix):
    found = cross_validated(matrix, 4, lambda rows: rows.mean(axis=0))
    by_hand = overfitting.logits(matrix.tolist(), 4, statistics.fmean)
    for ours, theirs in zip(
        zip(found.logits, found.chosen, found.inside, found.outside, strict=True), by_hand, strict=True
    ):
        assert ours == pytest.approx(theirs, abs=1e-12)


@settings(max_examples=30)
@given(small, st.integers(0, 10**6))
def test_the_sums_are_the_sharpe_ratios_of_the_rows(matrix, seed):
    noisy = matrix + np.random.default_rng(seed).normal(0.0, 0.1, matrix.shape)
    by_sums, by_rows = (
        cross_validated(noisy, 4),
        cross_validated(noisy, 4, lambda rows: rows.mean(0) / rows.std(0, ddof=1)),
    )
    np.testing.assert_allclose(by_sums.inside, by_rows.inside, rtol=1e-9, atol=1e-12)
    assert by_sums.chosen.tolist() == by_rows.chosen.tolist() and by_sums.probability == by_rows.probability


def test_twins_share_their_rank():
    one = np.random.default_rng(3).standard_normal((64, 1))
    found = cross_validated(np.repeat(one, 3, axis=1), 8)
    assert (found.logits == 0.0).all() and found.probability == 1.0


def test_blocks_need_not_be_equal_and_no_row_is_left_over():
    matrix = np.random.default_rng(4).standard_normal((43, 5))
    changed = matrix.copy()
    changed[-1] += 100.0
    assert not np.array_equal(cross_validated(matrix, 4).inside, cross_validated(changed, 4).inside)


def test_a_configuration_without_any_result_has_a_ratio_of_nothing():
    matrix = np.random.default_rng(5).normal(-0.5, 1.0, (80, 4))
    matrix[:, 2] = 0.0
    found = cross_validated(matrix, 4)
    assert (found.chosen == 2).all() and (found.outside == 0.0).all() and found.slope is None


def test_noise_is_a_toss_up_and_one_true_edge_among_many_is_none():
    random = np.random.default_rng(6)
    noise = [probability_of_backtest_overfitting(random.standard_normal((240, 30)), 8) for _ in range(80)]
    assert np.mean(noise) == pytest.approx(0.5, abs=0.09)  # three standard errors: each is 0.2 off or so
    edge = random.standard_normal((1000, 30))
    edge[:, 17] += 0.2
    assert probability_of_backtest_overfitting(edge, 16) < 0.02


def test_a_hundred_configurations_and_all_twelve_thousand_splits_take_under_two_seconds():
    matrix = np.random.default_rng(7).standard_normal((1000, 100))
    begin = time.perf_counter()
    found = cross_validated(matrix, 16)
    assert time.perf_counter() - begin < 2.0
    assert len(found.logits) == math.comb(16, 8) == 12_870


NOISE = np.random.default_rng(8).standard_normal((100, 6))
DAYS = pd.date_range("2025-01-01", periods=100, tz="UTC")


@pytest.mark.parametrize(
    ("matrix", "blocks", "error", "told"),
    [
        (NOISE.T, 4, DataError, "6 rows and 100 columns: wanted time down and configurations across.*transposed"),
        (pd.DataFrame(NOISE[:5], index=range(5)).T.T.set_axis(DAYS[:6], axis=1), 2, DataError, "transposed"),
        (np.where(NOISE > 2.0, np.nan, NOISE), 4, DataError, "are NaN or infinite, the first in row"),
        (NOISE, 5, UsageError, "even whole number.*found 5"),
        (NOISE, 0, UsageError, "found 0"),
        (NOISE, 4.5, UsageError, "found 4.5"),
        (NOISE[:, :1], 4, DataError, "two configurations at least"),
        (NOISE[:10], 6, DataError, "10 rows in 6 blocks: wanted two rows a block"),
        (NOISE[:, 0], 4, DataError, "two dimensions, found 1"),
        (NOISE * 0.0 + 1.0, 4, DataError, "Configuration 0 gives the same result"),
    ],
)
def test_what_would_give_a_wrong_answer_is_refused_with_the_reason(matrix, blocks, error, told):
    with pytest.raises(error, match=told):
        probability_of_backtest_overfitting(matrix, blocks)


def test_a_table_that_knows_its_time_may_have_more_configurations_than_periods():
    wide = np.random.default_rng(9).standard_normal((40, 90))
    table = pd.DataFrame(wide, index=pd.date_range("2025-01-01", periods=40, tz="UTC"))
    assert 0.0 <= probability_of_backtest_overfitting(table, 4) <= 1.0


def test_a_metric_that_gives_no_number_is_refused():
    with pytest.raises(DataError, match="finite number for each of 6 configurations"):
        cross_validated(NOISE, 4, lambda rows: np.full(rows.shape[1], np.nan))
