"""Every finding that the intake promises, planted in a sound market and asked for at the door; the sound one passes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import simulated, timeframe
from market.bars import Imported
from market.errors import DataError
from market.instruments import instrument
from market.vendors.door import import_files
from tests.market.made_bars import NOW

PRICES = ["open", "high", "low", "close"]
Table = pd.DataFrame
Spoil = Callable[[Table, int], Table]


@pytest.fixture(scope="module")
def sound() -> Table:
    """Return five months of quarter-hours of gold, as a table of naive UTC opens."""
    bars = simulated.simulate("XAUUSD", "15T", "2024-01-02", "2024-06-01")
    table = bars[[*PRICES, "volume", "spread"]].reset_index(drop=True)
    table.insert(0, "time", (pd.DatetimeIndex(bars.index) - pd.Timedelta("15min")).tz_localize(None))
    return table


def imported(table: Table, folder: Path, **how: object) -> Imported:
    path = folder / "bars.csv"
    table.to_csv(path, index=False)
    how = {"timezone": "UTC", "stamp": "open", "now": NOW, "report_path": folder / "report.csv"} | how
    gold = instrument("XAUUSD")
    return import_files([path], instrument=gold, timeframe=timeframe.parse("15T"), **how)  # type: ignore[arg-type]


def changed(table: Table, rows: object, **columns: object) -> Table:
    out = table.copy()
    for name, value in columns.items():
        out.loc[rows, name] = value  # type: ignore[index]
    return out


def scaled(table: Table, rows: object, factor: float, names: list[str] = PRICES) -> Table:
    out = table.copy()
    out.loc[rows, names] *= factor  # type: ignore[index]
    return out


def daily_in_front(table: Table, at: int) -> Table:
    days = pd.bdate_range("2023-10-02", "2023-12-29")
    first = table[PRICES].iloc[0].to_dict()
    front = pd.DataFrame({"time": days} | first | {"volume": 50_000.0, "spread": 0.2})
    front["close"] = front["open"] + np.resize([0.4, -0.3, 0.7, -0.9, 0.2], len(front))
    front["high"], front["low"] = front[PRICES].max(axis=1) + 0.5, front[PRICES].min(axis=1) - 0.5
    return pd.concat([front, table], ignore_index=True)


def clock_switches(table: Table, at: int) -> Table:
    late = table.index >= 3_000 + at
    return table.assign(time=table["time"].where(~late, table["time"] + pd.Timedelta("3h")))


def spiked(table: Table, at: int) -> Table:
    high = table["high"].iloc[at] + 250.0
    return changed(table, at, close=high - 1.0, high=high)


def frozen(table: Table, at: int) -> Table:
    price = table["close"].iloc[at]
    return changed(table, slice(at, at + 150), open=price, high=price, low=price, close=price)


def straight(table: Table, at: int) -> Table:
    start, stop = at, at + 400
    line = np.linspace(table["close"].iloc[start], table["close"].iloc[stop], stop - start)
    out = changed(table, slice(start, stop - 1), open=line - 0.01, close=line)
    out.loc[start : stop - 1, "high"] = line + 0.3
    out.loc[start : stop - 1, "low"] = line - 0.3
    return out


def averaged(table: Table, at: int) -> Table:
    close = table[PRICES].mean(axis=1)
    open_ = [float(table["open"].iloc[0])]
    for value in close.iloc[:-1]:
        open_.append((open_[-1] + value) / 2)
    out = table.assign(open=open_, close=close)
    return out.assign(high=out[PRICES].max(axis=1), low=out[PRICES].min(axis=1))


def filled(table: Table, at: int) -> Table:
    """Return bars round the clock, each gap filled with the bar before it."""
    return table.set_index("time").asfreq("15min").ffill().reset_index()


def wave(table: Table, at: int) -> Table:
    close = 2_000 + 40 * np.sin(np.arange(len(table)) / 40 + at)
    out = table.assign(open=np.r_[close[0], close[:-1]], close=close)
    wicks = np.random.default_rng(at).random((2, len(table)))
    highest, lowest = out[["open", "close"]].max(axis=1), out[["open", "close"]].min(axis=1)
    return out.assign(high=highest + wicks[0], low=lowest - wicks[1])


ROW_ERRORS: dict[str, tuple[Spoil, str]] = {
    "daily bars inside": (daily_in_front, "daily bar among 15T bars"),
    "the same bar twice": (lambda t, i: pd.concat([t[: i + 1], t[i:]], ignore_index=True), "duplicate stamp"),
    "another bar of the same stamp": (
        lambda t, i: pd.concat([t[: i + 1], changed(t[i : i + 1], i, volume=1e6), t[i + 1 :]], ignore_index=True),
        "duplicate stamps that differ",
    ),
    "a step back": (
        lambda t, i: changed(t, i, time=t["time"].iloc[i] - pd.Timedelta("2D")),
        "stamp out of order",
    ),
    "a zero price": (lambda t, i: changed(t, i, low=0.0), "price is not positive"),
    "a denormal price": (lambda t, i: changed(t, i, low=1e-310), "price is denormal"),
    "a leap that reverts": (spiked, "bad tick"),
    "a bar ten times too high": (lambda t, i: scaled(t, i, 10.0), "price is implausible"),
    "an offset on some stamps": (
        lambda t, i: t.assign(time=t["time"].astype(str) + np.where(t.index == i, "+02:00", "")),
        "offsets are mixed",
    ),
    "trailing text": (
        lambda t, i: pd.concat([t.astype(str), pd.DataFrame([{"time": "thanks, all the best"}])], ignore_index=True),
        "row cannot be read",
    ),
}
FILE_ERRORS: dict[str, tuple[Spoil, str]] = {
    "a scale that changes": (lambda t, i: scaled(t, slice(i, None), 100.0), "scale changes inside"),
    "a scale that changes for a while": (lambda t, i: scaled(t, slice(i, i + 40), 0.1), "scale changes inside"),
    "a scale within the usual prices": (lambda t, i: scaled(t, slice(i, None), 5.0), "scale changes inside"),
    "a clock that switches": (clock_switches, "the clock switches"),
    "another calendar": (
        lambda t, i: t.assign(time=(t["time"] + pd.DateOffset(years=543)).dt.strftime("%Y-%m-%d %H:%M")),
        "stamps are in another calendar",
    ),
    "days of a spreadsheet": (
        lambda t, i: t.assign(time=(t["time"] - pd.Timestamp("1899-12-30")) / pd.Timedelta("1D")),
        "stamps are in another calendar",
    ),
    "a wave": (wave, "prices are a wave"),
    "bars that are averages": (averaged, "bars are averages"),
    "highs of another unit": (lambda t, i: scaled(t, slice(None), 1.02, ["high"]), "highs stand apart"),
    "closes declared opens": (
        lambda t, i: t.assign(time=t["time"] + pd.Timedelta("15min")),
        "the other side of the bar",
    ),
    "another symbol": (lambda t, i: t.assign(symbol="GBPUSD"), "bars of another symbol"),
    "two symbols": (
        lambda t, i: t.assign(symbol=np.where(t.index < i, "XAUUSD", "XAGUSD")),
        "several symbols in one file",
    ),
    "bars filled in round the clock": (filled, "bars outside trading hours"),
    "opens and closes swapped": (lambda t, i: t.assign(open=t["close"], close=t["open"]), "opens stand apart"),
    "newest first": (lambda t, i: t[::-1], "stamps are not sorted"),
}
WARNINGS: dict[str, tuple[Spoil, str]] = {
    "volume in another unit": (lambda t, i: scaled(t, slice(i, None), 1_000.0, ["volume"]), "volume changes its unit"),
    "a long hole": (lambda t, i: t.drop(index=range(i, i + 960)), "long hole"),
    "a price that stands still": (frozen, "price stands still"),
    "an interpolated stretch": (straight, "interpolated bars"),
    "a spread that somebody typed": (lambda t, i: t.assign(spread=0.3), "spread never changes"),
}


@pytest.mark.parametrize("name", ROW_ERRORS)
@given(at=st.integers(2_000, 6_000))
@settings(max_examples=4, deadline=None)
def test_a_bad_row_is_named_and_can_be_set_aside(
    name: str, sound: Table, at: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    spoil, problem = ROW_ERRORS[name]
    folder, table = tmp_path_factory.mktemp("planted"), spoil(sound, at)
    with pytest.raises(DataError, match=problem):
        imported(table, folder)
    kept = imported(table, folder, quarantine=True)
    assert problem in set(kept.errors["problem"])
    assert len(kept.bars) + kept.facts["set_aside"] == len(table)
    assert len(kept.bars) >= len(sound) - 2


@pytest.mark.parametrize("name", FILE_ERRORS)
@given(at=st.integers(2_000, 6_000))
@settings(max_examples=3, deadline=None)
def test_a_file_that_is_wrong_as_a_whole_is_refused_whatever_is_set_aside(
    name: str, sound: Table, at: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    spoil, problem = FILE_ERRORS[name]
    for quarantine in (False, True):
        with pytest.raises(DataError, match=f"{problem}.*: found .*; wanted ") as refusal:
            imported(spoil(sound, at), tmp_path_factory.mktemp("planted"), quarantine=quarantine)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", WARNINGS)
@given(at=st.integers(2_000, 6_000))
@settings(max_examples=4, deadline=None)
def test_what_is_doubtful_is_kept_and_said(
    name: str, sound: Table, at: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    spoil, problem = WARNINGS[name]
    table = spoil(sound, at)
    found = imported(table, tmp_path_factory.mktemp("planted"))
    assert len(found.bars) == len(table)
    assert any(line.startswith(problem) for line in found.facts["warnings"]), found.facts["warnings"]


def test_the_sound_market_passes_without_a_word(sound: Table, tmp_path: Path) -> None:
    found = imported(sound, tmp_path)
    assert found.report.empty
    assert found.facts["warnings"] == []
