"""Tables on disk: whole or absent, verified on each read, true to their schema."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from market import durable, tables
from market.errors import DataError
from market.tables import BARS, EQUITY, FEATURES, LABELS, PREDICTIONS, SCORE, TRADES, Schema
from tests.market.made_bars import made


def write(path: Path, bars: pd.DataFrame, schema: Schema = BARS) -> tables.Manifest:
    return tables.write_table(
        path, bars, schema, inputs={"source": "a" * 64}, config_sha256="b" * 64, code_sha256="c" * 64, facts={"n": 1}
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bars" / "XAUUSD_15T.parquet"


def test_what_is_written_is_what_is_read(path: Path) -> None:
    manifest = write(path, made())
    assert_frame_equal(tables.read_table(path, BARS), made(), check_freq=False)
    assert_frame_equal(tables.read_table(path, BARS, ["close"]), made()[["close"]], check_freq=False)
    assert tables.read_manifest(path) == manifest
    assert manifest.rows == 200
    assert manifest.first == made().index[0].isoformat()
    assert manifest.sha256 == tables.sha256_of_file(path)


def test_the_same_table_is_the_same_bytes(tmp_path: Path) -> None:
    assert write(tmp_path / "a.parquet", made()).sha256 == write(tmp_path / "b.parquet", made()).sha256


def test_nothing_but_the_table_and_its_manifest_is_left(path: Path) -> None:
    write(path, made())
    write(path, made(100))
    assert sorted(file.name for file in path.parent.iterdir()) == ["XAUUSD_15T.manifest.json", "XAUUSD_15T.parquet"]
    assert len(tables.read_table(path, BARS)) == 100


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=40, deadline=None)
def test_a_flipped_bit_anywhere_is_detected(where: float, bit: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("flip") / "bars.parquet"
    write(path, made(50))
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(DataError, match="changed after it was written"):
        tables.read_table(path, BARS)


def test_a_truncated_or_missing_table_is_told(path: Path) -> None:
    with pytest.raises(DataError, match=r"No bars table at .*: make it first"):
        tables.read_table(path, BARS)
    write(path, made())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="changed after it was written"):
        tables.read_table(path, BARS)


def test_a_table_without_its_manifest_does_not_count(path: Path) -> None:
    write(path, made())
    tables.manifest_path(path).unlink()
    assert tables.read_manifest(path) is None
    with pytest.raises(DataError, match="No bars table"):
        tables.read_table(path, BARS)


def test_a_manifest_that_is_none_is_told(path: Path) -> None:
    write(path, made())
    tables.manifest_path(path).write_text("{}")
    with pytest.raises(DataError, match="is not a manifest"):
        tables.read_manifest(path)


def test_a_table_of_another_schema_is_told(path: Path) -> None:
    write(path, made())
    with pytest.raises(DataError, match="equity lacks columns"):
        tables.read_table(path, EQUITY)


@pytest.mark.parametrize(
    ("column", "value", "promise"),
    [
        ("high", 1.0, "high below open or close"),
        ("low", 9_999.0, "low above open or close"),
        ("close", np.nan, "not positive and finite"),
        ("open", np.inf, "not positive and finite"),
        ("low", 0.0, "not positive and finite"),
        ("spread", -0.1, "spread that is negative"),
        ("spread", np.nan, "spread that is negative or not finite"),
        ("volume", -1.0, "volume that is negative"),
    ],
)
def test_bars_keep_their_promises(column: str, value: float, promise: str, path: Path) -> None:
    bars = made()
    bars.iloc[7, bars.columns.get_loc(column)] = value
    with pytest.raises(DataError, match=f"{promise}.*1 rows, first at {bars.index[7]}".replace("+", r"\+")):
        write(path, bars)
    assert not path.exists(), "a broken table is never written"


def test_stamps_keep_their_promises(path: Path) -> None:
    bars = made()
    for wrong, words in {
        "unsorted": (bars[::-1], "increase strictly"),
        "twice": (bars.iloc[[0, 0, 1]], "increase strictly"),
        "naive": (bars.tz_localize(None), "keyed by"),
        "in nanoseconds": (bars.set_axis(bars.index.as_unit("ns")), "keyed by"),
        "nameless": (bars.rename_axis(None), "keyed by"),
        "of another zone": (bars.tz_convert("Europe/Athens"), "keyed by"),
    }.values():
        with pytest.raises(DataError, match=words):
            write(path, wrong)


def test_columns_keep_their_types(path: Path) -> None:
    with pytest.raises(DataError, match=r"bars.close is float32, wanted float64"):
        write(path, made().astype({"close": "float32"}))
    with pytest.raises(DataError, match=r"lacks columns \['spread'\]"):
        write(path, made().drop(columns="spread"))
    with pytest.raises(DataError, match=r"surplus \['extra'\]"):
        write(path, pd.DataFrame({"equity": 1.0, "open_risk": 0.0, "extra": 1.0}, index=made().index), EQUITY)


def test_features_are_finite_and_small(path: Path) -> None:
    features = pd.DataFrame({"a__b": np.float32([np.nan, 1.0, 2.0])}, index=made(3).index)
    write(path, features, FEATURES)
    with pytest.raises(DataError, match="is infinite"):
        write(path, features.replace(2.0, np.float32(np.inf)), FEATURES)
    with pytest.raises(DataError, match="wanted float32"):
        write(path, features.astype("float64"), FEATURES)


def test_a_label_ends_after_its_row_is_known(path: Path) -> None:
    index = made(3).index
    labels = pd.DataFrame({"t1_long": index + pd.Timedelta("1h"), "t1_short": index + pd.Timedelta("1h")}, index=index)
    labels = labels.assign(y=np.int8(1), r_long=1.0, r_short=-1.0, reason_long="target", reason_short="stop")
    labels = labels.assign(atr=1.0, weight=1.0)[list(LABELS.columns)]
    write(path, labels, LABELS)
    labels.iloc[1, 0] = index[1]
    with pytest.raises(DataError, match="a label ends before its row is known"):
        write(path, labels, LABELS)


@pytest.mark.parametrize("schema", [BARS, FEATURES, LABELS, PREDICTIONS, SCORE, TRADES, EQUITY], ids=lambda s: s.name)
def test_every_schema_takes_an_empty_table(schema: Schema, path: Path) -> None:
    empty = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in schema.columns.items()})
    empty.index = pd.DatetimeIndex([], dtype="datetime64[us, UTC]", name=schema.key)
    assert write(path, empty, schema).first is None
    assert tables.read_table(path, schema).empty


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    durable.write_text(path, "old")

    def fails() -> None:
        with durable.written_aside(path) as (aside,):
            aside.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fails()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


WRITER = """
import os, random, signal, sys, time
from pathlib import Path
from market import tables
from tests.market.made_bars import made
path, few, many = Path(sys.argv[1]), made(100), made(5000)
for kill in range(40):
    writer = os.fork()
    while writer == 0:
        for bars in (few, many):
            tables.write_table(path, bars, tables.BARS, inputs={}, config_sha256="", code_sha256="")
    time.sleep(random.Random(kill).uniform(0.005, 0.06))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    print("absent" if tables.read_manifest(path) is None else len(tables.read_table(path, tables.BARS)))
"""


def test_a_kill_at_any_moment_leaves_no_half_table(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    killing = subprocess.run([sys.executable, "-c", WRITER, str(path)], capture_output=True, text=True, check=True)
    outcomes = killing.stdout.split()
    assert len(outcomes) == 40
    assert set(outcomes) <= {"absent", "100", "5000"}
    strays = [file for file in tmp_path.iterdir() if file.suffix == ".tmp"]
    assert all(file.name.startswith(".") for file in strays), "what a kill leaves is hidden and ignored"


def test_hashes_do_not_depend_on_the_order_of_keys() -> None:
    assert tables.sha256_of({"a": 1, "b": [1, 2]}) == tables.sha256_of({"b": [1, 2], "a": 1})
    assert tables.sha256_of({"a": 1}) != tables.sha256_of({"a": 2})
    assert tables.sha256_of(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_json_is_strict(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        durable.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not (tmp_path / "a.json").exists()
