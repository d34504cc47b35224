"""A profile is the same however the bars are cut, and each of its columns is what a plain count gives."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import profile
from market.errors import DataError
from market.timeframe import TIMEFRAMES, Timeframe
from market.validation import PRICES

QUARTERS = TIMEFRAMES["15T"]
MINUTE = 60_000_000


def sparse(seed: int, n: int, timeframe: Timeframe = QUARTERS) -> pd.DataFrame:
    """Return bars with holes, dead and straight stretches, repeated shapes, and volume and spreads here and there."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([1, 1, 1, 1, 2, 3, 9, 90], n)
    ts = pd.Timestamp("2024-01-05 20:00", tz="UTC") + timeframe.delta * np.cumsum(steps)
    close = 200_000 + np.cumsum(np.repeat(rng.choice([0, 0, 5, -7, 40], n), rng.integers(1, 9, n))[:n])
    open_ = np.where(rng.random(n) < 0.5, close, np.r_[close[:1], close[:-1]])
    high = np.maximum(open_, close) + rng.choice([0, 0, 3, 50], n)
    low = np.minimum(open_, close) - rng.choice([0, 0, 3, 20], n)
    columns = {name: each / 100 for name, each in zip(PRICES, (open_, high, low, close), strict=True)}
    columns["volume"] = rng.choice([0.0, np.nan, 5.0, 8.0, 900.0], n)
    columns["spread_recorded"] = rng.choice([0.0, np.nan, 0.12, 0.3], n)
    return pd.DataFrame(columns, index=pd.DatetimeIndex(ts, name="ts").as_unit("us"))


def cut(bars: pd.DataFrame, places: list[int]) -> list[pd.DataFrame]:
    edges = [0, *sorted(place % (len(bars) + 1) for place in places), len(bars)]
    return [bars.iloc[start:stop] for start, stop in itertools.pairwise(edges)]


def in_windows(windows: list[pd.DataFrame], timeframe: Timeframe = QUARTERS) -> profile.Profile:
    scan = profile.start(timeframe)
    for window in windows:
        scan = scan.see(window)
    return scan.finish()


def assert_identical(one: profile.Profile, other: profile.Profile) -> None:
    for name in ("days", "gaps"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)


def stretch(flags: list[bool]) -> int:
    return max((len(list(group)) for flag, group in itertools.groupby(flags) if flag), default=0)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(0, 400),
    places=st.lists(st.integers(0, 400), max_size=30),
    timeframe=st.sampled_from(list(TIMEFRAMES.values())),
)
def test_a_profile_does_not_depend_on_the_windows(seed, n, places, timeframe):
    bars = sparse(seed, n, timeframe)
    assert_identical(in_windows(cut(bars, places), timeframe), profile.of(bars, timeframe))


def test_bars_may_come_one_by_one():
    bars = sparse(3, 300)
    assert_identical(in_windows(cut(bars, list(range(300)))), profile.of(bars, QUARTERS))


@pytest.mark.parametrize("seed", range(5))
def test_each_column_is_a_plain_count(seed):
    bars = sparse(seed, 400)
    days = profile.of(bars, QUARTERS).days
    stamps = pd.DatetimeIndex(bars.index)
    day = (stamps - pd.Timedelta(1, "us")).floor("D").tz_localize(None)
    assert list(days.index) == list(day.unique())
    by_day = bars.groupby(day)
    assert days["bars"].tolist() == by_day.size().tolist()
    assert days["first"].tolist() == [int(part.index[0].as_unit("us").value) // 1_000 for _, part in by_day]
    for name, how in {"open": "first", "high": "max", "low": "min", "close": "last"}.items():
        assert days[name].tolist() == by_day[name].agg(how).tolist()
    np.testing.assert_array_equal(days["volume"], bars["volume"].where(bars["volume"] > 0).groupby(day).median())
    np.testing.assert_array_equal(days["spread"], by_day["spread_recorded"].median())
    np.testing.assert_array_equal(days["spread_least"], by_day["spread_recorded"].min())
    np.testing.assert_array_equal(days["spread_most"], by_day["spread_recorded"].max())
    assert days["spreads"].tolist() == by_day["spread_recorded"].count().tolist()
    assert days["spread_zeros"].tolist() == (bars["spread_recorded"] == 0).groupby(day).sum().tolist()
    assert days["without_volume"].tolist() == (~(bars["volume"] > 0)).groupby(day).sum().tolist()
    assert days["flat"].tolist() == (bars["high"] == bars["low"]).groupby(day).sum().tolist()
    unchanged = bars["close"].diff() == 0
    assert days["unchanged"].tolist() == unchanged.groupby(day).sum().tolist()
    straight = (bars["close"].diff().diff().abs() < 1e-6) & ~unchanged
    assert days["straight"].tolist() == straight.groupby(day).sum().tolist()
    assert days["straight_run"].max() == stretch(straight.tolist())
    assert days["unchanged_run"].max() == 1 + stretch(unchanged.tolist())


@pytest.mark.parametrize("seed", range(3))
def test_sums_are_of_returns_without_a_gap(seed):
    bars = sparse(seed, 400)
    change = np.log(bars["close"]).diff().where(bars.index.to_series().diff() == QUARTERS.delta)
    pairs = change * change.shift()
    wanted = {
        "returns": change.count(),
        "absolute": change.abs().sum(),
        "squares": (change**2).sum(),
        "fourths": (change**4).sum(),
        "pairs": pairs.count(),
        "products": pairs.sum(),
        "absolute_products": pairs.abs().sum(),
    }
    sums = profile.of(bars, QUARTERS).days.sum()
    assert {name: float(sums[name]) for name in wanted} == pytest.approx(wanted, rel=1e-6, abs=1e-15)


@pytest.mark.parametrize("name", list(TIMEFRAMES))
def test_gaps_are_listed_from_close_to_open_and_small_ones_are_counted(name):
    timeframe = TIMEFRAMES[name]
    bars = sparse(1, 400, timeframe)
    stamps = pd.DatetimeIndex(bars.index).asi8
    start, end = stamps[:-1], stamps[1:] - timeframe.minutes * MINUTE
    listed = end - start >= min(30, 2 * timeframe.minutes) * MINUTE
    found = profile.of(bars, timeframe)
    assert found.gaps["start"].tolist() == start[listed].tolist()
    assert found.gaps["end"].tolist() == end[listed].tolist()
    assert found.days["small_gaps"].sum() == ((end > start) & ~listed).sum()


def test_a_stretch_of_one_close_stands_on_the_day_on_which_it_ends():
    bars = sparse(0, 300)
    index = pd.date_range("2024-01-08 00:15", periods=300, freq="15min", tz="UTC", unit="us")
    bars = bars.set_index(index).assign(close=np.arange(300.0) + 100)
    bars.iloc[90:200, bars.columns.get_loc("close")] = 500.0
    assert profile.of(bars, QUARTERS).days["unchanged_run"].tolist() == [1, 0, 110, 1]


def test_a_bar_that_closes_at_midnight_ends_the_day():
    bars = sparse(0, 2).set_index(pd.DatetimeIndex(["2024-01-09 00:00", "2024-01-09 00:15"], tz="UTC", name="ts"))
    assert profile.of(bars, QUARTERS).days.index.astype(str).tolist() == ["2024-01-08", "2024-01-09"]


@pytest.mark.parametrize(
    ("close", "repeats"),
    [
        (lambda n: np.full(n, 100.0), 9),
        (lambda n: 100.0 * 1.01 ** np.arange(n), 9),
        (lambda n: 100.0 + np.sqrt(np.arange(n)), 0),
    ],
)
def test_bars_repeat_a_shape_in_price_or_in_proportion(close, repeats):
    bars = sparse(0, 10)
    price = close(10)
    spread = 0.02 * price if repeats else 0.5 + 0.01 * np.arange(10.0)
    bars = bars.assign(open=price, close=price, high=price + spread, low=price - spread)
    assert profile.of(bars, QUARTERS).days["same_shape"].sum() == repeats


def test_a_scan_holds_a_day_of_bars_at_most():
    bars = sparse(2, 400)
    scan = profile.start(QUARTERS)
    for window in cut(bars, list(range(0, 400, 7))):
        scan = scan.see(window)
        assert len(scan.ts) <= 96 + 2


def test_no_bars_give_an_empty_profile_with_all_columns():
    full, empty = profile.of(sparse(0, 50), QUARTERS), profile.start(QUARTERS).finish()
    assert list(empty.days) == list(full.days)
    assert list(empty.gaps) == list(full.gaps)
    assert len(empty.days) == len(empty.gaps) == 0


@pytest.mark.parametrize("order", [[1, 0], [0, 0]])
def test_bars_that_do_not_increase_are_refused(order):
    bars = sparse(0, 2)
    with pytest.raises(DataError, match="increase strictly"):
        in_windows([bars.iloc[[i]] for i in order])
