"""Cut points are where they say, and what is made wild is wild there and nowhere else."""

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from market.perturbation import KINDS, cut_points, scrambled
from tests.markets import random_bars

ZONES = (ZoneInfo("America/New_York"), ZoneInfo("Europe/London"))


@pytest.fixture(scope="module")
def hours() -> pd.DatetimeIndex:
    """Two years of hours from Sunday 22:00 to Friday 21:00, UTC."""
    ts = pd.date_range("2023-01-01", "2025-01-01", freq="h", tz="UTC")
    minute = ts.day_of_week * 1440 + ts.hour * 60
    return ts[(minute <= 4 * 1440 + 21 * 60) | (minute >= 6 * 1440 + 22 * 60)]


def drawn(ts, first=0, last=None, count=200, seed=0):
    return cut_points(ts, first, len(ts) - 2 if last is None else last, count, np.random.default_rng(seed))


def clocks_differ(stamp: pd.Timestamp) -> bool:
    """Whether a clock shows another offset two days before than two days after."""
    days = pd.Timedelta(days=2)
    return any((stamp - days).astimezone(z).utcoffset() != (stamp + days).astimezone(z).utcoffset() for z in ZONES)


def test_a_quarter_is_drawn_of_each_kind_and_none_twice(hours):
    points = drawn(hours)
    assert {kind: len(rows) for kind, rows in points.items()} == dict.fromkeys(KINDS, 50)
    assert len(np.unique(np.concatenate([*points.values()]))) == 200


def test_each_kind_is_what_it_says(hours):
    points = drawn(hours)
    hour = pd.Timedelta(hours=1)
    assert all(hours[row + 1] - hours[row] > hour for row in points["before a gap"])
    assert all(hours[row] - hours[row - 1] > hour for row in points["after a gap"])
    assert all(clocks_differ(hours[row]) for row in points["clock change"])
    assert sum(map(clocks_differ, hours[points["anywhere"]])) < 25


def test_what_the_sample_has_not_enough_of_comes_from_anywhere():
    points = drawn(pd.date_range("2024-01-02", periods=500, freq="h", tz="UTC"), count=40)
    assert {kind: len(rows) for kind, rows in points.items()} == dict.fromkeys(KINDS, 0) | {"anywhere": 40}


@pytest.mark.parametrize("count", [1, 3, 7, 90])
def test_all_rows_in_reach_are_drawn_where_more_are_asked_for(count, hours):
    rows = np.concatenate([*drawn(hours, first=5000, last=5049, count=count).values()])
    assert len(rows) == min(count, 50)
    assert rows.min() >= 5000
    assert rows.max() <= 5049


def test_the_same_seed_draws_the_same_rows(hours):
    once, again, other = (np.concatenate([*drawn(hours, seed=seed).values()]) for seed in (1, 1, 2))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_wild_bars_are_wild_where_asked_and_the_same_elsewhere():
    bars = random_bars(7, 50).assign(recorded=True)
    altered = scrambled(bars, slice(20, 30), np.random.default_rng(0))
    inside = np.zeros(len(bars), dtype=bool)
    inside[20:30] = True
    pd.testing.assert_frame_equal(altered[~inside], bars[~inside])
    floats = bars.columns.drop("recorded")
    assert (altered.loc[inside, floats] != bars.loc[inside, floats]).all(axis=None)
    assert altered["recorded"].all()


def test_wild_bars_are_still_bars():
    altered = scrambled(random_bars(7, 400), slice(0, None), np.random.default_rng(1))
    body = altered[["open", "close"]]
    assert (body.max(axis=1) <= altered["high"]).all()
    assert (altered["low"] <= body.min(axis=1)).all()
    assert (altered > 0).all(axis=None)
