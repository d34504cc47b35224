"""Freshness: old bars carry no entry, a silent feed is told in open time only, clocks that disagree are noticed."""

import pandas as pd
import pytest

from live.freshness import Freshness, Limits
from market import sessions
from market.timeframe import TIMEFRAMES

GOLD = "XAUUSD_15T"
SECOND = 1_000_000


def at(text: str) -> int:
    return pd.Timestamp(text, tz="UTC").value // 1000


def freshness(market: str = "metal", timeframe: str = "15T") -> Freshness:
    return Freshness({GOLD: Limits(TIMEFRAMES[timeframe], market, maximum_age=300.0, maximum_silence=1800.0)})


NOW = at("2025-01-08 10:00")


@pytest.mark.parametrize(
    ("age", "wanted"),
    [
        (0.0, None),
        (300.0, None),
        (300.1, "stale: the bar closed 300 s ago, at most 300 s are allowed"),
        (512.0, "stale: the bar closed 512 s ago, at most 300 s are allowed"),
        (86_400.0, "stale: the bar closed 86,400 s ago, at most 300 s are allowed"),
        (-1.0, None),
        (-5.0, None),
        (-5.1, "clock skew: the bar is stamped 5 s after now, at most 5 s are allowed"),
        (-3600.0, "clock skew: the bar is stamped 3,600 s after now, at most 5 s are allowed"),
    ],
)
def test_no_entry_hangs_on_a_bar_of_another_time(age, wanted):
    assert freshness().refusal(GOLD, NOW, NOW + int(age * SECOND)) == wanted


def test_no_entry_hangs_on_a_bar_that_nothing_is_known_of():
    assert freshness().refusal("EURUSD_15T", NOW, NOW).startswith("stale: nothing is known")


@pytest.mark.parametrize(("ahead", "warned"), [(-3600.0, False), (0.0, False), (1.0, False), (1.1, True), (4.0, True)])
def test_a_clock_that_is_ahead_is_told(ahead, warned):
    told = freshness().arrived(GOLD, NOW + int(ahead * SECOND), NOW)
    assert told == (f"clock skew: a bar of {GOLD} is stamped {ahead} s after now" if warned else None)


@pytest.mark.parametrize(
    ("last", "now", "silent"),
    [
        ("2025-01-08 10:00", "2025-01-08 10:45", False),
        ("2025-01-08 10:00", "2025-01-08 10:46", True),
        # the daily break of gold, 22:00–23:00 in winter
        ("2025-01-08 22:00", "2025-01-08 23:45", False),
        ("2025-01-08 22:00", "2025-01-08 23:46", True),
        ("2025-01-08 21:45", "2025-01-08 23:30", False),
        ("2025-01-08 21:45", "2025-01-08 23:31", True),
        # and in summer
        ("2025-07-09 21:00", "2025-07-09 22:45", False),
        ("2025-07-09 21:00", "2025-07-09 22:46", True),
        # the weekend
        ("2025-01-10 22:00", "2025-01-12 23:45", False),
        ("2025-01-10 22:00", "2025-01-12 23:46", True),
        # the weekend in which New York goes to summer time
        ("2025-03-07 22:00", "2025-03-09 22:45", False),
        ("2025-03-07 22:00", "2025-03-09 22:46", True),
        # a year
        ("2024-01-08 10:00", "2025-01-08 10:00", True),
        # a clock that was set back
        ("2025-01-08 10:00", "2025-01-08 09:00", False),
    ],
)
def test_only_open_time_is_silence(last, now, silent):
    known = freshness()
    known.arrived(GOLD, at(last), at(last))
    told = known.silent(at(now))
    assert bool(told) == silent
    if silent:
        assert told[0].startswith(f"frozen: no bar of {GOLD} since {last}:00 UTC, for more than 2,700 s while its")


def test_how_often_it_is_asked_changes_nothing():
    often, once = freshness(), freshness()
    for known in (often, once):
        known.arrived(GOLD, at("2025-01-10 21:30"), NOW)
    minutes = pd.date_range("2025-01-10 21:30", "2025-01-12 23:20", freq="7min", tz="UTC")
    for minute in minutes.as_unit("us").asi8:
        told = often.silent(int(minute))
    assert told == once.silent(int(minutes.as_unit("us").asi8[-1]))
    assert often.silent(at("2025-01-12 23:15")) == once.silent(at("2025-01-12 23:15"))
    assert often.silent(at("2025-01-12 23:16")) == once.silent(at("2025-01-12 23:16")) != []


def test_crypto_never_rests():
    known = freshness("crypto", "1H")
    known.arrived(GOLD, at("2025-01-11 10:00"), NOW)
    assert known.silent(at("2025-01-11 11:30")) == []
    assert known.silent(at("2025-01-11 11:31")) != []


def test_a_sentence_stays_the_same_until_a_newer_bar_comes():
    known = freshness()
    known.arrived(GOLD, at("2025-01-08 10:00"), NOW)
    told = known.silent(at("2025-01-08 11:00"))
    assert known.silent(at("2025-01-09 11:00")) == told != []
    known.arrived(GOLD, at("2025-01-08 09:45"), NOW)
    assert known.silent(at("2025-01-09 11:00")) == told
    known.arrived(GOLD, at("2025-01-09 11:00"), NOW)
    assert known.silent(at("2025-01-09 11:00")) == []


def test_a_series_that_was_never_heard_of_counts_from_the_first_question():
    known = freshness()
    assert known.silent(at("2025-01-08 10:00")) == []
    assert known.silent(at("2025-01-08 10:45")) == []
    assert known.silent(at("2025-01-08 10:46")) != []


def test_a_long_outage_costs_no_more_than_a_short_one(monkeypatch):
    asked: list[int] = []
    is_open = sessions.is_open
    monkeypatch.setattr(sessions, "is_open", lambda ts, market: asked.append(len(ts)) or is_open(ts, market))
    known = freshness()
    known.arrived(GOLD, at("2005-01-07 21:59"), NOW)
    assert known.silent(at("2025-01-08 10:00"))
    assert known.silent(at("2025-01-08 10:01"))
    assert sum(asked) <= 4 * 1440
