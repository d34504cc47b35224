"""`feature_store.compute`: one function for batch and live, whatever it is cut into."""

import re

import numpy as np
import pandas as pd
import pytest

import feature_store
from feature_store import GROUPS, compute, lookback
from feature_store.arrays import Bars, Columns
from feature_store.compute import table
from market.errors import DataError, UsageError
from market.timeframe import TIMEFRAMES
from tests.feature_store.beside import companions

QUARTER_HOUR = TIMEFRAMES["15T"]


@pytest.fixture(scope="module")
def others(bars):
    return companions(bars)


@pytest.fixture(scope="module")
def features(bars, others):
    return compute(bars, companions=others)


def same_bits(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    return (
        one.index.equals(other.index)
        and one.columns.equals(other.columns)
        and np.array_equal(one, other, equal_nan=True)
    )


def test_features_are_float32_columns_named_after_their_group(bars, features):
    assert (features.dtypes == np.float32).all()
    assert features.index.equals(bars.index)
    assert features.index.name == "ts"
    assert {column.split("__")[0] for column in features} == set(GROUPS)
    assert features.columns.is_unique
    assert features.shape[1] >= 180


def test_a_row_is_nan_until_its_lookback_stands_behind_it_and_finite_from_then_on(features):
    for name in GROUPS:
        group = features.filter(regex=f"^{name}__")
        warm = lookback([name], QUARTER_HOUR) - 1
        assert group.iloc[:warm].isna().all(axis=None)
        assert np.isfinite(group.iloc[warm:]).all(axis=None)


@pytest.mark.parametrize("end", [3000, 7707, 7708, 8499])
def test_where_the_call_ends_changes_no_bit(end, bars, others, features):
    assert same_bits(compute(bars.iloc[:end], companions=others), features.iloc[:end])


def test_the_bars_cross_a_half_year_so_that_there_are_two_chunks(bars):
    steps = []
    compute(bars, ["calendar"], progress=lambda done, chunks: steps.append((done, chunks)))
    assert steps == [(1, 2), (2, 2)]


def test_chunks_give_what_one_piece_gives_within_one_float32_step(bars, others, features):
    """The second chunk starts at 1 July; each group in one piece has seen all bars since March."""
    for name in GROUPS:
        whole = table(bars, name, QUARTER_HOUR, others).astype(np.float32)
        chunked = features[whole.columns]
        july = chunked.index > pd.Timestamp("2024-07-01", tz="UTC")
        step = np.spacing(np.abs(whole[july])) + 1e-9 * whole[july].std().to_numpy(np.float32)
        assert ((whole[july] - chunked[july]).abs() <= step).all(axis=None)


def test_live_is_the_last_chunk(bars, others, features):
    """A runner that holds the declared number of bars sees what research saw, within one float32 step."""
    tail = lookback(timeframe=QUARTER_HOUR)
    for end in (2500, 5000, 8500):
        live = compute(bars.iloc[end - tail : end], companions=others).iloc[-1]
        batch = features.iloc[end - 1]
        assert np.isfinite(live).all()
        assert ((live - batch).abs() <= np.spacing(batch.abs().to_numpy()) + 1e-9 * features.std()).all()


def test_a_group_does_not_depend_on_its_company(bars, features):
    alone = compute(bars, ["momentum"])
    assert same_bits(alone, features[alone.columns])


def test_groups_come_in_one_order_however_they_are_asked_for(bars):
    short = bars.iloc[:50]
    assert same_bits(compute(short, ["calendar", "candlestick"]), compute(short, ("candlestick", "calendar")))
    assert compute(short, []).columns.equals(compute(short).columns)


def test_bars_may_carry_ts_as_a_column_and_more_columns_than_needed(bars):
    carried = bars.iloc[:400].reset_index().assign(spread_recorded=np.nan)
    assert same_bits(compute(carried), compute(bars.iloc[:400]))


def test_the_bars_are_left_as_they_were(bars):
    before = bars.copy()
    compute(bars.iloc[:1000])
    pd.testing.assert_frame_equal(bars, before)


def test_a_half_year_of_sparser_bars_is_read_as_the_timeframe_of_the_whole(generate):
    bars = generate(20_000)
    july = int((bars.index < "2024-07-01").sum())
    sparse = pd.concat([bars.iloc[:july:4], bars.iloc[july:]])
    found = compute(sparse, ["context"])
    assert list(found.columns) == list(compute(bars.iloc[:50], ["context"]).columns)
    assert np.isfinite(found.iloc[lookback(["context"], QUARTER_HOUR) - 1 :]).all(axis=None)


@pytest.mark.parametrize("rows", [2, 3, 20])
def test_too_few_bars_give_rows_that_are_all_unknown(rows, bars, features):
    few = compute(bars.iloc[:rows], ["momentum", "trend", "context"])
    assert few.isna().all(axis=None)
    assert set(few.columns) <= set(features.columns)


def test_an_unknown_group_is_answered_with_the_nearest_name(bars):
    with pytest.raises(UsageError, match=r"Unknown feature group 'momentun'.* Did you mean momentum\?"):
        compute(bars, ["momentun"])
    with pytest.raises(UsageError, match="momentum"):
        lookback(["momentun"])


@pytest.mark.parametrize("column", ["open", "close", "volume", "spread"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_missing_value_is_refused_with_its_place(column, value, bars):
    broken = bars.iloc[:100].copy()
    broken.iloc[40, broken.columns.get_loc(column)] = value
    with pytest.raises(DataError, match=re.escape(f"Bar {broken.index[40]} has {column} {value}")):
        compute(broken, ["calendar"])


def test_a_price_of_zero_is_refused(bars):
    broken = bars.iloc[:100].copy()
    broken.iloc[7, broken.columns.get_loc("low")] = 0.0
    with pytest.raises(DataError, match=r"low 0\.0"):
        compute(broken, ["calendar"])


def test_all_missing_columns_are_named_at_once(bars):
    with pytest.raises(DataError, match="lack the columns open, spread"):
        compute(bars.drop(columns=["open", "spread"]))


def test_stamps_out_of_order_or_without_a_zone_are_refused(bars):
    with pytest.raises(DataError, match="out of order"):
        compute(bars.iloc[[0, 2, 1, 3]])
    with pytest.raises(DataError, match="time zone"):
        compute(bars.iloc[:10].tz_localize(None))
    with pytest.raises(DataError, match="time zone"):
        compute(bars.iloc[:10].reset_index(drop=True))


def test_a_group_that_yields_an_infinity_is_stopped(bars, monkeypatch):
    def divides(some: Bars) -> Columns:
        with np.errstate(divide="ignore"):
            return {"per_volume": 1.0 / some.volume}

    monkeypatch.setattr(GROUPS["calendar"], "compute", divides)
    with pytest.raises(DataError, match=r"Feature calendar__per_volume at .* is inf"):
        compute(bars, ["calendar"])


def test_the_room_exports_the_names_other_programs_use():
    assert set(feature_store.__all__) == {"GROUPS", "chunks", "compute", "groups_for", "latest", "lookback"}
