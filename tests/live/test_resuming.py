"""Halting where nothing can be written, lifting what stands, and orders that cross each other."""

import signal
from pathlib import Path

import pytest

from live.restriction import Level, Request, Restriction, Standing, ordered, rearm, request
from market import durable
from market.errors import UnavailableError, UsageError
from tests.live.controlled import Halts, World

FREE = Standing(Level.NONE, ())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_halt_holds_where_it_cannot_be_written(world, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable, "write_json", full)
    world.restriction.halt("drawdown")
    assert world.standing().level == Level.BLOCK
    assert world.standing().reasons[0] == "drawdown"
    assert "No space left on device" in world.standing().reasons[1]
    with pytest.raises(UnavailableError, match="No space left on device"):
        request(world.home, Level.BLOCK, "ann", "x")


def test_a_second_finding_is_told_beside_the_first(world):
    world.restriction.halt("drawdown")
    world.restriction.halt("reconciliation")
    world.restriction.halt("drawdown")
    assert [reason.split(": ")[-1] for reason in world.standing().reasons] == ["drawdown", "reconciliation"]


def test_a_stricter_order_than_its_own_holds(world):
    world.restriction.halt("drawdown")
    request(world.home, Level.FLATTEN, "ann", "x")
    assert world.standing().level == Level.FLATTEN


def test_what_stood_is_told_when_it_is_lifted(world):
    request(world.home, Level.FLATTEN, "ann", "x")
    (world.control / "halt").touch()
    lifted = rearm(world.home, "bob")
    assert lifted[0].startswith("flatten by ann")
    assert "cannot be understood" in lifted[1]
    assert ordered(world.home) == FREE


def test_lifting_works_before_there_ever_was_a_runner(tmp_path):
    request(tmp_path / "new", Level.BLOCK, "ann", "x")
    rearm(tmp_path / "new", "ann")
    assert ordered(tmp_path / "new") == FREE
    rearm(tmp_path / "newer", "ann")


def test_an_order_after_a_resume_voids_it(world):
    world.journal.reasons.append("drawdown")
    rearm(world.home, "ann")
    request(world.home, Level.REDUCE, "bob", "not yet")
    assert world.resumed() is None
    rearm(world.home, "ann")
    world.restriction.halt("found meanwhile")
    assert world.resumed() is None
    assert len(world.standing().reasons) == 2
    assert world.journal.reasons == ["drawdown"]


def test_an_order_that_crossed_a_resume_voids_it(world):
    world.journal.reasons.append("drawdown")
    rearm(world.home, "ann")
    content = (world.control / "resume").read_bytes()
    request(world.home, Level.BLOCK, "bob", "x")
    (world.control / "resume").write_bytes(content)
    assert world.resumed() is None
    assert not (world.control / "resume").exists()
    assert world.standing().level == Level.BLOCK


def test_a_resume_that_fails_halfway_has_to_be_asked_for_again(world):
    world.restriction.halt("an exception in a guard")
    rearm(world.home, "ann")

    def fails(asked: Request) -> None:
        raise OSError("database is locked")

    assert world.restriction.take_resume(fails) is None
    assert world.standing().level == Level.BLOCK
    assert "resuming failed: database is locked" in "; ".join(world.standing().reasons)
    assert world.resumed() is None
    rearm(world.home, "ann")
    assert world.resumed() is not None
    assert world.standing() == FREE


def test_a_resume_that_cannot_be_removed_frees_nothing(world, monkeypatch):
    world.restriction.halt("an exception in a guard")
    rearm(world.home, "ann")
    unlink = Path.unlink

    def stuck(path: Path, missing_ok: bool = False) -> None:
        if path.name == "resume":
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", stuck)
    assert world.resumed() is None
    assert world.standing().level == Level.BLOCK
    assert world.resumed() is None
    assert world.standing().level == Level.BLOCK


def test_a_signal_after_a_resume_blocks(world):
    rearm(world.home, "ann")
    world.restriction.on_signal(signal.SIGUSR1, None)
    world.resumed()
    assert world.standing().level == Level.BLOCK


def test_lifting_does_not_touch_what_is_not_ours(world):
    (world.control / "hatl").touch()
    with pytest.raises(UsageError, match=r"holds hatl, which orders nothing"):
        rearm(world.home, "ann")
    assert "Did you mean halt?" in world.standing().reasons[0]


def test_lifting_says_what_cannot_be_removed(world):
    (world.control / "reduce").mkdir()
    with pytest.raises(UnavailableError, match="Cannot lift what stands in"):
        rearm(world.home, "ann")
    assert world.standing().level == Level.BLOCK


def test_what_is_being_written_is_not_looked_at(world):
    (world.control / ".halt.123.tmp").touch()
    assert world.standing() == FREE


def test_a_home_that_cannot_be_written_blocks(tmp_path):
    (tmp_path / "home").touch()
    assert Restriction(tmp_path / "home", Halts()).standing().level == Level.BLOCK
