"""Higher timeframes: only completed coarse bars, joined as of their close stamps."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from feature_store.arrays import Bars
from feature_store.groups import context
from market.errors import DataError
from market.perturbation import scrambled
from market.timeframe import DAY, TIMEFRAMES, resample

QUARTER_HOUR, HOUR = TIMEFRAMES["15T"], TIMEFRAMES["1H"]


def seen_from(bars: pd.DataFrame) -> pd.DataFrame:
    """The columns of the rows that have the declared bars behind them."""
    columns = context.compute(Bars.of(bars))
    return pd.DataFrame(columns, index=bars.index[context.LOOKBACK["15T"] - 1 :])


@pytest.mark.parametrize(
    ("own", "seen"),
    [
        ("1T", ["5T", "15T", "D"]),
        ("5T", ["15T", "30T", "D"]),
        ("15T", ["30T", "1H", "D"]),
        ("30T", ["1H", "4H", "D"]),
        ("1H", ["4H", "D"]),
        ("4H", ["D"]),
    ],
)
def test_a_row_sees_the_next_two_timeframes_and_the_day(own, seen):
    assert [coarse.name for coarse in context.coarser(TIMEFRAMES[own])] == seen


@pytest.mark.parametrize("own", TIMEFRAMES.values(), ids=TIMEFRAMES)
def test_the_declared_lookback_holds_every_window_and_never_exceeds_3000(own):
    for coarse in context.coarser(own):
        ratio = coarse.minutes // own.minutes
        needed = (context.window(own, coarse) + 1) * ratio + ratio - 1
        assert needed <= context.LOOKBACK[own.name] <= 3000


def last_completed_hour(bars: pd.DataFrame, ts: pd.Timestamp) -> pd.DataFrame:
    """The own bars of the newest hour that had ended at `ts` and in which the market traded."""
    ends = bars.loc[:ts].index.ceil("1h")
    completed = ends[ends <= ts]
    return bars.loc[:ts][ends == completed[-1]]


def test_each_row_carries_the_newest_hour_that_has_ended(bars):
    found = seen_from(bars)
    for ts in found.index[900:1020]:
        hour = last_completed_hour(bars, ts)
        span = hour["high"].max() - hour["low"].min()
        place = (hour["close"].iloc[-1] - hour["low"].min()) / span if span else 0.5
        assert hour.index[-1] <= ts
        assert found.loc[ts, "1H_close_place"] == pytest.approx(place, abs=1e-12)


def test_the_hour_that_ends_with_the_row_is_known_and_the_one_under_way_is_not(bars):
    found = seen_from(bars)["1H_close_place"]
    hours = found.groupby(found.index.floor("1h")).nunique()
    assert (hours == 1).all(), "from :00 to :45 a row sees one and the same hour"


def knows_nothing_of_the_bar_under_way(compute: Callable[[pd.DataFrame], pd.DataFrame], bars: pd.DataFrame) -> None:
    """Make wild what is left of the current hour, and of the current day, and nothing after it: no row may move."""
    known = compute(bars)
    rng = np.random.default_rng(2)
    inside = [at for at in range(len(bars) - 500, len(bars) - 100) if bars.index[at].minute in (15, 30)]
    for at in rng.choice(inside, 6, replace=False):
        for length in ("1h", "1D"):
            end = int((bars.index <= bars.index[at].ceil(length)).sum())
            assert end > at + 1
            found = compute(scrambled(bars, slice(at + 1, end), rng)).loc[: bars.index[at]]
            assert len(found) > 0
            np.testing.assert_array_equal(found.to_numpy(), known.loc[found.index].to_numpy())


def hour_under_way(bars: pd.DataFrame) -> pd.DataFrame:
    return bars[["close"]].groupby(bars.index.ceil("1h")).transform("last")


def day_under_way(bars: pd.DataFrame) -> pd.DataFrame:
    return bars[["high"]].groupby(bars.index.ceil("1D")).transform("max")


def test_what_is_left_of_the_coarse_bar_under_way_changes_no_row_before_and_a_join_that_knows_it_is_caught(bars):
    few = bars.iloc[-3500:]
    knows_nothing_of_the_bar_under_way(seen_from, few)
    for leaky in (hour_under_way, day_under_way):
        with pytest.raises(AssertionError):
            knows_nothing_of_the_bar_under_way(leaky, few)


def test_indicators_of_an_hour_by_hand(bars):
    hourly = bars.groupby(bars.index.ceil("1h")).agg({"high": "max", "low": "min", "close": "last"}).iloc[:-1]
    before = hourly["close"].shift(1)
    ranges = np.maximum(hourly["high"], before) - np.minimum(hourly["low"], before)
    moves = hourly["close"].diff()
    gains, losses = moves.clip(lower=0).rolling(20).sum(), (-moves).clip(lower=0).rolling(20).sum()
    expected = pd.DataFrame(
        {
            "1H_rsi_20": 100.0 * gains / (gains + losses),
            "1H_close_to_sma_20_atr": (hourly["close"] - hourly["close"].rolling(20).mean())
            / ranges.rolling(20).mean(),
        }
    )
    found = seen_from(bars)
    known = expected[expected.index.isin(found.index)]
    found = found.loc[known.index, known.columns]
    np.testing.assert_allclose(found, known, rtol=1e-7, atol=1e-9)


def test_since_close_is_the_way_gone_since_the_coarse_bar_ended(bars):
    found = seen_from(bars)["1H_since_close_atr"]
    on_the_hour = found.index.minute == 0
    assert (found[on_the_hour] == 0.0).all()
    assert (found[~on_the_hour] != 0.0).mean() > 0.9


@pytest.mark.parametrize("coarse", context.coarser(QUARTER_HOUR), ids=lambda coarse: coarse.name)
def test_coarse_bars_are_those_that_resampling_makes(coarse, bars):
    found = seen_from(bars)
    for ts in found.index[::317]:
        last = resample(bars.loc[:ts], coarse).iloc[-1]
        span = last["high"] - last["low"]
        assert found.loc[ts, f"{coarse.name}_close_place"] == ((last["close"] - last["low"]) / span if span else 0.5)
        assert found.loc[ts, f"{coarse.name}_body_share"] == ((last["close"] - last["open"]) / span if span else 0.0)


def test_where_the_day_does_not_fit_its_window_is_shorter_and_says_so(generate):
    five, one = (context.compute(Bars.of(generate(500, minutes=minutes))) for minutes in (5, 1))
    assert "D_rsi_8" in five
    assert [column for column in one if column.startswith("D_")] == [
        "D_body_share",
        "D_close_place",
        "D_since_close_atr",
    ]


def test_daily_bars_have_no_context(generate):
    assert context.compute(Bars.of(generate(500, minutes=1440))) == {}
    assert context.coarser(DAY) == ()


def test_bars_of_no_timeframe_are_refused(generate):
    with pytest.raises(DataError, match="7 minutes apart"):
        context.compute(Bars.of(generate(100, minutes=7)))
