"""`feature_store.latest`: the last row of `compute`, to the bit where both see the same bars."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feature_store import GROUPS, compute, groups_for, latest, lookback
from feature_store.arrays import Bars, Columns
from feature_store.window_moments import window_mean
from market.atr import atr
from market.errors import DataError, UsageError
from market.timeframe import TIMEFRAMES, Timeframe, infer

QUARTER_HOUR = TIMEFRAMES["15T"]
ALONE = groups_for(has_volume=True)
every_group = pytest.mark.parametrize("name", ALONE)
anywhere = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def features(bars):
    return compute(bars)


@pytest.fixture(scope="module")
def gold_features(gold_over_july):
    return compute(gold_over_july)


def same_bits(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    return one.to_numpy().tobytes() == other.to_numpy().tobytes()


def on_its_own_bars(bars: pd.DataFrame, end: int, names: list[str]) -> pd.DataFrame:
    """The last row of `compute`, each group on exactly the bars that it declares."""
    timeframe = infer(bars.index)
    tails = (bars.iloc[max(end - lookback([name], timeframe), 0) : end] for name in names)
    return pd.concat([compute(tail, [name]).iloc[-1:] for name, tail in zip(names, tails, strict=True)], axis=1)


def within_one_step(row: pd.DataFrame, history: pd.DataFrame) -> bool:
    """Whether a row is that of full history, give or take one float32 step (and 1e-9 of the column's deviation)."""
    full = history.loc[row.index]
    step = np.spacing(full.abs().to_numpy()) + 1e-9 * history.std().to_numpy()
    return bool((np.abs(row.to_numpy() - full.to_numpy()) <= step).all())


def starts_of_half_years(bars: pd.DataFrame) -> list[int]:
    """The rows at which `compute` begins a chunk: there each group is given its declared bars and no more."""
    half_years = bars.index.year * 2 + (bars.index.month > 6)
    return (np.flatnonzero(np.diff(half_years)) + 1).tolist()


@anywhere
@given(cut=st.data())
def test_it_is_compute_to_the_bit_when_both_see_the_same_bars(cut, bars):
    end = cut.draw(st.integers(1, len(bars)))
    names = cut.draw(st.lists(st.sampled_from(list(ALONE)), min_size=1, max_size=4, unique=True))
    names = [name for name in ALONE if name in names and (name != "context" or end > 2)]
    if names:
        assert same_bits(latest(bars.iloc[:end], names), on_its_own_bars(bars, end, names))


@anywhere
@given(cut=st.data())
def test_it_is_the_row_of_full_history_within_one_float32_step(cut, bars, features):
    end = cut.draw(st.integers(lookback(timeframe=QUARTER_HOUR), len(bars)))
    assert within_one_step(latest(bars.iloc[:end]), features)


def test_at_the_first_row_of_a_chunk_it_is_the_row_of_full_history_to_the_bit(bars, features):
    (start,) = starts_of_half_years(bars)
    assert same_bits(latest(bars.iloc[: start + 1]), features.iloc[start : start + 1])
    assert within_one_step(latest(bars.iloc[:start]), features), "the last row of the chunk before"


def test_real_gold_at_the_edge_of_a_chunk_and_anywhere(gold_over_july, gold_features):
    gold = gold_over_july
    (start,) = starts_of_half_years(gold)
    assert same_bits(latest(gold.iloc[: start + 1]), gold_features.iloc[start : start + 1])
    for end in np.random.default_rng(5).integers(lookback(timeframe=QUARTER_HOUR), len(gold), 40):
        row = latest(gold.iloc[:end])
        assert within_one_step(row, gold_features)
        assert same_bits(row, on_its_own_bars(gold, end, list(ALONE)))


@pytest.mark.parametrize("timeframe", TIMEFRAMES.values(), ids=TIMEFRAMES)
def test_every_timeframe(timeframe: Timeframe, generate):
    series = generate(lookback(timeframe=timeframe) + 7, minutes=timeframe.minutes, seed=timeframe.minutes)
    row = latest(series)
    assert same_bits(row, on_its_own_bars(series, len(series), list(ALONE)))
    assert same_bits(row, latest(series, timeframe=timeframe))
    assert np.isfinite(row.to_numpy()).all()


@every_group
def test_a_group_without_its_bars_is_unknown_and_with_the_last_of_them_known(name, bars):
    needed = lookback([name], QUARTER_HOUR)
    assert latest(bars.iloc[: needed - 1], [name], QUARTER_HOUR).isna().all(axis=None)
    assert np.isfinite(latest(bars.iloc[:needed], [name], QUARTER_HOUR).to_numpy()).all()


def test_a_group_does_not_depend_on_its_company(bars):
    together = latest(bars)
    for name in ALONE:
        alone = latest(bars, [name])
        assert same_bits(alone, together[alone.columns])


def test_bars_may_carry_ts_as_a_column_and_more_columns_than_needed(bars):
    carried = bars.iloc[-3000:].reset_index().assign(spread_recorded=np.nan)
    assert same_bits(latest(carried), latest(bars))


@pytest.mark.parametrize(
    ("column", "value"), [("close", np.nan), ("volume", np.inf), ("spread", np.nan), ("low", 0.0), ("open", -1.0)]
)
@pytest.mark.parametrize("ago", [1, 300, 600])
def test_a_value_that_is_none_is_refused_with_its_place(column, value, ago, bars):
    broken = bars.copy()
    broken.iloc[-ago, broken.columns.get_loc(column)] = value
    with pytest.raises(DataError, match=re.escape(f"Bar {broken.index[-ago]} has {column} {value}")):
        latest(broken, ["momentum"])


def test_stamps_that_are_doubled_or_out_of_order_are_refused(bars):
    rows = np.arange(len(bars))
    for wrong in (np.r_[rows[:-2], rows[-1], rows[-2]], np.r_[rows, rows[-1]], np.r_[rows[:-300], rows[-302:]]):
        with pytest.raises(DataError, match="out of order"):
            latest(bars.iloc[wrong], ["momentum"])


def test_bars_before_those_that_are_needed_are_not_read(bars):
    older = bars.copy()
    older.iloc[: -lookback(["momentum"])] = np.nan
    assert same_bits(latest(older, ["momentum"]), latest(bars, ["momentum"]))


def test_no_bar_and_no_such_group_are_refused(bars):
    with pytest.raises(DataError, match="no bars"):
        latest(bars.iloc[:0], ["momentum"])
    with pytest.raises(UsageError, match=r"Unknown feature group 'trent'.* Did you mean trend\?"):
        latest(bars, ["trent"])


@pytest.mark.parametrize("window", [100, 101], ids=["enough", "one_bar_short"])
def test_a_column_that_looks_at_more_bars_than_it_kept_is_refused_and_never_a_number(window, bars, monkeypatch):
    def averages(some: Bars) -> Columns:
        return {"mean": window_mean(some.close[GROUPS["trend"].LOOKBACK - 100 :], window)}

    monkeypatch.setattr(GROUPS["trend"], "compute", averages)
    if window == 100:
        assert np.isfinite(latest(bars, ["trend"]).to_numpy()).all()
    else:
        with pytest.raises(DataError, match=r"Feature trend__mean at .* is nan"):
            latest(bars, ["trend"])


@pytest.mark.parametrize("length", [1, 3])
def test_a_column_that_is_too_short_is_refused_and_never_stretched(length, bars, monkeypatch):
    monkeypatch.setattr(GROUPS["calendar"], "compute", lambda some: {"hour": np.ones(length)})
    with pytest.raises(ValueError, match=f"Feature calendar__hour has {length} values for"):
        compute(bars, ["calendar"])


def test_the_unit_of_distances_is_the_average_true_range(bars):
    np.testing.assert_array_equal(Bars.of(bars).unit[20:], atr(bars)[20:])
