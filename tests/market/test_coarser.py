"""Coarser bars among finer ones are found wherever they stand, and no bar of real or made files is taken for one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from market.coarser import coarser
from market.simulated import simulate
from market.timeframe import DAY, TIMEFRAMES, Timeframe, parse, resample
from tests.market.made_bars import REAL

FINER = {"1T": 16, "5T": 20, "15T": 50, "30T": 80, "1H": 150}  # days
FILES = sorted((REAL / "bars").rglob("*.parquet"))
NOT_WHAT_IT_SAYS = {"dxy_golshandvr/DXY_30T"}  # hourly bars until 2020-07-08, half-hourly ones from then on

planted = settings(deadline=None, max_examples=25)


def clean(frame: str, seed: int = 0, symbol: str = "XAUUSD") -> pd.DataFrame:
    start = pd.Timestamp("2024-03-04")
    return simulate(symbol, frame, start, start + pd.Timedelta(days=FINER[frame]), seed=seed)


def as_rows(bars: pd.DataFrame, frame: str, zone: str = "UTC", stamp: str = "open") -> pd.DataFrame:
    """Return bars by their closes as the rows of a file whose clock is that of `zone`."""
    shown = bars.index - parse(frame).delta if stamp == "open" else bars.index
    rows = bars.reset_index()
    rows.insert(0, "stamp", shown.tz_convert(zone).tz_localize(None))
    rows.insert(0, "row", np.arange(len(rows)) + 2)
    rows.insert(0, "file", "bars.csv")
    return rows


def found(bars: pd.DataFrame, frame: str, zone: str = "UTC", stamp: str = "open") -> pd.DataFrame:
    return coarser(as_rows(bars, frame, zone, stamp), parse(frame))


def blamed(bars: pd.DataFrame, frame: str) -> tuple[set[pd.Timestamp], set[str]]:
    table = found(bars, frame)
    assert (table["severity"] == "error").all()
    assert (table["row"].to_numpy() == table.index + 2).all()
    return set(bars.index[table.index]), set(table["problem"])


def made_coarser(bars: pd.DataFrame, coarse: Timeframe, frame: str) -> pd.DataFrame:
    """Return coarser bars stamped at their open, and so read as closing one finer bar later."""
    made = resample(bars, coarse)
    return made.set_axis(made.index - coarse.delta + parse(frame).delta)


def with_part(bars: pd.DataFrame, coarse: Timeframe, frame: str, first: pd.Timestamp, last: pd.Timestamp):
    """Return bars of which those that start in `[first, last)` are coarser, and the stamps of that part."""
    opens = bars.index - parse(frame).delta
    part = made_coarser(bars[(opens >= first) & (opens < last)], coarse, frame)
    return pd.concat([bars[opens < first], part, bars[opens >= last]]), set(part.index)


def with_one(bars: pd.DataFrame, frame: str, zone: str, place: float, coarse: Timeframe = DAY, at_end: bool = False):
    """Return bars of which one, at the begin or at the end of a coarse bar, sums it up, and that bar's stamp."""
    shown = (bars.index - parse(frame).delta).tz_convert(zone).tz_localize(None)
    period = shown.floor(coarse.delta)
    sizes = pd.Series(period).value_counts().sort_index()
    edge = pd.Series(shown + parse(frame).delta if at_end else shown).groupby(period).agg("last" if at_end else "first")
    whole = sizes.index[(sizes > 9) & (edge == edge.index + coarse.delta * int(at_end))]
    it = np.flatnonzero(period == whole[int(place * len(whole))])
    whole, one = bars.iloc[it], bars.index[it[-1 if at_end else 0]]
    others = whole.drop(one)
    bars = bars.copy()
    bars.loc[one, ["open", "high", "low", "close"]] = [
        whole["open"].iloc[0],
        whole["high"].max() if coarse == DAY else others["high"].max(),
        whole["low"].min() if coarse == DAY else others["low"].min(),
        whole["close"].iloc[-1],
    ]
    return bars, one


@planted
@given(
    seed=st.integers(0, 10_000),
    frame=st.sampled_from(list(FINER)),
    symbol=st.sampled_from(["XAUUSD", "BTCUSD"]),
    kept=st.floats(0.3, 1.0),
    zone=st.sampled_from(["UTC", "Europe/Athens", "America/New_York"]),
)
def test_no_bar_of_clean_or_sparse_bars_is_a_coarser_one(seed, frame, symbol, kept, zone):
    bars = clean(frame, seed, symbol)
    sparse = bars[np.random.default_rng(seed).random(len(bars)) < kept]
    assert len(found(sparse, frame, zone)) == 0


@pytest.mark.skipif(not FILES, reason="real bars are not there: ../shared/data")
@pytest.mark.parametrize("zone", ["UTC", "Europe/Athens"])
@pytest.mark.parametrize("path", FILES, ids=[f"{path.parts[-3]}/{path.stem}" for path in FILES])
def test_no_bar_of_a_real_file_is_a_coarser_one(path: Path, zone: str):
    frame = path.stem.rpartition("_")[2]
    bars = pd.read_parquet(path)
    closes = pd.DatetimeIndex(bars["timestamp"]).as_unit("us") + parse(frame).delta
    bars = bars.set_axis(closes.rename("ts")).sort_index()
    table = found(bars[~bars.index.duplicated()], frame, zone)
    if f"{path.parts[-3]}/{path.stem}" in NOT_WHAT_IT_SAYS:
        assert set(table["problem"]) == {"1H bar among 30T bars"}
        assert table.index.tolist() == list(range(len(table)))
        assert str(bars.index[len(table)]) == "2020-07-08 05:30:00+00:00"
    else:
        assert len(table) == 0


COARSE = [
    (frame, coarse)
    for frame in FINER
    for coarse in (*TIMEFRAMES.values(), DAY)
    if coarse.minutes > parse(frame).minutes
]


@pytest.mark.parametrize(("frame", "coarse"), COARSE, ids=[f"{coarse.name} among {frame}" for frame, coarse in COARSE])
@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 1_000), front=st.booleans(), end=st.booleans(), symbol=st.sampled_from(["XAUUSD", "BTCUSD"]))
def test_a_stretch_of_coarser_bars_is_found_wherever_it_stands(frame, coarse, seed, front, end, symbol):
    bars = clean(frame, seed, symbol)
    day = pd.Timedelta(days=1)
    start, stop = bars.index[0].floor("D"), bars.index[-1].ceil("D")
    rows = 4 if coarse == DAY else 40
    span = max(rows * coarse.delta * (1 if symbol == "BTCUSD" else 1.6), day).ceil("D")
    first = start if front else start + day if frame == "1T" else start + 7 * day
    last = stop if end else first + span
    mixed, part = with_part(bars, coarse, frame, first, last)
    rows_found, problems = blamed(mixed, frame)
    assert problems == {f"{'daily' if coarse == DAY else coarse.name} bar among {frame} bars"}
    assert rows_found <= part
    assert len(part - rows_found) <= 1


@planted
@given(
    seed=st.integers(0, 1_000),
    frame=st.sampled_from(list(FINER)),
    place=st.floats(0, 0.99),
    zone=st.sampled_from(["UTC", "Europe/Athens"]),
    stamp=st.sampled_from(["open", "close"]),
    symbol=st.sampled_from(["XAUUSD", "BTCUSD"]),
)
def test_a_daily_bar_that_was_merged_in_is_found(seed, frame, place, zone, stamp, symbol):
    bars, one = with_one(clean(frame, seed, symbol), frame, zone, place, at_end=stamp == "close")
    table = found(bars, frame, zone, stamp)
    assert bars.index[table.index].tolist() == [one]
    assert set(table["problem"]) == {f"daily bar among {frame} bars"}


@planted
@given(seed=st.integers(0, 1_000), frame=st.sampled_from(["1T", "5T"]), place=st.floats(0, 0.99))
@example(seed=226, frame="5T", place=0.0)
def test_an_hourly_bar_that_was_merged_in_is_found(seed, frame, place):
    bars, one = with_one(clean(frame, seed), frame, "UTC", place, TIMEFRAMES["1H"])
    rows_found, problems = blamed(bars, frame)
    assert rows_found == {one}
    assert problems <= {f"{name} bar among {frame} bars" for name in ("1H", "4H")}, "an hour may sum up its four"


@pytest.mark.parametrize(("coarse", "rows"), [(DAY, 2), (TIMEFRAMES["1H"], 23)])
def test_a_few_rows_may_stand_far_apart(coarse, rows):
    bars = clean("15T", symbol="BTCUSD")
    first = bars.index[0].floor("D") + pd.Timedelta(days=3)
    mixed, part = with_part(bars, coarse, "15T", first, first + rows * coarse.delta)
    assert len(part) == rows
    assert len(found(mixed, "15T")) == 0


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_hardly_any_rows_are_no_trouble(rows):
    assert len(found(clean("15T").iloc[:rows], "15T")) == 0
