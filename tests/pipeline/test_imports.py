"""Imports as people do them: again, overlapping, corrected, over a kill; and what was known before."""

import io
import json
import os
import signal
import subprocess
import sys

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from market import tables, versions
from market.tables import BARS
from tests.pipeline.conftest import PROJECT, CommandLine

SERIES = "XAUUSD_15T"
IMPORT = "--symbol XAUUSD --timeframe 15T --timezone UTC --stamp open"


def imported(assay: CommandLine, table: pd.DataFrame, *options: str, name: str = "bars.csv") -> dict:
    table.to_csv(assay.folder / name, index=False)
    ended = assay("import", str(assay.folder / name), *IMPORT.split(), *options, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def refused(assay: CommandLine, table: pd.DataFrame, *options: str) -> str:
    table.to_csv(assay.folder / "bars.csv", index=False)
    ended = assay("import", str(assay.folder / "bars.csv"), *IMPORT.split(), *options)
    assert ended.code == 4
    return ended.err


def held(assay: CommandLine) -> pd.DataFrame:
    return tables.read_table(assay.home / "bars" / f"{SERIES}.parquet", BARS)


def corrected(table: pd.DataFrame, row: int) -> pd.DataFrame:
    return table.assign(volume=table["volume"].where(table.index != row, 7.0))


def test_an_overlapping_file_adds_what_is_new_and_leaves_the_rest(assay, few):
    imported(assay, few[:120])
    second = imported(assay, few[80:])
    assert (second["merging"]["added"], second["merging"]["same"]) == (80, 40)
    whole = held(assay)
    imported(assay, few, "--replace")
    assert_frame_equal(held(assay), whole)


def test_the_parts_of_a_file_make_the_same_bytes_as_the_whole(assay, few):
    whole = imported(assay, few)["bars_sha256"]
    for cut in (1, 60, 199):
        imported(assay, few[cut:], "--replace")
        assert imported(assay, few[:cut])["bars_sha256"] == whole


def test_the_same_file_again_changes_nothing_at_all(assay, few):
    imported(assay, few)
    before = assay.clock()
    again = imported(assay, few)
    assert again["merging"] == {"added": 0, "same": 200, "differing": 0, "shown": []}
    assert assay.clock() == before
    assert "200 were stored already" in assay("import", str(assay.folder / "bars.csv"), *IMPORT.split()).out


def test_bars_that_differ_are_shown_and_wait_for_the_users_word(assay, few):
    imported(assay, few)
    before = held(assay)
    told = refused(assay, corrected(few, 50))
    assert "1 bars differ from those stored" in told
    assert "volume" in told and "→ 7.0" in told and "--prefer old or --prefer new" in told
    report = pd.read_csv(assay.home / "imports" / f"{SERIES}.differences.csv")
    assert report[["what", "new"]].to_numpy().tolist() == [["volume", 7.0]]
    assert_frame_equal(held(assay), before)

    imported(assay, corrected(few, 50), "--prefer", "old")
    assert_frame_equal(held(assay), before)
    newer = imported(assay, corrected(few, 50), "--prefer", "new")
    assert newer["merging"]["differing"] == 1
    assert held(assay)["volume"].iloc[50] == 7.0


def test_a_word_that_is_neither_old_nor_new_is_refused(assay, few):
    few.to_csv(assay.folder / "bars.csv", index=False)
    ended = assay("import", str(assay.folder / "bars.csv"), *IMPORT.split(), "--prefer", "newer")
    assert ended.code == 2
    assert "choose old or new. Did you mean new?" in ended.err


def test_what_was_known_before_a_correction_can_be_had_again(assay, few):
    first = imported(assay, few)
    before = held(assay)
    path = assay.home / "bars" / f"{SERIES}.parquet"
    then = versions.listed(path)[0].ingested_at
    imported(assay, corrected(few, 50), "--prefer", "new")
    assert_frame_equal(versions.as_of(path, then), before)
    out = assay.folder / "then.parquet"
    ended = assay("export", "XAUUSD", "15T", "--to", str(out), "--as-of", then.isoformat())
    assert ended.code == 0, ended.err
    words = "--symbol XAUUSD --timeframe 15T --stamp close --replace --json"
    again = assay("import", str(out), *words.split())
    assert again.code == 0, again.err
    assert json.loads(again.out)["bars_sha256"] == first["bars_sha256"]


def test_a_timeframe_that_is_not_said_is_read_off_the_stamps_and_said(assay, few):
    few.to_csv(assay.folder / "bars.csv", index=False)
    ended = assay(
        "import", str(assay.folder / "bars.csv"), "--symbol", "XAUUSD", "--timezone", "UTC", "--stamp", "open"
    )
    assert ended.code == 0, ended.err
    assert "bars.csv: CSV with the usual column names" in ended.out
    assert "15T, stamps at the open on UTC" in ended.out


def test_warnings_are_kept_with_the_bars_and_stand_among_their_notes(assay, few):
    spiked = few.copy()
    spiked.loc[120, "low"] -= 120.0
    stored = imported(assay, spiked)
    assert stored["facts"]["warnings"] == ["suspicious tick: 1 rows"]
    assert "Suspicious tick: 1 rows." in stored["notes"]
    assert imported(assay, few[150:])["facts"]["warnings"] == ["suspicious tick: 1 rows"], "they stay with the bars"


@pytest.mark.parametrize("name", ["bars.csv.gz", "bars.zip"])
def test_packed_files_come_in_as_they_are(assay, few, name):
    few.to_csv(assay.folder / name, index=False)
    ended = assay("import", str(assay.folder / name), *IMPORT.split())
    assert ended.code == 0, ended.err
    assert len(held(assay)) == 200


def test_resampling_to_all_leaves_imported_series_alone(assay, month):
    from tests.pipeline.conftest import table_of

    imported(assay, table_of(month))
    hours = table_of(month.resample("1h", closed="right", label="right").agg(
        {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "spread": "last"}
    ).dropna(), 60)  # fmt: skip
    hours.to_csv(assay.folder / "hours.csv", index=False)
    words = "--symbol XAUUSD --timeframe 1H --timezone UTC --stamp open"
    assert assay("import", str(assay.folder / "hours.csv"), *words.split()).code == 0
    made = json.loads(assay("resample", "XAUUSD", "--to", "all", "--json").out)
    assert [one["series"] for one in made] == ["XAUUSD_30T", "XAUUSD_1H", "XAUUSD_4H"]
    assert [one["facts"].get("resampled_from") for one in made] == [SERIES, None, SERIES]
    assert "left as they are" in made[1]["notes"][0]


KILLED = """
import os, pathlib, signal, sys
count, at = 0, int(sys.argv[1])
real = pathlib.Path.replace
def replace(self, target):
    global count
    count += 1
    if count == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, target)
pathlib.Path.replace = replace
from pipeline import cli
cli.main(sys.argv[2:])
"""


def test_a_kill_at_any_rename_leaves_the_old_bars_or_the_new_ones(assay, few):
    imported(assay, few[:150])
    path = assay.home / "bars" / f"{SERIES}.parquet"
    old = tables.read_table(path, BARS)
    few.to_csv(assay.folder / "more.csv", index=False)
    command = ["import", str(assay.folder / "more.csv"), *IMPORT.split()]
    kept = {file.relative_to(assay.home): file.read_bytes() for file in assay.home.rglob("*") if file.is_file()}
    at, survived = 0, False
    while not survived:
        at += 1
        for name in [one for one in assay.home.rglob("*") if one.is_file()]:
            name.unlink()
        for name, content in kept.items():
            (assay.home / name).write_bytes(content)
        ended = subprocess.run(
            [sys.executable, "-c", KILLED, str(at), *command],
            env=os.environ | assay.environment, cwd=PROJECT, capture_output=True, timeout=60,
        )  # fmt: skip
        survived = ended.returncode == 0
        assert survived or ended.returncode == -signal.SIGKILL, ended.stderr
        if tables.read_manifest(path) is not None:
            found = tables.read_table(path, BARS)
            assert len(found) in (150, 200)
            assert_frame_equal(found[:150], old)
            assert_frame_equal(versions.as_of(path, pd.Timestamp.now(tz="UTC")), found)
        again = assay(*command)
        assert again.code == 0, again.err
        assert len(held(assay)) == 200
        assert_frame_equal(versions.as_of(path, pd.Timestamp.now(tz="UTC")), held(assay))
        assert not assay.files(".*.tmp")
    assert at > 4


class Terminal(io.StringIO):
    """Somebody at the keyboard."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_what_the_file_does_not_say_is_asked_for(assay, few, monkeypatch):
    few.to_csv(assay.folder / "bars.csv", index=False)
    monkeypatch.setattr(sys, "stdin", Terminal("open\nUTC\n"))
    ended = assay("import", str(assay.folder / "bars.csv"), "--symbol", "XAUUSD")
    assert ended.code == 0, ended.err
    assert "bars.csv: CSV with the usual column names" in ended.err
    assert "Do stamps mark the open or the close of a bar?" in ended.err
    assert "On which clock are the stamps" in ended.err
    assert "15T, stamps at the open on UTC" in ended.out


def test_what_is_declared_is_not_asked_for(assay, few, monkeypatch):
    few.to_csv(assay.folder / "bars.csv", index=False)
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    assert assay("import", str(assay.folder / "bars.csv"), *IMPORT.split()).code == 0
