"""The only ATR, against a plain reading of Wilder."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from market.atr import FEWEST_BARS, NORMAL_BARS, atr, volatility
from tests.market.made_bars import made


def wilder(bars: pd.DataFrame, period: int) -> np.ndarray:
    high, low, close = (bars[name].tolist() for name in ("high", "low", "close"))
    ranges = [max(high[i], close[i - 1]) - min(low[i], close[i - 1]) for i in range(1, len(bars))]
    out = [np.nan] * len(bars)
    if len(ranges) >= period:
        out[period] = sum(ranges[:period]) / period
        for i in range(period + 1, len(bars)):
            out[i] = (out[i - 1] * (period - 1) + ranges[i - 1]) / period
    return np.array(out)


@given(n=st.integers(2, 120), seed=st.integers(0, 10**6), period=st.integers(2, 30))
@settings(max_examples=50, deadline=None)
def test_it_is_wilders_average_of_true_ranges(n: int, seed: int, period: int) -> None:
    bars = made(n, seed=seed)
    assert_allclose(atr(bars, period), wilder(bars, period), rtol=1e-12)


def plainly(atr: np.ndarray) -> np.ndarray:
    """Return each ATR ÷ the mean of those known among the last 500, written plainly."""
    out = [np.nan] * len(atr)
    for i, value in enumerate(atr):
        known = [one for one in atr[max(i - 499, 0) : i + 1].tolist() if one == one]
        if len(known) >= 100 and sum(known) > 0.0:
            out[i] = value / (math.fsum(known) / len(known))
    return np.array(out)


@pytest.mark.parametrize("n", [0, 1, 14, 15, 113, 114, 513, 514, 2_000])
@pytest.mark.parametrize("period", [2, 14])
def test_volatility_is_the_atr_in_units_of_its_mean(n: int, period: int) -> None:
    ranges = atr(made(n, seed=n), period) if n > period else np.full(n, np.nan)
    assert_allclose(volatility(ranges), plainly(ranges), rtol=1e-12)
    assert np.isnan(volatility(ranges)).sum() == min(n, period + FEWEST_BARS - 1)


def hangs_on_its_own_bars_alone(told: Callable[[np.ndarray], np.ndarray]) -> None:
    """Give the last 500 ATRs only, at rows on either side of every seam there may be in the work."""
    ranges = atr(made(10_000))
    whole = told(ranges)
    for i in [*range(600, 10_000, 97), *range(4_595, 4_615), *range(8_690, 8_712)]:
        assert told(ranges[i - NORMAL_BARS + 1 : i + 1])[-1] == whole[i]


def test_volatility_is_the_same_number_whatever_stands_before_its_bars() -> None:
    hangs_on_its_own_bars_alone(volatility)


def test_a_running_sum_that_carries_its_past_along_is_caught() -> None:
    def running(ranges: np.ndarray) -> np.ndarray:
        total = np.cumsum(np.nan_to_num(ranges))
        total[NORMAL_BARS:] -= total[:-NORMAL_BARS].copy()
        return ranges / (total / NORMAL_BARS)

    ranges = atr(made(10_000))
    assert_allclose(running(ranges)[600:], volatility(ranges)[600:], rtol=1e-9)
    with pytest.raises(AssertionError):
        hangs_on_its_own_bars_alone(running)


@pytest.mark.parametrize("n", [150, 300, 900])
def test_volatility_never_looks_ahead(n: int) -> None:
    ranges = atr(made(1_000))
    assert_array_equal(volatility(ranges[:n]), volatility(ranges)[:n])


def test_volatility_of_prices_that_never_moved_is_not_known() -> None:
    assert np.isnan(volatility(np.zeros(700))).all()
    assert volatility(np.ones(700))[99:].tolist() == [1.0] * 601


def test_it_is_missing_in_the_warm_up_and_nowhere_else() -> None:
    assert_array_equal(np.isnan(atr(made(), 14)), np.arange(200) < 14)


@pytest.mark.parametrize("n", [20, 50, 150])
def test_it_never_looks_ahead(n: int) -> None:
    bars = made()
    assert_array_equal(atr(bars[:n]), atr(bars)[:n])


def test_a_few_hundred_bars_of_history_are_enough() -> None:
    bars = made(2_000)
    assert_allclose(atr(bars[-900:])[-100:], atr(bars)[-100:], rtol=1e-12)


def test_too_few_bars_have_none() -> None:
    assert np.isnan(atr(made(10))).all()
    assert len(atr(made(10))) == 10
