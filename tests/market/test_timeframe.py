"""Timeframes: what people type, what stamps show, and coarse bars from fine ones."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from market import timeframe
from market.errors import DataError, UsageError
from market.timeframe import DAY, TIMEFRAMES, Timeframe, infer, parse, resample
from tests.market.made_bars import made

every = pytest.mark.parametrize("one", TIMEFRAMES.values(), ids=TIMEFRAMES)


@every
def test_a_timeframe_has_many_names_and_one_meaning(one: Timeframe) -> None:
    n = one.minutes
    names = [one.name, one.name.lower(), f"{n}T", f"{n}t", f"{n}min", f"{n}MIN", f"{n}m", f"M{n}", f"{n} min"]
    if n % 60 == 0:
        names += [f"{n // 60}H", f"{n // 60}h", f"H{n // 60}"]
    assert {parse(name) for name in names} == {one}


@pytest.mark.parametrize(
    "name", ["", "15", "T", "M", "1MS", "1M0", "mo", "1month", "2T", "0T", "15 T T", "-15T", "1.5H", "１５T?"]
)
def test_anything_else_is_refused_with_what_there_is(name: str) -> None:
    with pytest.raises(UsageError, match="choose one of 1T, 5T, 15T, 30T, 1H, 4H"):
        parse(name)


def test_a_bare_month_is_no_timeframe_but_a_bare_m_is_minutes() -> None:
    assert parse("1m").name == "1T"
    with pytest.raises(UsageError):
        parse("1mo")


@given(st.text(max_size=8))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        assert parse(text) in TIMEFRAMES.values()
    except UsageError as error:
        assert "\n" not in str(error)


@every
def test_stamps_show_their_timeframe_through_gaps(one: Timeframe) -> None:
    ts = pd.date_range("2024-01-01", periods=50, freq=one.delta, tz="UTC")
    assert infer(ts) == one
    assert infer(ts.delete([3, 4, 20])) == one


def test_days_are_inferred_and_odd_spacings_refused() -> None:
    assert infer(pd.date_range("2024-01-01", periods=9, freq="D", tz="UTC")) == DAY
    with pytest.raises(DataError, match="7 minutes apart"):
        infer(pd.date_range("2024-01-01", periods=9, freq="7min", tz="UTC"))
    with pytest.raises(DataError, match="at least 2"):
        infer(pd.date_range("2024-01-01", periods=1, tz="UTC"))


pairs = st.sampled_from(
    [(a.minutes, b) for a in TIMEFRAMES.values() for b in (*TIMEFRAMES.values(), DAY)
     if b.minutes > a.minutes and b.minutes % a.minutes == 0]
)  # fmt: skip


@given(pair=pairs, n=st.integers(2, 300), seed=st.integers(0, 10**6), holes=st.sets(st.integers(1, 298), max_size=20))
@settings(max_examples=60, deadline=None)
def test_coarse_bars_are_what_pandas_groups(pair: tuple[int, Timeframe], n: int, seed: int, holes: set[int]) -> None:
    minutes, to = pair
    bars = made(n, seed=seed, minutes=minutes)
    bars = bars.drop(index=bars.index[[i for i in holes if i < n - 1 and i > 1]])
    names = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "spread": "last"}
    ends = bars.index.ceil(to.delta).as_unit("us").rename("ts")
    oracle = bars.groupby(ends).agg(names | {"spread_recorded": "last"})
    oracle = oracle[oracle.index <= bars.index[-1]]
    assert_frame_equal(resample(bars, to), oracle, check_freq=False)


def test_a_coarse_bar_never_holds_what_came_after_its_stamp() -> None:
    bars = made(300)
    whole = resample(bars, parse("1H"))
    for n in (50, 51, 52, 53, 197):
        part = resample(bars[:n], parse("1H"))
        assert_frame_equal(part, whole[: len(part)], check_freq=False)
        assert (part.index <= bars.index[n - 1]).all()


def test_resampling_in_two_steps_is_resampling_in_one() -> None:
    bars = made(2_000, minutes=5)
    assert_frame_equal(resample(resample(bars, parse("15T")), parse("4H")), resample(bars, parse("4H")))


@pytest.mark.parametrize("name", ["5T", "15T"])
def test_only_a_coarser_multiple_can_be_made(name: str) -> None:
    with pytest.raises(UsageError, match="only a coarser multiple"):
        resample(made(), parse(name))


def test_a_leaky_twin_that_keeps_the_unfinished_bar_is_caught() -> None:
    def leaky(bars: pd.DataFrame) -> pd.DataFrame:
        ends = bars.index.ceil("1h")
        return bars.groupby(ends).agg({"close": "last"})

    bars = made(50)
    assert not np.array_equal(leaky(bars)["close"], resample(bars, timeframe.parse("1H"))["close"])
