"""The session clock, on both sides of every change of summer time."""

import os
import random
import shutil
import zoneinfo
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import sessions, settings
from market.errors import UsageError
from market.hours import closures, markets
from market.instruments import instrument
from market.sessions import SESSIONS, closes_at, hours, is_open, readings, session, swap_nights, trading_day
from tests.oracles import sessions as plain

MARKETS = ("metal", "index", "forex", "crypto")
NEW_YORK = zoneinfo.ZoneInfo("America/New_York")
instants = st.datetimes(datetime(2001, 1, 1), datetime(2030, 1, 1)).map(lambda t: pd.Timestamp(t, tz="UTC"))
BERLIN = """
[german_index]
zone = "Europe/Berlin"
opens = "09:00"
day_end = "17:30"
weekend = true
holidays = ["easter_monday", 2025-12-31]
"""


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


@given(instants, st.sampled_from(MARKETS))
def test_the_clock_agrees_with_a_plain_reading_of_the_hours(instant: pd.Timestamp, market: str) -> None:
    kept = hours(market)
    local = instant.to_pydatetime().astimezone(zoneinfo.ZoneInfo(kept.zone))
    minute = local.hour * 60 + local.minute
    after_roll, reopened = minute >= kept.roll_minute, minute >= kept.roll_minute + kept.break_minutes
    trades = {4: not after_roll, 5: False, 6: reopened}.get(local.weekday(), not after_roll or reopened)
    assert is_open(pd.DatetimeIndex([instant]), market)[0] == (trades or not kept.weekend)
    assert closes_at(pd.DatetimeIndex([instant]), market)[0] == (not trades and kept.weekend)


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


@given(instants, st.sampled_from(MARKETS))
def test_the_unit_of_the_stamps_does_not_matter(instant: pd.Timestamp, market: str) -> None:
    second = pd.DatetimeIndex([instant.floor("s"), instant.floor("s") + timedelta(days=3)])
    for verb in (is_open, trading_day, swap_nights):
        assert verb(second.as_unit("ns"), market).tolist() == verb(second.as_unit("s"), market).tolist()


def edges_and_others(count: int = 3_000) -> list[datetime]:
    """Return instants of 2000 to 2030: random ones, and the minutes around the roll on many days."""
    draw = random.Random(0)
    start = datetime(2000, 1, 1, tzinfo=UTC)
    others = [start + timedelta(seconds=draw.randrange(31 * 365 * 86_400)) for _ in range(count)]
    days = [start + timedelta(days=day) for day in range(0, 31 * 365, 11)]
    minutes = [20 * 60 + 59, 21 * 60, 22 * 60 - 1, 22 * 60, 23 * 60 - 1, 23 * 60]
    return sorted({*others, *(day + timedelta(minutes=minute) for day in days for minute in minutes)})


@pytest.mark.parametrize("market", MARKETS)
def test_the_configured_hours_are_those_that_a_plain_reading_gives_over_thirty_years(market):
    instants = edges_and_others()
    ts = pd.DatetimeIndex(instants).as_unit("us")
    assert is_open(ts, market).tolist() == [plain.is_open(one, market) for one in instants]
    assert trading_day(ts, market).tolist() == [plain.trading_day(one, market) for one in instants]
    some = instants[::7]
    charged = swap_nights(pd.DatetimeIndex(some).as_unit("us"), market)
    assert charged.tolist() == [0, *(plain.nights(a, b, market) for a, b in pairwise(some))]
    assert (charged.dtype, trading_day(ts, market).dtype) == (np.float64, np.int64)


def agrees_with_a_plain_reading(market: str) -> None:
    closes = edges_and_others(1_000)[::3]
    ts = pd.DatetimeIndex(closes).as_unit("us")
    length = timedelta(hours=4)
    read = readings(ts, market, length // timedelta(microseconds=1))
    assert read.day.tolist() == [plain.trading_day(one, market) for one in closes]
    assert [SESSIONS[code] for code in read.session] == [plain.session(one) for one in closes]
    assert read.shut.tolist() == [not plain.is_open(one, market) for one in closes]
    assert read.nights.tolist() == [0, *(plain.nights(a, b, market) for a, b in pairwise(closes))]
    late = [plain.nights(a, b - length, market) if b - a > length else 0 for a, b in pairwise(closes)]
    assert read.nights_before_open.tolist() == [0, *late]
    inside = [plain.nights_inside(max(a, b - length), b, market) for a, b in pairwise(closes)]
    assert read.nights_inside.tolist() == [0, *inside]
    assert any(late) == (market != "crypto")


@pytest.mark.parametrize("market", MARKETS)
def test_one_pass_over_the_stamps_says_what_a_plain_reading_says_of_each(market):
    agrees_with_a_plain_reading(market)


def test_a_clock_without_summer_time_is_caught(monkeypatch):
    whole = sessions.clock
    monkeypatch.setattr(sessions, "clock", lambda name: whole("UTC-5") if name == sessions.NEW_YORK else whole(name))
    sessions._trading.cache_clear()
    with pytest.raises(AssertionError):
        agrees_with_a_plain_reading("metal")
    sessions._trading.cache_clear()


@pytest.mark.parametrize("market", MARKETS)
def test_the_order_of_the_stamps_changes_nothing_that_is_said_of_one(market):
    ts = pd.DatetimeIndex(edges_and_others(500)).as_unit("us")
    order = np.random.default_rng(0).permutation(len(ts))
    inorder, mixed = readings(ts, market), readings(ts[order], market)
    for name in ("day", "session", "shut"):
        np.testing.assert_array_equal(getattr(mixed, name), getattr(inorder, name)[order])
    np.testing.assert_array_equal(mixed.nights[1:], np.diff(np.cumsum(inorder.nights)[order]))


def test_minutes_on_the_clocks_of_two_cities_tell_the_session_too():
    ts = pd.DatetimeIndex(edges_and_others(500)).as_unit("us")
    before = ts - pd.Timedelta(1, "us")
    london, new_york = (before.tz_convert(zone) for zone in (sessions.LONDON, sessions.NEW_YORK))
    minutes = [np.array(shown.hour * 60 + shown.minute, dtype=float) for shown in (london, new_york)]
    np.testing.assert_array_equal(sessions.session_at(*minutes), session(ts))


@pytest.fixture
def config(tmp_path, monkeypatch) -> Path:
    """Return a copy of the settings, to change."""
    folder = tmp_path / "config"
    shutil.copytree(Path(__file__).parents[2] / "config", folder)
    monkeypatch.setenv("ASSAY_CONFIG", str(folder))
    return folder


def write_below(config: Path, text: str) -> None:
    with (config / "sessions.toml").open("a") as stream:
        stream.write(text)


def replace(config: Path, old: str, new: str) -> None:
    path = config / "sessions.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def test_a_market_of_ones_own_has_the_hours_of_its_day_session(config):
    write_below(config, BERLIN)
    friday = at(*(f"2025-07-04 {time}" for time in ("08:59", "09:00", "17:29", "17:30")), zone="Europe/Berlin")
    assert is_open(friday, "german_index").tolist() == [False, True, True, False]
    monday = at("2025-07-05 12:00", "2025-07-06 20:00", "2025-07-07 08:59", "2025-07-07 09:00", zone="Europe/Berlin")
    assert is_open(monday, "german_index").tolist() == [False, False, False, True]
    days = trading_day(at("2025-07-04 17:30", "2025-07-07 09:15", zone="Europe/Berlin"), "german_index")
    assert np.diff(days).tolist() == [3]
    assert not swap_nights(friday, "german_index").any()
    assert closures("german_index").holidays == ("easter_monday", datetime(2025, 12, 31).date())


def test_a_day_that_ends_at_midnight_keeps_its_weekend_and_its_nights(config):
    write_below(
        config, '[night]\nzone = "UTC"\nday_end = "00:00"\nbreak_minutes = 0\nweekend = true\ntriple_swap = "friday"\n'
    )
    ts = pd.date_range("2025-01-06", "2025-01-13", freq="1h", tz="UTC", unit="us")
    assert is_open(ts, "night").tolist() == [one.weekday() < 5 for one in ts]
    nights = swap_nights(ts, "night")
    assert [(one.day, n) for one, n in zip(ts, nights, strict=True) if n] == [(7, 1), (8, 1), (9, 1), (10, 1), (11, 3)]


def test_an_instrument_may_name_a_market_of_ones_own(config):
    write_below(config, BERLIN)
    instruments = config / "instruments.toml"
    instruments.write_text(instruments.read_text().replace('market = "index"', 'market = "german_index"', 1))
    assert instrument("US500").market == "german_index"


def test_changed_hours_hold_at_once_and_another_folder_has_its_own(config, monkeypatch):
    noon = at("2025-01-08 17:30", zone="America/New_York")
    assert not is_open(noon, "metal")[0]
    replace(config, "break_minutes = 60", "break_minutes = 15")
    assert is_open(noon, "metal")[0]
    monkeypatch.setenv("ASSAY_CONFIG", str(Path(__file__).parents[2] / "config"))
    assert not is_open(noon, "metal")[0]


def test_the_file_is_read_again_only_when_it_changes(config, monkeypatch):
    hours("metal")
    read, asked = settings.read_toml, []
    monkeypatch.setattr(settings, "read_toml", lambda name: asked.append(name) or read(name))
    assert hours("forex") and hours("crypto")
    assert asked == []
    os.utime(config / "sessions.toml", (1, 1))
    assert hours("forex").break_minutes == 0
    assert asked == ["sessions"]


WRONG = [
    ('zone = "America/New_York"', 'zone = "America/New_Yorc"', r"\[metal\]: zone = .*Did you mean America/New_York\?"),
    ('day_end = "17:00"', 'day_end = "24:00"', r"\[metal\]: day_end = '24:00'"),
    ('day_end = "17:00"', 'day_end = "5pm"', r"\[metal\]: day_end = '5pm'"),
    ("break_minutes = 60", "break_minutes = 1440", r"\[metal\]: break_minutes = 1440"),
    ("break_minutes = 60", "break_minutes = true", r"\[metal\]: break_minutes = True"),
    ("break_minutes = 60", "", r"\[metal\]: either break_minutes or opens is wanted, and not both"),
    ("break_minutes = 60", 'break_minutes = 60\nopens = "18:00"', r"\[metal\]: either break_minutes or opens"),
    ("break_minutes = 60", 'opens = "17:00"', r"\[metal\]: opens = '17:00': the same as day_end"),
    ("weekend = true", "weekends = true", r"unknown key 'weekends'\. Did you mean weekend\?"),
    ("weekend = true", 'weekend = "yes"', r"weekend = 'yes'"),
    ('triple_swap = "wednesday"', 'triple_swap = "sunday"', r"triple_swap = 'sunday'"),
    ('"good_friday"', '"bad_friday"', r"\[metal\]: holidays\.1 = 'bad_friday': .*Did you mean good_friday\?"),
    ('["new_years_day"', "[2025-01-01T12:00:00", r"\[metal\]: holidays\.0 = datetime.*wanted a date or one of"),
    ('["new_years_day"', "[3", r"\[metal\]: holidays\.0 = 3: wanted a date or one of"),
    ('["new_years_day"', '["labor_day"', r"\[metal\]: labor_day stands in holidays and in early_closes"),
    ("[metal]", "[metal", r"sessions\.toml is not valid TOML"),
    ("[metal]", "x = 3\n[metal]", r"x stands outside of a table"),
]


@pytest.mark.parametrize(("old", "new", "says"), WRONG, ids=[row[1] or "nothing" for row in WRONG])
def test_wrong_hours_are_refused_by_name(config, old, new, says):
    replace(config, old, new)
    with pytest.raises(UsageError, match=says):
        hours("metal")


def test_all_wrong_hours_are_named_at_once(config):
    replace(config, 'triple_swap = "wednesday"', 'triple_swap = "sunday"')
    replace(config, 'zone = "UTC"', 'zone = "Mars"')
    with pytest.raises(UsageError, match=r"\[metal\]: triple_swap.*; .*\[crypto\]: zone = 'Mars'"):
        markets()


def test_a_folder_without_hours_is_refused_with_what_to_do(config):
    (config / "sessions.toml").unlink()
    with pytest.raises(UsageError, match=r"No settings file .*sessions\.toml: restore it"):
        is_open(at("2025-01-08"), "metal")
