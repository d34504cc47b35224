"""Which clock do bars keep: every wrong declaration is named, no right one is ever doubted."""

import io
import shutil
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import sessions
from market.clock_check import CANDIDATES, ClockCheck, check, doubts
from market.clocks import clock, from_utc, to_utc
from market.gaps import kinds
from market.holidays import holidays
from market.instruments import instrument
from market.timeframe import TIMEFRAMES, Timeframe
from tests.market.made_bars import REAL

HOUR, WEEK = 3_600_000_000, 604_800_000_000
MARKETS = ("metal", "index", "forex")


@lru_cache
def opens(market: str, start: str = "2023-01-02", end: str = "2025-01-01", timeframe: str = "15T") -> np.ndarray:
    """Return the instants at which bars open while a market trades, holidays left out (us)."""
    ts = pd.date_range(start, end, freq=TIMEFRAMES[timeframe].delta, tz="UTC", unit="us", inclusive="left")
    ts = ts[sessions.is_open(ts, market)]
    days = sessions.trading_day(ts + pd.Timedelta("1us"), market).astype("M8[D]")
    shut, early = holidays(market, range(2010, 2030))
    noon = (ts.tz_convert("America/New_York").hour >= 12) & (ts.tz_convert("America/New_York").hour < 17)
    return ts[~np.isin(days, shut) & ~(np.isin(days, early) & noon)].asi8


def checked(
    wall: np.ndarray, declared: str, market: str = "metal", timeframe: Timeframe = TIMEFRAMES["15T"]
) -> ClockCheck:
    """Return what is said of bars that open at `wall` on a clock declared to be `declared`."""
    utc, unknown = to_utc(wall, clock(declared))
    utc, length = np.unique(utc[~unknown]), timeframe.minutes * 60_000_000
    gap = np.diff(utc) > length
    return check(utc[:-1][gap] + length, utc[1:][gap], clock(declared), timeframe, market)


def kept(true: str, declared: str, market: str = "metal") -> ClockCheck:
    return checked(from_utc(opens(market), clock(true)), declared, market)


TELLABLE = ("UTC", "EET-EU", "NY+7", "America/New_York", "EST-EU", "UTC-5", "UTC+2", "UTC+3", "CET-EU", "Asia/Tokyo")


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("true", TELLABLE)
def test_a_right_clock_fits_all_weeks(true, market):
    found = kept(true, true, market)
    assert (found.verdict, found.explained, found.best, found.unexplained) == ("fits", 1.0, true, ())
    assert found.weeks > 90


@pytest.mark.parametrize("true", TELLABLE)
@pytest.mark.parametrize("declared", [*TELLABLE, "Europe/London", "UTC-4", "CET-US"])
def test_a_wrong_clock_is_answered_with_the_right_one(true, declared):
    if true == declared:
        return
    found = kept(true, declared)
    same = {"Asia/Tokyo": "UTC+9"}
    assert found.verdict in (f"looks like {true}", f"looks like {same.get(true)}")
    assert found.best_explained > max(0.95, found.explained)
    assert f"Declared {declared}, but the metal market's daily break falls at " in found.told
    assert sum(one.weeks for one in found.unexplained) == round(found.weeks * (1 - found.explained))


def test_what_is_told_says_where_the_break_is_and_where_it_should_be():
    found = kept("EET-EU", "UTC")
    assert (found.observed, found.expected) == ("daily break falls at 00:00–01:00 UTC", "22:00–23:00 in winter")
    assert found.told.startswith(
        "Declared UTC, but the metal market's daily break falls at 00:00–01:00 UTC (should be 22:00–23:00 in winter): "
        "this looks like EET-EU (Europe/Athens), which explains 100% of "
    )
    assert {hours for one in found.unexplained for hours in one.hours} == {2.0, 3.0}


@pytest.mark.parametrize("stored", [False, True])
def test_a_doubt_ends_where_what_is_wanted_begins(stored):
    (doubt,) = doubts(kept("EET-EU", "UTC"), "bars.csv", stored).itertuples()
    assert doubt.found.endswith("%)") and not doubt.wanted.endswith(".")
    assert ".;" not in f"{doubt.problem}: found {doubt.found}; wanted {doubt.wanted}."


def test_a_market_without_a_break_is_told_by_its_weekend():
    found = kept("EET-EU", "UTC", "forex")
    assert found.observed == "weekend lasts from Sat 00:00 to Mon 00:00"
    assert found.expected == "Fri 22:00 to Sun 22:00 in winter"


def test_another_name_of_the_right_clock_fits():
    assert kept("EET-EU", "Europe/Athens").verdict == "fits"
    assert kept("NY+7", "EET-US").verdict == "fits"


def test_a_winter_alone_does_not_tell_clocks_apart_that_differ_in_summer():
    winter = opens("metal", "2023-11-06", "2024-03-01")
    for declared in ("EET-EU", "NY+7", "UTC+2"):
        assert checked(from_utc(winter, clock("EET-EU")), declared).verdict == "fits"
    assert "EET-EU (Europe/Athens, or NY+7)" in checked(from_utc(winter, clock("EET-EU")), "UTC").told


@pytest.mark.parametrize("week", [10, 40, 70])
@pytest.mark.parametrize(("before", "after"), [("UTC", "EET-EU"), ("EET-EU", "UTC"), ("NY+7", "UTC"), ("UTC", "UTC+1")])
def test_a_clock_that_switches_is_found_with_its_week(week, before, after):
    utc = opens("metal")
    sunday = pd.Timestamp("2023-01-01 12:00", tz="UTC") + pd.Timedelta(weeks=week)
    later = utc >= int(sunday.timestamp()) * 1_000_000
    wall = np.where(later, from_utc(utc, clock(after)), from_utc(utc, clock(before)))
    found = checked(wall, before)
    assert found.verdict == "switches"
    named = pd.Timestamp(found.told.partition("in the week of ")[2].rstrip("."), tz="UTC")
    assert abs(named - sunday) <= pd.Timedelta(days=15)
    assert f"switches from {before} to {after}" in found.told


def test_a_season_on_another_clock_is_a_switch_and_back():
    utc = opens("metal")
    summer = (utc >= utc[0] + 30 * WEEK) & (utc < utc[0] + 50 * WEEK)
    found = checked(np.sort(utc + HOUR * summer), "UTC")
    assert found.verdict == "switches"
    assert len(found.unexplained) == 1
    assert found.unexplained[0].hours == (1.0,)
    assert 18 <= found.unexplained[0].weeks <= 20


def test_some_weeks_on_another_clock_are_named_though_the_clock_fits():
    utc = opens("metal")
    some = (utc >= utc[0] + 30 * WEEK) & (utc < utc[0] + 34 * WEEK)
    found = checked(np.sort(utc + HOUR * some), "UTC")
    assert found.verdict == "fits"
    assert [(one.hours, one.weeks) for one in found.unexplained] == [((1.0,), 4)]
    assert "but not the weeks of 2023-08-" in found.told


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from(TELLABLE),
    st.sampled_from(MARKETS),
    st.floats(0, 0.3),
    st.integers(3, 104),
)
def test_bars_that_are_missing_never_cast_a_doubt(seed, true, market, share, weeks):
    """Single bars, whole hours around the weekend, and days are taken out at random."""
    rng = np.random.default_rng(seed)
    utc = opens(market)
    start = rng.integers(0, 105 - weeks)
    utc = utc[(utc >= utc[0] + start * WEEK) & (utc < utc[0] + (start + weeks) * WEEK)]
    keep = rng.random(len(utc)) >= share * rng.random()
    lost = rng.integers(utc[0], utc[-1], rng.integers(0, 4 * weeks))
    for one, length in zip(lost, rng.integers(1, 30, len(lost)) * HOUR, strict=True):
        keep &= (utc < one) | (utc >= one + length)
    found = checked(from_utc(utc[keep], clock(true)), true, market)
    assert found.verdict in ("fits", "cannot be tested")
    assert found.unexplained == ()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["EET-EU", "UTC"]))
def test_a_broker_that_opens_by_another_citys_summer_time_is_not_doubted(seed, true):
    """In the weeks when only New York keeps summer time, brokers open an hour late after the weekend and the break."""
    rng = np.random.default_rng(seed)
    utc = opens("metal")
    ahead = from_utc(utc, clock("EET-EU")) - from_utc(utc, clock("America/New_York")) == 6 * HOUR
    late = pd.DatetimeIndex(utc.view("M8[us]"), tz="UTC").tz_convert("America/New_York").hour == 18
    utc = utc[~(ahead & late) & (rng.random(len(utc)) >= 0.02)]
    found = checked(from_utc(utc, clock(true)), true)
    assert (found.verdict, found.unexplained) == ("fits", ())


UNTESTED = [
    ("crypto", "15T", "2024-01-01", "2024-06-01", "the crypto market has no weekend"),
    ("metal", "4H", "2024-01-01", "2024-06-01", "4H bars are too coarse"),
    (
        "metal",
        "15T",
        "2024-01-02",
        "2024-01-10",
        "1 of 1 weekends are as long as those of the metal market, at least 2",
    ),
    ("metal", "15T", "2024-01-02", "2024-01-04", "0 of 0 weekends"),
]


@pytest.mark.parametrize(("market", "timeframe", "start", "end", "why"), UNTESTED)
def test_what_cannot_be_tested_says_why(market, timeframe, start, end, why):
    wall = opens(market, start, end, timeframe)
    found = checked(wall, "EET-EU", market, TIMEFRAMES[timeframe])
    assert found.verdict == "cannot be tested"
    assert why in found.told
    assert np.isnan(found.explained)


def test_other_hours_than_the_markets_cannot_be_tested():
    assert checked(opens("metal"), "UTC", "forex").verdict == "cannot be tested"


def test_all_candidates_are_clocks_and_none_is_named_twice():
    assert len(set(CANDIDATES)) == len(CANDIDATES)
    assert {clock(name).name for name in CANDIDATES} == set(CANDIDATES)


REAL_BARS = sorted((REAL / "bars").glob("*/*/*.parquet"))
COARSE = ("4H",)
OTHER_HOURS = {"DXY"}  # rests from 17:00 to 20:00 New York
ODD_WEEK = {"mt5_a_native_h1/GBPUSD"}  # stands one hour late over the weekend of 2018-03-18


@pytest.mark.skipif(not REAL_BARS, reason=f"real bars are not there: {REAL}")
def test_real_bars_in_utc_fit():
    for path in REAL_BARS:
        symbol, timeframe = path.stem.rsplit("_", 1)
        market = instrument(symbol).market
        wall = pd.DatetimeIndex(pd.read_parquet(path, columns=["timestamp"])["timestamp"]).as_unit("us").asi8
        found = checked(wall, "UTC", market, TIMEFRAMES[timeframe])
        untested = market == "crypto" or timeframe in COARSE or symbol in OTHER_HOURS
        assert found.verdict == ("cannot be tested" if untested else "fits"), path
        odd = f"{path.parts[-3]}/{symbol}" in ODD_WEEK
        assert sum(one.weeks for one in found.unexplained) == int(odd and not untested), path


@lru_cache
def exported() -> np.ndarray:
    path = REAL / "raw/mt5_export/XAUUSD_M15_20250102_20251027.csv"
    if not path.exists():
        pytest.skip(f"real bars are not there: {path}")
    table = pd.read_csv(path, sep="\t")
    return pd.DatetimeIndex(pd.to_datetime(table["<DATE>"] + " " + table["<TIME>"])).as_unit("us").asi8


@lru_cache
def histdata() -> np.ndarray:
    path = REAL / "raw/histdata/HISTDATA_COM_ASCII_XAUUSD_M12019.zip"
    if not path.exists():
        pytest.skip(f"real bars are not there: {path}")
    with zipfile.ZipFile(path) as archive:
        stream = io.BytesIO(archive.read(next(name for name in archive.namelist() if name.endswith(".csv"))))
        stamps = pd.read_csv(stream, sep=";", header=None, usecols=[0])[0]
    return pd.DatetimeIndex(pd.to_datetime(stamps, format="%Y%m%d %H%M%S")).as_unit("us").asi8


@pytest.mark.parametrize(
    ("declared", "verdict"),
    [
        ("Europe/Athens", "fits"),
        ("EET-EU", "fits"),
        ("UTC", "looks like EET-EU"),
        ("NY+7", "looks like EET-EU"),
        ("America/New_York", "looks like EET-EU"),
        ("UTC+2", "looks like EET-EU"),
    ],
)
def test_a_real_export_of_a_broker_keeps_the_time_of_athens(declared, verdict):
    assert checked(exported(), declared).verdict == verdict


@pytest.mark.parametrize(
    ("declared", "verdict"),
    [
        ("EST-EU", "fits"),
        ("America/New_York", "looks like EST-EU"),
        ("UTC-5", "looks like EST-EU"),
        ("UTC", "looks like EST-EU"),
    ],
)
def test_histdata_of_2019_is_eastern_time_with_the_dates_of_the_eu(declared, verdict):
    found = checked(histdata(), declared, timeframe=TIMEFRAMES["1T"])
    assert found.verdict == verdict
    assert found.best_explained == 1.0


def test_a_day_session_of_another_city_tells_its_clock_too(tmp_path, monkeypatch):
    folder = shutil.copytree(Path(__file__).parents[2] / "config", tmp_path / "config")
    with (folder / "sessions.toml").open("a") as stream:
        stream.write('\n[german]\nzone = "Europe/Berlin"\nopens = "09:00"\nday_end = "17:30"\nweekend = true\n')
    monkeypatch.setenv("ASSAY_CONFIG", str(folder))
    ts = pd.date_range("2023-01-02", "2025-01-01", freq="15min", tz="UTC", unit="us")
    utc = ts[sessions.is_open(ts, "german")].asi8
    assert checked(from_utc(utc, clock("CET-EU")), "Europe/Berlin", "german").verdict == "fits"
    found = checked(from_utc(utc, clock("CET-EU")), "UTC", "german")
    assert found.verdict == "looks like CET-EU"
    assert (found.observed, found.expected) == ("daily break falls at 17:30–09:00 UTC", "16:30–08:00 in winter")
    gap = np.diff(utc) > 15 * 60_000_000
    told = kinds(utc[:-1][gap] + 15 * 60_000_000, utc[1:][gap], TIMEFRAMES["15T"], "german")
    assert set(told["kind"]) == {"weekend", "break"}
