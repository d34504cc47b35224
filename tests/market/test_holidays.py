"""Holidays: the days on which markets were shut or closed early, as their exchanges announced them."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from market.errors import UsageError
from market.holidays import RULES, holidays
from market.hours import HOLIDAYS
from tests.market.made_bars import REAL

SHUT = [
    ("metal", 2019, ["01-01", "04-19", "12-25"]),
    ("metal", 2021, ["01-01", "04-02", "12-24"]),
    ("metal", 2022, ["04-15", "12-26"]),
    ("metal", 2023, ["01-02", "04-07", "12-25"]),
    ("index", 2025, ["01-01", "01-09", "04-18", "12-25"]),
    ("forex", 2021, ["01-01"]),
    ("forex", 2022, ["12-26"]),
    ("forex", 2024, ["01-01", "12-25"]),
    ("crypto", 2024, []),
]
EARLY = [
    ("metal", 2021, "01-18 02-15 05-31 07-05 09-06 11-25 11-26 12-31"),
    ("metal", 2022, "01-17 02-21 05-30 06-20 07-04 09-05 11-24 11-25"),
    ("metal", 2025, "01-20 02-17 05-26 06-19 07-04 09-01 11-27 11-28 12-24 12-31"),
    ("index", 2024, "01-15 02-19 05-27 06-19 07-03 07-04 09-02 11-28 11-29 12-24 12-31"),
    ("index", 2018, "01-15 02-19 05-28 07-03 07-04 09-03 11-22 11-23 12-24 12-31"),
    ("forex", 2024, "12-24 12-31"),
    ("crypto", 2024, ""),
]


def dates(days: np.ndarray, year: int) -> list[str]:
    return [str(day).removeprefix(f"{year}-") for day in days]


@pytest.mark.parametrize(("market", "year", "days"), SHUT)
def test_a_market_is_shut_on_its_holidays(market, year, days):
    assert dates(holidays(market, [year]).shut, year) == days


@pytest.mark.parametrize(("market", "year", "days"), EARLY)
def test_a_market_closes_early_on_others(market, year, days):
    assert dates(holidays(market, [year]).early, year) == days.split()


@pytest.mark.parametrize("market", ["metal", "index", "forex", "crypto"])
def test_holidays_of_a_century_are_those_of_its_years_sorted_on_weekdays_and_of_one_kind(market):
    century = holidays(market, range(1990, 2090))
    for kind in ("shut", "early"):
        days = getattr(century, kind)
        each = [getattr(holidays(market, [year]), kind) for year in range(1990, 2090)]
        assert (days == np.concatenate(each)).all()
        assert np.is_busday(days).all()
        assert (np.diff(days) > np.timedelta64(0, "D")).all()
    assert not np.intersect1d(*century).size


def test_every_name_that_may_be_configured_has_a_rule():
    assert sorted(RULES) == sorted(HOLIDAYS)


@pytest.mark.parametrize(
    ("name", "year", "day"),
    [
        ("easter_monday", 2025, "04-21"),
        ("easter_monday", 2024, "04-01"),
        ("may_day", 2025, "05-01"),
        ("boxing_day", 2024, "12-26"),
        ("day_after_thanksgiving", 2019, "11-29"),
        ("thanksgiving_day", 2019, "11-28"),
        ("good_friday", 2011, "04-22"),
    ],
)
def test_a_rule_gives_its_day(name, year, day):
    found = RULES[name].dates(pd.Timestamp(year, 1, 1), pd.Timestamp(year, 12, 31))
    assert [str(one)[:10] for one in found] == [f"{year}-{day}"]


def test_no_years_have_no_holidays():
    assert [len(days) for days in holidays("metal", [])] == [0, 0]


def test_an_unknown_market_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="Did you mean forex"):
        holidays("forx", [2024])


@pytest.mark.parametrize(("source", "symbol", "market"), [("mt5_a", "XAUUSD", "metal"), ("mt5_h", "EURUSD", "forex")])
def test_a_broker_has_no_bars_on_the_days_on_which_its_market_is_shut(source, symbol, market):
    path = REAL / "bars" / source / symbol / f"{symbol}_15T.parquet"
    if not path.exists():
        pytest.skip(f"real bars are not there: {path}")
    opens = pd.DatetimeIndex(pd.read_parquet(path, columns=["timestamp"])["timestamp"]).tz_convert("America/New_York")
    busy = set(opens[(opens.hour >= 4) & (opens.hour < 16)].date)
    within = [day for day in holidays(market, range(2020, 2026)).shut.tolist() if day < dt.date(2025, 11, 1)]
    assert len(within) > 8
    assert busy & set(within) <= {dt.date(2023, 1, 2)}, "some trade currencies on the day after New Year's Sunday"
