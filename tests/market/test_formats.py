"""Every format: its files come back as the bars they were made of, and no other format claims them."""

import gzip
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from market import timeframe
from market.errors import DataError
from market.instruments import instrument
from market.intake import Raw
from market.vendors import pages
from market.vendors.door import import_files
from market.vendors.formats import VENDORS
from market.vendors.source import HEAD, Asked, opened
from tests.market.made_bars import GOLD, NOW, REAL, made
from tests.market.written_files import (
    BINANCE_HEADER,
    DRESSES,
    bi5,
    binance_rows,
    packed,
    polygon,
    results,
    worn,
    written,
)

every_dress = pytest.mark.parametrize("dress", DRESSES)
BITCOIN = instrument("BTCUSD")


def fitting(path: Path) -> list[str]:
    head = opened(path).head()
    return [name for name, vendor in VENDORS.items() if vendor.recognises(head)]


def read(format: str, path: Path, dates: str | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return all rows and all findings that a format's reader gives."""
    chunks: list[Raw] = list(VENDORS[format].read(opened(path), Asked(GOLD, dates)))
    rows = pd.concat([chunk.rows for chunk in chunks if len(chunk.rows)], ignore_index=True)
    return rows, pd.concat([chunk.unreadable for chunk in chunks])


def assert_same(rows: pd.DataFrame, bars: pd.DataFrame, zone: str | None, lost: tuple[str, ...]) -> None:
    stamps = pd.DatetimeIndex(rows["stamp"])
    assert (stamps.tz is None) == (zone is not None), "either the stamps say their clock, or the user"
    utc = stamps.tz_localize(zone) if zone else stamps
    assert (utc.tz_convert("UTC") + bars.index.to_series().diff().min() == bars.index).all()
    for name in ("open", "high", "low", "close", "volume", "spread_recorded"):
        if name in lost:
            assert name not in rows
        else:
            np.testing.assert_array_equal(rows[name], bars[name])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("formats")


def enough(bars: pd.DataFrame) -> pd.DataFrame:
    """Return the bars, or forget about this example where a holiday has left too few."""
    assume(len(bars) > 30)
    return bars


starts = st.dates(min_value=pd.Timestamp("2001-01-08").date(), max_value=pd.Timestamp("2025-06-01").date()).map(str)


@every_dress
@given(n=st.integers(60, 120), seed=st.integers(0, 10**6), start=starts)
@settings(max_examples=12, deadline=None)
def test_a_file_comes_back_as_the_bars_it_was_made_of(dress: str, n: int, seed: int, start: str, folder: Path) -> None:
    how = DRESSES[dress]
    monday = pd.Timestamp(start).to_period("W").start_time

    def makes(minutes: int) -> pd.DataFrame:
        return enough(made(n, seed, str(monday) if minutes == 1 else start, minutes))

    bars, path = worn(how, makes, folder)
    rows, findings = read(how.format, path)
    assert findings.empty
    assert_same(rows, bars, how.zone, how.lost)


@every_dress
def test_a_file_passes_the_door_by_itself(dress: str, tmp_path: Path) -> None:
    how = DRESSES[dress]
    bars, path = worn(how, lambda minutes: made(120, minutes=minutes), tmp_path)
    for name, none in (("volume", 0.0), ("spread_recorded", np.nan)):
        bars = bars.assign(**{name: none}) if name in how.lost else bars
    bars["spread"] = np.fmax(bars["spread_recorded"], GOLD.costs.spread_floor)
    found = import_files(
        [path],
        instrument=GOLD,
        timeframe=timeframe.parse("1T" if how.of_one_day else "15T"),
        timezone=how.zone,
        stamp=VENDORS[how.format].STAMP or "open",
        now=NOW,
        report_path=tmp_path / "report.csv",
    )
    assert found.facts["has_volume"] == ("volume" not in how.lost)
    assert_frame_equal(found.bars, bars, check_freq=False)


@every_dress
def test_a_file_is_of_its_own_format_and_of_no_other(dress: str, tmp_path: Path) -> None:
    _, path = worn(DRESSES[dress], lambda minutes: made(60, minutes=minutes), tmp_path)
    assert fitting(path) == [DRESSES[dress].format]


@pytest.mark.parametrize("dress", [name for name, how in DRESSES.items() if how.format not in ("parquet", "freqtrade")])
@pytest.mark.parametrize("pack", ["gz", "zip"])
def test_a_packed_file_is_read_as_it_is(dress: str, pack: str, tmp_path: Path) -> None:
    how = DRESSES[dress]
    bars, path = worn(how, lambda minutes: made(60, minutes=minutes), tmp_path)
    if path.suffix == ".zip" or (pack == "gz" and "bi5" in dress):
        pytest.skip("it is packed already")
    other = path.with_name(f"{path.name}.{pack}")
    if pack == "gz":
        other.write_bytes(gzip.compress(path.read_bytes()))
    else:
        with zipfile.ZipFile(other, "w") as archive:
            archive.write(path, path.relative_to(tmp_path))
    assert fitting(other) == [how.format]
    assert_same(read(how.format, other)[0], bars, how.zone, how.lost)


def test_every_format_is_written_in_some_dress() -> None:
    assert {how.format for how in DRESSES.values()} == set(VENDORS)


@pytest.mark.parametrize("name", VENDORS)
@given(
    junk=st.binary(max_size=400),
    before=st.sampled_from([b"", b"ARROW1\0\0", b"\x5d\0\0", b"[[", b'[{"t":', b"\xff\xfe"]),
)
@settings(max_examples=150, deadline=None)
def test_no_junk_breaks_recognition(name: str, junk: bytes, before: bytes) -> None:
    VENDORS[name].recognises(before + junk)


@pytest.mark.parametrize("name", VENDORS)
@given(text=st.text("0123456789.,;:[]{}\"' tohlcn-eE\n\t", max_size=300))
@settings(max_examples=150, deadline=None)
def test_nothing_that_looks_like_rows_breaks_recognition(name: str, text: str) -> None:
    VENDORS[name].recognises(text.encode())


MONOTONOUS = [
    "9",
    "[",
    "{",
    '{"t":',
    " ",
    "[ ",
    ",",
    "9,",
    "1.",
    '"',
    "\n",
    "9\n",
    "20240101 000000;",
    "1,,",
    "0" + ",1" * 9 + "\n",
]


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize("piece", MONOTONOUS)
def test_no_monotonous_head_holds_recognition_up(name: str, piece: str) -> None:
    head = (piece * HEAD)[:HEAD].encode()
    for beginning in (b"", b"0,", b"1704067200000,", b"[[1704067200000,", b"20240101 000000;"):
        VENDORS[name].recognises(beginning + head)


def test_histdata_is_not_taken_for_its_twin_that_stamps_closes(tmp_path: Path) -> None:
    path = written(tmp_path / "ninja.txt", "20190102 180000;1282.2;1282.3;1281.9;1281.9;57\n" * 3)
    assert fitting(path) == []


def test_the_real_histdata_file_is_read_whole() -> None:
    path = REAL / "raw/histdata/HISTDATA_COM_ASCII_XAUUSD_M12019.zip"
    if not path.is_file():
        pytest.skip("needs ../shared/data")
    rows, findings = read("histdata", path)
    assert fitting(path) == ["histdata"]
    assert len(rows) == 352_688
    assert "volume" not in rows
    assert findings.empty


def test_the_real_freqtrade_file_is_read_whole() -> None:
    path = REAL / "raw/freqtrade/BTC_USDT-15m.feather"
    if not path.is_file():
        pytest.skip("needs ../shared/data")
    rows, findings = read("freqtrade", path)
    assert fitting(path) == ["freqtrade"]
    assert (len(rows), str(rows["stamp"][0]), rows["close"][0]) == (34_994, "2023-01-01 00:00:00+00:00", 16520.69)
    assert findings.empty


def test_minutes_without_trades_are_left_out_and_counted(tmp_path: Path) -> None:
    lines = ["Gmt time,Open,High,Low,Close,Volume", "05.01.2024 21:58:00.000,2045.1,2045.9,2045.0,2045.3,12.5"]
    lines += [f"05.01.2024 {at}:00.000,2045.3,2045.3,2045.3,2045.3,0" for at in ("21:59", "22:00", "22:01")]
    lines += ["07.01.2024 23:00:00.000,2045.3,2045.3,2045.3,2045.3,0.001"]
    rows, findings = read("dukascopy", written(tmp_path / "flat.csv", "\n".join(lines)))
    assert rows["row"].tolist() == [2, 6]
    assert findings[["row", "severity", "problem", "found"]].values.tolist() == [
        [0, "warning", "minutes without trades left out", "3 of 5 rows are flat with volume 0"]
    ]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("BID_candles_min_1.bi5", "does not say its day"),
        ("XAUUSD_2024-02-30_BID_candles_min_1.bi5", "does not say its day"),
        ("XAUUSD/2024/12/05/BID_candles_min_1.bi5", "does not say its day"),
        ("XAUUSD/2024/01/30/BID_candles_min_1.bi5", "does not say its day"),
        ("EURUSD_2024-01-05_BID_candles_min_1.bi5", "of EURUSD, not of XAUUSD"),
    ],
)
def test_candles_need_a_day_and_the_right_instrument(name: str, error: str, tmp_path: Path) -> None:
    path = written(tmp_path / name, bi5(made(60, minutes=1), tmp_path).read_bytes())
    with pytest.raises(DataError, match=error):
        read("dukascopy", path)


def test_an_instrument_without_a_point_cannot_read_candles(tmp_path: Path) -> None:
    nameless = GOLD._replace(vendors=GOLD.vendors.model_copy(update={"dukascopy": None}))
    path = bi5(made(60, minutes=1), tmp_path)
    with pytest.raises(DataError, match=r"write vendors\.dukascopy .* below \[XAUUSD\]"):
        list(VENDORS["dukascopy"].read(opened(path), Asked(nameless)))


@pytest.mark.parametrize("content", [packed(b"\0" * 10**7), packed(b"\0" * 25), b"\x5d\0\0\0\xff" + b"\xff" * 60])
def test_what_is_packed_is_no_more_than_a_day(content: bytes, tmp_path: Path) -> None:
    path = written(tmp_path / "XAUUSD_2024-01-05_BID_candles_min_1.bi5", content)
    with pytest.raises(DataError, match="XAUUSD_2024-01-05"):
        read("dukascopy", path)


def test_headers_inside_of_a_joined_binance_file_are_reported(tmp_path: Path) -> None:
    row = "1704067200000,1,2,1,2,5,1704068099999,9,1,1,1,0\n"
    path = written(tmp_path / "joined.csv", f"{BINANCE_HEADER}{row}{BINANCE_HEADER}{row}")
    rows, findings = read("binance", path)
    assert rows["row"].tolist() == [2, 4]
    assert findings["row"].tolist() == [3]


def test_another_ticker_is_refused_by_name(tmp_path: Path) -> None:
    path = polygon(made(60), tmp_path)
    with pytest.raises(DataError, match=r"of 'C:EURUSD', not of C:XAUUSD"):
        read("polygon", written(path, path.read_text().replace("C:XAUUSD", "C:EURUSD")))
    with pytest.raises(DataError, match=r"of 'AAPL', not of C:XAUUSD"):
        read("polygon", written(path, json.dumps([results(made(60))[0] | {"T": "AAPL"}])))


def test_a_field_that_is_no_number_is_a_finding(tmp_path: Path) -> None:
    rows = results(made(60))
    rows[3]["o"], rows[4]["t"], rows[5]["h"], rows[6]["l"] = "chat", "noon", True, [1]
    del rows[7]["c"]
    rows[8]["v"] = 10**400
    kept, findings = read("polygon", written(tmp_path / "odd.json", json.dumps(rows)))
    assert findings.sort_values("row")[["row", "problem"]].values.tolist() == [
        [4, "text in open"],
        [5, "row cannot be read"],
        [6, "text in high"],
        [7, "text in low"],
    ]
    assert kept.loc[kept["row"] == 8, "close"].isna().all()
    assert np.isinf(kept.loc[kept["row"] == 9, "volume"]).all()


JSON_TRAPS = {
    "deep": "[" * 100_000,
    "deep inside": '[{"t": 1, "o": ' + "[" * 100_000,
    "NaN": '[{"t": 1, "o": NaN}]',
    "infinity": '[{"t": 1, "o": -Infinity}]',
    "long number": '[{"t": 1, "o": ' + "9" * 5_000 + "}]",
    "a number": "17",
    "a word": '"results"',
    "nothing": "{}",
    "an error": '{"status": "ERROR", "error": "Unknown API Key"}',
    "no list": '{"results": {"t": 1}}',
    "rows of nothing": "[[], {}]",
    "short rows": "[[1704067200000, 1, 2]]",
    "cut": '[{"t": 1704067200000, "o": 1',
    "lone surrogate": '[["\\ud800", 1, 2, 1, 2, 5, 6, 7, 8, 9, 10]]',
    "no text": b"[[\xff\xfe\x00",
}


@pytest.mark.parametrize("trap", JSON_TRAPS)
@pytest.mark.parametrize("name", ["binance", "polygon"])
def test_json_traps_are_refused_in_one_line(name: str, trap: str, tmp_path: Path) -> None:
    if name == "binance" and str(JSON_TRAPS[trap])[0] not in "[{b":
        pytest.skip("it is taken for CSV")
    with pytest.raises(DataError, match=r"trap\.json") as refused:
        read(name, written(tmp_path / "trap.json", JSON_TRAPS[trap]))
    assert "\n" not in str(refused.value)


def test_a_lone_surrogate_is_shown_and_not_choked_on(tmp_path: Path) -> None:
    rows = binance_rows(made(60))
    rows[2][1] = "\ud800"
    _, findings = read("binance", written(tmp_path / "klines.json", json.dumps(rows)))
    assert findings[["row", "problem", "found"]].values.tolist() == [[3, "text in open", "?"]]


def test_too_much_json_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST", 1_000)
    with pytest.raises(DataError, match="over 0 MiB of JSON"):
        read("polygon", polygon(made(60), tmp_path))


def test_a_quote_without_a_bid_has_no_prices(tmp_path: Path) -> None:
    lines = ["60000,1.5,1.6,1.4,1.5,0,1.7,1.8,1.6,1.75,0", "120000,,,,,0,1.7,1.8,1.6,1.75,0"]
    lines += [
        "180000,1.5,1.6,1.4,1.5,0,,,,,0",
        "240000,1.5,1.6,1.4,1.5,0,1.7,1.8,1.6,x,0",
        "90000000,1,1,1,1,0,1,1,1,1,0",
    ]
    path = written(tmp_path / "20240105_xauusd_minute_quote.csv", "\n".join(lines))
    rows, findings = read("lean", path)
    assert fitting(path) == []
    assert rows["close"].isna().tolist() == [False, True, False]
    assert rows["spread_recorded"].fillna(-1).tolist() == [0.25, -1, -1]
    assert findings[["row", "problem"]].values.tolist() == [[4, "text in ask"], [5, "row cannot be read"]]


def test_minutes_need_their_day_in_the_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not say its day"):
        read("lean", written(tmp_path / "quotes.csv", "60000,1,1,1,1,0,1,1,1,1,0\n"))


def test_feather_of_the_old_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="feather file of the old version"):
        read("freqtrade", written(tmp_path / "old.feather", b"FEA1" + bytes(60) + b"FEA1"))


def test_column_names_that_are_no_text_are_not_recognised(tmp_path: Path) -> None:
    _, path = worn(DRESSES["freqtrade"], lambda minutes: made(60), tmp_path)
    path.write_bytes(path.read_bytes().replace(b"low\0", b"l\xe5w\0"))
    assert fitting(path) == []
    with pytest.raises(DataError, match="truncated or corrupt"):
        read("freqtrade", path)


def test_an_arrow_file_that_is_not_freqtrades_is_not_recognised(tmp_path: Path) -> None:
    table = made(60).reset_index()
    table.to_feather(tmp_path / "other.feather")
    assert fitting(tmp_path / "other.feather") == []
