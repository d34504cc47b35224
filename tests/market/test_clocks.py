"""Clocks of sources: what they show, and which instant it was, on both sides of every change of summer time."""

import zoneinfo
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.clocks import NOT_A_TIME, clock, from_utc, to_utc
from market.errors import UsageError

HOUR = 3_600_000_000
ZONES = (
    "UTC",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Europe/London",
    "Europe/Athens",
    "Europe/Istanbul",
    "Europe/Moscow",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Asia/Tokyo",
    "Asia/Pyongyang",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Etc/GMT+5",
)
LIKE = {"EET-EU": "Europe/Athens", "CET-EU": "Europe/Berlin", "WET-EU": "Europe/Lisbon", "GMT-EU": "Europe/London"}
UNKNOWN = (
    "",
    " ",
    "../../etc/passwd",
    "/etc/passwd",
    "a\0b",
    "Europe",
    "UTC+15",
    "UTC+3:75",
    "UTC+3\n",
    "EET-JP",
    "NY7",
)
UNKNOWN += ("right/UTC", "posixrules", "localtime", "zone.tab", "x" * 5_000, "\ud800", "UTC+٣")

walls = st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1))


def us(*stamps: object) -> np.ndarray:
    return pd.DatetimeIndex(stamps).as_unit("us").asi8


def one(name: str, wall: str) -> str:
    """Return the UTC time at which the clock `name` shows `wall`."""
    utc, unknown = to_utc(us(pd.Timestamp(wall)), clock(name))
    return "unknown" if unknown[0] else str(pd.Timestamp(utc[0], unit="us"))[:16]


def by_pandas(wall: np.ndarray, zone: str) -> np.ndarray:
    naive = pd.DatetimeIndex(wall.view("M8[us]"))
    return naive.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").tz_convert("UTC").as_unit("us").asi8


@pytest.mark.parametrize("zone", ZONES)
def test_a_zone_is_read_as_pandas_reads_it_in_every_quarter_of_an_hour_of_half_a_century(zone):
    wall = np.arange(*us(pd.Timestamp("1990-01-01"), pd.Timestamp("2040-01-01")), HOUR // 4)
    utc, unknown = to_utc(wall, clock(zone))
    expected = by_pandas(wall, zone)
    known = expected != NOT_A_TIME
    assert (unknown == ~known).all()
    assert (utc[known] == expected[known]).all()
    assert (from_utc(utc[known], clock(zone)) == wall[known]).all()


@settings(deadline=None)
@given(walls, st.sampled_from(sorted(zoneinfo.available_timezones() - {"localtime"})))
def test_any_zone_is_read_as_the_standard_library_reads_it(wall, zone):
    utc, unknown = to_utc(us(wall), clock(zone))
    first, second = (wall.replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=fold) for fold in (0, 1))
    assert unknown[0] == (first.utcoffset() != second.utcoffset())
    if not unknown[0]:
        assert utc[0] == us(wall - first.utcoffset())[0]


@settings(deadline=None)
@given(st.lists(walls, min_size=1, max_size=20), st.sampled_from((*ZONES, *LIKE, "NY+7", "EET-US", "EST-EU", "UTC-5")))
def test_what_is_known_is_shown_again_and_what_is_not_is_no_time(wall, name):
    shown = us(*wall)
    utc, unknown = to_utc(shown, clock(name))
    assert (from_utc(utc[~unknown], clock(name)) == shown[~unknown]).all()
    assert (utc[unknown] == NOT_A_TIME).all()


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        ("UTC+3", 3),
        ("GMT+2", 2),
        ("UTC-5", -5),
        ("+02:00", 2),
        ("-3", -3),
        ("UTC+05:30", 5.5),
        ("UTC+0", 0),
        ("UTC", 0),
    ],
)
def test_a_fixed_offset_never_changes(name, hours):
    assert (
        from_utc(us(datetime(2024, 1, 1), datetime(2024, 7, 1)), clock(name)).tolist()
        == (us(datetime(2024, 1, 1), datetime(2024, 7, 1)) + int(hours * HOUR)).tolist()
    )


@pytest.mark.parametrize(("rule", "zone"), LIKE.items())
def test_the_rule_of_the_eu_is_that_of_its_zones(rule, zone):
    utc = np.arange(*us(pd.Timestamp("1997-01-01"), pd.Timestamp("2040-01-01")), HOUR)
    assert (from_utc(utc, clock(rule)) == from_utc(utc, clock(zone))).all()


def test_the_eu_switches_at_one_utc_on_the_last_sundays_wherever_the_base_is():
    utc = us(
        datetime(2025, 3, 30, 0, 59), datetime(2025, 3, 30, 1), datetime(2025, 10, 26, 0, 59), datetime(2025, 10, 26, 1)
    )
    for name, winter in (("EST-EU", -5), ("EET-EU", 2), ("GMT-EU", 0)):
        assert ((from_utc(utc, clock(name)) - utc) / HOUR).tolist() == [winter, winter + 1, winter + 1, winter]


def test_the_us_switches_at_two_in_new_york_wherever_the_base_is():
    utc = us(
        datetime(2025, 3, 9, 6, 59), datetime(2025, 3, 9, 7), datetime(2025, 11, 2, 5, 59), datetime(2025, 11, 2, 6)
    )
    for name, winter in (("EST-US", -5), ("EET-US", 2), ("NY+7", 2), ("NY+0", -5), ("NY", -5), ("NY-1", -6)):
        assert ((from_utc(utc, clock(name)) - utc) / HOUR).tolist() == [winter, winter + 1, winter + 1, winter]


@settings(deadline=None)
@given(walls)
def test_new_york_closes_at_midnight_of_the_brokers_who_are_seven_hours_ahead(wall):
    utc, unknown = to_utc(us(wall), clock("America/New_York"))
    if not unknown[0]:
        assert from_utc(utc, clock("NY+7"))[0] == us(wall + timedelta(hours=7))[0]


@pytest.mark.parametrize(
    ("name", "wall", "utc"),
    [
        ("America/New_York", "2024-03-10 01:59", "2024-03-10 06:59"),
        ("America/New_York", "2024-03-10 02:00", "unknown"),
        ("America/New_York", "2024-03-10 02:59", "unknown"),
        ("America/New_York", "2024-03-10 03:00", "2024-03-10 07:00"),
        ("America/New_York", "2024-11-03 00:59", "2024-11-03 04:59"),
        ("America/New_York", "2024-11-03 01:00", "unknown"),
        ("America/New_York", "2024-11-03 01:59", "unknown"),
        ("America/New_York", "2024-11-03 02:00", "2024-11-03 07:00"),
        ("EST-EU", "2019-10-27 18:59", "2019-10-27 23:59"),
        ("EST-EU", "2019-10-26 20:30", "unknown"),
        ("EET-US", "2024-03-10 09:30", "unknown"),
        ("EET-EU", "2024-03-10 09:30", "2024-03-10 07:30"),
    ],
)
def test_an_hour_that_is_repeated_or_skipped_is_unknown_and_never_guessed(name, wall, utc):
    assert one(name, wall) == utc


def test_no_time_stays_no_time():
    for name in ("UTC+2", "Europe/Athens"):
        utc, unknown = to_utc(np.array([NOT_A_TIME, 0]), clock(name))
        assert unknown.tolist() == [True, False]
        assert utc[0] == NOT_A_TIME


def test_a_million_stamps_in_any_order_are_those_one_by_one():
    wall = np.random.default_rng(0).integers(0, 2**51, 1_000_000)
    utc, unknown = to_utc(wall, clock("Europe/Athens"))
    some = slice(None, None, 9_973)
    again = [to_utc(wall[i : i + 1], clock("Europe/Athens")) for i in range(0, 1_000_000, 9_973)]
    assert utc[some].tolist() == [found[0][0] for found in again]
    assert unknown[some].tolist() == [found[1][0] for found in again]
    assert len(to_utc(wall[:0], clock("Europe/Athens"))[0]) == 0


def test_the_table_of_a_clock_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match="read-only"):
        clock("Europe/Athens").offsets[0] = 0


@pytest.mark.parametrize("name", UNKNOWN, ids=[ascii(name[:20]) for name in UNKNOWN])
def test_an_unknown_clock_is_answered_with_the_forms_there_are(name):
    with pytest.raises(
        UsageError, match=r"^(Unknown clock|Clock) .*wanted a zone such as Europe/Athens.*NY\+7\."
    ) as told:
        clock(name)
    assert len(str(told.value)) < 250
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Europe/Athen", "Europe/Athens"),
        ("america/new_york", "America/New_York"),
        ("utc", "UTC"),
        ("utc+3", "UTC+3"),
        ("EET-EV", "EET-EU"),
        ("ny+7", "NY+7"),
    ],
)
def test_an_unknown_clock_is_answered_with_the_nearest(typed, meant):
    with pytest.raises(UsageError) as told:
        clock(typed)
    assert str(told.value).endswith(f"Did you mean {meant}?")
