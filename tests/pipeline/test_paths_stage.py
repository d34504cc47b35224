"""The stage of combinatorial paths: kept splits, a receipt of its own, and only those of today's training count."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from market import durable, instruments, simulated, tables
from market.errors import UsageError
from pipeline import job, main_job, paths_record, paths_stage, stages
from pipeline.imports import store_bars
from pipeline.job import Job
from pipeline.workspace import read_json
from registry import ledger
from tests.pipeline.conftest import PROJECT
from tests.training.worlds import features_of
from training import edges

CHANGES = {
    "research": {
        "oos_months = 6 ": "oos_months = 1 ",
        "folds = 10 ": "folds = 3 ",
        "inner_folds = 3 ": "inner_folds = 2 ",
        "cut_off = 2025-10-22": "cut_off = 2019-04-12",
    },
    "recipes": {
        "features = 50": "features = 4",
        "members = { xgboost = 0.4, lightgbm = 0.4, logistic = 0.2 }": "members = { logistic = 1.0 }",
    },
    "combinatorial": {"groups = 6": "groups = 3"},
}


def configured(folder: Path) -> None:
    for name, changes in CHANGES.items():
        path = folder / f"{name}.toml"
        text = path.read_text()
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new, 1)
        path.write_text(text)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Return a folder with a configuration and a home with all that the stage reads of a training."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(PROJECT / "config", folder / "config")
    configured(folder / "config")
    with pytest.MonkeyPatch.context() as patch:
        use(folder, patch)
        work = prepared()
        bars = simulated.simulate("XAUUSD", "15T", "2019-01-02", "2019-04-12", edge=0.4)
        store_bars(work.workspace, bars, {"simulated": False, "has_volume": True, "sources": []})
        made = {"inputs": {}, "config_sha256": "", "code_sha256": "", "facts": {}}
        tables.write_table(work.workspace.features, features_of(bars), tables.FEATURES, **made)
        stages.label(work)
        cuts = edges.draw(bars.index[0], bars.index[-1] - pd.DateOffset(months=1), 3)
        durable.write_json(work.workspace.run / "training.json", {"edges": [edge.isoformat() for edge in cuts]})
        paths_stage.paths(work)
    return folder


def use(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("ASSAY_HOME", str(folder / "home"))
    patch.setenv("ASSAY_CONFIG", str(folder / "config"))


def prepared(**more) -> Job:
    return job.prepare(instruments.series("XAUUSD", "15T"), workers=1, **more)


@pytest.fixture
def work(trained, tmp_path, monkeypatch) -> Job:
    """Return the job on a copy of its own."""
    shutil.copytree(trained, tmp_path / "copy")
    use(tmp_path / "copy", monkeypatch)
    return prepared()


def files(work: Job) -> dict[str, bytes]:
    found = [work.workspace.run / "paths.json", *(work.workspace.run / "paths").glob("*.parquet")]
    return {path.name: path.read_bytes() for path in found}


def made(work: Job) -> dict[Path, int]:
    """Return when each file of the home was written, locks aside."""
    return {path: path.stat().st_mtime_ns for path in work.workspace.home.rglob("*.*") if path.name != ".lock"}


def test_paths_that_hold_are_told_on_the_card_and_not_made_again(work):
    told = paths_record.on_card(work)
    assert (told["groups"], told["held_out"], told["splits"], len(told["paths"])) == (3, 2, 3, 2)
    assert (told["leaks"], told["audits"], told["tuned"]) == (0, 3 * (1 + 2 + 2 + 1), False)
    trades = paths_record.trades(work.workspace)
    assert [len(path) for path in trades] == [path["trades"] for path in told["paths"]]
    window_end = prepared().cut_off - pd.DateOffset(months=1)
    assert max(path["t_exit"].max() for path in trades) <= window_end
    before = made(work)
    assert paths_stage.paths(work).why is None
    assert before == made(work)
    assert not (work.workspace.run / "splits").exists()
    assert ledger.read(work.workspace.home).entries == []  # nothing was chosen, nothing looked at


def test_an_interrupted_stage_goes_on_with_the_splits_that_are_kept_to_the_same_bytes(work):
    alone = files(work)
    work.workspace.receipt("paths").unlink()

    def stop(what: str, done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        paths_stage.paths(work, stop)
    assert not paths_record.valid(work) and paths_record.on_card(work) == {}
    assert len(list((work.workspace.run / "splits").glob("fold_*.parquet"))) == 2
    said: list[tuple[str, int, int]] = []
    paths_stage.paths(work, lambda *one: said.append(one))
    assert said[0] == ("splits", 2, 3)
    assert files(work) == alone


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("combinatorial", "held_out = 2", "held_out = 1"),
        ("research", "embargo = 100", "embargo = 101"),
        ("labels", "take_profit = 1.4", "take_profit = 1.5"),
        ("policy", "cooldown = 5", "cooldown = 6"),
        ("combinatorial", "always = false", "always = true"),
        ("tuning", "trials = 0", "trials = 5"),
    ],
)
def test_paths_of_other_settings_are_not_those_of_todays_training(work, file, old, new):
    path = Path(work.workspace.home.parent / "config" / f"{file}.toml")
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    assert paths_record.valid(prepared()) is (new in ("always = true", "trials = 5"))
    assert paths_record.digest(prepared()).keys() == ({"paths.json"} if paths_record.valid(prepared()) else set())


def test_paths_of_another_training_or_that_were_changed_count_for_nothing(work):
    run = work.workspace.run
    told = read_json(run / "training.json")
    durable.write_json(run / "training.json", {"edges": [*told["edges"][:-1], "2019-03-13T00:00:00+00:00"]})
    assert not paths_record.valid(work)
    durable.write_json(run / "training.json", told)
    assert paths_record.valid(work)
    content = (run / "paths.json").read_text()
    (run / "paths.json").write_text(content.replace('"leaks": 0', '"leaks": 1', 1))
    assert not paths_record.valid(work)


def test_a_tuned_training_says_that_its_paths_are_not(work):
    assert paths_record.on_card(prepared(trials=5))["tuned"] is True


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("held_out = 2", "held_out = 3", "at least one group must train"),
        ("groups = 3", "groups = 1", "greater than or equal to 2"),
        ("held_out = 2", "holdout = 2", "Did you mean"),
        ("[combinatorial]", "[paths]", "unknown table [paths], wanted [combinatorial] alone"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_done(work, old, new, told):
    path = work.workspace.home.parent / "config" / "combinatorial.toml"
    path.write_text(path.read_text().replace(old, new, 1))
    before = made(work)
    with pytest.raises(UsageError, match=told.replace("[", r"\[")):
        main_job.run(work, screen=None)  # type: ignore[arg-type]
    assert made(work) == before


def test_the_settings_are_shown_with_where_they_come_from(assay):
    told = json.loads(assay("config", "show", "XAUUSD_15T", "--json").out)["combinatorial"]
    assert {name: one["value"] for name, one in told.items()} == {"groups": 6, "held_out": 2, "always": False}
    assert {one["origin"] for one in told.values()} == {"config/combinatorial.toml [combinatorial]"}
