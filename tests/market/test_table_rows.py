"""Rows that are wanted come from the disk as the whole table has them, and nothing broken is read."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import tables
from market.errors import DataError
from market.table_rows import read_rows
from market.tables import FEATURES
from tests.markets import stamps

ROWS, GROUP = 500, 64


def features() -> pd.DataFrame:
    values = np.random.default_rng(1).normal(size=(ROWS, 7)).astype(np.float32)
    values[:9] = np.nan
    return pd.DataFrame(values, stamps(ROWS), [f"a__{number}" for number in range(7)])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a features table of eight row groups."""
    where = tmp_path_factory.mktemp("features") / "features.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_ROW_GROUP", GROUP)
        tables.write_table(where, features(), FEATURES, inputs={}, config_sha256="", code_sha256="")
    assert len(list(tables.windows(where, FEATURES))) == 8
    return where


@given(chosen=st.sets(st.integers(0, ROWS - 1)), columns=st.permutations([f"a__{number}" for number in (5, 0, 3)]))
@settings(max_examples=25, deadline=None)
def test_chosen_rows_are_those_of_the_whole_table(chosen: set[int], columns: list[str], path: Path) -> None:
    rows = features().index[sorted(chosen)]
    found = read_rows(path, FEATURES, rows, columns)
    pd.testing.assert_frame_equal(found, features().loc[rows, columns], check_freq=False)


def test_all_rows_are_the_whole_table_in_one_block_of_memory(path: Path) -> None:
    found = read_rows(path, FEATURES, features().index, tables.column_names(path, FEATURES))
    pd.testing.assert_frame_equal(found, features(), check_freq=False)
    assert found.to_numpy().base is not None and found.to_numpy().T.flags.c_contiguous


@pytest.mark.parametrize("at", [0, 70, ROWS - 1])
def test_a_stamp_without_a_row_is_told(at: int, path: Path) -> None:
    ts = features().index[[3, 60, 70, 200, ROWS - 1]]
    wrong = features().index[at] + pd.Timedelta(minutes=5)
    with pytest.raises(DataError, match=rf"has no row at {wrong}: delete it and make it again".replace("+", r"\+")):
        read_rows(path, FEATURES, ts.union([wrong]), ["a__0"])


def test_a_changed_byte_an_infinite_feature_and_no_table_are_refused(path: Path, tmp_path: Path, monkeypatch) -> None:
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(content)
    tables.manifest_path(broken).write_bytes(tables.manifest_path(path).read_bytes())
    with pytest.raises(DataError, match="changed after it was written"):
        read_rows(broken, FEATURES, features().index, ["a__0"])
    infinite = tmp_path / "infinite.parquet"
    with monkeypatch.context() as unchecked:
        unchecked.setattr(tables, "check", lambda *_: None)
        tables.write_table(
            infinite,
            features().replace(features().iloc[300, 2], np.inf),
            FEATURES,
            inputs={},
            config_sha256="",
            code_sha256="",
        )
    with pytest.raises(DataError, match=r"feature a__2 is infinite \(1 rows"):
        read_rows(infinite, FEATURES, features().index, ["a__2"])
    (tmp_path / "none.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read as a features table"):
        tables.column_names(tmp_path / "none.parquet", FEATURES)
