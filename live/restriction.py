"""The kill switch: what stands against new trades, from whichever side it was ordered.

Four levels, each stricter than the one before: `none`; `reduce` halves the risk of entries; `block` allows no entry,
while exits go on; `flatten` closes whatever is open and then blocks.

Orders stand in the folder `control` of `ASSAY_HOME` as the files `reduce`, `halt` (block) and `flatten`, each a JSON
object {"who", "when", "why"}. They hold with and without a runner running, and over its restarts. Besides there are
SIGUSR1, the open halts of the journal, and what the runner finds against itself; the first and the last leave a `halt`
file.

Unreadable means set: a file that does not read, a name that is not known, a folder that cannot be listed, a journal
that raises: each blocks, and a `flatten` that does not read (an empty one, say) flattens. Only a person lifts it.
`rearm` removes the files and leaves the file `resume`, which the runner (the one running, or the next one) takes: it
closes the journal's halts, removes the file, and forgets its own findings. An order given after `resume` voids it.
Names that begin with a dot are being written and are not looked at.
"""

import contextlib
import datetime as dt
import os
from collections.abc import Callable, Iterable
from enum import IntEnum
from pathlib import Path
from typing import Annotated, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backtest.risk import Risk
from market import durable
from market.errors import UnavailableError, UsageError, nearest

RESUME = "resume"
REDUCED = 0.5  # share of the risk that an entry keeps under `reduce`

_LARGEST = 65_536  # bytes of a control file
_Text = Annotated[str, Field(min_length=1, strict=True)]


class Level(IntEnum):
    """How much is forbidden; a larger one forbids more."""

    NONE = 0
    REDUCE = 1
    BLOCK = 2
    FLATTEN = 3

    @property
    def told(self) -> str:
        """Return the name that people read and type."""
        return self.name.lower()


FILES = {"reduce": Level.REDUCE, "halt": Level.BLOCK, "flatten": Level.FLATTEN}


class Request(BaseModel):
    """Who ordered something, when (ISO 8601, UTC) and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    who: _Text
    when: _Text
    why: _Text


class Standing(NamedTuple):
    """The strictest level that stands, and each reason for any."""

    level: Level
    reasons: tuple[str, ...]

    @property
    def entries(self) -> bool:
        """Return whether new trades may be opened."""
        return self.level < Level.BLOCK


class _Halt(Protocol):
    @property
    def reason(self) -> str: ...


class Halts(Protocol):
    """A journal, as far as it is asked here."""

    def open_halts(self) -> Iterable[_Halt]:
        """Return the halts that nobody has lifted."""
        ...


def request(home: Path, level: Level, who: str, why: str) -> Path:
    """Order `level` (reduce, block or flatten) and return the control file; one that stands already stays.

    It is durable when this returns. Raises UnavailableError where it cannot be written.
    """
    if level not in FILES.values():
        raise UsageError(f"{level.told} cannot be ordered: order reduce, block or flatten, or resume.")
    path = _folder(home) / next(name for name, one in FILES.items() if one == level)
    try:
        if not isinstance(_read(path), Request):
            _write(path, who, why)
        (_folder(home) / RESUME).unlink(missing_ok=True)
    except OSError as error:
        raise UnavailableError(f"Cannot write {path}: {error.strerror}. Stop the runner instead.") from None
    return path


def block_by_signal(home: Path) -> None:
    """Order a block for SIGUSR1; for the time before a runner has its own handler."""
    request(home, Level.BLOCK, "signal", "SIGUSR1")


def rearm(home: Path, who: str, why: str = "resumed by hand") -> tuple[str, ...]:
    """Lift every order and leave a `resume` file for the runner; return what stood.

    Raises UnavailableError where a file cannot be removed or written, UsageError where a file is none of ours; the
    journal's halts and the runner's findings go on to stand then.
    """
    folder, lifted = _folder(home), ordered(home).reasons
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if strange := [name for name in _names(folder) if name not in (*FILES, RESUME)]:
            raise UsageError(f"{folder} holds {', '.join(strange)}, which orders nothing: remove it, then resume.")
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        _write(folder / RESUME, who, why)
    except OSError as error:
        raise UnavailableError(f"Cannot lift what stands in {folder}: {error}. Mend that, then resume.") from None
    return lifted


def ordered(home: Path) -> Standing:
    """Return what the control files of `home` order; a folder that is not there orders nothing."""
    folder = _folder(home)
    return _strictest(_of_files(folder) if os.path.lexists(folder) else ())


def reduced(risk: Risk) -> Risk:
    """Return `risk` as entries keep it under `reduce`."""
    return risk._replace(per_trade=risk.per_trade * REDUCED)


class Restriction:
    """What stands against the runner: control files, SIGUSR1, the journal's open halts and its own findings."""

    def __init__(self, home: Path, journal: Halts) -> None:
        self._home, self._journal = home, journal
        self._own: list[str] = []
        self._signalled = False
        with contextlib.suppress(OSError):  # then it cannot be listed either, which blocks
            _folder(home).mkdir(parents=True, exist_ok=True)

    def on_signal(self, *_: object) -> None:
        """Block from now on; fit to be the handler of a signal."""
        self._signalled = True

    def halt(self, reason: str) -> None:
        """Block from now on for `reason`, also after a restart; the block holds where it cannot be written, too."""
        if reason in self._own:
            return
        self._own.append(reason)
        try:
            request(self._home, Level.BLOCK, "runner", reason)
        except Exception as error:
            self._own.append(f"a halt could not be written: {error}")

    def standing(self) -> Standing:
        """Return what stands now. Nothing raises: whatever cannot be asked blocks."""
        if self._signalled:
            self._signalled = False
            self.halt("SIGUSR1")
        found = [*_of_files(_folder(self._home)), *_of_journal(self._journal)]
        own = [one for one in self._own if not any(one in reason for _, reason in found)]
        return _strictest([*found, *((Level.BLOCK, reason) for reason in own)])

    def take_resume(self, close: Callable[[Request], None]) -> Request | None:
        """Do what a `resume` file asks and return it, None where there is none or it is void.

        `close` closes the journal's halts. The file is removed next, and then what the runner held against itself is
        forgotten; where one of these fails, a halt stands and it has to be asked for again.
        """
        path = _folder(self._home) / RESUME
        asked = _read(path)
        if not isinstance(asked, Request):
            return None
        try:
            if any((path.parent / name).exists() for name in FILES):
                path.unlink()
                return None
            close(asked)
            path.unlink()
        except Exception as error:
            self.halt(f"resuming failed: {error}")
            return None
        self._own.clear()
        return asked


def _folder(home: Path) -> Path:
    return home / "control"


def _write(path: Path, who: str, why: str) -> None:
    when = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    durable.write_json(path, Request(who=who or "somebody", when=when, why=why or "no reason given").model_dump())


def _names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))


def _read(path: Path) -> Request | str | None:
    """Return what the control file says, what is wrong with it, or None where it is not there."""
    try:
        if not path.is_file():
            return f"{path} is no file" if os.path.lexists(path) else None
        with path.open("rb") as stream:
            return Request.model_validate_json(stream.read(_LARGEST))
    except FileNotFoundError:
        return None
    except ValidationError:
        return f"{path} cannot be understood"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"


def _of_files(folder: Path) -> list[tuple[Level, str]]:
    try:
        names = _names(folder)
    except OSError as error:
        return [(Level.BLOCK, f"{folder} cannot be listed: {error.strerror}")]
    found = []
    for name in names:
        said = _read(folder / name)
        if name not in (*FILES, RESUME):
            found.append((Level.BLOCK, f"{folder / name} is no order that is known.{nearest(name, FILES)}"))
        elif isinstance(said, str):
            found.append((max(Level.BLOCK, FILES.get(name, Level.BLOCK)), said))
        elif said is not None and name != RESUME:
            found.append((FILES[name], f"{name} by {said.who} at {said.when}: {said.why}"))
    return found


def _of_journal(journal: Halts) -> list[tuple[Level, str]]:
    try:
        return [(Level.BLOCK, f"halted: {halt.reason}") for halt in journal.open_halts()]
    except Exception as error:
        return [(Level.BLOCK, f"the journal cannot say whether it is halted: {error}")]


def _strictest(found: Iterable[tuple[Level, str]]) -> Standing:
    each = list(found)
    return Standing(max((level for level, _ in each), default=Level.NONE), tuple(reason for _, reason in each))
