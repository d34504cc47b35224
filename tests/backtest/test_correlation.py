"""Risk of several positions together: between independent and the plain sum, and growing with whatever adds to it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtest.correlation import Closes, Correlation, as_table, effective_risk, estimated, utc_day
from market.errors import UsageError

DAY = 86_400_000_000

counts = st.shared(st.integers(1, 6), key="count")


def vectors(elements: st.SearchStrategy) -> st.SearchStrategy:
    return counts.flatmap(lambda n: st.lists(elements, min_size=n, max_size=n)).map(np.array)


shares = vectors(st.floats(0.0, 0.1))
sides = vectors(st.sampled_from([-1, 1]))
matrices = counts.flatmap(
    lambda n: st.lists(st.one_of(st.just(np.nan), st.floats(-1.0, 1.0)), min_size=n * n, max_size=n * n).map(
        lambda values: symmetric(np.array(values).reshape(n, n))
    )
)


def symmetric(values: np.ndarray) -> np.ndarray:
    lower = np.tril(values, -1)
    return lower + lower.T + np.eye(len(values))


def alone(n: int) -> np.ndarray:
    return np.ones(n, np.int64)


@given(share=shares, side=sides, correlation=matrices)
def test_the_risk_lies_between_independent_and_the_plain_sum(share, side, correlation):
    risk = effective_risk(share, side, correlation)
    assert math.sqrt((share**2).sum()) - 1e-12 <= risk <= share.sum() + 1e-12
    assert risk >= share.max() - 1e-12


@given(share=shares, side=sides, correlation=matrices, at=st.integers(0, 5), more=st.floats(0.0, 0.1))
def test_more_of_a_position_is_never_less_risk(share, side, correlation, at, more):
    larger = share.copy()
    larger[at % len(share)] += more
    assert effective_risk(larger, side, correlation) >= effective_risk(share, side, correlation) - 1e-12


@given(share=shares, side=sides, correlation=matrices, at=st.integers(0, 5))
def test_another_position_is_never_less_risk_even_a_hedge(share, side, correlation, at):
    fewer = side.copy()
    fewer[at % len(side)] = 0
    assert effective_risk(share, side, correlation) >= effective_risk(share, fewer, correlation) - 1e-12


@given(share=shares, side=sides, correlation=matrices, more=st.floats(0.0, 2.0))
def test_results_that_move_more_together_are_never_less_risk(share, side, correlation, more):
    signs = np.outer(side, side)
    closer = np.clip(correlation * signs + more, -1.0, 1.0) * signs
    np.fill_diagonal(closer, 1.0)
    assert effective_risk(share, side, closer) >= effective_risk(share, side, correlation) - 1e-12
    unknown = np.full_like(correlation, np.nan)
    assert effective_risk(share, side, unknown) == pytest.approx(share.sum(), abs=1e-12)


@given(share=shares, side=sides, correlation=matrices)
def test_turning_every_side_changes_nothing_and_nor_does_the_order(share, side, correlation):
    risk = effective_risk(share, side, correlation)
    assert effective_risk(share, -side, correlation) == risk
    turned = effective_risk(share[::-1].copy(), side[::-1].copy(), correlation[::-1, ::-1].copy())
    assert turned == pytest.approx(risk, abs=1e-12)


@pytest.mark.parametrize(
    ("second", "correlation", "risk"),
    [
        (1, 1.0, 0.07),
        (1, 0.0, 0.05),
        (1, -0.9, 0.05),
        (-1, 1.0, 0.05),
        (-1, -1.0, 0.07),
        (1, np.nan, 0.07),
        (0, 1.0, 0.03),
    ],
)
def test_two_positions(second, correlation, risk):
    matrix = np.array([[1.0, correlation], [correlation, 1.0]])
    found = effective_risk(np.array([0.03, 0.04]), np.array([1, second]), matrix)
    assert found == pytest.approx(risk)


def test_a_share_that_is_not_known_is_not_a_risk_that_is():
    assert math.isnan(effective_risk(np.array([np.nan, 0.1]), alone(2), np.eye(2)))


def walk(seed: int, days: int, of: np.ndarray | None = None) -> Closes:
    """Return a series with four closes a day whose logarithm walks, half as another's steps where that is given."""
    steps = np.random.default_rng(seed).normal(0.0, 0.01, days * 4)
    steps = steps if of is None else (steps + of) / 2.0
    return Closes((np.arange(days * 4) + 1) * (DAY // 4), 100.0 * np.exp(np.cumsum(steps)))


def test_correlation_is_that_of_the_daily_returns_of_the_window_before():
    first, second = walk(1, 50), walk(2, 50, np.random.default_rng(1).normal(0.0, 0.01, 200))
    known = estimated([first, second], 30, 30, Correlation(20, 10))
    x, y = (np.diff(np.log(one.close[3::4]))[9:29] for one in (first, second))
    assert known.matrix[0, 0, 1] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-12)
    assert known.matrix[0, 0, 1] > 0.3


def test_a_bar_that_closes_at_midnight_ends_the_day():
    assert utc_day(np.array([DAY, DAY + 1])).tolist() == [0, 1]


@pytest.mark.parametrize("day", [12, 30])
def test_what_closes_on_the_day_or_later_is_not_known(day):
    both = [walk(1, 50), walk(2, 50)]
    changed = [
        one._replace(close=np.where(utc_day(one.stamp) >= day, one.close * one.stamp, one.close)) for one in both
    ]
    how = Correlation(20, 4)
    first, second = (estimated(one, 0, 49, how).matrix for one in (both, changed))
    np.testing.assert_array_equal(first[: day + 1], second[: day + 1])
    assert not np.array_equal(first[day + 1 :], second[day + 1 :])


def test_correlation_is_unknown_before_the_minimum_and_where_nothing_moves():
    moving, still = walk(1, 50), walk(2, 50)._replace(close=np.full(200, 7.0))
    matrix = estimated([moving, walk(3, 50), still], 0, 49, Correlation(20, 10)).matrix
    assert np.isnan(matrix[:11, 0, 1]).all()
    assert np.isfinite(matrix[11:, 0, 1]).all()
    assert np.isnan(matrix[:, 0, 2]).all()
    assert (matrix[:, [0, 1, 2], [0, 1, 2]] == 1.0).all()


def test_days_on_which_one_does_not_trade_are_one_return_of_the_other():
    daily = walk(1, 50)
    weekly = walk(1, 50)
    trades = utc_day(weekly.stamp) % 7 < 5
    weekly = Closes(weekly.stamp[trades], weekly.close[trades])
    matrix = estimated([daily, weekly], 0, 49, Correlation(20, 10)).matrix
    np.testing.assert_allclose(matrix[20:, 0, 1], 1.0)


def test_prices_of_which_there_is_no_logarithm_make_a_correlation_unknown():
    fallen = walk(1, 50)
    fallen.close[60] = -1.0
    fallen.close[63] = -1.0
    matrix = estimated([fallen, walk(2, 50)], 0, 49, Correlation(10, 5)).matrix
    assert np.isnan(matrix[16:27, 0, 1]).all()
    assert np.isfinite(matrix[28:, 0, 1]).all()


def test_the_table_has_a_column_for_each_pair_and_a_row_for_each_day():
    known = estimated([walk(1, 50), walk(2, 50), walk(3, 50)], 30, 33, Correlation(20, 10))
    table = as_table(known, ["A", "B", "C"])
    assert table.index[0].isoformat() == "1970-01-31T00:00:00+00:00"
    assert list(table.columns) == [("A", "B"), ("A", "C"), ("B", "C")]
    assert table.iloc[2]["A", "C"] == known.matrix[2, 0, 2]


@pytest.mark.parametrize("how", [Correlation(10, 2), Correlation(10, 11), Correlation(0, 0)])
def test_a_window_that_cannot_hold_the_minimum_is_refused(how):
    with pytest.raises(UsageError, match="Correlation over"):
        estimated([walk(1, 50)], 0, 49, how)
