"""Where bars stand and where they should is the same however they are cut, and what a plain count gives."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import sessions
from market.presence import Expected, Presence
from market.timeframe import TIMEFRAMES, Timeframe

QUARTERS = TIMEFRAMES["15T"]


def counted(windows: list[pd.DataFrame], timeframe: Timeframe, market: str) -> Expected:
    presence = Presence(timeframe, market)
    for window in windows:
        presence.see(window)
    return presence.expected()


def all_bars(first: str, end: str, timeframe: Timeframe, market: str) -> pd.DataFrame:
    """Return a bar wherever the market trades at the bar's open or just before its close."""
    opens = pd.date_range(first, end, freq=timeframe.delta, tz="UTC", unit="us", inclusive="left")
    closes = opens + timeframe.delta
    trades = sessions.is_open(opens, market) | sessions.is_open(closes - pd.Timedelta(microseconds=1), market)
    return pd.DataFrame(index=pd.DatetimeIndex(closes[trades], name="ts"))


@pytest.mark.parametrize("market", ["metal", "forex", "crypto", "index"])
@pytest.mark.parametrize("name", ["1T", "15T", "1H", "4H"])
def test_bars_in_all_trading_hours_are_all_that_is_expected(market, name):
    timeframe = TIMEFRAMES[name]
    bars = all_bars("2024-03-04", "2024-03-23", timeframe, market)  # summer time begins in New York on the 10th
    found = counted([bars], timeframe, market)
    assert found.days["expected"].sum() == found.days["present"].sum() == len(bars)
    assert not found.days["beside"].any()


def test_days_without_trading_stand_in_the_calendar_with_nothing_expected():
    found = counted([all_bars("2024-03-04", "2024-03-12", QUARTERS, "metal")], QUARTERS, "metal")
    assert found.days.loc["2024-03-09"].tolist() == [0, 0, 0]
    assert [f"{day:%m-%d}" for day in found.days.index] == [f"03-{day:02}" for day in range(4, 12)]


def test_a_holiday_is_not_expected_and_bars_on_it_stand_beside():
    bars = all_bars("2024-03-25", "2024-04-06", QUARTERS, "metal")
    good_friday = counted([bars], QUARTERS, "metal").days.loc["2024-03-29"]
    assert good_friday.to_dict() == {"expected": 0, "present": 0, "beside": 84}


def test_a_removed_day_is_expected_but_not_present():
    bars = all_bars("2024-03-11", "2024-03-16", QUARTERS, "metal")
    day = counted([bars[bars.index.day != 13]], QUARTERS, "metal").days.loc["2024-03-13"]
    assert day["expected"] == 92
    assert day["present"] == 1  # the bar that closes at the next midnight


def test_parts_of_the_day_show_the_daily_break():
    february = counted([all_bars("2024-02-05", "2024-02-24", QUARTERS, "metal")], QUARTERS, "metal").parts
    assert february.loc[(february["bars"] == 0) | (february["trading"] == 0)].index.get_level_values("part") == [22]
    assert february["possible"].unique().tolist() == [15 * 4]
    assert february["trading"].drop(("2024-02-01", 22)).between(0.9, 1).all()  # it closes early on Presidents' Day


@pytest.mark.parametrize("bars", [1, 50])
def test_the_hours_of_the_market_are_those_of_the_whole_month_however_few_the_bars(bars):
    every = all_bars("2024-01-31 20:00", "2024-02-24", QUARTERS, "metal")
    few, many = (counted([which], QUARTERS, "metal").parts["trading"] for which in (every[:bars], every))
    pd.testing.assert_series_equal(few, many[: len(few)], check_exact=True)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 2000), max_size=4))
def test_counts_do_not_depend_on_where_the_windows_are_cut(seed, places):
    every = all_bars("2023-12-11", "2024-01-13", QUARTERS, "metal")
    bars = every[np.random.default_rng(seed).random(len(every)) < 0.8]
    edges = [0, *sorted(place % (len(bars) + 1) for place in places), len(bars)]
    cut = [bars.iloc[start:stop] for start, stop in itertools.pairwise(edges)]
    for one, other in zip(counted([bars], QUARTERS, "metal"), counted(cut, QUARTERS, "metal"), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
