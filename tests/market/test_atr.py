"""The only ATR, against a plain reading of Wilder."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from market.atr import atr
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
