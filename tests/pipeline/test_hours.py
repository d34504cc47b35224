"""Trading hours are part of what labels and models are made from; holidays, which only name gaps, are not."""

import shutil
from pathlib import Path

import pytest

from market import instruments
from pipeline import imports, job, stages


@pytest.fixture
def work(tmp_path, monkeypatch, month):
    """Return a job on five weeks of gold with settings of its own."""
    shutil.copytree(Path(__file__).parents[2] / "config", tmp_path / "config")
    monkeypatch.setenv("ASSAY_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    done = job.prepare(instruments.series("XAUUSD", "15T"))
    imports.store_bars(done.workspace, month, {"has_volume": True, "sources": []})
    return done


def replaced(folder: Path, old: str, new: str) -> None:
    path = folder / "config" / "sessions.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def test_changed_hours_make_labels_again_and_changed_holidays_do_not(work, tmp_path):
    assert stages.label(work).why == "not run yet"
    assert stages.label(work).why is None
    replaced(tmp_path, '"good_friday", ', "")
    assert stages.label(work).why is None
    replaced(tmp_path, "break_minutes = 60", "break_minutes = 45")
    assert stages.label(work).why == "settings changed"
    assert stages.label(work).why is None
