"""Files as brokers, vendors and users made them."""

import time
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from market import timeframe
from market.bars import Imported
from market.errors import DataError, UsageError
from market.instruments import instrument
from market.validation import PRICES
from market.vendors.door import import_files
from tests.market.made_bars import NOW, REAL, written_mt5

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real bars at {REAL}")

EXPORT = REAL / "raw/mt5_export/XAUUSD_M15_20250102_20251027.csv"
DIRTY = REAL / "raw/dirty"


def imported(path: Path, symbol: str, minutes: str, folder: Path, **how: object) -> Imported:
    how = {"timezone": "Europe/Athens", "stamp": "open", "now": NOW, "report_path": folder / "report.csv"} | how
    return import_files([path], instrument=instrument(symbol), timeframe=timeframe.parse(minutes), **how)  # type: ignore[arg-type]


def stored(source: str, series: str, folder: Path) -> Imported:
    symbol, minutes = series.split("_")
    path = REAL / "bars" / source / symbol / f"{series}.parquet"
    return imported(path, symbol, minutes, folder, timezone=None)


def test_a_metatrader_export_gives_the_bars_that_others_made_of_it(tmp_path: Path) -> None:
    found = imported(EXPORT, "XAUUSD", "15T", tmp_path)
    assert found.report.empty
    assert_frame_equal(found.bars, stored("mt5_budimanlai", "XAUUSD_15T", tmp_path).bars, check_exact=False, rtol=1e-12)


def test_two_brokers_keep_the_same_clock(tmp_path: Path) -> None:
    one = imported(EXPORT, "XAUUSD", "15T", tmp_path).bars["close"]
    other = stored("mt5_a", "XAUUSD_15T", tmp_path).bars["close"]
    at_once = one.pct_change().corr(other.pct_change())
    assert at_once > 0.95
    for bars in (-4, -1, 1, 4):
        assert one.pct_change().shift(bars).corr(other.pct_change()) < 0.2


def test_a_wrong_zone_is_doubted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the clock is another: found Declared UTC, but .*00:00–01:00.*Europe/Athens"):
        imported(EXPORT, "XAUUSD", "15T", tmp_path, timezone="UTC")


def test_chat_text_at_the_end(tmp_path: Path) -> None:
    path = DIRTY / "EURUSD15_trailing_garbage.csv"
    with pytest.raises(
        DataError, match=r"2 errors of 1 kind; first at row 65535: row cannot be read: found -- Suite \(98"
    ):
        imported(path, "EURUSD", "15T", tmp_path)
    found = imported(path, "EURUSD", "15T", tmp_path, quarantine=True)
    assert found.errors["row"].tolist() == [65_535, 65_536]
    assert len(found.bars) == 65_534


def test_the_last_row_again_as_the_first_with_another_year(tmp_path: Path) -> None:
    path = DIRTY / "UT100_first_row_out_of_place.csv"
    with pytest.raises(DataError, match="1 error of 1 kind; first at row 1, 2023-09-01 00:00:00: row out of place"):
        imported(path, "UT100", "5T", tmp_path)
    found = imported(path, "UT100", "5T", tmp_path, quarantine=True)
    assert found.errors["row"].tolist() == [1]
    assert found.bars.index[0] == pd.Timestamp("2025-06-30 12:45", tz="UTC")


@pytest.mark.parametrize("quarantine", [False, True])
def test_prices_times_100(quarantine: bool, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="prices look multiplied by 100"):
        imported(DIRTY / "XAUUSDh1_prices_times_100.csv", "XAUUSD", "1H", tmp_path, quarantine=quarantine)


SOUND = [
    *[
        ("mt5_a", series)
        for series in ("XAUUSD_15T", "XAUUSD_1H", "XAUUSD_4H", "EURUSD_15T", "USDJPY_15T", "AUDUSD_1H")
    ],
    *[("mt5_a_native_h1", series) for series in ("XAUUSD_1H", "USDCHF_1H", "GBPUSD_1H")],
    ("mt5_h", "EURUSD_15T"),
    ("histdata", "XAUUSD_5T"),
    ("histdata", "XAGUSD_15T"),
    ("histdata", "NSXUSD_15T"),
    ("binance_spot", "BTCUSDT_15T"),
    ("binance_spot", "ETHUSDT_4H"),
    ("duka_ilahuerta", "XAUUSD_5T"),
    ("ftmo_kalsow", "US500_15T"),
    ("mt5_aliirezaaa", "XAUUSD_1T"),
]


@pytest.mark.parametrize(("source", "series"), SOUND)
def test_sound_bars_pass_with_flash_crashes_and_all(source: str, series: str, tmp_path: Path) -> None:
    found = stored(source, series, tmp_path)
    assert found.errors.empty
    rows = found.facts["rows"]
    assert rows == found.facts["sources"][0]["rows"]
    assert found.facts["suspicious_ticks"] <= max(3, rows / 10_000)
    assert found.facts["bars_outside_session"] <= 0.02 * rows


def test_hours_in_front_of_half_hours_are_told_from_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"2984 errors of 1 kind; first at row 1, 2019-12-13.*1H bar among 30T bars"):
        stored("dxy_golshandvr", "DXY_30T", tmp_path)


def test_crossed_quotes_are_refused_as_negative_spreads(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"347 errors of 1 kind.*spread is negative"):
        stored("fxcm_nautilus", "GBPUSD_1T", tmp_path)


def test_offsets_in_the_stamps_are_a_declared_zone(tmp_path: Path) -> None:
    found = imported(REAL / "raw/fxcm/gbpusd-m1-bid-2012.csv", "GBPUSD", "1T", tmp_path, timezone=None)
    assert found.facts["timezone"] == "UTC"
    assert found.bars.index[0] == pd.Timestamp("2012-02-01 00:01", tz="UTC")


def test_seven_years_of_gold_take_under_two_seconds(tmp_path: Path) -> None:
    bars = stored("mt5_a", "XAUUSD_15T", tmp_path).bars
    path = written_mt5(bars.fillna({"spread_recorded": 0.0}), tmp_path / "gold.csv")
    started = time.process_time()
    found = imported(path, "XAUUSD", "15T", tmp_path)
    assert time.process_time() - started < 2.0
    assert_frame_equal(found.bars.drop(columns="spread_recorded"), bars.drop(columns="spread_recorded"))


BIDS, ASKS = (REAL / f"raw/fxcm/gbpusd-m1-{side}-2012.csv" for side in ("bid", "ask"))
HISTDATA = REAL / "raw/histdata/HISTDATA_COM_ASCII_XAUUSD_M12019.zip"


def test_a_file_of_asks_gives_the_spread_and_is_no_file_of_bids(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="its name says ask prices, and bars are bids"):
        imported(ASKS, "GBPUSD", "1T", tmp_path, timezone=None)
    with pytest.raises(DataError, match=r"347 errors of 1 kind.*spread is negative"):
        imported(BIDS, "GBPUSD", "1T", tmp_path, timezone=None, ask=ASKS)
    found = imported(BIDS, "GBPUSD", "1T", tmp_path, timezone=None, ask=ASKS, quarantine=True)
    bids, asks = (pd.read_csv(path)["close"] for path in (BIDS, ASKS))
    spread = (asks - bids).round(8)
    assert found.bars["spread_recorded"].tolist() == spread[spread >= 0].tolist()


@pytest.mark.parametrize(("zone", "weeks"), [("America/New_York", "96%"), ("UTC-5", "43%")])
def test_histdata_keeps_neither_the_documented_clock_nor_new_yorks(zone: str, weeks: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"the clock is another: .*looks like EST-EU.*\({zone}: {weeks}\)"):
        imported(HISTDATA, "XAUUSD", "1T", tmp_path, timezone=zone, quarantine=True)


def test_histdata_as_downloaded_is_the_minutes_in_it_but_for_an_hour_that_stands_twice(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="60 errors"):
        imported(HISTDATA, "XAUUSD", "1T", tmp_path, timezone="EST-EU")
    found = imported(HISTDATA, "XAUUSD", "1T", tmp_path, timezone="EST-EU", quarantine=True)
    assert set(found.errors["stamp"].str[:13]) == {"2019-10-27 19"}
    with zipfile.ZipFile(HISTDATA) as archive, archive.open("DAT_ASCII_XAUUSD_M1_2019.csv") as stream:
        table = pd.read_csv(stream, sep=";", names=["stamp", *PRICES, "volume"]).drop_duplicates("stamp")
    assert (len(found.bars), found.facts["set_aside"]) == (len(table), 60)
    assert_frame_equal(found.bars[PRICES].reset_index(drop=True), table[PRICES].reset_index(drop=True))
    assert found.facts["has_volume"] is False
    assert found.facts["warnings"] == []


def test_a_feather_of_freqtrade_needs_nothing_said(tmp_path: Path) -> None:
    path = REAL / "raw/freqtrade/BTC_USDT-15m.feather"
    found = imported(path, "BTCUSD", "15T", tmp_path, timezone=None, stamp=None)
    table = pd.read_feather(path)
    assert found.report.empty
    assert found.bars["close"].tolist() == table["close"].tolist()
    assert (found.bars.index == table["date"] + pd.Timedelta("15min")).all()
