"""Daily results of trials are kept once, as they were, and a damaged table is told by name."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market import tables
from market.errors import DataError
from registry import trials
from registry.trials import keep, keep_all, kept, matrix

GOLD = "XAUUSD_15T"


def results(first: str = "2024-01-02", days: int = 60, seed: int = 1) -> pd.Series:
    """Return net R by UTC day."""
    index = pd.date_range(first, periods=days, freq="B", tz="UTC").as_unit("us").rename("day")
    return pd.Series(np.random.default_rng(seed).normal(size=days), index=index, name="r")


def test_nothing_is_kept_at_first_and_asking_makes_nothing(tmp_path: Path) -> None:
    assert matrix(tmp_path, GOLD).shape == (0, 0)
    assert str(matrix(tmp_path, GOLD).index.dtype) == "datetime64[us, UTC]"
    assert list(tmp_path.iterdir()) == []


def test_results_come_back_as_they_were_over_all_days(tmp_path: Path) -> None:
    early, late = results(), results("2024-03-04", days=45, seed=2)
    keep(tmp_path, GOLD, "early", early)
    keep_all(tmp_path, GOLD, {"late": late, "early again": early})
    keep(tmp_path, "EURUSD_1H", "other", late)
    found = matrix(tmp_path, GOLD)
    assert set(found) == {"early", "late", "early again"}
    assert list(found.index) == sorted({*early.index, *late.index})
    for name, one in {"early": early, "late": late, "early again": early}.items():
        assert found[name].dropna().rename("r").equals(one)


def test_the_same_again_writes_nothing_and_other_results_are_refused(tmp_path: Path) -> None:
    keep_all(tmp_path, GOLD, {"a": results(), "b": results(seed=2)})
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    keep(tmp_path, GOLD, "a", results())
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before
    with pytest.raises(DataError, match="trial b of XAUUSD_15T is kept with other daily results"):
        keep_all(tmp_path, GOLD, {"c": results(), "b": results(seed=3)})
    assert set(matrix(tmp_path, GOLD)) == {"a", "b"}


def of_other_days() -> pd.Series:
    return results().tz_convert("America/New_York")


@pytest.mark.parametrize(
    "spoiled",
    [
        results(days=0),
        results().where(lambda one: one > 0),
        results().iloc[::-1],
        results().shift(freq="1h"),
        results().astype(np.float32),
        of_other_days(),
        results().reset_index(drop=True),
        pd.concat([results(), results()]).sort_index(),
    ],
)
def test_what_are_no_daily_results_are_refused(tmp_path: Path, spoiled: pd.Series) -> None:
    with pytest.raises(ValueError, match="daily results"):
        keep(tmp_path, GOLD, "a", spoiled)
    assert not (tmp_path / "trials").exists()


def test_a_damaged_table_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    keep(tmp_path, GOLD, "a", results())
    (first,) = tmp_path.rglob("*.parquet")
    keep(tmp_path, GOLD, "b", results(seed=2))
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)
    with pytest.raises(DataError, match=first.name):
        matrix(tmp_path, GOLD)
    found = kept(tmp_path, GOLD)
    assert list(found.daily) == ["b"]
    (warning,) = found.warnings
    assert first.name in warning and "count" in warning


def test_a_damaged_manifest_neither_stops_a_training_nor_goes_unsaid(tmp_path: Path) -> None:
    keep(tmp_path, GOLD, "a", results())
    (path,) = tmp_path.rglob("*.parquet")
    tables.manifest_path(path).write_text("{")
    keep(tmp_path, GOLD, "b", results(seed=2))
    assert list(kept(tmp_path, GOLD).daily) == ["b"] and path.stem in kept(tmp_path, GOLD).warnings[0]


def test_what_a_kill_left_is_swept_and_kept_by_the_next_attempt(tmp_path: Path) -> None:
    keep(tmp_path, GOLD, "a", results())
    (path,) = tmp_path.rglob("*.parquet")
    tables.manifest_path(path).unlink()
    left = path.with_name(f".{path.name}.1.tmp")
    left.write_bytes(b"half")
    assert matrix(tmp_path, GOLD).empty, "a table without its manifest was never kept"
    keep(tmp_path, GOLD, "a", results())
    assert matrix(tmp_path, GOLD)["a"].equals(results().rename("a"))
    assert not left.exists()


WRITER = """
import sys
from pathlib import Path
from tests.registry.test_trials import GOLD, results
from registry.trials import keep
home, who = Path(sys.argv[1]), sys.argv[2]
for at in range(4):
    keep(home, GOLD, f"shared {at}", results(seed=at))
    keep(home, GOLD, f"{who} {at}", results(seed=at))
"""


def test_two_processes_keep_at_once_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), who]) for who in ("one", "two")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    found = matrix(tmp_path, GOLD)
    assert found.shape == (60, 12) and found.columns.is_unique


def test_a_thousand_trials_are_compact(tmp_path: Path) -> None:
    one = results(days=1_600)
    keep_all(tmp_path, GOLD, {f"trial {at}": one + at for at in range(100)})
    size = sum(path.stat().st_size for path in tmp_path.rglob("*.*"))
    assert size < 1.2 * 100 * one.size * 8
    assert trials.digest(matrix(tmp_path, GOLD)["trial 7"]) == trials.digest(one + 7)
