"""Resampled histories: blocks of the trades that were, each measured as `backtest.metrics` measures one."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import bootstrap, metrics
from market.errors import DataError, UsageError

trades = st.lists(st.sampled_from([1.4, -1.0, 0.5, 0.0, -1.3]), min_size=4, max_size=40).filter(
    lambda r: len(set(r)) > 1
)


@settings(max_examples=20)
@given(trades, st.integers(1, 12), st.integers(0, 1000))
def test_each_history_is_measured_like_the_one_that_was(r, block, seed):
    found = bootstrap.bootstrapped(r, 0.3, paths=20, block=block, seed=seed)
    paths = np.concatenate(list(bootstrap.histories(np.array(r), 20, block, seed)))
    one_by_one = {
        "mean": metrics.expectancy,
        "sharpe_per_trade": metrics.sharpe,
        "profit_factor": metrics.profit_factor,
        "win_rate": metrics.win_rate,
        "max_drawdown": lambda path: metrics.drawdown_of_returns(path, 0.3),
    }
    for name, measure in one_by_one.items():
        expected = [measure(path) for path in paths]
        np.testing.assert_allclose(found[name], [np.nan if value is None else value for value in expected], atol=1e-12)
    assert list(found) == list(one_by_one) and len(found) == 20


@settings(max_examples=30)
@given(st.integers(5, 60), st.integers(1, 20), st.integers(1, 90))
def test_histories_are_made_of_runs_of_what_was(n, block, length):
    for some in bootstrap.histories(np.arange(n, dtype=np.float64), 7, block, 3, length):
        assert some.shape[1] == length
        for history in some:
            steps = np.diff(history) % n
            breaks = np.flatnonzero(steps != 1.0) + 1
            assert (breaks % min(n, block) == 0).all()


def test_the_interval_and_the_histories_are_the_same_draws():
    r = np.random.default_rng(0).choice([1.3, -1.1], 300)
    found = bootstrap.bootstrapped(r, 0.005, paths=1000, seed=4)["profit_factor"]
    interval = metrics.block_bootstrap_interval(r, metrics.profit_factor, paths=1000, seed=4)
    assert interval == pytest.approx(tuple(found.quantile([0.05, 0.95])), abs=1e-12)


def test_an_account_may_be_lost():
    found = bootstrap.bootstrapped([-5.0, 1.0, 1.0, 1.0], 0.25, paths=50, block=1)
    assert found["max_drawdown"].max() == 1.0 and found["max_drawdown"].min() == 0.0


def test_ten_thousand_histories_of_a_thousand_trades_take_under_two_seconds():
    r = np.random.default_rng(1).choice([0.945, -1.055], 1000)
    begin = time.perf_counter()
    assert len(bootstrap.bootstrapped(r, 0.005)) == 10_000
    assert time.perf_counter() - begin < 2.0


@pytest.mark.parametrize(
    ("r", "asked", "error", "told"),
    [
        ([1.0], {}, DataError, "1 trades without any variation"),
        ([1.0, 1.0], {}, DataError, "without any variation"),
        ([1.0, np.inf], {}, DataError, "finite"),
        ([1.0, -1.0], {"risk": 0.0}, UsageError, "share of equity between 0 and 1, found 0"),
        ([1.0, -1.0], {"paths": 0}, UsageError, "whole number of paths"),
        ([1.0, -1.0], {"block": 0}, UsageError, "whole number of block"),
    ],
)
def test_what_cannot_be_drawn_is_refused(r, asked, error, told):
    with pytest.raises(error, match=told):
        bootstrap.bootstrapped(r, **({"risk": 0.01} | asked))
