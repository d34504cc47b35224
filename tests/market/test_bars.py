"""From raw rows to bars: clocks, spreads, neighbours and what is said about them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from market import neighbours, timeframe, validation
from market.bars import Imported, Incoming
from market.findings import nothing
from market.instruments import Instrument, instrument
from market.intake import File, Held, Raw
from market.tables import BARS, check
from tests.market.made_bars import GOLD, NOW, as_table, made

BITCOIN = instrument("BTCUSD")


def raw(table: pd.DataFrame) -> Raw:
    rows = table.rename(columns={"timestamp": "stamp", "spread": "spread_recorded"})
    rows.insert(0, "row", range(1, len(rows) + 1))
    return Raw(rows, nothing())


def bars_from(
    *raws: Raw,
    of: Instrument = GOLD,
    minutes: str = "15T",
    timezone: str | None = "UTC",
    stamp: str = "open",
    now: pd.Timestamp = NOW,
) -> Imported:
    names = ["rows", *(f"rows {i}" for i in range(2, len(raws) + 1))]
    files = [File(name, iter([one]), timezone, stamp) for name, one in zip(names, raws, strict=True)]
    return Incoming(files, Held(timeframe.parse(minutes), of, now), [""] * len(files)).all()


def in_chunks(table: pd.DataFrame, cuts: list[int]) -> Imported:
    file = File("rows", iter(chunks(table, cuts)), "UTC", "open")
    return Incoming([file], Held(timeframe.parse("15T"), GOLD, NOW), [""]).all()


def around_the_clock(start: str, days: int = 2) -> pd.DataFrame:
    """Return hourly crypto rows on a naive clock, as a table of opens."""
    stamps = pd.date_range(start, periods=24 * days, freq="1h", unit="us")
    flat = dict.fromkeys(validation.PRICES, 30_000.0)
    return pd.DataFrame({"timestamp": stamps, **flat, "volume": 1.0})


def test_a_bar_is_stamped_when_it_closes_whichever_side_the_source_stamps() -> None:
    by_open = bars_from(raw(as_table(made())), stamp="open")
    closes = as_table(made()).assign(timestamp=made().index.tz_localize(None))
    by_close = bars_from(raw(closes), stamp="close")
    assert_frame_equal(by_open.bars, by_close.bars)
    assert_frame_equal(by_open.bars, made(), check_freq=False)
    check(by_open.bars, BARS, "here")


@given(zone=st.sampled_from(["Europe/Athens", "America/New_York", "Asia/Tokyo", "Asia/Kolkata", "Australia/Lord_Howe"]))
def test_any_zone_leads_to_the_same_instants(zone: str) -> None:
    table = as_table(made())
    table["timestamp"] = table["timestamp"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
    assert_frame_equal(bars_from(raw(table), timezone=zone).bars, made(), check_freq=False)


def test_brokers_move_their_clock_and_the_bars_do_not() -> None:
    winter, summer = (bars_from(raw(as_table(made(start=day)))).bars for day in ("2024-03-29", "2024-04-01"))
    for bars, hours in ((winter, 2), (summer, 3)):
        table = as_table(bars)
        table["timestamp"] += pd.Timedelta(hours=hours)
        table = table[table["timestamp"].dt.date == table["timestamp"].dt.date.iloc[0]]
        again = bars_from(raw(table), timezone="Europe/Athens").bars
        assert (again.index == bars.index[: len(again)]).all()


def test_the_hour_that_comes_twice_is_an_error_and_never_a_guess() -> None:
    found = bars_from(raw(around_the_clock("2024-10-26 12:00")), of=BITCOIN, minutes="1H", timezone="Europe/Athens")
    assert found.errors["stamp"].tolist() == ["2024-10-27 03:00:00"]
    assert "repeats or skips" in found.errors["problem"].iloc[0]
    assert len(found.bars) == 47


def test_the_hour_that_never_comes_is_an_error() -> None:
    found = bars_from(raw(around_the_clock("2024-03-30 12:00")), of=BITCOIN, minutes="1H", timezone="Europe/Athens")
    assert found.errors["stamp"].tolist() == ["2024-03-31 03:00:00"]


def test_an_hour_repeated_in_utc_would_be_two_different_instants() -> None:
    assert bars_from(raw(around_the_clock("2024-10-26 12:00")), of=BITCOIN, minutes="1H").errors.empty


def test_files_of_different_zones_meet_at_their_instants() -> None:
    one, two = as_table(made())[:120], as_table(made())[80:]
    one["timestamp"] = one["timestamp"].dt.tz_localize("UTC")
    two["timestamp"] = two["timestamp"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    found = bars_from(raw(one), raw(two), timezone=None)
    assert_frame_equal(found.bars, made(), check_freq=False)
    assert (found.merged, found.facts["timezone"]) == (40, "UTC, Asia/Tokyo")


@given(
    cuts=st.lists(st.integers(0, 200), max_size=8),
    bad=st.lists(st.integers(0, 199), max_size=6, unique=True),
    twice=st.lists(st.integers(1, 198), max_size=3, unique=True),
    stray=st.lists(st.integers(20, 198), max_size=1),
)
@settings(max_examples=60, deadline=None)
def test_it_is_all_the_same_how_a_file_is_cut_into_chunks(
    cuts: list[int], bad: list[int], twice: list[int], stray: list[int]
) -> None:
    table = as_table(made())
    table.loc[bad, "close"] = -1.0
    table.loc[stray, "timestamp"] -= pd.Timedelta(days=1)
    table = pd.concat([table, table.iloc[twice]]).sort_index(kind="stable", ignore_index=True)
    whole, cut = in_chunks(table, []), in_chunks(table, cuts)
    assert_frame_equal(whole.bars, cut.bars)
    order = ["row", "problem"]
    assert_frame_equal(
        whole.report.sort_values(order, ignore_index=True), cut.report.sort_values(order, ignore_index=True)
    )
    assert whole.facts == cut.facts


def test_the_spread_charged_is_the_larger_of_the_recorded_one_and_the_floor() -> None:
    table = as_table(made())
    table["spread"] = np.where(np.arange(200) % 3 == 0, np.nan, np.where(np.arange(200) % 3 == 1, 0.07, 0.4))
    found = bars_from(raw(table))
    assert_frame_equal(found.bars[["spread_recorded"]].reset_index(drop=True),
                       table[["spread"]].rename(columns={"spread": "spread_recorded"}))  # fmt: skip
    assert found.bars["spread"].tolist()[:3] == [0.25, 0.25, 0.4]
    assert found.facts["bars_on_spread_floor"] == 67 + 67


def test_without_volume_it_is_zero_and_said() -> None:
    for volume in ({}, {"volume": np.nan}, {"volume": 0.0}):
        found = bars_from(raw(as_table(made()).drop(columns="volume").assign(**volume)))
        assert (found.bars["volume"] == 0).all()
        assert found.facts["has_volume"] is False
    assert bars_from(raw(as_table(made()))).facts["has_volume"] is True


def test_a_bar_that_has_not_closed_yet_is_no_bar() -> None:
    last_open = as_table(made())["timestamp"].iloc[-1].tz_localize("UTC")
    found = bars_from(raw(as_table(made())), now=last_open + pd.Timedelta(minutes=14))
    assert found.errors["problem"].tolist() == ["stamp in the future"]
    assert bars_from(raw(as_table(made())), now=last_open + pd.Timedelta(minutes=15)).errors.empty


def chunks(table: pd.DataFrame, cuts: list[int]) -> list[Raw]:
    rows = raw(table).rows
    ends = [*sorted(cuts), len(rows)]
    return [
        Raw(rows[start:end].reset_index(drop=True), nothing()) for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]


@given(cuts=st.lists(st.integers(0, 200), max_size=6), of_asks=st.lists(st.integers(0, 200), max_size=6))
@settings(max_examples=40, deadline=None)
def test_a_file_of_asks_gives_the_spread_of_the_bids_however_both_are_cut(cuts: list[int], of_asks: list[int]) -> None:
    bids = as_table(made()).drop(columns="spread")
    asks = bids.assign(close=bids["close"] + np.where(np.arange(200) % 2, 0.17, 0.4)).drop(index=[7, 150])
    asks["high"] = asks[["high", "close"]].max(axis=1)
    file = File("rows", iter(chunks(bids, cuts)), "UTC", "open", iter(chunks(asks, of_asks)))
    found = Incoming([file], Held(timeframe.parse("15T"), GOLD, NOW), [""]).all()
    recorded = np.where(np.arange(200) % 2, 0.17, 0.4)
    recorded[[7, 150]] = np.nan
    np.testing.assert_array_equal(found.bars["spread_recorded"], recorded)
    assert found.bars["spread"].min() == 0.25
    assert found.facts["warnings"] == ["bars without an ask: 2 bars; wanted an ask for each bid"]


@given(
    where=st.lists(st.integers(0, 199), min_size=1, max_size=5, unique=True),
    column=st.sampled_from(["open", "high", "low", "close"]),
    value=st.sampled_from([np.nan, np.inf, -1.0, 0.0, 1e9]),
)
@settings(max_examples=60, deadline=None)
def test_every_bad_row_is_reported_and_only_bad_rows_are_missing(where: list[int], column: str, value: float) -> None:
    table = as_table(made())
    table.loc[where, column] = value
    found = bars_from(raw(table))
    assert set(found.errors["row"]) == {i + 1 for i in where}
    assert_frame_equal(found.bars, made().drop(index=made().index[where]), check_freq=False)


@given(st.lists(st.integers(-20, 20), max_size=60))
def test_the_fewest_rows_leave_for_the_rest_to_be_in_order(values: list[int]) -> None:
    array = np.array(values, dtype="int64")
    out = validation.out_of_order(array)
    assert (np.diff(array[~out]) >= 0).all()
    best = [1] * len(values)
    for i in range(len(values)):
        best[i] += max((best[j] for j in range(i) if values[j] <= values[i]), default=0)
    assert int((~out).sum()) == max(best, default=0)


def test_a_row_whose_year_is_wrong_stands_alone() -> None:
    table = as_table(made())
    stray = table.iloc[-1:].assign(timestamp=table["timestamp"].iloc[-1] - pd.Timedelta(weeks=52))
    found = bars_from(raw(pd.concat([stray, table])))
    assert found.errors[["row", "problem"]].to_numpy().tolist() == [[1, "row out of place"]]
    nearest = (table["timestamp"].iloc[0] - stray["timestamp"].iloc[0]) / pd.Timedelta(days=1)
    assert found.errors["found"].iloc[0] == f"{nearest:.0f} days from any other"
    assert_frame_equal(found.bars, made(), check_freq=False)


def test_a_long_gap_between_long_stretches_is_a_gap_and_no_error() -> None:
    table = pd.concat([as_table(made()), as_table(made(start="2024-06-03"))])
    found = bars_from(raw(table))
    assert found.errors.empty
    assert found.facts["longest_gap_hours"] > 24 * 60


def spiked(at: int, leap: float, stays: bool) -> pd.DataFrame:
    table = as_table(made())
    table.loc[at, "close"] += leap
    table.loc[at, "high"] = max(table.loc[at, "high"], table.loc[at, "close"])
    table.loc[at, "low"] = min(table.loc[at, "low"], table.loc[at, "close"])
    if stays:
        table.loc[at + 1 :, ["open", "high", "low", "close"]] += leap
    return table


@pytest.mark.parametrize("leap", [150.0, -150.0])
def test_a_leap_that_the_next_bar_takes_back_is_a_bad_tick(leap: float) -> None:
    found = bars_from(raw(spiked(120, leap, stays=False)))
    assert found.errors[["row", "problem"]].to_numpy().tolist() == [[121, "bad tick"]]
    assert len(found.bars) == 199


@pytest.mark.parametrize("leap", [150.0, -150.0])
def test_a_leap_that_stays_is_news(leap: float) -> None:
    assert bars_from(raw(spiked(120, leap, stays=True))).report.empty


def test_a_long_wick_is_flagged_and_kept() -> None:
    table = as_table(made())
    table.loc[120, "low"] -= 120.0
    found = bars_from(raw(table))
    assert found.errors.empty
    assert found.report[["row", "severity", "problem"]].to_numpy().tolist() == [[121, "warning", "suspicious tick"]]
    assert found.facts["suspicious_ticks"] == 1
    assert len(found.bars) == 200


def test_a_spike_in_another_unit_is_a_bad_tick_wherever_it_stands() -> None:
    sound = made().reset_index().assign(file="rows", row=range(200), stamp="")
    for rows in ([0], [1, 2], [50, 51, 52], [199]):
        other = sound.copy()
        other.loc[rows, ["open", "high", "low", "close"]] *= 5
        found = neighbours.ticks(other)
        assert found.index[found["severity"] == "error"].tolist() == rows


def test_a_clock_that_the_weekends_contradict_is_an_error() -> None:
    table = as_table(made(6_000))
    table["timestamp"] = table["timestamp"].dt.tz_localize("UTC").dt.tz_convert("Europe/Athens").dt.tz_localize(None)
    assert bars_from(raw(table), timezone="Europe/Athens").errors.empty
    wrong = bars_from(raw(table), timezone="UTC")
    assert wrong.errors[["row", "problem"]].to_numpy().tolist() == [[0, "the clock is another"]]
    assert "EET" in wrong.errors["found"].iloc[0]


def test_coverage_counts_only_bars_that_should_be_there() -> None:
    table = as_table(made(1_000))
    assert bars_from(raw(table)).facts["gaps"] == 0, "nights and weekends are no gaps"
    found = bars_from(raw(table.drop(index=[100, 101, 102, 500]))).facts
    assert (found["gaps"], found["missing_bars"], found["longest_gap_hours"]) == (2, 4, 0.75)


def test_four_hour_bars_may_stand_on_the_days_of_their_broker() -> None:
    opens = pd.date_range("2024-07-01", periods=60, freq="4h", unit="us")
    flat = pd.DataFrame({"timestamp": opens} | dict.fromkeys(validation.PRICES, 30_000.0))
    found = bars_from(raw(flat), of=BITCOIN, minutes="4H", timezone="Europe/Athens")
    assert found.errors.empty
    assert found.facts["missing_bars"] == 0
    assert found.bars.index[0] == pd.Timestamp("2024-07-01 01:00", tz="UTC")
    flat.loc[30, "timestamp"] += pd.Timedelta(hours=1)
    off = bars_from(raw(flat), of=BITCOIN, minutes="4H", timezone="Europe/Athens")
    assert off.errors["problem"].tolist() == ["stamp off the 4H grid"]


def test_no_rows_at_all_give_no_bars_and_no_crash() -> None:
    found = bars_from(raw(as_table(made())[:0]), timezone=None)
    assert found.bars.empty
    assert found.facts["first"] is None
