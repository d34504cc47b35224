"""Bars that are missing are missing: no row is made for them, the pause is told, and no volume is filled forward."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from ta.trend import PSARIndicator

import feature_store
from market.timeframe import TIMEFRAMES, resample

QUARTER_HOUR, HOUR = pd.Timedelta(minutes=15), TIMEFRAMES["1H"]
Compute = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module")
def holed(bars: pd.DataFrame) -> pd.DataFrame:
    """Return bars of which one in five is missing."""
    some = bars.iloc[:3000]
    return some[np.random.default_rng(29).random(len(some)) > 0.2]


def honest(bars: pd.DataFrame) -> pd.DataFrame:
    """Return what is told of pauses and of hourly volume by the product's own functions."""
    pause = feature_store.compute(bars, ["calendar"])["calendar__pause_hours"]
    hourly = resample(bars, HOUR)["volume"].reindex(bars.index)
    return pd.DataFrame({"pause": pause, "volume": hourly})


def filled_forward(bars: pd.DataFrame) -> pd.DataFrame:
    """Return the same of bars that were made whole first, as charts do."""
    grid = pd.date_range(bars.index[0], bars.index[-1], freq=QUARTER_HOUR, name="ts")
    return honest(bars.reindex(grid).ffill())


def no_volume_in_what_was_made(bars: pd.DataFrame) -> pd.DataFrame:
    """Return the same of bars whose holes have the last price and no volume: what shows is the pause."""
    grid = pd.date_range(bars.index[0], bars.index[-1], freq=QUARTER_HOUR, name="ts")
    whole = bars.reindex(grid)
    return honest(whole.ffill().assign(volume=whole["volume"].fillna(0.0))).loc[bars.index]


def tells_what_is_missing(compute: Compute, bars: pd.DataFrame) -> None:
    told = compute(bars)
    assert told.index.equals(bars.index), "a row for each bar, and none for a bar that never was"
    passed = np.diff(bars.index) / pd.Timedelta(hours=1)
    np.testing.assert_allclose(told["pause"].to_numpy()[1:], passed.astype(np.float32))
    by_hand = bars["volume"].groupby(bars.index.ceil("1h")).sum()
    known = told["volume"].dropna()
    assert len(known) > 100
    np.testing.assert_allclose(known, by_hand.loc[known.index])


def test_missing_bars_are_flagged_and_their_volume_is_not_made_up(holed):
    tells_what_is_missing(honest, holed)


@pytest.mark.parametrize("made_whole", [filled_forward, no_volume_in_what_was_made], ids=lambda one: one.__name__)
def test_bars_that_are_filled_first_are_caught(made_whole, holed):
    with pytest.raises(AssertionError):
        tells_what_is_missing(made_whole, holed)


def is_the_same_by_number_and_by_stamp(indicator: Callable[[pd.DataFrame], pd.DataFrame], bars: pd.DataFrame) -> None:
    by_stamp, by_number = indicator(bars), indicator(bars.reset_index())
    assert len(by_stamp) == len(by_number) == len(bars)
    np.testing.assert_array_equal(by_stamp.to_numpy(), by_number.to_numpy())


def parabolic_by_ta(bars: pd.DataFrame) -> pd.DataFrame:
    return PSARIndicator(bars["high"], bars["low"], bars["close"]).psar().to_frame()


def test_stamps_for_an_index_change_no_bit_and_a_library_that_they_confuse_is_caught(bars):
    few = bars.iloc[:1500]
    groups = ["momentum", "trend", "volume", "calendar", "context"]
    is_the_same_by_number_and_by_stamp(lambda some: feature_store.compute(some, groups), few)
    with pytest.raises(AssertionError):
        is_the_same_by_number_and_by_stamp(parabolic_by_ta, few.iloc[:200])
