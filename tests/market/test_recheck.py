"""Stored bars are checked again as an import checks them, however they are cut."""

import itertools

import numpy as np
import pandas as pd
import pytest

from market.clocks import clock
from market.errors import DataError
from market.findings import Findings
from market.intake import Held
from market.recheck import Recheck
from market.timeframe import TIMEFRAMES
from tests.market.made_bars import GOLD, NOW, made

HELD = Held(TIMEFRAMES["15T"], GOLD, NOW)


def checked(*windows: pd.DataFrame, zone: str = "UTC", held: Held = HELD) -> Findings:
    recheck = Recheck("XAUUSD_15T", held, clock(zone))
    for window in windows:
        recheck.see(window)
    return recheck.finish()


def with_spikes(bars: pd.DataFrame, bad: list[int], suspicious: list[int]) -> pd.DataFrame:
    """Return bars some of which leap and come back, and some of which have long wicks."""
    spoilt = bars.copy()
    for at in bad:
        spoilt.iloc[at, [1, 3]] = spoilt.iloc[at]["close"] * 1.5
    for at in suspicious:
        spoilt.iloc[at, 1] = spoilt.iloc[at]["high"] + 90.0
    return spoilt


def test_sound_bars_have_no_findings():
    assert len(checked(made(1_500)).table()) == 0


@pytest.mark.parametrize("size", [100, 577, 1_000, 2_000])
def test_spikes_are_found_once_wherever_windows_are_cut(size):
    bars = with_spikes(made(2_000), [500, 999, 1_970], [576, 800, 1_500])
    edges = [*range(0, 2_000, size), 2_000]
    table = checked(*(bars.iloc[start:stop] for start, stop in itertools.pairwise(edges))).table()
    assert table.loc[table["problem"] == "bad tick", "row"].tolist() == [501, 1_000, 1_971]
    assert table.loc[table["problem"] == "suspicious tick", "row"].tolist() == [577, 801, 1_501]
    closes = bars.index[table["row"] - 1].strftime("%Y-%m-%dT%H:%M:%S")
    assert table["stamp"].tolist() == closes.tolist()


def test_bars_on_the_grid_of_their_sources_own_day_are_sound():
    opens = pd.date_range("2024-01-08", periods=60, freq="4h", tz="Europe/Athens", unit="us")
    values = made(60).set_axis(pd.DatetimeIndex(opens + pd.Timedelta(hours=4), name="ts").tz_convert("UTC"))
    held = HELD._replace(timeframe=TIMEFRAMES["4H"])
    assert len(checked(values, zone="Europe/Athens", held=held).table()) == 0
    assert len(checked(values, held=held).table()) == 0, "a broker's day, though nobody said whose"
    beside = values.set_axis(values.index + pd.Timedelta(hours=1))
    assert set(checked(beside, held=held).table()["problem"]) == {"stamp off the 4H grid"}


def test_prices_in_another_unit_are_an_error_about_the_whole():
    bars = made(300)
    bars[["open", "high", "low", "close"]] *= 100
    table = checked(bars).table()
    assert table["problem"].tolist() == ["prices look multiplied by 100"]
    assert table["stamp"].tolist() == [""]


def test_a_broken_promise_of_the_table_is_refused():
    bars = made(50)
    bars.iloc[7, 1] = np.nextafter(bars.iloc[7]["low"], 0)
    with pytest.raises(DataError, match="high below open or close"):
        checked(bars)
