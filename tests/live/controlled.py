"""A home and a journal as a runner finds them, for tests of what stands against it."""

from collections.abc import Iterable
from pathlib import Path

from live.restriction import Level, Request, Restriction, Standing
from live.rows import Halt


class Halts:
    """A journal that outlives the runner, with the reasons of open halts."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def open_halts(self) -> Iterable[Halt]:
        return [Halt(1, Level.BLOCK, "test", reason, 0) for reason in self.reasons]

    def lift(self, asked: Request) -> None:
        self.reasons.clear()


class World:
    """A home and a journal, with a runner's restriction that can be started anew."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.journal: Halts = Halts()
        self.restriction = Restriction(home, self.journal)

    @property
    def control(self) -> Path:
        return self.home / "control"

    def restarted(self) -> None:
        self.restriction = Restriction(self.home, self.journal)

    def standing(self) -> Standing:
        return self.restriction.standing()

    def resumed(self) -> Request | None:
        return self.restriction.take_resume(self.journal.lift)
