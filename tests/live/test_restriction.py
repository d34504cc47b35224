"""The kill switch: every source blocks, one that cannot be read blocks too, and only a person lifts it."""

import json
import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from backtest.risk import Risk
from live.restriction import FILES, Level, Restriction, Standing, ordered, rearm, reduced, request
from live.rows import Halt
from market.errors import UsageError
from tests.live.controlled import Halts, World

FREE = Standing(Level.NONE, ())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_nothing_stands_at_first(world):
    assert world.standing() == FREE
    assert world.standing().entries
    assert ordered(world.home) == FREE
    assert ordered(world.home / "never run") == FREE


def test_the_levels_are_four_and_each_is_stricter_than_the_one_before():
    assert [level.told for level in sorted(Level)] == ["none", "reduce", "block", "flatten"]
    assert [Standing(level, ()).entries for level in sorted(Level)] == [True, True, False, False]


@pytest.mark.parametrize(("name", "level"), FILES.items())
def test_an_order_says_who_when_and_why(world, name, level):
    path = request(world.home, level, "ann", "news at 14:30")
    said = json.loads(path.read_text())
    assert (path.name, said["who"], said["why"]) == (name, "ann", "news at 14:30")
    for standing in (world.standing(), ordered(world.home)):
        assert standing == Standing(level, (f"{name} by ann at {said['when']}: news at 14:30",))


def test_the_strictest_order_holds_and_each_reason_is_told(world):
    for level in (Level.FLATTEN, Level.REDUCE, Level.BLOCK):
        request(world.home, level, "ann", "x")
    assert world.standing().level == Level.FLATTEN
    assert [reason.split()[0] for reason in world.standing().reasons] == ["flatten", "halt", "reduce"]


def test_an_order_that_stands_keeps_its_first_reason(world):
    request(world.home, Level.BLOCK, "ann", "first")
    request(world.home, Level.BLOCK, "bob", "second")
    assert "by ann" in world.standing().reasons[0]


def test_an_order_replaces_one_that_cannot_be_understood(world):
    (world.control / "reduce").write_text("")
    assert world.standing().level == Level.BLOCK
    request(world.home, Level.REDUCE, "ann", "x")
    assert world.standing().level == Level.REDUCE


def test_nobody_can_order_nothing(world):
    with pytest.raises(UsageError, match="none cannot be ordered"):
        request(world.home, Level.NONE, "ann", "x")


def test_under_reduce_an_entry_risks_half():
    assert reduced(Risk(per_trade=0.0025)) == Risk(per_trade=0.00125)


# ---- every source, readable or not, over a restart ----


def by_file(world: World) -> None:
    request(world.home, Level.BLOCK, "ann", "x")


def by_signal(world: World) -> None:
    before = signal.signal(signal.SIGUSR1, world.restriction.on_signal)
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    world.standing()


def by_journal(world: World) -> None:
    world.journal.reasons.append("drawdown")


def by_itself(world: World) -> None:
    world.restriction.halt("an exception in a guard")


def by_an_empty_file(world: World) -> None:
    (world.control / "halt").touch()


def by_an_empty_flatten(world: World) -> None:
    (world.control / "flatten").touch()


def by_broken_json(world: World) -> None:
    (world.control / "reduce").write_text('{"who": "ann", ')


def by_other_json(world: World) -> None:
    (world.control / "reduce").write_text('{"who": "ann", "when": 3, "why": "x"}')


def by_bytes(world: World) -> None:
    (world.control / "reduce").write_bytes(b"\xff\xfe\x00")


def by_a_folder(world: World) -> None:
    (world.control / "reduce").mkdir()


def by_a_dead_link(world: World) -> None:
    (world.control / "reduce").symlink_to("nowhere")


def by_a_pipe(world: World) -> None:
    os.mkfifo(world.control / "reduce")


def by_a_misspelt_name(world: World) -> None:
    (world.control / "hatl").touch()


def by_an_unreadable_resume(world: World) -> None:
    (world.control / "resume").write_text("please")


def by_a_folder_that_is_a_file(world: World) -> None:
    world.control.rmdir()
    world.control.write_text("")


class Raises(Halts):
    def open_halts(self) -> Iterable[Halt]:
        raise OSError("database is locked")


class RaisesLater(Halts):
    def open_halts(self) -> Iterable[Halt]:
        yield from ()
        raise OSError("disk image is malformed")


class SaysNothing(Halts):
    def open_halts(self) -> Iterable[Halt]:
        return None


def by_journal_that(kind: type[Halts]) -> Callable[[World], None]:
    def act(world: World) -> None:
        world.journal = kind()
        world.restarted()

    act.__name__ = f"by_journal_that_{kind.__name__}"
    return act


READABLE = {
    by_file: "halt by ann at",
    by_signal: ": SIGUSR1",
    by_journal: "halted: drawdown",
    by_itself: ": an exception in a guard",
}
UNREADABLE = {
    by_an_empty_file: "halt cannot be understood",
    by_an_empty_flatten: "flatten cannot be understood",
    by_broken_json: "reduce cannot be understood",
    by_other_json: "reduce cannot be understood",
    by_bytes: "reduce cannot be understood",
    by_a_folder: "reduce is no file",
    by_a_dead_link: "reduce is no file",
    by_a_pipe: "reduce is no file",
    by_a_misspelt_name: "hatl is no order that is known. Did you mean halt?",
    by_an_unreadable_resume: "resume cannot be understood",
    by_a_folder_that_is_a_file: "control cannot be listed: Not a directory",
    by_journal_that(Raises): "the journal cannot say whether it is halted: database is locked",
    by_journal_that(RaisesLater): "the journal cannot say whether it is halted: disk image is malformed",
    by_journal_that(SaysNothing): "the journal cannot say whether it is halted: 'NoneType'",
}


def blocks_for(world: World, reason: str) -> None:
    standing = world.standing()
    assert standing.level == (Level.FLATTEN if "flatten cannot" in reason else Level.BLOCK)
    assert len(standing.reasons) == 1
    assert reason in standing.reasons[0]


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("source", READABLE | UNREADABLE, ids=lambda source: source.__name__)
def test_every_source_blocks_with_its_reason_until_a_person_lifts_it(world, source, restart):
    source(world)
    if restart:
        world.restarted()
    for _ in range(3):
        blocks_for(world, (READABLE | UNREADABLE)[source])
        assert world.resumed() is None


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("source", READABLE, ids=lambda source: source.__name__)
def test_a_person_lifts_what_every_source_set(world, source, restart):
    source(world)
    rearm(world.home, "ann", "checked")
    if restart:
        world.restarted()
    asked = world.resumed()
    assert (asked.who, asked.why) == ("ann", "checked")
    assert world.standing() == FREE
    assert world.resumed() is None
    world.restarted()
    assert world.standing() == FREE


@pytest.mark.parametrize("failing", ["listing", "reading"])
def test_what_cannot_be_read_is_set(world, monkeypatch, failing):
    request(world.home, Level.REDUCE, "ann", "x")

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, {"listing": "iterdir", "reading": "open"}[failing], denied)
    standing = world.standing()
    assert standing.level == Level.BLOCK
    assert "Permission denied" in standing.reasons[0]


def test_a_control_folder_that_is_gone_blocks_until_the_runner_starts_anew(world):
    world.control.rmdir()
    assert world.standing().level == Level.BLOCK
    world.restarted()
    assert world.standing() == FREE


class BelievesWhatItCanRead(Restriction):
    """Broken: what raises is taken for silence."""

    def standing(self) -> Standing:
        found = super().standing()
        kept = tuple(reason for reason in found.reasons if "cannot" not in reason and "no file" not in reason)
        return found if kept else FREE


def test_the_matrix_finds_a_kill_switch_that_fails_open(world):
    by_an_empty_file(world)
    world.restriction = BelievesWhatItCanRead(world.home, world.journal)
    with pytest.raises(AssertionError):
        blocks_for(world, "halt cannot be understood")


class ForgetsAtRestart(Restriction):
    """Broken: it only remembers."""

    def halt(self, reason: str) -> None:
        self._own.append(reason)


def test_the_matrix_finds_a_kill_switch_that_forgets(world):
    world.restriction = ForgetsAtRestart(world.home, world.journal)
    by_itself(world)
    blocks_for(world, "an exception in a guard")
    world.restarted()
    with pytest.raises(AssertionError):
        blocks_for(world, "an exception in a guard")
