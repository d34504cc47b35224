"""The checks themselves: each must catch its deliberately broken twins, and must not accuse honest columns."""

import numpy as np
import pandas as pd
import pytest
import talib
from ta.others import CumulativeReturnIndicator
from ta.trend import KSTIndicator, ichimoku_a
from ta.volume import (
    AccDistIndexIndicator,
    NegativeVolumeIndexIndicator,
    OnBalanceVolumeIndicator,
    VolumePriceTrendIndicator,
)

from feature_store.causality import Leak, check, examine, tail_check
from market import simulated
from market.errors import DataError
from market.perturbation import KINDS
from market.timeframe import DAY, TIMEFRAMES, resample
from tests.feature_store.beside import companions

QUARTER_HOUR, HOUR = pd.Timedelta(minutes=15), pd.Timedelta(hours=1)


def twin(column):
    """A `compute` that makes one column from bars, and from companions where there are some."""
    return lambda bars, _groups, **beside: pd.DataFrame({"twin": column(bars, **beside)}, index=bars.index)


def centred_window(bars):
    return bars["close"].rolling(9, center=True).mean() / bars["close"]


def negative_shift(bars):
    return bars["close"].shift(-1) / bars["close"]


def full_sample_z_score(bars):
    return (bars["close"] - bars["close"].mean()) / bars["close"].std()


def backward_fill(bars):
    return bars["close"].where(bars["volume"].diff() > 0).bfill()


def kst_filled_with_the_mean_by_ta(bars):
    return KSTIndicator(bars["close"].reset_index(drop=True)).kst().to_numpy()


def visual_ichimoku_filled_with_the_mean_by_ta(bars):
    high, low = bars["high"].reset_index(drop=True), bars["low"].reset_index(drop=True)
    return ichimoku_a(high, low, visual=True).to_numpy()


def future_volume(bars):
    return bars["volume"].shift(-2)


def future_spread(bars):
    return bars["spread"][::-1].cummax()[::-1]


def knows_of_the_gap_ahead(bars):
    """Prices do not enter: only taking the later bars away shows it."""
    return np.r_[np.diff(bars.index.asi8), 0] > np.median(np.diff(bars.index.asi8))


def sign_of_a_zero(bars):
    """Equal by value, whatever comes: only the bits tell."""
    return 0.0 * np.sign(bars["close"].diff(-1)).fillna(1.0)


def higher_timeframe_merged_on_open_stamps(bars):
    """The classic: whole coarse bars that are stamped by their opening, so that a row sees the hour it is in."""
    hourly = resample(bars, TIMEFRAMES["1H"])["close"]
    hourly.index -= HOUR
    return hourly.reindex(bars.index, method="ffill") / bars["close"]


def unfinished_higher_timeframe_bar(bars):
    """Stamped by its close, but joined to the rows inside it, with the extreme that it will have."""
    hourly = bars.resample("1h", closed="right", label="right")["high"].max()
    return hourly.reindex(bars.index, method="bfill") / bars["close"]


def daily_value_known_early(bars):
    """The close of the day, from its noon on."""
    daily = resample(bars, DAY)["close"]
    daily.index -= pd.Timedelta(hours=12)
    return daily.reindex(bars.index, method="ffill") / bars["close"]


LEAKING = [
    centred_window,
    negative_shift,
    full_sample_z_score,
    backward_fill,
    kst_filled_with_the_mean_by_ta,
    visual_ichimoku_filled_with_the_mean_by_ta,
    future_volume,
    future_spread,
    knows_of_the_gap_ahead,
    sign_of_a_zero,
    higher_timeframe_merged_on_open_stamps,
    unfinished_higher_timeframe_bar,
    daily_value_known_early,
]


@pytest.mark.parametrize("column", LEAKING, ids=lambda column: column.__name__)
def test_a_column_that_looks_ahead_is_caught(column, bars):
    leaks = check(bars, cuts=25, compute=twin(column), tail=300)
    assert [leak.column for leak in leaks] == ["twin"]


def beside(bars, companions, by):
    """The companion's closes, joined as if each were known `by` after its stamp."""
    closes = companions["XAGUSD"]["close"]
    return closes.set_axis(closes.index + by).reindex(bars.index, method="ffill")


def companion_not_yet_closed(bars, companions):
    return beside(bars, companions, -QUARTER_HOUR)


def hour_of_a_companion_not_yet_closed(bars, companions):
    return beside(bars, {"XAGUSD": resample(companions["XAGUSD"], TIMEFRAMES["1H"])}, -HOUR)


def companion_scaled_by_its_whole_history(bars, companions):
    return beside(bars, companions, 0 * HOUR) / companions["XAGUSD"]["close"].max()


@pytest.mark.parametrize(
    "column",
    [companion_not_yet_closed, hour_of_a_companion_not_yet_closed, companion_scaled_by_its_whole_history],
    ids=lambda column: column.__name__,
)
def test_a_column_that_looks_ahead_in_another_instrument_is_caught(column, bars):
    leaks = check(bars, cuts=25, compute=twin(column), tail=300, companions=companions(bars))
    assert [leak.column for leak in leaks] == ["twin"]


def closed_companion(bars, companions):
    return beside(bars, companions, 0 * HOUR) / bars["close"]


def test_a_companion_that_has_closed_is_not_accused(bars):
    others = companions(bars)
    coarse = {name: resample(other, TIMEFRAMES["1H"]) for name, other in others.items()}
    for known in (others, coarse):
        assert check(bars, cuts=25, compute=twin(closed_companion), tail=300, companions=known) == []


def knows_the_open_after_a_gap(bars):
    """Only the last bar before a gap looks ahead."""
    gap_ahead = np.r_[np.diff(bars.index) > QUARTER_HOUR, False]
    return bars["open"].shift(-1).where(gap_ahead, bars["close"])


def knows_the_bar_that_reopens(bars):
    """Only the first bar after a gap looks ahead."""
    gap_behind = np.r_[False, np.diff(bars.index) > QUARTER_HOUR]
    return bars["close"].shift(-1).where(gap_behind, bars["close"])


@pytest.mark.parametrize("column", [knows_the_open_after_a_gap, knows_the_bar_that_reopens])
def test_a_column_that_looks_ahead_at_gaps_alone_is_caught(column, bars):
    (leak,) = check(bars, cuts=25, compute=twin(column), tail=300)
    assert leak.ts == leak.cut


def an_hour_early_after_a_clock_change(bars):
    """Hours joined by the offset that New York's clock had a day before: wrong for seven hours, twice a year."""
    now, before = (shown(bars.index - ago, "America/New_York") for ago in (0 * HOUR, 24 * HOUR))
    hourly = resample(bars, TIMEFRAMES["1H"])["close"]
    known, early = (hourly.set_axis(hourly.index - ago).reindex(bars.index, method="ffill") for ago in (0 * HOUR, HOUR))
    return known.where(now == before, early)


def shown(ts, zone):
    """What the clock of a zone is ahead of UTC."""
    return ts.tz_convert(zone).tz_localize(None) - ts.tz_localize(None)


def test_a_column_that_looks_ahead_after_clock_changes_alone_is_caught():
    years = simulated.simulate(start="2021-01-04", end="2023-12-29")
    found = examine(years, compute=twin(an_hour_early_after_a_clock_change), tail=300)
    assert [leak.column for leak in found.leaks] == ["twin"]
    assert found.cuts == dict.fromkeys(KINDS, 50)
    (leak,) = found.leaks
    assert (leak.cut.month, leak.cut.weekday()) in {(3, 6), (3, 0), (11, 6), (11, 0)}


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
    (leak,) = check(bars, cuts=3, compute=twin(negative_shift), tail=300)
    assert isinstance(leak, Leak)
    assert leak.ts <= leak.cut
    assert leak.ts in bars.index
    assert leak.before != leak.after


def test_every_column_that_looks_ahead_is_named_once_and_no_other(bars):
    columns = {"sound": trailing_mean, "shifted": negative_shift, "centred": centred_window}

    def compute(bars, _groups):
        return pd.DataFrame({name: column(bars) for name, column in columns.items()})

    found = examine(bars, cuts=10, compute=compute, tail=300)
    assert {leak.column for leak in found.leaks} == {"shifted", "centred"}
    assert (len(found.leaks), found.columns, sum(found.cuts.values())) == (2, 3, 10)


def test_progress_is_told_after_each_cut(bars):
    told = []
    examine(bars, ["calendar"], cuts=3, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_the_same_seed_finds_the_same_leaks(bars):
    once, again = (check(bars, cuts=5, seed=3, compute=twin(centred_window), tail=300) for _ in range(2))
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


def by_ta(compute):
    """A column that an independent library makes, on bars that are numbered as it wants them."""
    return lambda bars: compute(bars.reset_index(drop=True)).to_numpy()


@pytest.mark.parametrize(
    "column",
    [
        lambda bars: CumulativeReturnIndicator(bars["close"]).cumulative_return(),
        lambda bars: OnBalanceVolumeIndicator(bars["close"], bars["volume"]).on_balance_volume(),
        lambda bars: AccDistIndexIndicator(bars["high"], bars["low"], bars["close"], bars["volume"]).acc_dist_index(),
        lambda bars: VolumePriceTrendIndicator(bars["close"], bars["volume"]).volume_price_trend(),
        lambda bars: NegativeVolumeIndexIndicator(bars["close"], bars["volume"]).negative_volume_index(),
    ],
    ids=["others_cr", "obv", "adi", "vpt", "nvi"],
)
def test_a_level_that_adds_up_since_the_beginning_is_caught(column, bars):
    assert [drift.column for drift in tail_check(bars, rows=5, compute=twin(by_ta(column)), tail=600)] == ["twin"]
