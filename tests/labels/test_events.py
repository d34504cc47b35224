"""Events: every bar, or those at which the sums of moves in ATRs reach a threshold, known at their close."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labels import cusum, every_bar
from market.atr import atr
from market.errors import DataError, UsageError
from market.perturbation import scrambled
from tests.markets import bars_of, random_bars
from tests.oracles import events as oracle
from tests.real_bars import gold


def test_every_bar_is_an_event():
    bars = random_bars(1, 50)
    assert every_bar(bars).equals(bars.index)
    assert every_bar(bars.reset_index()).equals(bars.index)


def test_a_move_of_several_bars_is_one_event_and_each_side_has_its_own_sum():
    closes = [100.0] * 3 + [100.6, 101.2, 100.7, 99.0, 99.0]
    bars = bars_of([(100.0, 100.5, 99.5, 100.0)] * 3 + [(c, c + 0.1, c - 0.1, c) for c in closes[3:]])
    assert atr(bars, 2)[2] == 1.0
    assert cusum(bars, 1.2, atr_period=2).tolist() == [bars.index[4], bars.index[6]]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), threshold=st.sampled_from([0.2, 0.7, 1.4, 5.0]), period=st.sampled_from([2, 14]))
def test_events_equal_those_of_plain_python(seed, threshold, period):
    bars = random_bars(seed, 200)
    found = oracle.cusum(bars["close"].tolist(), atr(bars, period).tolist(), threshold)
    assert cusum(bars, threshold, period).equals(bars.index[found])


def same_in_every_prefix(bars: pd.DataFrame, sampled) -> bool:
    """Return whether events up to a bar stay as they were when bars after it are taken away or go wild."""
    whole, random = sampled(bars), np.random.default_rng(0)
    for cut in range(20, len(bars), 17):
        known = whole[whole <= bars.index[cut]]
        for altered in (bars.iloc[: cut + 1], scrambled(bars, slice(cut + 1, None), random)):
            again = sampled(altered)
            if not again[again <= bars.index[cut]].equals(known):
                return False
    return True


def scaled_by_the_whole_sample(bars: pd.DataFrame) -> pd.DatetimeIndex:
    flat = [float(bars["close"].diff().abs().mean())] * len(bars)
    return bars.index[oracle.cusum(bars["close"].tolist(), flat, 1.4)]


def scaled_by_the_next_bar(bars: pd.DataFrame) -> pd.DatetimeIndex:
    ahead = atr(bars, 14)[2:].tolist() + [np.nan] * 2
    return bars.index[oracle.cusum(bars["close"].tolist(), ahead, 1.4)]


def test_events_know_nothing_of_the_future():
    assert same_in_every_prefix(random_bars(5, 400), lambda bars: cusum(bars, 1.4))


@pytest.mark.parametrize("twin", [scaled_by_the_whole_sample, scaled_by_the_next_bar])
def test_events_that_know_the_future_are_caught(twin):
    assert not same_in_every_prefix(random_bars(5, 400), twin)


def test_events_of_real_gold_come_with_its_moves_whatever_its_price():
    bars = gold("15T")
    events = cusum(bars, 2.0)
    found = oracle.cusum(bars["close"].tolist(), atr(bars).tolist(), 2.0)
    assert events.equals(bars.index[found])
    by_year = pd.Series(1, events).groupby(events.year).sum() / bars.groupby(bars.index.year).size()
    assert by_year.max() / by_year.min() < 1.3  # gold trebled meanwhile


def test_bars_that_stand_still_or_are_few_have_no_events():
    still = bars_of([(100.0, 100.0, 100.0, 100.0)] * 30 + [(150.0, 150.0, 150.0, 150.0)])
    assert len(cusum(still, 1.0)) == 0
    assert len(cusum(random_bars(1, 10), 1.0)) == 0
    assert len(cusum(random_bars(1, 10).iloc[:0], 1.0)) == 0


@pytest.mark.parametrize("threshold", [0.0, -1.0, float("nan"), float("inf")])
def test_a_threshold_that_is_none_is_refused(threshold):
    with pytest.raises(UsageError, match="a CUSUM needs a positive number of ATRs"):
        cusum(random_bars(1, 50), threshold)


def test_prices_that_are_not_finite_are_refused():
    bars = random_bars(1, 50)
    bars.loc[bars.index[30], "close"] = np.nan
    with pytest.raises(DataError, match=r"close that is not finite at 2024-01-08 07:45:00"):
        cusum(bars, 1.0)
