"""The checks themselves: each must catch its deliberately broken twins, and must not accuse honest columns."""

import numpy as np
import pandas as pd
import pytest
import talib
from ta.trend import KSTIndicator

from feature_store.causality import Leak, check, tail_check
from market.errors import DataError
from market.timeframe import TIMEFRAMES, resample


def twin(column):
    """A `compute` that makes one column from bars."""
    return lambda bars, _groups: pd.DataFrame({"twin": column(bars)}, index=bars.index)


def centred_mean(bars):
    return bars["close"].rolling(9, center=True).mean() / bars["close"]


def next_return(bars):
    return bars["close"].shift(-1) / bars["close"]


def full_sample_score(bars):
    return (bars["close"] - bars["close"].mean()) / bars["close"].std()


def backfilled(bars):
    return bars["volume"].where(bars["volume"] > 0).bfill()


def kst_filled_with_the_mean(bars):
    return KSTIndicator(bars["close"].reset_index(drop=True)).kst().to_numpy()


def future_volume(bars):
    return bars["volume"].shift(-2)


def future_spread(bars):
    return bars["spread"][::-1].cummax()[::-1]


def knows_of_the_gap_ahead(bars):
    """Prices do not enter: only taking the later bars away shows it."""
    return np.r_[np.diff(bars.index.asi8), 0] > np.median(np.diff(bars.index.asi8))


def unfinished_hour_on_open_stamps(bars):
    """The classic: coarse bars stamped by their opening, so that a row sees the end of the hour it is in."""
    hourly = bars.resample("1h", closed="right", label="left")["close"].last()
    return hourly.reindex(bars.index, method="ffill") / bars["close"]


def unfinished_day_on_close_stamps_shifted(bars):
    daily = bars.resample("1D", closed="right", label="right")["high"].max()
    return daily.reindex(bars.index, method="bfill") / bars["close"]


LEAKING = [
    centred_mean,
    next_return,
    full_sample_score,
    backfilled,
    kst_filled_with_the_mean,
    future_volume,
    future_spread,
    knows_of_the_gap_ahead,
    unfinished_hour_on_open_stamps,
    unfinished_day_on_close_stamps_shifted,
]


@pytest.mark.parametrize("column", LEAKING, ids=lambda column: column.__name__)
def test_a_column_that_looks_ahead_is_caught(column, bars):
    leaks = check(bars, cuts=25, compute=twin(column), tail=300)
    assert [leak.column for leak in leaks] == ["twin"]


def trailing_mean(bars):
    return bars["close"].rolling(9).mean() / bars["close"]


def gap_behind(bars):
    return np.r_[0, np.diff(bars.index.asi8)]


def completed_hour(bars):
    hourly = resample(bars, TIMEFRAMES["1H"])["close"]
    return hourly.reindex(bars.index, method="ffill") / bars["close"]


@pytest.mark.parametrize("column", [trailing_mean, gap_behind, completed_hour], ids=lambda column: column.__name__)
def test_a_column_that_looks_back_is_not_accused(column, bars):
    assert check(bars, cuts=25, compute=twin(column), tail=300) == []


def test_a_leak_says_which_column_where_and_by_how_much(bars):
    (leak,) = check(bars, cuts=3, compute=twin(next_return), tail=300)
    assert isinstance(leak, Leak)
    assert leak.ts <= leak.cut
    assert leak.ts in bars.index
    assert leak.before != leak.after


def test_the_same_seed_finds_the_same_leaks(bars):
    once, again = (check(bars, cuts=5, seed=3, compute=twin(centred_mean), tail=300) for _ in range(2))
    assert once == again


def test_too_few_bars_prove_nothing_and_are_refused(bars):
    with pytest.raises(DataError, match="too few to look for leaks"):
        check(bars.iloc[:500])
    with pytest.raises(DataError, match="too few to try a tail"):
        tail_check(bars.iloc[:500], ["momentum"])


def moving_average(period):
    return lambda bars: bars["close"] / talib.EMA(bars["close"].to_numpy(), period)


def cumulative_obv(bars):
    return (np.sign(bars["close"].diff()).fillna(0.0) * bars["volume"]).cumsum()


def expanding_rank(bars):
    return bars["close"].expanding().rank(pct=True)


@pytest.mark.parametrize(
    ("column", "tail"),
    [
        (moving_average(200), 600),
        (cumulative_obv, 3000),
        (expanding_rank, 2000),
        (trailing_mean, 8),
    ],
    ids=["ema_200_on_600_bars", "obv_since_the_beginning", "expanding_rank", "window_one_bar_short"],
)
def test_a_column_that_needs_more_than_its_tail_is_caught(column, tail, bars):
    assert [drift.column for drift in tail_check(bars, compute=twin(column), tail=tail)] == ["twin"]


@pytest.mark.parametrize(("column", "tail"), [(moving_average(200), 2600), (gap_behind, 2)], ids=["ema_200", "gap"])
def test_a_column_with_tail_enough_is_not_accused(column, tail, bars):
    assert tail_check(bars, compute=twin(column), tail=tail) == []
