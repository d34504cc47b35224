"""Exported bars come back bit for bit, and nothing that is there is written over unasked."""

import datetime as dt
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market import tables, versions
from market.errors import DataError, UnavailableError, UsageError
from market.simulated import simulate
from pipeline.export import export
from tests.pipeline.conftest import CommandLine

SUFFIXES = pytest.mark.parametrize("suffix", [".csv", ".parquet", ".CSV"])


@pytest.fixture
def at_home(gold: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the command line on a home that holds XAUUSD_15T, which functions called here use too."""
    monkeypatch.setenv("ASSAY_HOME", str(gold.home))
    monkeypatch.setenv("ASSAY_CONFIG", str(gold.config))
    return gold


def bars_of(home: Path) -> pd.DataFrame:
    return tables.read_table(home / "bars" / "XAUUSD_15T.parquet", tables.BARS)


def store_odd(home: Path) -> None:
    """Store bars whose numbers need all their digits, some spreads missing."""
    bars = simulate("XAUUSD", "15T", "2024-01-02", "2024-01-20")
    rng = np.random.default_rng(7)
    prices = ["open", "high", "low", "close"]
    bars[prices] = bars[prices] * (1 + 1e-9 * rng.random())
    recorded = np.where(rng.random(len(bars)) < 0.3, np.nan, rng.random(len(bars)) / 3)
    bars["volume"] = bars["volume"] + rng.random(len(bars)) / 7
    bars = bars.assign(spread=np.fmax(recorded, 0.25), spread_recorded=recorded)
    shutil.rmtree(versions.folder(home / "bars" / "XAUUSD_15T.parquet"))
    where = home / "bars" / "XAUUSD_15T.parquet"
    tables.write_table(where, bars, tables.BARS, inputs={}, config_sha256="", code_sha256="", facts={})


@SUFFIXES
def test_an_import_of_an_export_gives_the_same_bars(at_home, tmp_path, suffix):
    store_odd(at_home.home)
    answer = export("XAUUSD", "15T", tmp_path / f"bars of gold{suffix}")
    again = CommandLine(tmp_path / "again")
    ended = again(*shlex.split(answer["import"])[1:])
    assert ended.code == 0, ended.err
    pd.testing.assert_frame_equal(bars_of(again.home), bars_of(at_home.home), check_exact=True)


@SUFFIXES
def test_the_answer_tells_what_the_file_holds(at_home, tmp_path, suffix):
    to = tmp_path / f"gold{suffix}"
    answer, stored = export("XAUUSD", "15T", to), bars_of(at_home.home)
    assert (answer["rows"], answer["first"]) == (len(stored), stored.index[0].isoformat())
    assert answer["sha256"] == tables.sha256_of_file(to)
    assert {path.name for path in tmp_path.iterdir()} == {"gold", to.name}


@SUFFIXES
def test_the_same_bars_give_the_same_bytes(at_home, tmp_path, suffix):
    hashes = {export("XAUUSD", "15T", tmp_path / f"{name}{suffix}")["sha256"] for name in "ab"}
    assert len(hashes) == 1


def test_a_parquet_has_ts_and_every_column(at_home, tmp_path):
    export("XAUUSD", "15T", tmp_path / "a.parquet")
    names = ["ts", "open", "high", "low", "close", "volume", "spread", "spread_recorded"]
    assert pd.read_parquet(tmp_path / "a.parquet").columns.tolist() == names
    export("XAUUSD", "15T", tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().partition("\n")[0].split(",") == names


@SUFFIXES
def test_what_is_there_stays_unless_forced(at_home, tmp_path, suffix):
    to = tmp_path / f"mine{suffix}"
    to.write_text("mine")
    with pytest.raises(UsageError, match="is there already: name another file, or say --force"):
        export("XAUUSD", "15T", to)
    assert to.read_text() == "mine"
    export("XAUUSD", "15T", to, force=True)
    assert to.stat().st_size > 1_000


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("gold.xlsx", "ends in .parquet or .csv"),
        ("gold", "ends in .parquet or .csv"),
        ("gold.parqet", "Did you mean .parquet?"),
        ("folder.csv", "cannot be a file"),
        ("file/gold.csv", "cannot be a file"),
        ("gold/home/bars/XAUUSD_15T.parquet", "among the files that Assay keeps for itself"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_with_the_reason(at_home, tmp_path, name, told):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").write_text("")
    before = at_home.clock()
    with pytest.raises(UsageError, match=told.replace("?", "[?]")):
        export("XAUUSD", "15T", tmp_path / name, force=True)
    assert at_home.clock() == before


def test_nothing_is_written_without_bars_or_of_changed_ones(at_home, tmp_path):
    with pytest.raises(UnavailableError, match="No bars stored for EURUSD_15T"):
        export("EURUSD", "15T", tmp_path / "a.csv")
    path = at_home.home / "bars" / "XAUUSD_15T.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match="was changed"):
        export("XAUUSD", "15T", tmp_path / "a.csv")
    assert not (tmp_path / "a.csv").exists()


@SUFFIXES
def test_bars_are_exported_as_they_were(at_home, tmp_path, suffix):
    first = bars_of(at_home.home)
    more = simulate("XAUUSD", "15T", "2024-01-02", "2024-02-20").loc["2024-02-07":]
    table = more.drop(columns="spread").reset_index()
    table.to_csv(tmp_path / "more.csv", index=False)
    how = ["--symbol", "XAUUSD", "--timeframe", "15T", "--stamp", "close"]
    assert at_home("import", str(tmp_path / "more.csv"), *how).code == 0
    imported = versions.listed(at_home.home / "bars" / "XAUUSD_15T.parquet")[0].ingested_at
    then = export("XAUUSD", "15T", tmp_path / f"then{suffix}", imported.to_pydatetime())
    now = export("XAUUSD", "15T", tmp_path / f"now{suffix}")
    assert (then["rows"], now["rows"]) == (len(first), len(first) + len(more))
    with pytest.raises(DataError, match="were stored by"):
        export("XAUUSD", "15T", tmp_path / f"never{suffix}", dt.datetime(2020, 1, 1))
    assert not (tmp_path / f"never{suffix}").exists()


def test_simulated_bars_are_exported_without_an_import_that_would_pass_them_for_real(at_home, tmp_path):
    bars = simulate("XAUUSD", "15T", "2024-01-02", "2024-01-05")
    path = at_home.home / "demo" / "bars" / "SIM_XAUUSD_15T.parquet"
    tables.write_table(path, bars, tables.BARS, inputs={}, config_sha256="", code_sha256="")
    answer = export("SIM_XAUUSD", "15T", tmp_path / "sim.csv")
    assert (answer["rows"], answer["import"]) == (len(bars), None)
