"""A home that was moved or copied goes on working after a repair, and nothing of the old place is lost or touched."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from market.errors import UnavailableError, UsageError
from registry import relocation, tracking
from tests.registry.cards import make_card
from tests.registry.places import Place

GOLD = "XAUUSD_15T"


def logged(home: Path, looks: int = 1) -> str:
    """Log a training, register it and return its run id."""
    run_id = tracking.log_run(home, make_card(looks=looks), "# Card", {"model.txt": b"tree"}, {})
    tracking.register(home, GOLD, run_id, "d" * 64)
    return run_id


def places(home: Path, run_id: str) -> list[str]:
    with tracking.opened(home) as client:
        run = client.get_run(run_id)
        version = client.search_model_versions(f"name='{GOLD}'")[-1]
        experiment = client.get_experiment(run.info.experiment_id)
        return [run.info.artifact_uri, version.source, experiment.artifact_location]


def test_after_a_repair_a_moved_home_is_read_and_written_as_before(home: Path, tmp_path: Path) -> None:
    run_id = logged(home)
    moved = Path(shutil.move(home, tmp_path / "an other place"))
    repaired = relocation.repair(moved)
    assert str(home) in repaired.moved_from and repaired.rewritten >= 3 and repaired.left == []
    here = f"{moved.as_uri()}/mlartifacts/"
    assert all(place.startswith(here) for place in places(moved, run_id))
    with tracking.opened(moved) as client:
        assert Path(client.download_artifacts(run_id, "bundle/model.txt")).read_bytes() == b"tree"
    assert all(place.startswith(here) for place in places(moved, logged(moved, looks=2)))
    assert not home.exists()
    assert relocation.repair(moved) == (str(moved), 0, [], [], ""), "the second time there is nothing to do"


def test_a_copy_is_repaired_and_the_original_stays_as_it_was(home: Path, tmp_path: Path) -> None:
    run_id = logged(home)
    copied = Path(shutil.copytree(home, tmp_path / "copied"))
    before = places(home, run_id)
    assert relocation.repair(copied).left == []
    assert all(str(copied) in place for place in places(copied, run_id))
    assert places(home, run_id) == before


def test_the_database_as_it_was_is_set_aside(home: Path, tmp_path: Path) -> None:
    run_id = logged(home)
    moved = home.rename(tmp_path / "moved")
    aside = Path(relocation.repair(moved).aside)
    with sqlite3.connect(aside) as connection:
        (old,) = connection.execute("SELECT artifact_uri FROM runs WHERE run_uuid = ?", (run_id,)).fetchone()
    assert str(home) in old and aside.parent == moved


def test_artifacts_that_stayed_behind_keep_their_address(home: Path, tmp_path: Path) -> None:
    run_id = logged(home)
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copyfile(home / "mlflow.db", alone / "mlflow.db")
    repaired = relocation.repair(alone)
    assert [place for place in repaired.left if run_id in place] and str(home) in places(alone, run_id)[0]


def test_a_home_without_a_registry_and_a_registry_by_url_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnavailableError, match="there is nothing to repair"):
        relocation.repair(tmp_path)
    config = shutil.copytree("config", tmp_path / "config")
    Place("https://mlflow.example.com", "", {}).settings(config)
    monkeypatch.setenv("ASSAY_CONFIG", str(config))
    with pytest.raises(UsageError, match="nothing in it moves with a home"):
        relocation.repair(tmp_path)
