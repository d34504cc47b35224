"""The calendar: facts of the clock, on both sides of a change to summer time."""

import numpy as np
import pandas as pd
import pytest

from feature_store.arrays import COLUMNS, Bars
from feature_store.groups import calendar


def at(*stamps: str) -> pd.DataFrame:
    """The calendar of bars that close at these UTC stamps."""
    index = pd.DatetimeIndex(pd.to_datetime(stamps, utc=True), name="ts").as_unit("us")
    bars = Bars.of(pd.DataFrame(1.0, index=index, columns=list(COLUMNS)))
    return pd.DataFrame(calendar.compute(bars), index=index)


def test_london_opens_at_eight_of_its_own_clock_in_winter_and_summer():
    found = at("2025-01-15 08:15", "2025-07-15 07:15")
    assert found["hours_since_london_open"].tolist() == pytest.approx([14 / 60, 14 / 60])
    assert found["session_london"].tolist() == [1.0, 1.0]


def test_new_york_and_london_drift_apart_while_only_america_has_summer_time():
    """In the middle of March 2025 New York was four hours behind London, not five."""
    found = at("2025-03-05 13:15", "2025-03-12 12:15", "2025-03-12 13:15")
    assert found["hours_since_new_york_open"].tolist() == pytest.approx([14 / 60, 14 / 60, 1 + 14 / 60])
    assert found["session_new_york"].tolist() == [1.0, 1.0, 1.0]


def test_the_stock_market_is_open_from_half_past_nine_to_four():
    found = at("2025-07-15 13:30", "2025-07-15 13:45", "2025-07-15 20:00", "2025-07-15 20:15", "2025-07-12 15:00")
    assert found["new_york_stocks_open"].tolist() == [0.0, 1.0, 1.0, 0.0, 0.0]


def test_a_bar_that_closes_at_midnight_belongs_to_the_day_that_ends():
    found = at("2025-07-14 04:00", "2025-07-14 04:15")
    assert found["weekday"].tolist() == [6.0, 0.0], "midnight in New York"
    assert at("2025-08-01 00:00")["month_place"].iloc[0] == pytest.approx(30 / 31)


def test_the_week_begins_on_sunday_evening_and_ends_on_friday_at_five():
    found = at("2025-07-13 21:15", "2025-07-14 10:00", "2025-07-18 20:45", "2025-07-18 21:00")
    assert found["week_hours"].tolist() == pytest.approx([14 / 60, 12 + 59 / 60, 119 + 44 / 60, 119 + 59 / 60])
    assert found["week_start"].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert found["week_end"].tolist() == [0.0, 0.0, 1.0, 1.0]


def test_turns_of_month_and_quarter():
    found = at(
        "2025-06-29 12:00",
        "2025-06-30 12:00",
        "2025-07-02 12:00",
        "2025-07-03 12:00",
        "2025-07-31 12:00",
        "2025-08-01 12:00",
    )
    assert found["month_turn"].tolist() == [1.0, 1.0, 1.0, 0.0, 1.0, 1.0]
    assert found["quarter_turn"].tolist() == [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]


def test_a_pause_is_measured_from_the_bar_before():
    pause = at("2025-07-18 21:00", "2025-07-20 22:15", "2025-07-20 22:30")["pause_hours"]
    assert np.isnan(pause.iloc[0])
    assert pause.iloc[1:].tolist() == [49.25, 0.25]


def test_circles_close():
    day = at(*(f"2025-07-15 {hour:02d}:30" for hour in range(24)))
    assert day["day_sine"].sum() == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(day["day_sine"] ** 2 + day["day_cosine"] ** 2, 1.0)
    assert day["session_asia"].sum() + day["session_london"].sum() + day["session_new_york"].sum() == 24


def test_minutes_are_counted_since_the_day_and_the_session_began():
    """15 July: the day began at 21:00 UTC, London at 7:00, New York at 12:00; in winter all an hour later."""
    found = at("2025-07-14 21:15", "2025-07-15 07:00", "2025-07-15 07:15", "2025-07-15 12:15", "2025-07-15 21:00")
    assert found["day_minutes"].tolist() == [14.0, 599.0, 614.0, 914.0, 1439.0]
    assert found["session_minutes"].tolist() == [14.0, 599.0, 14.0, 14.0, 539.0]
    winter = at("2025-01-14 22:15", "2025-01-15 08:15", "2025-01-15 13:15")
    assert winter["session_minutes"].tolist() == [14.0, 14.0, 14.0]


def test_a_session_is_as_long_as_the_clocks_of_two_cities_make_it():
    """In the middle of March 2025 America had summer time and Europe had not: Asia has an hour more, London less."""
    minutes = {}
    for day in ("2025-01-15", "2025-03-12"):
        stamps = pd.date_range(day, periods=288, freq="5min", tz="UTC") + pd.Timedelta("22h")
        found = at(*stamps.strftime("%Y-%m-%d %H:%M"))
        minutes[day] = [
            found.loc[found[f"session_{name}"] == 1.0, "session_minutes"].max() for name in ("asia", "london")
        ]
    assert minutes == {"2025-01-15": [599.0, 299.0], "2025-03-12": [659.0, 239.0]}
