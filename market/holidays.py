"""Holidays: the dates on which a market is shut or closes early, from the names in `config/sessions.toml`."""

import datetime as dt
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.tseries.holiday import (
    TH,
    DateOffset,
    Easter,
    GoodFriday,
    Holiday,
    USLaborDay,
    USMartinLutherKingJr,
    USMemorialDay,
    USPresidentsDay,
    USThanksgivingDay,
    nearest_workday,
    sunday_to_monday,
)
from pandas.tseries.offsets import Day

from market.hours import closures

_WEEKDAYS = (0, 1, 2, 3, 4)
_DAY_AFTER_THANKSGIVING = [DateOffset(weekday=TH(4)), Day(1)]
_EASTER_MONDAY = [Easter(), Day(1)]

RULES = {
    "new_years_day": Holiday("new_years_day", month=1, day=1, observance=sunday_to_monday),
    "martin_luther_king_day": USMartinLutherKingJr,
    "presidents_day": USPresidentsDay,
    "good_friday": GoodFriday,
    "easter_monday": Holiday("easter_monday", month=1, day=1, offset=_EASTER_MONDAY),
    "may_day": Holiday("may_day", month=5, day=1),
    "memorial_day": USMemorialDay,
    "juneteenth": Holiday("juneteenth", month=6, day=19, start_date="2022-01-01", observance=nearest_workday),
    "day_before_independence_day": Holiday("day_before_independence_day", month=7, day=3, days_of_week=_WEEKDAYS),
    "independence_day": Holiday("independence_day", month=7, day=4, observance=nearest_workday),
    "labor_day": USLaborDay,
    "thanksgiving_day": USThanksgivingDay,
    "day_after_thanksgiving": Holiday("day_after_thanksgiving", month=11, day=1, offset=_DAY_AFTER_THANKSGIVING),
    "christmas_eve": Holiday("christmas_eve", month=12, day=24),
    "christmas_day": Holiday("christmas_day", month=12, day=25, observance=sunday_to_monday),
    "observed_christmas_day": Holiday("observed_christmas_day", month=12, day=25, observance=nearest_workday),
    "boxing_day": Holiday("boxing_day", month=12, day=26),
    "new_years_eve": Holiday("new_years_eve", month=12, day=31),
}


class Holidays(NamedTuple):
    """Trading days, sorted (datetime64[D]): those on which the market is shut, and those on which it closes early."""

    shut: np.ndarray
    early: np.ndarray


def holidays(market: str, years: Collection[int]) -> Holidays:
    """Return the holidays of a market from the first of `years` to the last; no day is in both.

    A holiday on a weekend is given on the weekday on which it is observed, or left out where it is not.

    >>> holidays("metal", [2021]).shut.tolist()
    [datetime.date(2021, 1, 1), datetime.date(2021, 4, 2), datetime.date(2021, 12, 24)]
    """
    named = closures(market)
    if not len(years):
        return Holidays(np.array([], "M8[D]"), np.array([], "M8[D]"))
    shut = _days(named.holidays, min(years), max(years))
    return Holidays(shut, np.setdiff1d(_days(named.early_closes, min(years), max(years)), shut))


@lru_cache(maxsize=64)
def _days(names: tuple[str | dt.date, ...], first: int, last: int) -> np.ndarray:
    start, end = pd.Timestamp(first, 1, 1), pd.Timestamp(last, 12, 31)
    dated = [np.datetime64(one, "D") for one in names if not isinstance(one, str)]
    ruled = [RULES[one].dates(start, end).to_numpy().astype("M8[D]") for one in names if isinstance(one, str)]
    days = np.unique(np.concatenate([np.array(dated, "M8[D]"), *ruled]))
    within = (days >= np.datetime64(start, "D")) & (days <= np.datetime64(end, "D"))
    return days[within & np.is_busday(days)]
