"""Stamps in other calendars and counts are explained, and those of our own are not."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.calendars import explain

moments = st.datetimes(datetime(2000, 1, 2), datetime(2035, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("stamps", "told"),
    [
        (["1402/01/05 10:00", "1403/12/29 10:00", "1404/01/01"], "years 1402–1404 look like the Persian calendar"),
        (["۱۴۰۲/۰۱/۰۵"], "year 1402 looks like the Persian calendar"),
        (["14020105 1000"], "year 1402 looks like the Persian calendar"),
        ([1402, 1403], "Persian"),
        ([datetime(1402, 1, 5)], "Persian"),
        (["05/01/1445 10:00"], "year 1445 looks like the Islamic calendar"),
        (["2567-01-05", "2568-01-05"], "years 2567–2568 look like the Buddhist calendar"),
        (["5784-03-01"], "Hebrew"),
        (["令和6年1月5日"], "Japanese era"),
        (["R6.01.05 10:00"], "Japanese era"),
        (["113/01/05 10:00"], "Republic of China"),
        (["民國113年1月5日"], "Republic of China"),
        (["45292.0104"], "a spreadsheet (2024-01-01 00:15)"),
        (["45292,0104"], "a spreadsheet (2024-01-01 00:15)"),
        ([45292], "a spreadsheet (2024-01-01 00:00)"),
        ([2460310.5], "Julian day numbers (2024-01-01 00:00)"),
        ([739252.0], "MATLAB (2024-01-01 00:00)"),
        ([np.int64(1704067200)], "Unix time in seconds (2024-01-01 00:00)"),
        (["1704067200000"], "Unix time in milliseconds (2024-01-01 00:00)"),
        ([1704067200000000], "Unix time in microseconds (2024-01-01 00:00)"),
        ([1704067200000000000], "Unix time in nanoseconds (2024-01-01 00:00)"),
        ([638396640000000000], ".NET ticks (2024-01-01 00:00)"),
        ([133485408000000000], "Windows file times (2024-01-01 00:00)"),
        ([pd.Timestamp("1970-01-20 17:21:07.2")], "1,000 times too small (2024-01-01 00:00 is meant)"),
    ],
)
def test_odd_stamps_are_explained(stamps, told):
    assert told in (explain(stamps) or "")


@pytest.mark.parametrize(
    "stamps",
    [
        [],
        [""],
        ["2024-01-05 10:00"],
        ["05.01.2024 10:00", "06.01.2024"],
        ["20240105 100000"],
        ["1999-12-31"],
        ["yesterday", "Jan 5 2024"],
        [0, -1, float("nan"), float("inf"), 10**400],
        ["9" * 5_000],
        [pd.NaT, None],
        [datetime(2024, 1, 5)],
        ["24/01/05"],
        ["H1"],
    ],
)
def test_other_stamps_are_not(stamps):
    assert explain(stamps) is None


@given(st.lists(moments, min_size=1, max_size=20), st.sampled_from(["%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%Y%m%d"]))
def test_gregorian_dates_are_never_another_calendar(stamps, written):
    assert explain([f"{stamp:{written}}" for stamp in stamps]) is None
    assert explain(stamps) is None


@given(
    st.lists(moments, min_size=1, max_size=20),
    st.sampled_from([("seconds", 1), ("milliseconds", 10**3), ("microseconds", 10**6), ("nanoseconds", 10**9)]),
)
def test_unix_time_is_told_by_its_unit(stamps, unit):
    name, times = unit
    counted = [int(stamp.timestamp() * 1_000) * times // 1_000 for stamp in stamps]
    assert f"Unix time in {name}" in (explain(counted) or "")


@given(st.lists(moments, min_size=1, max_size=20))
def test_day_numbers_of_a_spreadsheet_are_told(stamps):
    days = [(stamp - datetime(1899, 12, 30, tzinfo=UTC)) / timedelta(days=1) for stamp in stamps]
    assert "spreadsheet" in (explain([f"{day:.4f}" for day in days]) or "")


@pytest.mark.parametrize("good", range(11))
def test_four_in_five_must_fit(good):
    stamps = ["1402/01/05"] * (10 - good) + ["2024-01-05"] * good
    assert (explain(stamps) is not None) == (good <= 2)


@given(st.lists(st.text() | st.floats() | st.integers() | st.datetimes(), max_size=5))
def test_nothing_is_too_odd(stamps):
    assert explain(stamps) is None or "looks like" in explain(stamps) or "look like" in explain(stamps)
