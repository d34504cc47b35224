"""The append-only ledger of trials and of looks at out-of-sample windows: what deflates every later claim.

One JSON object a line in `home/ledger.jsonl`. Entries that come together are one write and one fsync under a lock. A
torn last line, left by a crash before the write was acknowledged, is read past, reported, and set aside in
`ledger.torn` by the next append.
"""

import datetime as dt
import json
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from market import tables
from market.durable import make_durable
from market.errors import DataError, UnavailableError
from registry import universe

Kind = Literal["trial", "look"]
State = Literal["complete", "pruned", "failed"]
PATIENCE = 60.0

_DIGITS = 32  # of a trial's name


class Entry(BaseModel):
    """A trial (something was fitted or tuned and judged) or a look (a model was judged out of sample), and of what.

    `part` is what was judged: "run" (all folds together), "fold 3", "final model" or "rule". `member` and `parameters`
    are those of a tuning trial; of a run or a rule, `parameters` are for reading, for `config_sha256` covers them.
    `value` of `objective` is what was found, None where nothing was. `daily_sha256` is the digest of the daily results
    that `registry.trials` keeps under `name`, "" where it keeps none. `instruments_sha256` is the digest of the list of
    instruments that was configured when it was written (`registry.universe`). `name` is a digest of the `key`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = ""
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
    part: str = "run"
    member: str = ""
    parameters: dict[str, JsonValue] = {}
    state: State = "complete"
    value: float | None = None
    objective: str = ""
    daily_sha256: str = ""
    instruments_sha256: str = ""

    @property
    def configuration(self) -> tuple[str, ...]:
        """Return what makes it the same configuration on the same bars, in whichever part it was tried."""
        parameters = json.dumps(self.parameters, sort_keys=True) if self.member else ""
        return (
            self.series,
            self.bars_sha256,
            self.config_sha256,
            self.model,
            self.oos_start,
            self.cut_off,
            self.member,
            parameters,
        )

    @property
    def key(self) -> tuple[str, ...]:
        """Return what makes it the same trial or look, whoever asks and whenever; tried again after it failed is new.

        Two trials of one configuration in two parts are two trials.
        """
        return (self.kind, self.part, self.state, *self.configuration)


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


def entry(
    series: str,
    kind: Kind = "trial",
    *,
    bars_sha256: str,
    config_sha256: str,
    oos_start: str,
    cut_off: str,
    **more: Any,
) -> Entry:
    """Return an entry of this instant at the window `(oos_start, cut_off]` (ISO 8601 stamps).

    `more` are other fields of an `Entry`: `model` (its version: hash of its code or bundle), `run_id`, `command`
    (default: train), `part`, `member`, `parameters`, `state`, `value`, `objective`, `daily_sha256`.
    """
    fields = {"model": "", "run_id": "", "command": "train"} | more
    made = Entry(
        kind=kind,
        series=series,
        bars_sha256=bars_sha256,
        config_sha256=config_sha256,
        oos_start=_instant(oos_start),
        cut_off=_instant(cut_off),
        when=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        **fields,
    )
    return _named(made)


def record(home: Path, series: str, kind: Kind = "trial", **fields: Any) -> bool:
    """Write a trial or a look, `fields` as of `entry`, durably; return False where the same one is written already."""
    return record_all(home, [entry(series, kind, **fields)])[0]


def record_all(home: Path, entries: Sequence[Entry]) -> list[bool]:
    """Write entries durably under one lock; return which of them are new: what is written already is not written twice.

    The same: the same `key`. Each is written with the digest of the list of instruments as it is now. Raises
    UnavailableError where the ledger stays locked.
    """
    if not entries:
        return []
    home.mkdir(parents=True, exist_ok=True)
    listed = {"instruments_sha256": universe.sha256()}
    with _locked(home):
        content, torn = _content(home)
        new = _new(entries, _names(content, ledger_path(home)))
        fresh = [one.model_copy(update=listed) for one, is_new in zip(entries, new, strict=True) if is_new]
        lines = [one.model_dump_json() + "\n" for one in fresh]
        if lines:
            _append(ledger_path(home), "".join(lines).encode(), torn)
    return new


def unwritten(home: Path, entries: Sequence[Entry]) -> list[Entry]:
    """Return those of `entries` that are not written yet."""
    content, _ = _content(home)
    new = _new(entries, _names(content, ledger_path(home)))
    return [one for one, fresh in zip(entries, new, strict=True) if fresh]


def count(home: Path, series: str, oos_start: str | None = None, cut_off: str | None = None) -> Counts:
    """Return the trials of `series`, and its looks at windows that overlap `(oos_start, cut_off]` (at any, if None)."""
    return count_of(of(home, series), oos_start, cut_off)


def count_of(entries: Sequence[Entry], oos_start: str | None = None, cut_off: str | None = None) -> Counts:
    """Return the trials among `entries`, and the looks at windows that overlap `(oos_start, cut_off]`."""
    start, end = _instant(oos_start or "0001-01-01"), _instant(cut_off or "9999-12-31")
    looks = [one for one in entries if one.kind == "look" and one.oos_start < end and start < one.cut_off]
    return Counts(trials=sum(one.kind == "trial" for one in entries), looks=len(looks))


def of(home: Path, series: str) -> list[Entry]:
    """Return the entries of `series` in the order of writing."""
    return [one for one in read(home).entries if one.series == series]


def read(home: Path) -> Ledger:
    """Return every entry; raises DataError naming a line that is no entry, unless it is a torn last one."""
    path = ledger_path(home)
    content, torn = _content(home)
    if torn:
        with _locked(home):  # another command may be in the middle of writing it
            content, torn = _content(home)
    entries = _entries(content, path)
    return Ledger(entries, f"{path}: the last line was torn by a crash and is not counted." if torn else "")


def _new(entries: Sequence[Entry], known: set[str]) -> list[bool]:
    new = []
    for one in entries:
        new.append(one.name not in known)
        known.add(one.name)
    return new


def _locked(home: Path) -> AbstractContextManager[Any]:
    try:
        return FileLock(home / "ledger.lock", timeout=PATIENCE).acquire()
    except Timeout:
        raise UnavailableError(f"{ledger_path(home)} is locked by another command for over {PATIENCE:g} s.") from None


def _content(home: Path) -> tuple[bytes, bytes]:
    """Return the whole lines of the ledger and what stands after them; nothing where there is none."""
    path = ledger_path(home)
    content = path.read_bytes() if path.exists() else b""
    whole = content.rfind(b"\n") + 1
    return content[:whole], content[whole:]


def _entries(content: bytes, path: Path) -> list[Entry]:
    return [_entry(line, at, path) for at, line in enumerate(content.split(b"\n")[:-1], start=1)]


def _entry(line: bytes, at: int, path: Path) -> Entry:
    try:
        found = Entry.model_validate_json(line)
    except ValidationError:
        where = f"{path} line {at}"
        raise DataError(f"{where} is not a ledger entry: restore the ledger, which is never edited.") from None
    return found if found.name else _named(found)


def _names(content: bytes, path: Path) -> set[str]:
    """Return the names of all entries; they are the first thing in a line, but in ledgers written before names were."""
    begins, length = b'{"name":"', len(b'{"name":"')
    names = set()
    for at, line in enumerate(content.split(b"\n")[:-1], start=1):
        named = line.startswith(begins)
        names.add(line[length : length + _DIGITS].decode(errors="replace") if named else _entry(line, at, path).name)
    return names


def _named(entry: Entry) -> Entry:
    return entry.model_copy(update={"name": tables.sha256_of([*entry.key])[:_DIGITS]})


def _append(path: Path, lines: bytes, torn: bytes) -> None:
    """Write `lines` at the end, where `torn` is set aside first."""
    with path.open("ab") as stream:
        if torn:
            with path.with_suffix(".torn").open("ab") as aside:
                aside.write(torn + b"\n")
            os.ftruncate(stream.fileno(), stream.tell() - len(torn))
        stream.write(lines)
        stream.flush()
        os.fsync(stream.fileno())
    make_durable(path.parent)


def _instant(stamp: str) -> str:
    parsed = dt.datetime.fromisoformat(str(stamp))
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)).astimezone(dt.UTC).isoformat()
