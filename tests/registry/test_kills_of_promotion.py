"""A promotion that is killed leaves a registry that can be used; doing it again finishes it, with no second version."""

import os
import signal
import sqlite3
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from market.errors import UnavailableError
from registry import alias
from registry.promotion import production
from tests.registry import kills
from tests.registry.kills import GOLD, SECOND, STEPS, THIRD, Yard, child, ended, promoted

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")

SHORT = 8


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Yard:
    return kills.yard(tmp_path_factory.mktemp("yard"), database)


@pytest.fixture
def yard(made: Yard) -> Yard:
    made.anew()
    return made


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_leaves_a_sound_registry_and_doing_it_again_finishes(yard: Yard, step: str) -> None:
    assert kills.killed_at(yard, STEPS[step])
    assert kills.unsound(yard.home) == []
    assert kills.mended(yard) == []


def test_kills_at_random_instants_leave_a_sound_registry(yard: Yard) -> None:
    assert kills.random_kills(yard, SHORT, seed=1) == []


def test_the_same_kill_finds_a_promotion_that_does_not_look_for_its_version(yard: Yard) -> None:
    def blind() -> None:
        MlflowClient.search_model_versions = lambda *_, **__: []  # in the child alone
        promoted(yard.home, SECOND)

    assert kills.killed_at(yard, STEPS["after the version"])
    assert ended(child(blind)) == 0
    assert "there is no second version of it" in kills.unfinished(yard.home)


def test_a_registry_that_was_being_written_when_the_power_of_the_writer_went_can_be_read(yard: Yard) -> None:
    def torn() -> None:
        connection = sqlite3.connect(yard.home / "mlflow.db", isolation_level=None)
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE model_version_tags SET value = 'torn'")
        many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9999) SELECT i FROM n"
        connection.execute(f"CREATE TABLE x AS {many}")
        os.kill(os.getpid(), signal.SIGKILL)

    before = alias.champion(yard.home, GOLD)
    assert ended(child(torn)) == -signal.SIGKILL and (yard.home / "mlflow.db-journal").stat().st_size > 0
    assert alias.champion(yard.home, GOLD) == before
    assert kills.unsound(yard.home) == []


def test_of_two_promotions_at_once_one_wins(yard: Yard) -> None:
    begun = [child(lambda name=name: promoted(yard.home, name)) for name in (SECOND, THIRD)]
    codes = [ended(number) for number in begun]
    assert sorted(codes) == [0, UnavailableError.exit_code], "the other one was compared with a champion of before"
    winner = (SECOND, THIRD)[codes.index(0)]
    record = production(yard.home)[GOLD]
    assert (record["serial"], record["recipe"], record["previous"]["version"]) == (2, winner, "1")
    assert kills.unsound(yard.home) == [] and len(kills.versions(yard.home)) == 2
    assert ended(child(lambda: promoted(yard.home, winner))) == 0
