"""What a step of the demo is given, what it answers, and how it is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from market.errors import UnavailableError
from pipeline import planted, screen
from registry import promotion


class Demo(NamedTuple):
    """Where the demo's markets have their homes, and how many processes may work (None: one for each core)."""

    home: Path
    workers: int | None

    @property
    def noise(self) -> Path:
        """Return the home of the market without edge."""
        return self.home / "noise"

    @property
    def planted(self) -> Path:
        """Return the home of the market with a planted edge, which the command line may be given."""
        return self.home / "planted"

    @property
    def account(self) -> Path:
        """Return where the champion of the planted market, its paper account and its registry are."""
        return planted.prepare(self.planted).workspace.home

    def champion(self) -> dict[str, Any]:
        """Return the record of the planted market's champion; raises UnavailableError where there is none."""
        record = promotion.production(self.account).get(planted.SERIES)
        if record is None:
            raise UnavailableError(f"No champion of {planted.SERIES} in {self.account}: the market was not READY.")
        return record


class Finding(NamedTuple):
    """What a step must show, what it found, and whether that is it."""

    wanted: str
    found: str
    shown: bool


Step = Callable[[Demo], Finding]


def say(line: str) -> None:
    """Print one line on standard output, with rich's markup."""
    screen.show(line, False, lambda console, text: console.print(text, soft_wrap=True))
