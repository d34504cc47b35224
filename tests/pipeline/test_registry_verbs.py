"""`assay registry`: what it says and how it ends, on the home that a person has."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from registry import tracking, writer
from tests.pipeline.conftest import CommandLine
from tests.registry.cards import make_card

GOLD = "XAUUSD_15T"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh registry database; making it takes seconds, so it is made once."""
    home = tmp_path_factory.mktemp("registry")
    tracking.create_database(home)
    return home / "mlflow.db"


@pytest.fixture
def trained(assay: CommandLine, database: Path) -> CommandLine:
    """Return the command line on a home in which three trainings were logged."""
    (assay.home / "runs" / GOLD).mkdir(parents=True)
    shutil.copyfile(database, assay.home / "mlflow.db")
    for looks in (1, 2, 3):
        tracking.log_run(assay.home, make_card(looks=looks), "# Card", {"model.txt": bytes(10_000)}, {})
    return assay


def change(home: Path, sql: str, *values: str) -> None:
    with closing(sqlite3.connect(home / "mlflow.db")) as registry, registry:
        registry.execute(sql, values)


def test_a_sound_registry_has_nothing_to_mend(trained: CommandLine) -> None:
    ended = trained("registry", "sweep")
    assert (ended.code, ended.out) == (0, f"{trained.home}: nothing to mend\n")


def test_a_sweep_says_what_it_mended_and_the_doctor_has_no_more_to_say(trained: CommandLine) -> None:
    change(trained.home, "UPDATE runs SET status = 'RUNNING' WHERE run_uuid = (SELECT max(run_uuid) FROM runs)")
    gone = writer.signature().split(" ")
    change(trained.home, "UPDATE tags SET value = ? WHERE key = 'writer'", " ".join([*gone[:3], "an-earlier-boot"]))
    (told,) = json.loads(trained("registry", "sweep", "--json").out)
    assert len(told["killed"]) == 1 and told["running"] == [] and told["unmended"] == []
    assert "nothing to mend" in trained("registry", "sweep").out


def test_what_only_a_person_can_mend_exits_3(trained: CommandLine) -> None:
    (trained.home / "production.json").write_text(json.dumps({GOLD: {"version": "1", "signature": "00"}}))
    ended = trained("registry", "sweep")
    assert ended.code == 3 and "not mended" in ended.out and GOLD in ended.out


def test_pruning_says_what_would_go_and_deletes_it_only_when_told_to(trained: CommandLine) -> None:
    said = trained("registry", "prune", "--keep", "1").out
    assert "2 runs would go" in said and "1 stay" in said and "--yes does it, for good" in said
    assert len(list(trained.home.glob(f"mlartifacts/{GOLD}/*/artifacts"))) == 3
    done = trained("registry", "prune", "--keep", "1", "--yes").out
    assert "2 runs deleted" in done and "1 stay" in done
    assert len(list(trained.home.glob(f"mlartifacts/{GOLD}/*/artifacts"))) == 1
    assert "0 runs would go" in trained("registry", "prune", "--keep", "1").out


def test_a_moved_home_is_repaired_and_then_takes_runs_again(trained: CommandLine, tmp_path: Path) -> None:
    moved = CommandLine(tmp_path / "moved")
    shutil.move(trained.home, moved.home)
    said = moved("registry", "repair").out
    assert "addresses rewritten" in said and str(trained.home) in said and "mlflow.before-repair.db" in said
    tracking.log_run(moved.home, make_card(looks=4), "# Card", {}, {})
    assert len(list(moved.home.glob(f"mlartifacts/{GOLD}/*/artifacts"))) == 4


def test_without_a_registry_there_is_nothing_to_care_for(assay: CommandLine) -> None:
    assay.home.mkdir()
    for verb in ("sweep", "prune", "repair"):
        ended = assay("registry", verb)
        assert ended.code == 6 and "the first training makes one" in ended.err
