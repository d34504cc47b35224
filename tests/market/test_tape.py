"""A tape of bars that arrive one at a time is the last row of the tape of them all."""

import numpy as np
import pytest

from market.atr import NORMAL_BARS
from market.errors import DataError
from market.tape import last, tape
from tests.markets import COSTS, random_bars


@pytest.mark.parametrize("market", ["metal", "forex", "crypto"])
@pytest.mark.parametrize("costs", [COSTS, COSTS._replace(quote_currency="JPY")])
def test_the_last_row_alone_is_the_last_row_of_all(market, costs):
    bars = random_bars(5, 3000)
    whole = tape(bars, costs, 14, market)
    for end in (16, 400, 1700, 2999, 3000):
        alone = last(bars.iloc[:end], costs, 14, market)
        for name, values in alone._asdict().items():
            np.testing.assert_array_equal(values, getattr(whole, name)[end - 1 : end], err_msg=name)


def test_a_hundred_periods_leave_nothing_of_where_an_atr_began():
    bars = random_bars(6, 3000)
    whole = tape(bars, COSTS, 14, "metal").atr
    for end in range(1500, 3000, 50):
        assert last(bars.iloc[end - 1400 : end], COSTS, 14, "metal").atr[0] == pytest.approx(whole[end - 1], rel=1e-14)


def test_the_volatility_of_a_window_is_that_of_all_history_to_the_bit():
    bars = random_bars(6, 3000)
    whole = tape(bars, COSTS, 14, "metal").volatility
    needed = 100 * 14 + NORMAL_BARS - 1
    for end in range(needed, 3000, 50):
        assert last(bars.iloc[end - needed : end], COSTS, 14, "metal").volatility[0] == whole[end - 1]
    assert last(bars.iloc[-NORMAL_BARS:], COSTS, 14, "metal").volatility[0] != whole[-1]


def test_a_tape_for_a_policy_without_a_clamp_leaves_volatility_out_and_nothing_else():
    bars = random_bars(6, 700)
    whole, without = (tape(bars, COSTS, 14, "metal", clamped) for clamped in (True, False))
    assert np.isnan(without.volatility).all() and not np.isnan(whole.volatility).all()
    for name in set(whole._fields) - {"volatility"}:
        np.testing.assert_array_equal(getattr(whole, name), getattr(without, name), err_msg=name)
    assert [one.dtype for one in whole] == [one.dtype for one in without]


def test_a_price_that_is_not_finite_is_refused():
    bars = random_bars(7, 50)
    bars.iloc[20, 1] = np.nan
    with pytest.raises(DataError, match="high that is not finite"):
        last(bars, COSTS, 14, "metal")
