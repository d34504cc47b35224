"""The append-only ledger of trials and of looks at out-of-sample windows: what deflates every later claim.

One JSON object a line in `home/ledger.jsonl`. An entry is one write and one fsync under a lock. A torn last line, left
by a crash before the write was acknowledged, is read past, reported, and set aside in `ledger.torn` by the next append.
"""

import datetime as dt
import json
import os
from pathlib import Path
from typing import Literal, NamedTuple

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from market.durable import make_durable
from market.errors import DataError, UnavailableError

Kind = Literal["trial", "look"]
PATIENCE = 60.0


class Entry(BaseModel):
    """A trial (something was fitted or tuned) or a look (a model was judged out of sample), and of what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    series: str
    bars_sha256: str
    config_sha256: str
    model: str
    oos_start: str
    cut_off: str
    run_id: str
    command: str
    when: str

    @property
    def key(self) -> tuple[str, ...]:
        """Return what makes it the same model version on the same window, whoever asks and whenever."""
        return (
            self.kind,
            self.series,
            self.bars_sha256,
            self.config_sha256,
            self.model,
            self.oos_start,
            self.cut_off,
        )


class Counts(NamedTuple):
    """How many trials and looks there were."""

    trials: int
    looks: int


class Ledger(NamedTuple):
    """Every entry in the order of writing, and a warning about a torn last line or ""."""

    entries: list[Entry]
    warning: str


def ledger_path(home: Path) -> Path:
    """Return where the ledger of a home stands."""
    return home / "ledger.jsonl"


def record(
    home: Path,
    series: str,
    kind: Kind = "trial",
    *,
    bars_sha256: str,
    config_sha256: str,
    oos_start: str,
    cut_off: str,
    model: str = "",
    run_id: str = "",
    command: str = "train",
) -> bool:
    """Write a trial or a look durably; return False, and write nothing, where the same one is written already.

    The same one: same kind, series, bars, configuration, `model` (its version: hash of its code or bundle) and window
    `(oos_start, cut_off]` (ISO 8601 stamps). Raises UnavailableError where the ledger stays locked.
    """
    entry = Entry(
        kind=kind,
        series=series,
        bars_sha256=bars_sha256,
        config_sha256=config_sha256,
        model=model,
        oos_start=_instant(oos_start),
        cut_off=_instant(cut_off),
        run_id=run_id,
        command=command,
        when=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    )
    home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(home / "ledger.lock", timeout=PATIENCE):
            if any(entry.key == known.key for known in read(home).entries):
                return False
            _append(ledger_path(home), entry.model_dump_json() + "\n")
    except Timeout:
        raise UnavailableError(f"{ledger_path(home)} is locked by another command for over {PATIENCE:g} s.") from None
    return True


def count(home: Path, series: str, oos_start: str | None = None, cut_off: str | None = None) -> Counts:
    """Return the trials of `series`, and its looks at windows that overlap `(oos_start, cut_off]` (at any, if None)."""
    start, end = _instant(oos_start or "0001-01-01"), _instant(cut_off or "9999-12-31")
    mine = [entry for entry in read(home).entries if entry.series == series]
    looks = [entry for entry in mine if entry.kind == "look" and entry.oos_start < end and start < entry.cut_off]
    return Counts(trials=sum(entry.kind == "trial" for entry in mine), looks=len(looks))


def read(home: Path) -> Ledger:
    """Return every entry; raises DataError naming a line that is no entry, unless it is a torn last one."""
    path = ledger_path(home)
    if not path.exists():
        return Ledger([], "")
    lines = path.read_bytes().split(b"\n")
    torn = lines.pop()
    entries = [_entry(line, f"{path} line {at}") for at, line in enumerate(lines, start=1)]
    return Ledger(entries, f"{path}: the last line was torn by a crash and is not counted." if torn else "")


def _entry(line: bytes, where: str) -> Entry:
    try:
        return Entry.model_validate(json.loads(line))
    except (ValueError, ValidationError):
        raise DataError(f"{where} is not a ledger entry: restore the ledger, which is never edited.") from None


def _append(path: Path, line: str) -> None:
    with path.open("ab+") as stream:
        _set_torn_line_aside(path, stream.fileno())
        os.write(stream.fileno(), line.encode())
        os.fsync(stream.fileno())
    make_durable(path.parent)


def _set_torn_line_aside(path: Path, descriptor: int) -> None:
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.with_suffix(".torn").open("ab") as aside:
            aside.write(content[whole:] + b"\n")
        os.ftruncate(descriptor, whole)


def _instant(stamp: str) -> str:
    parsed = dt.datetime.fromisoformat(str(stamp))
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)).astimezone(dt.UTC).isoformat()
