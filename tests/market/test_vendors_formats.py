"""Each format that we can read, and how it is told from the others."""

import os
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from market import timeframe
from market.bars import Imported
from market.errors import DataError, UsageError
from market.vendors.door import import_files
from market.vendors.formats import VENDORS
from tests.market.made_bars import GOLD, NOW, as_table, made, written_mt5

M15 = timeframe.parse("15T")


def imported(*paths: Path, **how: object) -> Imported:
    how = {"timezone": "UTC", "stamp": "open", "now": NOW, "report_path": paths[0].with_suffix(".report.csv")} | how
    return import_files(paths, instrument=GOLD, timeframe=M15, **how)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vendors")


starts = st.dates(min_value=pd.Timestamp("2001-01-08").date(), max_value=pd.Timestamp("2025-06-01").date()).map(str)
bars_of_any_year = st.builds(made, n=st.integers(30, 120), seed=st.integers(0, 10**6), start=starts)


@given(bars=bars_of_any_year, sep=st.sampled_from("\t,;"), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
@settings(max_examples=25, deadline=None)
def test_what_metatrader_exports_comes_back_as_the_same_bars(
    bars: pd.DataFrame, sep: str, encoding: str, folder: Path
) -> None:
    path = written_mt5(bars, folder / "export.csv", sep=sep, encoding=encoding)
    assert_frame_equal(imported(path, timezone="Europe/Athens").bars, bars, check_freq=False)


@given(
    bars=bars_of_any_year,
    sep=st.sampled_from(",;\t"),
    newline=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    stamp_name=st.sampled_from(["timestamp", "Time", "DATETIME", "Date"]),
    write=st.sampled_from([str, str.upper, str.title]),
    stamps=st.sampled_from(["iso", "T", "dots", "Z", "offset", "s", "ms", "us"]),
)
@settings(max_examples=40, deadline=None)
def test_a_plain_csv_in_any_dress_comes_back_as_the_same_bars(
    bars: pd.DataFrame, sep: str, newline: str, encoding: str, stamp_name: str, write: object, stamps: str, folder: Path
) -> None:
    table = as_table(bars)
    opens = table["timestamp"]
    per_second = {"s": 1, "ms": 1_000, "us": 1_000_000}
    formats = {"iso": "%Y-%m-%d %H:%M:%S", "T": "%Y-%m-%dT%H:%M", "dots": "%Y.%m.%d %H:%M", "Z": "%Y-%m-%dT%H:%M:%SZ"}
    formats["offset"] = "%Y-%m-%d %H:%M:%S+00:00"
    table["timestamp"] = (
        opens.astype("int64") // (1_000_000 // per_second[stamps])
        if stamps in per_second
        else opens.dt.strftime(formats[stamps])
    )
    table.columns = [stamp_name, *(write(name) for name in table.columns[1:])]  # type: ignore[operator]
    path = folder / "plain.csv"
    path.write_bytes(table.to_csv(sep=sep, index=False, lineterminator=newline).encode(encoding))
    zone = None if stamps in ("Z", "offset") else "UTC"
    assert_frame_equal(imported(path, timezone=zone).bars, bars, check_freq=False)


@given(bars=bars_of_any_year, unit=st.sampled_from(["s", "ms", "us", "ns"]), index=st.booleans(), aware=st.booleans())
@settings(max_examples=25, deadline=None)
def test_parquet_comes_back_as_the_same_bars(
    bars: pd.DataFrame, unit: str, index: bool, aware: bool, folder: Path
) -> None:
    table = as_table(bars)
    table["timestamp"] = table["timestamp"].dt.as_unit(unit)
    if aware:
        table["timestamp"] = table["timestamp"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    path = folder / "bars.parquet"
    (table.set_index("timestamp").rename_axis(None) if index else table).to_parquet(path)
    assert_frame_equal(imported(path, timezone=None if aware else "UTC").bars, bars, check_freq=False)


def test_our_own_bars_come_back_as_themselves(tmp_path: Path) -> None:
    bars = made()
    bars.reset_index().to_parquet(tmp_path / "own.parquet")
    assert_frame_equal(imported(tmp_path / "own.parquet", timezone=None, stamp="close").bars, bars, check_freq=False)


def test_metatrader_bars_without_a_header_are_read(tmp_path: Path) -> None:
    bars = made()
    written_mt5(bars, tmp_path / "export.csv", sep=",")
    lines = (tmp_path / "export.csv").read_text().splitlines()[1:]
    cells = [line.split(",") for line in lines]
    bare = [",".join([cell[0], cell[1][:5], *cell[2:7]]) for cell in cells]
    (tmp_path / "bare.csv").write_text("\n".join(bare))
    found = imported(tmp_path / "bare.csv", timezone="Europe/Athens")
    assert found.bars["spread_recorded"].isna().all()
    assert (found.bars["spread"] == GOLD.costs.spread_floor).all()
    assert_frame_equal(found.bars.drop(columns=["spread", "spread_recorded"]), bars.iloc[:, :5], check_freq=False)


def test_date_and_time_may_stand_apart(tmp_path: Path) -> None:
    bars = made()
    table = as_table(bars)
    table.insert(0, "Time", table["timestamp"].dt.strftime("%H:%M"))
    table.insert(0, "Date", table.pop("timestamp").dt.strftime("%Y-%m-%d"))
    table.to_csv(tmp_path / "apart.csv", index=False)
    assert_frame_equal(imported(tmp_path / "apart.csv").bars, bars, check_freq=False)


def test_quoted_fields_are_read(tmp_path: Path) -> None:
    bars = made()
    as_table(bars).to_csv(tmp_path / "quoted.csv", index=False, quoting=1)
    assert_frame_equal(imported(tmp_path / "quoted.csv").bars, bars, check_freq=False)


def test_spread_points_are_those_of_the_broker_with_a_digit_more(tmp_path: Path) -> None:
    path = written_mt5(made(), tmp_path / "export.csv")
    lines = path.read_text().splitlines()
    three_digits = [lines[0]] + ["\t".join(f"{c}5" if "." in c and i > 1 else c for i, c in enumerate(line.split("\t")))
                                 for line in lines[1:]]  # fmt: skip
    path.write_text("\n".join(three_digits))
    found = imported(path, timezone="Europe/Athens").bars
    assert found["spread_recorded"].max() < 0.06, "59 points of a thousandth"


def test_dictionary_encoded_and_decimal_columns_are_numbers_too(tmp_path: Path) -> None:
    bars = made()
    table = pa.Table.from_pandas(as_table(bars), preserve_index=False)
    close = table["close"].cast(pa.decimal128(12, 2))
    table = table.set_column(table.column_names.index("close"), "close", close)
    volume = table["volume"].cast(pa.string()).dictionary_encode()
    table = table.set_column(table.column_names.index("volume"), "volume", volume)
    pq.write_table(table, tmp_path / "odd.parquet")
    assert_frame_equal(imported(tmp_path / "odd.parquet").bars, bars, check_freq=False)


def test_where_two_formats_fit_the_user_says_which(tmp_path: Path) -> None:
    table = as_table(made()).rename(columns={"timestamp": "time", "volume": "tick_volume"})
    table.assign(real_volume=0).to_csv(tmp_path / "python.csv", index=False)
    with pytest.raises(UsageError, match=r"several formats: say which with --format .mt5 = .*points.*csv = .*price"):
        imported(tmp_path / "python.csv")


def test_where_no_format_fits_the_user_says_which(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("dear diary\nall is well\n")
    with pytest.raises(UsageError, match="no format that is recognised"):
        imported(tmp_path / "notes.csv")


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize(
    "content", [b"\0\1\2\3" * 50, b"PAR1", b"PAR1" * 40, b"\xff\xfe", b"a,b\n", b"<DATE>\n", b"\n\n"]
)
def test_no_format_breaks_on_junk(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "junk.bin").write_bytes(content)
    VENDORS[name].recognises(content)
    with pytest.raises((DataError, UsageError), match=r"junk\.bin"):
        imported(tmp_path / "junk.bin", format=name)


@pytest.mark.parametrize("name", VENDORS)
def test_every_format_describes_itself(name: str) -> None:
    assert VENDORS[name].DESCRIPTION


def test_an_unknown_format_is_answered_with_the_nearest(tmp_path: Path) -> None:
    path = written_mt5(made(), tmp_path / "a.csv")
    with pytest.raises(UsageError, match="Did you mean parquet"):
        imported(path, format="parkuet")


@pytest.mark.parametrize("stamps", ["%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y-%m-%d %H:%M:%S UTC", "%d.%m.%Y %H:%M"])
def test_stamps_as_people_write_them(stamps: str, tmp_path: Path) -> None:
    table = as_table(made())
    table["timestamp"] = table["timestamp"].dt.strftime(stamps)
    table.to_csv(tmp_path / "bars.csv", index=False)
    zone = None if stamps.endswith("UTC") else "UTC"
    assert_frame_equal(imported(tmp_path / "bars.csv", timezone=zone).bars, made(), check_freq=False)


@pytest.mark.parametrize("sep", [";", "\t"])
@pytest.mark.parametrize("chat", ["", "and so on;;;;;;\n"])
def test_decimals_behind_a_comma(sep: str, chat: str, tmp_path: Path) -> None:
    text = as_table(made()).to_csv(index=False, sep=sep, decimal=",") + chat.replace(";", sep)
    (tmp_path / "bars.csv").write_text(text)
    found = imported(tmp_path / "bars.csv", quarantine=bool(chat))
    assert_frame_equal(found.bars, made(), check_freq=False)


def test_a_column_that_names_the_symbol_in_a_brokers_way_is_heeded(tmp_path: Path) -> None:
    as_table(made()).assign(ticker="OANDA:XAU_USD").to_csv(tmp_path / "bars.csv", index=False)
    assert_frame_equal(imported(tmp_path / "bars.csv").bars, made(), check_freq=False)


def test_a_file_whose_name_is_no_text_is_read_and_told_without_its_odd_letters(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"b\xffars\n.csv")
    as_table(made()).to_csv(path, index=False)
    assert imported(path).facts["sources"][0]["name"] == "b?ars .csv"


def test_a_spreadsheet_and_an_empty_zip_are_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(DataError, match="is a spreadsheet: save it as CSV"):
        imported(tmp_path / "a.xlsx")
    zipfile.ZipFile(tmp_path / "none.zip", "w").close()
    with pytest.raises(DataError, match="holds no data file"):
        imported(tmp_path / "none.zip")
