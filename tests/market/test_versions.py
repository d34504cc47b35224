"""What was known, and when: each import is a version, and any earlier one can be told again."""

from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from market import tables, versions
from market.errors import DataError
from market.tables import BARS
from tests.market.made_bars import made

FIRST, LATER, LAST = (pd.Timestamp(day, tz="UTC") for day in ("2025-01-01", "2025-02-01", "2025-03-01"))
ALL = made(90)


def stored(path: Path, bars: pd.DataFrame, number: int) -> None:
    facts = {"version": number, "sources": [{"name": "a.csv"}]}
    tables.write_table(path, bars, BARS, inputs={}, config_sha256="", code_sha256="", facts=facts)


def version(path: Path, number: int, bars: pd.DataFrame, at: pd.Timestamp, replaces: bool = False) -> None:
    with tables.appending(versions.path_of(path, number), BARS) as table:
        table.add(bars)
        versions.finish(table, ingested_at=at, replaces=replaces, sources=[])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a table of three versions: sixty bars, then thirty more and one corrected, then a new beginning."""
    path = tmp_path / "bars" / "XAUUSD_15T.parquet"
    corrected = ALL.iloc[[10]].assign(volume=7.0)
    version(path, 1, ALL[:60], FIRST, replaces=True)
    version(path, 2, pd.concat([corrected, ALL[60:]]), LATER)
    version(path, 3, ALL[20:40], LAST, replaces=True)
    stored(path, ALL[20:40], 3)
    return path


def test_what_was_known_at_each_time_is_told_again(path: Path) -> None:
    hour = pd.Timedelta("1h")
    assert_frame_equal(versions.as_of(path, FIRST), ALL[:60], check_freq=False)
    assert_frame_equal(versions.as_of(path, LATER - hour), ALL[:60], check_freq=False)
    then = ALL.copy()
    then.iloc[10, then.columns.get_loc("volume")] = 7.0
    assert_frame_equal(versions.as_of(path, LATER + hour), then, check_freq=False)
    assert_frame_equal(versions.as_of(path, LAST), ALL[20:40], check_freq=False)


def test_before_the_first_import_nothing_was_known(path: Path) -> None:
    with pytest.raises(DataError, match=r"No bars of XAUUSD_15T .* by 2024-12-31.*the first came at 2025-01-01"):
        versions.as_of(path, FIRST - pd.Timedelta("1s"))


def test_versions_are_listed_with_their_time_and_number_of_bars(path: Path) -> None:
    found = [(one.number, one.ingested_at, one.rows, one.replaces) for one in versions.listed(path)]
    assert found == [(1, FIRST, 60, True), (2, LATER, 31, False), (3, LAST, 20, True)]


def test_a_version_beyond_the_table_is_what_a_kill_left_and_is_swept(path: Path) -> None:
    version(path, 4, ALL[:1], LAST)
    (versions.folder(path) / ".0005.parquet.1.tmp").touch()
    assert len(versions.listed(path)) == 3
    versions.sweep(path)
    assert sorted(one.name[:4] for one in versions.folder(path).glob("*.parquet")) == ["0001", "0002", "0003"]
    assert not list(versions.folder(path).glob(".*"))


def test_a_version_that_was_changed_is_not_believed(path: Path) -> None:
    file = versions.path_of(path, 2)
    content = bytearray(file.read_bytes())
    content[200] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match="was changed after it was written"):
        versions.as_of(path, LAST - pd.Timedelta("1s"))


def test_bars_from_before_there_were_versions_become_the_first(tmp_path: Path) -> None:
    path = tmp_path / "bars" / "XAUUSD_15T.parquet"
    tables.write_table(path, ALL, BARS, inputs={}, config_sha256="", code_sha256="", facts={"sources": []})
    assert versions.keep_first(path) == 1
    assert_frame_equal(tables.read_table(versions.path_of(path, 1), BARS), ALL, check_freq=False)
    assert versions.keep_first(tmp_path / "none.parquet") == 0


def test_a_first_version_is_the_table_itself_and_takes_no_room(tmp_path: Path) -> None:
    path = tmp_path / "bars" / "XAUUSD_15T.parquet"
    with tables.appending(path, BARS) as table:
        table.add(ALL)
        table.finish(inputs={}, config_sha256="", code_sha256="", facts={"version": 1})
        versions.share(table, versions.path_of(path, 1), ingested_at=FIRST, replaces=True, sources=[])
    assert versions.path_of(path, 1).samefile(path)
    assert_frame_equal(versions.as_of(path, FIRST), ALL, check_freq=False)
