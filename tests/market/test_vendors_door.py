"""Bad files: each is refused in one clear line, with a report, and lets nothing pass in silence."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from market import timeframe
from market.bars import Imported
from market.errors import DataError, UsageError
from market.vendors.door import import_files
from tests.market.made_bars import GOLD, NOW, as_table, made, written_mt5

M15 = timeframe.parse("15T")
REPORT = "report.csv"


def imported(*paths: Path, **how: object) -> Imported:
    how = {"timezone": "UTC", "stamp": "open", "now": NOW, "report_path": paths[0].parent / REPORT} | how
    return import_files(paths, instrument=GOLD, timeframe=M15, **how)  # type: ignore[arg-type]


def report_of(folder: Path) -> list[dict[str, str]]:
    with (folder / REPORT).open(newline="") as stream:
        return list(csv.DictReader(stream))


def broken(folder: Path, line: int, column: str, value: str) -> Path:
    """Write a plain CSV in which one cell of file line `line` is `value`."""
    table = as_table(made()).astype(str)
    table.loc[line - 2, column] = value
    table.to_csv(folder / "bars.csv", index=False)
    return folder / "bars.csv"


BAD_CELLS = [
    ("close", "abc", "text in close"),
    ("close", "2,034.10", "row cannot be read"),
    ("close", "nan", "text in close"),
    ("close", "inf", "text in close"),
    ("open", "", "price is not finite"),
    ("low", "-5", "price is not positive"),
    ("low", "0", "price is not positive"),
    ("high", "1500.0", "high below open or close"),
    ("low", "2500.0", "low above open or close"),
    ("high", "250000.0", "price is implausible"),
    ("volume", "-1", "volume is negative or infinite"),
    ("volume", "", "volume is missing"),
    ("volume", "many", "text in volume"),
    ("spread", "-0.1", "spread is negative or infinite"),
    ("spread", "wide", "text in spread"),
    ("spread", "500.0", "spread is implausible"),
    ("timestamp", "01/02/2024 03:00", "row cannot be read"),
    ("timestamp", "2024-02-30 03:00", "row cannot be read"),
    ("timestamp", "", "row cannot be read"),
    ("timestamp", "2027-01-08 00:00", "stamp in the future"),
    ("timestamp", "1999-01-08 00:00", "stamp before 2000"),
    ("timestamp", "2024-01-10 03:07", "stamp off the 15T grid"),
    ("timestamp", "2024-01-09 01:15", "duplicate stamps that differ"),
    ("timestamp", "2024-01-08 00:15+00:00", "offsets are mixed"),
    ("timestamp", "2022-01-10 03:00", "stamp out of order"),
]


@pytest.mark.parametrize(("column", "value", "problem"), BAD_CELLS)
def test_a_bad_cell_is_refused_with_its_row_and_set_aside_on_request(
    column: str, value: str, problem: str, tmp_path: Path
) -> None:
    path = broken(tmp_path, 100, column, value)
    if column == "close" and "," in value:
        path.write_text(path.read_text().replace('"', ""))
    with pytest.raises(DataError, match=r"bars\.csv: \d+ errors? of \d kinds?; first at row .*--quarantine") as refusal:
        imported(path)
    assert "\n" not in str(refusal.value)
    assert refusal.value.exit_code == 4
    found = {(row["row"], row["problem"]) for row in report_of(tmp_path)}
    assert ("100", problem) in found

    kept = imported(path, quarantine=True)
    assert {row["row"] for row in report_of(tmp_path)} == set(kept.errors["row"].astype(str))
    assert len(kept.bars) + kept.facts["set_aside"] == 200, "nothing is dropped in silence"
    good = made().drop(index=kept.bars.index.symmetric_difference(made().index))
    assert_frame_equal(kept.bars.loc[good.index], good, check_freq=False)


def test_an_exact_repetition_in_one_file_is_an_error(tmp_path: Path) -> None:
    table = as_table(made())
    pd.concat([table[:50], table[49:]]).to_csv(tmp_path / "twice.csv", index=False)
    with pytest.raises(DataError, match=r"row 52.*duplicate stamp: found the same bar as row 51"):
        imported(tmp_path / "twice.csv")
    assert_frame_equal(imported(tmp_path / "twice.csv", quarantine=True).bars, made(), check_freq=False)


def test_of_rows_that_differ_at_one_stamp_neither_is_trusted(tmp_path: Path) -> None:
    table = as_table(made())
    other = table[49:50].assign(volume=7.5)
    pd.concat([table[:50], other, table[50:]]).to_csv(tmp_path / "differ.csv", index=False)
    with pytest.raises(
        DataError, match=r"2 errors of 1 kind.*row 51.*volume .* at row 51 of differ.csv, 7.5 at row 52"
    ):
        imported(tmp_path / "differ.csv")
    assert len(imported(tmp_path / "differ.csv", quarantine=True).bars) == 199


def test_newest_first_is_refused_whole(tmp_path: Path) -> None:
    as_table(made())[::-1].to_csv(tmp_path / "reversed.csv", index=False)
    with pytest.raises(DataError, match=r"stamps are not sorted: found 199 of 200 rows out of order.*row 3"):
        imported(tmp_path / "reversed.csv", quarantine=True)


@pytest.mark.parametrize("factor", [100, 0.01])
def test_prices_in_another_unit_are_refused_whole(factor: float, tmp_path: Path) -> None:
    table = as_table(made())
    table[["open", "high", "low", "close"]] *= factor
    table.to_csv(tmp_path / "unit.csv", index=False)
    with pytest.raises(DataError, match=f"prices look multiplied by {factor:g}: .*where XAUUSD has been since 2000"):
        imported(tmp_path / "unit.csv", quarantine=True)


def test_a_change_of_scale_inside_a_file_is_refused_whole(tmp_path: Path) -> None:
    table = as_table(made())
    table.loc[120:, ["open", "high", "low", "close"]] *= 5
    table.to_csv(tmp_path / "scale.csv", index=False)
    with pytest.raises(DataError, match=r"scale changes inside: found close .* at row 122, .*a factor of 4\.9|5"):
        imported(tmp_path / "scale.csv", quarantine=True)


def test_a_bar_ten_times_too_high_is_a_bad_tick(tmp_path: Path) -> None:
    table = as_table(made())
    table.loc[120, ["open", "high", "low", "close"]] *= 5
    table.to_csv(tmp_path / "tick.csv", index=False)
    with pytest.raises(DataError, match=r"1 error of 1 kind; first at row 122.*bad tick"):
        imported(tmp_path / "tick.csv")


def test_bars_of_another_timeframe_are_refused_whole(tmp_path: Path) -> None:
    as_table(made(minutes=5), minutes=5).to_csv(tmp_path / "five.csv", index=False)
    with pytest.raises(DataError, match=r"bars are not 15T: found it looks like 5T; wanted 15T bars.*resample"):
        imported(tmp_path / "five.csv", quarantine=True)


def test_seconds_read_as_nanoseconds_are_told(tmp_path: Path) -> None:
    table = as_table(made())
    table["timestamp"] = pd.to_datetime(table["timestamp"].astype("int64") // 1_000_000, unit="ns")
    table.to_parquet(tmp_path / "unit.parquet")
    with pytest.raises(DataError, match=r"Unix time read in a unit 1,000,000,000 times too small .2024-01-08"):
        imported(tmp_path / "unit.parquet")
    assert "stamp before 2000" in {row["problem"] for row in report_of(tmp_path)}


def test_spreads_in_points_are_told(tmp_path: Path) -> None:
    table = as_table(made())
    table["spread"] = (table["spread"] * 100).round()
    table.to_csv(tmp_path / "points.csv", index=False)
    with pytest.raises(DataError, match=r"spreads look like points.*--format mt5"):
        imported(tmp_path / "points.csv")


def test_all_missing_columns_are_named_at_once(tmp_path: Path) -> None:
    as_table(made()).drop(columns=["high", "close"]).to_csv(tmp_path / "less.csv", index=False)
    with pytest.raises(DataError, match=r"missing columns: high, close\. Found: timestamp, open, low, volume, spread"):
        imported(tmp_path / "less.csv")


def test_a_column_that_stands_twice_is_named(tmp_path: Path) -> None:
    as_table(made()).assign(Close=1.0).to_csv(tmp_path / "more.csv", index=False)
    with pytest.raises(DataError, match="column close stands twice"):
        imported(tmp_path / "more.csv")


def test_chat_at_the_end_of_an_export_is_told_with_its_rows(tmp_path: Path) -> None:
    path = written_mt5(made(), tmp_path / "export.csv")
    with path.open("a") as stream:
        stream.write("thanks, see you tomorrow\x1b[2J\r\n=HYPERLINK(1)\r\n\r\n")
    with pytest.raises(
        DataError, match=r"2 errors of 1 kind; first at row 202: row cannot be read: found thanks, see you"
    ):
        imported(path, timezone="Europe/Athens")
    rows = report_of(tmp_path)
    assert [row["row"] for row in rows] == ["202", "203"]
    assert rows[1]["found"] == "'=HYPERLINK(1)", "a spreadsheet shows it and does not run it"
    assert "\x1b" not in (tmp_path / REPORT).read_text()
    kept = imported(path, timezone="Europe/Athens", quarantine=True)
    assert_frame_equal(kept.bars, made(), check_freq=False)


def test_missing_and_empty_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "header.csv").write_text("timestamp,open,high,low,close\n")
    as_table(made())[:0].to_parquet(tmp_path / "none.parquet")
    for name, error, words in (
        ("absent.csv", UsageError, "No file at"),
        (".", UsageError, "it is a folder"),
        ("empty.csv", DataError, "is empty"),
        ("header.csv", DataError, "has no rows"),
        ("none.parquet", DataError, "has no rows"),
    ):
        with pytest.raises(error, match=words):
            imported(tmp_path / name)
    with pytest.raises(UsageError, match="name at least one"):
        import_files([], instrument=GOLD, timeframe=M15, now=NOW, report_path=tmp_path / REPORT)


def test_a_csv_renamed_to_parquet_is_told(tmp_path: Path) -> None:
    as_table(made()).to_csv(tmp_path / "bars.parquet", index=False)
    for how in ("auto", "parquet"):
        with pytest.raises(DataError, match="is not a parquet file"):
            imported(tmp_path / "bars.parquet", format=how)


@given(cut=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
@settings(max_examples=60, deadline=None)
def test_a_truncated_or_overwritten_parquet_is_refused_in_one_line(
    cut: float, byte: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("corrupt")
    as_table(made(60)).to_parquet(folder / "whole.parquet", write_page_checksum=True)
    whole = (folder / "whole.parquet").read_bytes()
    at = int(cut * len(whole))
    (folder / "cut.parquet").write_bytes(whole[:at])
    with pytest.raises(DataError):
        imported(folder / "cut.parquet")
    (folder / "flipped.parquet").write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
    try:
        found = imported(folder / "flipped.parquet")
    except (DataError, UsageError) as error:
        assert "\n" not in str(error)
    else:
        same = made(60)[list(found.bars.columns)]
        without = [name for name in ("volume", "spread", "spread_recorded") if not found.bars[name].equals(same[name])]
        assert_frame_equal(found.bars.drop(columns=without), same.drop(columns=without), check_freq=False)


def test_stamps_without_a_zone_ask_for_it_and_for_their_side(tmp_path: Path) -> None:
    path = written_mt5(made(), tmp_path / "export.csv")
    with pytest.raises(UsageError, match=r"no time zone: declare it, --timezone UTC or.*Europe/Athens"):
        imported(path, timezone=None)
    as_table(made()).to_csv(tmp_path / "plain.csv", index=False)
    with pytest.raises(UsageError, match="open or the close of a bar: add --stamp open"):
        imported(tmp_path / "plain.csv", stamp=None)
    assert imported(path, timezone="UTC", stamp=None).facts["stamp"] == "open", "MetaTrader's own way"
    with pytest.raises(UsageError, match="Did you mean close"):
        imported(path, stamp="closes")
    with pytest.raises(UsageError, match=r"'Europe/Athen'.*Did you mean Europe/Athens"):
        imported(path, timezone="Europe/Athen")


def test_stamps_that_carry_a_zone_contradict_another(tmp_path: Path) -> None:
    table = as_table(made())
    table["timestamp"] = table["timestamp"].dt.tz_localize("UTC")
    table.to_parquet(tmp_path / "aware.parquet")
    with pytest.raises(UsageError, match="carry the zone UTC, not Europe/Athens: leave --timezone out"):
        imported(tmp_path / "aware.parquet", timezone="Europe/Athens")
    assert_frame_equal(imported(tmp_path / "aware.parquet", timezone="Etc/UTC").bars, made(), check_freq=False)


def test_overlapping_files_are_joined_and_their_common_rows_counted(tmp_path: Path) -> None:
    table = as_table(made())
    table[100:].to_csv(tmp_path / "late.csv", index=False)
    table[:120].to_parquet(tmp_path / "early.parquet")
    found = imported(tmp_path / "late.csv", tmp_path / "early.parquet")
    assert_frame_equal(found.bars, made(), check_freq=False)
    assert found.merged == found.facts["merged"] == 20
    assert [source["name"] for source in found.facts["sources"]] == ["late.csv", "early.parquet"]

    table.loc[110, "close"] += 0.01
    table.loc[110, "high"] += 0.01
    table[100:].to_csv(tmp_path / "late.csv", index=False)
    with pytest.raises(DataError, match="duplicate stamps that differ: found high"):
        imported(tmp_path / "late.csv", tmp_path / "early.parquet")


def test_a_file_named_twice_is_refused_and_namesakes_are_told_apart(tmp_path: Path) -> None:
    path = written_mt5(made(), tmp_path / "a.csv")
    with pytest.raises(UsageError, match="named twice"):
        imported(path, path)
    (tmp_path / "b").mkdir()
    written_mt5(made(), tmp_path / "b" / "a.csv")
    found = imported(path, tmp_path / "b" / "a.csv", timezone="Europe/Athens")
    assert found.merged == 200
    assert len({source["name"] for source in found.facts["sources"]}) == 2


def test_nothing_is_left_when_every_row_is_bad(tmp_path: Path) -> None:
    (tmp_path / "chat.csv").write_text("time,open,high,low,close\nhello,1,2,3,4\nthere,1,2,3,4\n")
    with pytest.raises(DataError, match="2 errors of 1 kind; first at row 2: row cannot be read"):
        imported(tmp_path / "chat.csv", timezone=None)
    with pytest.raises(DataError, match="No bars are left"):
        imported(tmp_path / "chat.csv", quarantine=True)


def test_a_clean_import_leaves_no_report(tmp_path: Path) -> None:
    found = imported(written_mt5(made(), tmp_path / "export.csv"), timezone="Europe/Athens")
    assert not (tmp_path / REPORT).exists()
    assert found.report.empty
    assert found.facts["bars_on_spread_floor"] == int((made()["spread_recorded"] <= 0.25).sum())


@given(st.binary(max_size=300))
@settings(max_examples=40, deadline=None)
def test_no_bytes_whatsoever_end_in_a_traceback(content: bytes) -> None:
    from tempfile import TemporaryDirectory

    head = b"time,open,high,low,close\n2024-01-08 00:00,1900,1901,1899,1900\n"
    with TemporaryDirectory() as name:
        path = Path(name) / "fuzz.csv"
        for whole in (content, head + content):
            path.write_bytes(whole)
            for how in ("auto", "mt5", "csv"):
                try:
                    found = imported(path, format=how)
                except (DataError, UsageError) as error:
                    assert "\n" not in str(error)
                else:
                    assert np.isfinite(found.bars["close"]).all()


def without_timeframe(path: Path) -> Imported:
    how = {"timezone": "UTC", "stamp": "open", "now": NOW, "report_path": path.parent / REPORT}
    return import_files([path], instrument=GOLD, timeframe=None, **how)  # type: ignore[arg-type]


def test_daily_bars_are_no_timeframe_of_ours(tmp_path: Path) -> None:
    table = as_table(made()).assign(timestamp=pd.bdate_range("2023-01-02", periods=200))
    table.to_csv(tmp_path / "days.csv", index=False)
    with pytest.raises(DataError, match=r"days.csv looks like D bars, and only 1T, 5T, .* are kept"):
        without_timeframe(tmp_path / "days.csv")


def test_where_no_row_can_be_read_the_reason_is_told_though_no_timeframe_was(tmp_path: Path) -> None:
    table = as_table(made())
    table.assign(timestamp=45_000.0 + np.arange(200) / 96).to_csv(tmp_path / "days.csv", index=False)
    with pytest.raises(DataError, match=r"none of its rows can be read; .*the day numbers of a spreadsheet"):
        without_timeframe(tmp_path / "days.csv")
    table.assign(timestamp="soon").to_csv(tmp_path / "soon.csv", index=False)
    with pytest.raises(DataError, match="first at row 2: row cannot be read: found soon"):
        without_timeframe(tmp_path / "soon.csv")


@pytest.mark.parametrize(("hours_first", "declared"), [(900, "1H"), (100, "1H"), (900, "15T")])
def test_quarters_behind_hours_are_never_taken_for_either(hours_first: int, declared: str, tmp_path: Path) -> None:
    hours, quarters = as_table(made(hours_first, minutes=60), minutes=60), as_table(made(400, start="2024-06-03"))
    pd.concat([hours, quarters]).to_csv(tmp_path / "both.csv", index=False)
    how = {"timezone": "UTC", "stamp": "open", "now": NOW, "report_path": tmp_path / REPORT, "quarantine": True}
    with pytest.raises(DataError, match=r"bars of several timeframes: found .* of 1H"):
        import_files([tmp_path / "both.csv"], instrument=GOLD, timeframe=timeframe.parse(declared), **how)  # type: ignore[arg-type]


def test_days_declared_months_are_told_with_what_to_say(tmp_path: Path) -> None:
    table = as_table(made(3_000))
    table.assign(timestamp=table["timestamp"].dt.strftime("%d/%m/%Y %H:%M")).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(DataError, match=r"day and month are in the other order: .*wanted --dates day"):
        imported(tmp_path / "a.csv", dates="month")
    assert len(imported(tmp_path / "a.csv").bars) == 3_000, "a first number over 12 proves the day"
