"""A tape of bars that arrive one at a time is the last row of the tape of them all."""

import numpy as np
import pytest

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


def test_a_price_that_is_not_finite_is_refused():
    bars = random_bars(7, 50)
    bars.iloc[20, 1] = np.nan
    with pytest.raises(DataError, match="high that is not finite"):
        last(bars, COSTS, 14, "metal")
