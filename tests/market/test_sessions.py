"""The session clock, on both sides of every change of summer time."""

import zoneinfo
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.errors import UsageError
from market.sessions import MARKETS, SESSIONS, closes_at, is_open, session, swap_nights, trading_day

NEW_YORK = zoneinfo.ZoneInfo("America/New_York")
instants = st.datetimes(datetime(2001, 1, 1), datetime(2030, 1, 1)).map(lambda t: pd.Timestamp(t, tz="UTC"))


def at(*stamps: str, zone: str = "UTC") -> pd.DatetimeIndex:
    return pd.DatetimeIndex([pd.Timestamp(stamp, tz=zone) for stamp in stamps]).tz_convert("UTC").as_unit("us")


def five_minutes(start: str, end: str) -> pd.DatetimeIndex:
    return pd.date_range(start, end, freq="5min", tz="UTC", unit="us")


@pytest.mark.parametrize(
    ("day", "hour"), [("2025-01-08", 22), ("2025-07-09", 21), ("2025-03-12", 21), ("2025-10-29", 21)]
)
def test_golds_break_is_an_hour_from_17_new_york(day: str, hour: int) -> None:
    around = at(*(f"{day} {clock}" for clock in (f"{hour - 1}:59", f"{hour}:00", f"{hour}:59", f"{hour + 1}:00")))
    assert is_open(around, "metal").tolist() == [True, False, False, True]
    assert is_open(around, "index").tolist() == [True, False, False, True]
    assert is_open(around, "forex").all()
    assert is_open(around, "crypto").all()


@pytest.mark.parametrize("friday", ["2025-01-10", "2025-03-07", "2025-03-14", "2025-10-24", "2025-10-31"])
def test_the_weekend_runs_from_friday_to_sunday_evening_in_new_york(friday: str) -> None:
    close = pd.Timestamp(f"{friday} 17:00", tz=NEW_YORK).tz_convert("UTC")
    sunday = pd.Timestamp(f"{friday} 17:00", tz=NEW_YORK) + pd.DateOffset(days=2)
    for market, wait in (("forex", 0), ("metal", 60), ("index", 60)):
        opening = (sunday + pd.Timedelta(minutes=wait)).tz_convert("UTC")
        edge = pd.DatetimeIndex([close - pd.Timedelta("1s"), close, opening - pd.Timedelta("1s"), opening])
        assert is_open(edge, market).tolist() == [True, False, False, True]


@given(instants, st.sampled_from(list(MARKETS)))
def test_the_clock_agrees_with_a_plain_reading_of_the_hours(instant: pd.Timestamp, market: str) -> None:
    hours = MARKETS[market]
    local = instant.to_pydatetime().astimezone(zoneinfo.ZoneInfo(hours.zone))
    minute = local.hour * 60 + local.minute
    after_roll, reopened = minute >= hours.roll_minute, minute >= hours.roll_minute + hours.break_minutes
    plain = {4: not after_roll, 5: False, 6: reopened}.get(local.weekday(), not after_roll or reopened)
    assert is_open(pd.DatetimeIndex([instant]), market)[0] == (plain or not hours.weekend)
    assert closes_at(pd.DatetimeIndex([instant]), market)[0] == (not plain and hours.weekend)


def test_a_bar_that_ends_at_the_break_is_the_last_of_its_day_and_of_its_session() -> None:
    closes = at("2025-01-08 21:45", "2025-01-08 22:00", "2025-01-08 23:15")
    assert closes_at(closes, "metal").tolist() == [False, True, False]
    days = trading_day(closes, "metal")
    assert days.tolist() == [days[0], days[0], days[0] + 1]


def test_sunday_evening_belongs_to_monday() -> None:
    sunday, monday = at("2025-01-05 18:30", "2025-01-06 12:00", zone="America/New_York")
    days = trading_day(pd.DatetimeIndex([sunday, monday]), "metal")
    assert days[0] == days[1] == (pd.Timestamp("2025-01-06") - pd.Timestamp("1970-01-01")).days


@given(instants)
def test_a_crypto_day_ends_at_midnight_utc(instant: pd.Timestamp) -> None:
    day = trading_day(pd.DatetimeIndex([instant]), "crypto")[0]
    assert day == (instant - pd.Timedelta("1us") - pd.Timestamp(0, tz="UTC")).days


def test_a_year_has_a_trading_day_for_every_weekday_even_when_clocks_change() -> None:
    ts = five_minutes("2025-01-06 00:05", "2025-12-29 00:00")
    ts = ts[is_open(ts - pd.Timedelta("5min"), "forex")]
    days = np.unique(trading_day(ts, "forex"))
    assert len(days) == 51 * 5 + 1, "51 weeks, and the first hours of the next Monday"


@pytest.mark.parametrize("monday", ["2025-01-06", "2025-03-03", "2025-03-10", "2025-03-31", "2025-10-27", "2025-11-03"])
@pytest.mark.parametrize("market", ["forex", "metal", "index"])
def test_a_week_has_seven_nights_with_three_on_the_triple_day(monday: str, market: str) -> None:
    start = pd.Timestamp(monday, tz="UTC")
    ts = pd.date_range(start, start + pd.Timedelta(days=7), freq="15min", unit="us")
    ts = ts[is_open(ts - pd.Timedelta("15min"), market)]
    nights = swap_nights(ts, market)
    assert nights.sum() == 7
    local = ts[nights > 0].tz_convert(NEW_YORK)
    assert list(local.strftime("%a %H:%M")) == ["Mon 17:00", "Tue 17:00", "Wed 17:00", "Thu 17:00", "Fri 17:00"]
    triple = {"forex": "Wed", "metal": "Wed", "index": "Fri"}[market]
    assert [day for day, n in zip(local.strftime("%a"), nights[nights > 0], strict=True) if n == 3] == [triple]


def test_nights_do_not_depend_on_the_timeframe_or_on_gaps() -> None:
    ts = five_minutes("2025-03-03", "2025-04-01")
    whole = swap_nights(ts, "metal").sum()
    for step in (3, 12, 48):
        assert (
            swap_nights(ts[::step], "metal").sum()
            == whole - swap_nights(ts[-(len(ts) - 1) % step - 1 :], "metal").sum()
        )
    assert swap_nights(ts[[0, -1]], "metal").sum() == whole


def test_crypto_and_nothing_at_all_have_no_nights() -> None:
    assert not swap_nights(five_minutes("2025-01-06", "2025-01-13"), "crypto").any()
    assert len(swap_nights(five_minutes("2025-01-06", "2025-01-05"), "forex")) == 0


@pytest.mark.parametrize(
    ("close", "name"),
    [
        ("2025-01-08 08:00", "asia"),
        ("2025-01-08 08:15", "london"),
        ("2025-01-08 13:00", "london"),
        ("2025-01-08 13:15", "new_york"),
        ("2025-01-08 22:00", "new_york"),
        ("2025-01-08 22:15", "asia"),
        ("2025-07-09 07:00", "asia"),
        ("2025-07-09 07:15", "london"),
        ("2025-07-09 12:15", "new_york"),
        ("2025-03-12 08:15", "london"),
        ("2025-03-12 12:15", "new_york"),
        ("2025-10-29 12:15", "new_york"),
    ],
)
def test_sessions_follow_the_summer_time_of_their_own_city(close: str, name: str) -> None:
    assert SESSIONS[session(at(close))[0]] == name


def test_an_unknown_market_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean metal"):
        is_open(at("2025-01-08"), "metals")


@given(instants, st.sampled_from(list(MARKETS)))
def test_the_unit_of_the_stamps_does_not_matter(instant: pd.Timestamp, market: str) -> None:
    second = pd.DatetimeIndex([instant.floor("s"), instant.floor("s") + timedelta(days=3)])
    for verb in (is_open, trading_day, swap_nights):
        assert verb(second.as_unit("ns"), market).tolist() == verb(second.as_unit("s"), market).tolist()
