"""The contract of a feature group, run over every member of GROUPS: a new group is tested by existing."""

import numpy as np
import pandas as pd
import pytest

from feature_store import GROUPS, groups_for, lookback
from feature_store.arrays import Bars
from feature_store.causality import check, tail_check
from feature_store.compute import by_ts, table
from market.timeframe import TIMEFRAMES, infer
from tests.feature_store.beside import Companions, beside, companions

QUARTER_HOUR = TIMEFRAMES["15T"]
every_group = pytest.mark.parametrize("name", GROUPS)
every_timeframe = pytest.mark.parametrize("timeframe", TIMEFRAMES.values(), ids=TIMEFRAMES)


def features(bars: pd.DataFrame, name: str, others: Companions | None = None) -> pd.DataFrame:
    """The group's float64 table without its warm-up; `others` are the companions of a group that needs some."""
    timeframe = infer(bars.index)
    others = beside(name, bars) if others is None else others
    return table(by_ts(bars), name, timeframe, others).iloc[lookback([name], timeframe) - 1 :]


def sources(name: str, bars: pd.DataFrame) -> Bars:
    """The bars as a group sees them, with the companions that it needs."""
    return Bars.of(bars, companions=beside(name, bars))


@every_group
def test_the_file_says_what_the_group_is_and_how_far_it_looks_back(name):
    group = GROUPS[name]
    assert group.__doc__
    assert all(2 <= lookback([name], timeframe) <= 3000 for timeframe in TIMEFRAMES.values())
    assert group.__name__ == f"feature_store.groups.{name}"


@every_group
def test_a_tail_of_lookback_bars_gives_what_full_history_gives(name, bars):
    assert tail_check(bars, [name], rows=40, companions=beside(name, bars)) == []


@every_group
def test_nothing_that_comes_later_changes_a_row(name, bars):
    assert check(bars, [name], cuts=25, companions=beside(name, bars)) == []


@every_group
def test_columns_are_plain_numbers_under_plain_names(name, bars):
    bare = GROUPS[name].compute(sources(name, bars))
    assert all(values.dtype == np.float64 and values.ndim == 1 for values in bare.values())
    assert all(column.isidentifier() or column[0].isdigit() for column in bare)
    assert not any("__" in column for column in bare)


@every_group
def test_columns_end_with_the_last_bar_and_reach_back_to_the_first_row_that_counts(name, bars):
    counted = len(bars) - lookback([name], QUARTER_HOUR) + 1
    columns = GROUPS[name].compute(sources(name, bars))
    assert columns and all(counted <= len(values) <= len(bars) for values in columns.values())


@every_group
def test_a_group_leaves_the_bars_that_it_shares_with_others_as_they_were(name, bars):
    shared = sources(name, bars)
    derived = {"unit": shared.unit.copy(), "returns": shared.returns.copy(), "true_range": shared.true_range.copy()}
    GROUPS[name].compute(shared)
    pd.testing.assert_frame_equal(shared.frame, bars)
    for series, values in derived.items():
        np.testing.assert_array_equal(getattr(shared, series), values)


@every_group
def test_every_column_says_something(name, bars):
    """On awkward but lively bars no column is constant; patterns of three and more bars may be rare."""
    found = features(bars, name)
    assert [column for column in found if found[column].nunique() < 2] == []


@every_group
def test_companions_that_move_wildly_or_have_no_bar_give_finite_numbers(name, bars):
    others = beside(name, bars)
    wild = {symbol: frame * np.exp(np.arange(len(frame)) % 7)[:, None] for symbol, frame in others.items()}
    for given in (wild, {symbol: frame.iloc[:0] for symbol, frame in others.items()}):
        assert np.isfinite(features(bars, name, given).to_numpy()).all()


def moved_by_scale(compute, bars: pd.DataFrame, factor: float) -> list[str]:
    """The columns that differ by more than 1e-8 of their standard deviation once all prices are multiplied."""
    prices = ["open", "high", "low", "close", "spread"]
    scaled = bars.assign(**{column: (bars[column] * factor).round(8) for column in prices})
    before, after = compute(bars), compute(scaled)
    difference = (after - before).abs().max() / before.std()
    return list(difference.index[~(difference <= 1e-8)])


@every_group
@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_prices_times_ten_leave_features_as_they_are(name, factor, bars):
    assert moved_by_scale(lambda some: features(some, name), bars, factor) == []


def test_a_price_level_a_price_distance_and_a_rounded_tie_are_caught_by_the_scale_contract(bars):
    def twins(some: pd.DataFrame) -> pd.DataFrame:
        typical = (some["high"] + some["low"] + some["close"]) / 3.0
        return pd.DataFrame(
            {
                "level": some["close"].rolling(5).mean(),
                "distance": some["close"].diff(),
                "rounded_tie": (typical.diff() > 0) * 1.0,
                "percent": some["close"].pct_change(),
            }
        )

    assert moved_by_scale(twins, bars, 10.0) == ["level", "distance", "rounded_tie"]


@every_group
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_market_that_stands_still_gives_finite_numbers_that_stand_still(name, bars):
    still = bars.assign(open=1234.56, high=1234.56, low=1234.56, close=1234.56, volume=0.0, spread=0.25)
    found = features(still, name, dict.fromkeys(beside(name, bars), still))
    assert np.isfinite(found.to_numpy()).all()
    if name != "calendar":
        assert found.std().max() < 1e-9


@every_group
@pytest.mark.parametrize("nap", [100, 300, 1000])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_market_that_falls_asleep_and_wakes_keeps_the_contract(name, nap, bars):
    """Days without a move or a trade: every average of moves decays towards nothing, and none may be divided by."""
    asleep = bars.iloc[:7000].copy()
    asleep.iloc[4000 : 4000 + nap, :4] = asleep["close"].iloc[3999]
    asleep.iloc[4000 : 4000 + nap, 4:] = 0.0
    asleep.iloc[4000 + nap, :4] *= 1.05
    assert np.isfinite(features(asleep, name).to_numpy()).all()
    assert (
        tail_check(asleep.iloc[4000 - 2500 : 4000 + nap + 500], [name], rows=60, companions=beside(name, asleep)) == []
    )


@every_group
def test_a_series_without_volume_gives_finite_numbers(name, bars):
    found = features(bars.assign(volume=0.0), name)
    assert np.isfinite(found.to_numpy()).all()


@every_group
def test_real_gold_keeps_the_contract(name, gold):
    assert np.isfinite(features(gold, name).to_numpy()).all()
    assert tail_check(gold, [name], rows=25, companions=beside(name, gold)) == []
    assert check(gold, [name], cuts=4, companions=beside(name, gold)) == []


@every_timeframe
def test_every_timeframe_keeps_the_contract(timeframe, generate):
    rows = lookback(timeframe=timeframe) + 250
    series = generate(rows, minutes=timeframe.minutes, seed=timeframe.minutes)
    assert tail_check(series, rows=4, companions=companions(series)) == []
    assert check(series, cuts=2, companions=companions(series)) == []


@every_timeframe
def test_no_timeframe_has_fewer_than_180_features(timeframe, generate):
    series = generate(300, minutes=timeframe.minutes)
    assert sum(len(GROUPS[name].compute(Bars.of(series))) for name in GROUPS) >= 180


def test_groups_that_need_volume_are_left_out_without_it():
    assert "volume" in groups_for(has_volume=True)
    assert "volume" not in groups_for(has_volume=False)
    assert set(groups_for(has_volume=True, companions=["DXY"])) == set(GROUPS)


def test_the_group_of_companions_is_left_out_without_any():
    assert "companions" not in groups_for(has_volume=True)
    assert "companions" in groups_for(has_volume=False, companions=["DXY"])


def test_groups_that_do_not_need_volume_do_not_read_it(bars):
    for name in groups_for(has_volume=False):
        without = GROUPS[name].compute(Bars.of(bars.assign(volume=0.0)))
        for column, values in GROUPS[name].compute(Bars.of(bars)).items():
            np.testing.assert_array_equal(without[column], values)


def test_lookback_is_that_of_the_longest_group_asked_for():
    assert lookback(["calendar", "momentum"]) == GROUPS["momentum"].LOOKBACK
    assert lookback(timeframe=QUARTER_HOUR) == max(lookback([name], QUARTER_HOUR) for name in GROUPS)
    assert lookback(timeframe=TIMEFRAMES["4H"]) < lookback(timeframe=QUARTER_HOUR) <= lookback()
