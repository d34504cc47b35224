"""What kind of gap a gap is: told from a plain walk through it, and on the gaps of real brokers."""

from datetime import UTC, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import sessions
from market.clocks import clock, to_utc
from market.gaps import KINDS, kinds, shut_time
from market.holidays import holidays
from market.timeframe import TIMEFRAMES
from tests.market.made_bars import REAL

NEW_YORK = ZoneInfo("America/New_York")
MARKETS = ("metal", "index", "forex", "crypto")
QUARTER = timedelta(minutes=15)
EARLY, SHUT = (
    {market: set(getattr(holidays(market, range(2018, 2027)), kind).tolist()) for market in MARKETS}
    for kind in ("early", "shut")
)


def us(text: str) -> int:
    """Return the instant of a time in New York."""
    return int(to_utc(np.array([np.datetime64(text, "us").astype(np.int64)]), clock("America/New_York"))[0][0])


def told(start: str, end: str, market: str = "metal", timeframe: str = "15T") -> tuple[str, int]:
    found = kinds(np.array([us(start)]), np.array([us(end)]), TIMEFRAMES[timeframe], market)
    return found["kind"][0], int(found["missing"][0])


GAPS = [
    ("2025-01-08 17:00", "2025-01-08 18:00", "metal", "break", 0),
    ("2025-07-09 17:00", "2025-07-09 18:00", "index", "break", 0),
    ("2025-01-08 16:45", "2025-01-08 18:00", "metal", "break", 0),
    ("2025-01-08 16:30", "2025-01-08 18:00", "metal", "hole", 2),
    ("2025-01-08 17:15", "2025-01-08 18:00", "metal", "break", 0),
    ("2025-03-12 17:00", "2025-03-12 19:00", "metal", "break", 0),
    ("2025-03-12 18:00", "2025-03-12 19:00", "metal", "break", 0),
    ("2025-03-12 17:00", "2025-03-12 19:15", "metal", "hole", 5),
    ("2025-01-08 18:15", "2025-01-08 18:30", "metal", "hole", 1),
    ("2025-01-08 03:00", "2025-01-08 04:00", "metal", "hole", 4),
    ("2025-01-08 17:00", "2025-01-08 18:00", "forex", "hole", 4),
    ("2025-01-10 17:00", "2025-01-12 18:00", "metal", "weekend", 0),
    ("2025-01-10 17:00", "2025-01-12 17:00", "forex", "weekend", 0),
    ("2025-03-07 17:00", "2025-03-09 18:00", "forex", "weekend", 0),
    ("2025-01-10 16:00", "2025-01-12 18:00", "forex", "weekend", 0),
    ("2025-01-10 15:45", "2025-01-12 17:00", "forex", "hole", 5),
    ("2025-01-10 17:00", "2025-01-12 18:15", "forex", "hole", 5),
    ("2025-01-10 17:00", "2025-01-13 17:00", "forex", "hole", 96),
    ("2025-05-26 14:30", "2025-05-26 18:00", "metal", "holiday", 0),
    ("2025-05-26 11:00", "2025-05-26 18:00", "metal", "holiday", 0),
    ("2025-05-26 10:45", "2025-05-26 18:00", "metal", "hole", 5),
    ("2024-11-29 14:45", "2024-12-01 18:00", "metal", "holiday", 0),
    ("2024-03-28 17:00", "2024-03-31 18:00", "metal", "holiday", 0),
    ("2024-03-28 17:00", "2024-03-31 17:00", "forex", "hole", 96),
    ("2024-12-24 13:45", "2024-12-25 18:00", "metal", "holiday", 0),
    ("2024-12-24 13:45", "2024-12-26 02:00", "metal", "holiday", 0),
    ("2024-12-24 13:45", "2024-12-26 03:15", "metal", "hole", 37),
    ("2024-12-24 10:00", "2024-12-25 18:00", "metal", "hole", 8),
    ("2023-12-22 17:00", "2023-12-25 18:00", "metal", "holiday", 0),
    ("2022-12-30 17:00", "2023-01-02 18:00", "metal", "holiday", 0),
    ("2021-12-23 17:00", "2021-12-26 18:00", "metal", "holiday", 0),
    ("2025-01-08 17:00", "2025-01-09 18:00", "metal", "hole", 92),
    ("2025-01-11 03:00", "2025-01-12 03:00", "crypto", "hole", 96),
    ("2024-12-25 00:00", "2024-12-25 00:15", "crypto", "hole", 1),
]


@pytest.mark.parametrize(("start", "end", "market", "kind", "missing"), GAPS)
def test_a_gap_has_its_kind(start, end, market, kind, missing):
    assert told(start, end, market) == (kind, missing)


@pytest.mark.parametrize(
    ("timeframe", "missing"), [("1T", 120), ("5T", 24), ("15T", 8), ("30T", 4), ("1H", 2), ("4H", 1)]
)
def test_the_bars_that_are_missing_are_counted_in_the_bars_of_the_file(timeframe, missing):
    assert told("2025-01-08 03:00", "2025-01-08 05:00", "metal", timeframe) == ("hole", missing)


def reason(instant: datetime, market: str) -> str:
    """Return why the market is shut at an instant, "" where it trades."""
    if market == "crypto":
        return ""
    local = instant.astimezone(NEW_YORK)
    day = local.date() + timedelta(days=local.hour >= 17)
    if day.weekday() >= 5:
        return "weekend"
    if local.hour == 17 and market != "forex":
        return "weekend" if day.weekday() == 0 else "break"
    if day in SHUT[market]:
        return "holiday"
    return "early" if day in EARLY[market] and day == local.date() and local.hour >= 12 else ""


def walked(start: datetime, end: datetime, market: str) -> tuple[str, int]:
    """Return the kind of a gap and its missing quarters of an hour, by walking through it."""
    steps = [reason(start + i * QUARTER, market) for i in range((end - start) // QUARTER)]
    if reason(start - QUARTER, market):
        steps = [reason(start - QUARTER, market), *steps]
        within = steps[1:]
    else:
        within = steps
    runs = [(shut, [*run]) for shut, run in groupby(steps, bool)]
    missing = sum(not one for one in within)
    if any(shut for shut, _ in runs):
        before, after = runs[0], runs[-1]
        if not before[0]:
            missing -= len(before[1]) * (len(before[1]) <= (1 if runs[1][1][0] == "break" else 4))
        if not after[0]:
            whole, shut_from = [], start - (len(steps) - len(within)) * QUARTER
            while runs[0][0] and reason(shut_from - QUARTER, market):
                shut_from -= QUARTER
                whole.append(reason(shut_from, market))
            shut = runs[-2][1] + (whole if len(runs) == 2 else [])
            missing -= len(after[1]) * (len(after[1]) <= (36 if "holiday" in shut else 4))
    if missing:
        return "hole", missing
    if {"early", "holiday"} & {*within}:
        return "holiday", 0
    return "weekend" if "weekend" in (within if any(within) else steps) else "break", 0


quarters = st.integers(0, 7 * 365 * 96).map(lambda n: datetime(2019, 1, 1, tzinfo=UTC) + n * QUARTER)
lengths = st.integers(1, 8) | st.integers(1, 6 * 96) | st.sampled_from([4, 192, 196, 200, 288, 292])


@settings(max_examples=300, deadline=None)
@given(quarters, lengths, st.sampled_from(MARKETS))
def test_a_gap_is_what_a_walk_through_it_finds(start, length, market):
    end = start + length * QUARTER
    at = [np.array([int(one.timestamp()) * 1_000_000]) for one in (start, end)]
    found = kinds(*at, TIMEFRAMES["15T"], market)
    assert (found["kind"][0], found["missing"][0]) == walked(start, end, market)


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(1, 80), st.sampled_from(["metal", "forex"]))
def test_gaps_around_christmas_are_what_a_walk_finds(skip, length, market):
    start = datetime(2024, 12, 24, 10, tzinfo=UTC) + skip * 4 * QUARTER
    end = start + length * 2 * QUARTER
    at = [np.array([int(one.timestamp()) * 1_000_000]) for one in (start, end)]
    found = kinds(*at, TIMEFRAMES["15T"], market)
    assert (found["kind"][0], found["missing"][0]) == walked(start, end, market)


@pytest.mark.parametrize("market", ["metal", "forex", "index"])
def test_shut_time_without_holidays_is_when_the_session_clock_says_so(market):
    ts = pd.date_range("2024-01-02", "2025-12-30", freq="15min", tz="UTC", unit="us")
    shut = shut_time(int(ts.asi8[0]), int(ts.asi8[-1]), market)
    usual = shut.reason < 2
    place = np.searchsorted(shut.start[usual], ts.asi8, side="right") - 1
    assert ((ts.asi8 < shut.end[usual][place]) == ~sessions.is_open(ts, market)).all()
    assert (shut.start[1:] >= shut.end[:-1]).all()


def test_many_gaps_are_those_one_by_one_and_none_are_none():
    rng = np.random.default_rng(0)
    start = np.sort(rng.integers(us("2010-01-01"), us("2025-01-01"), 100_000) // 60_000_000 * 60_000_000)
    end = start + rng.integers(1, 5_000, len(start)) * 60_000_000
    found = kinds(start, end, TIMEFRAMES["1T"], "metal")
    assert set(found["kind"]) <= set(KINDS)
    assert ((found["missing"] > 0) == (found["kind"] == "hole")).all()
    for i in range(0, len(start), 9_999):
        one = kinds(start[i : i + 1], end[i : i + 1], TIMEFRAMES["1T"], "metal")
        assert one.iloc[0].tolist() == found.iloc[i].tolist()
    assert len(kinds(start[:0], end[:0], TIMEFRAMES["1T"], "metal")) == 0


def test_a_gap_of_decades_is_a_hole_and_no_crash():
    start, end = np.array([0, us("2025-01-08")]), np.array([us("2025-01-08 00:15"), us("2200-01-01")])
    found = kinds(start, end, TIMEFRAMES["15T"], "metal")
    assert found["kind"].tolist() == ["hole", "hole"]


HOLES = [  # of real bars: at most so many holes and missing bars
    ("mt5_a", "XAUUSD", "15T", "metal", 22, 129),
    ("mt5_a_native_h1", "XAUUSD", "1H", "metal", 31, 75),
    ("mt5_a_native_h1", "USDJPY", "1H", "forex", 10, 45),
    ("mt5_h", "EURUSD", "15T", "forex", 23, 105),
    ("histdata", "XAUUSD", "15T", "metal", 6, 55),
    ("ftmo_kalsow", "US500", "15T", "index", 0, 0),
    ("duka_ilahuerta", "XAUUSD", "5T", "metal", 1, 12),
]


@pytest.mark.parametrize(("source", "symbol", "timeframe", "market", "holes", "missing"), HOLES)
def test_real_bars_have_few_holes(source, symbol, timeframe, market, holes, missing):
    path = REAL / "bars" / source / symbol / f"{symbol}_{timeframe}.parquet"
    if not path.exists():
        pytest.skip(f"real bars are not there: {path}")
    opens = pd.DatetimeIndex(pd.read_parquet(path, columns=["timestamp"])["timestamp"]).as_unit("us").asi8
    closes = opens + TIMEFRAMES[timeframe].minutes * 60_000_000
    gap = opens[1:] > closes[:-1]
    found = kinds(closes[:-1][gap], opens[1:][gap], TIMEFRAMES[timeframe], market)
    assert (found["kind"] == "hole").sum() <= holes
    assert found["missing"].sum() <= missing
    assert (found["kind"] == "weekend").sum() > 0.9 * len(opens) * TIMEFRAMES[timeframe].minutes / 7_200 - 12
