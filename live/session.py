"""A session of the paper runner: who holds the account, what it trades, and when it starts anew.

There is one way to start, whether the last session ended, was killed, or a new champion came: from the journal.
"""

import contextlib
import datetime as dt
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from filelock import FileLock, Timeout

from live import assembly, companions, restriction
from live.assembly import Desk
from live.chosen import chosen
from live.feeds import Silence, microseconds
from live.feeds.stored import StoredFeed
from live.journal import Journal
from live.model import Model
from live.restriction import Level
from market import settings
from market.durable import write_json
from market.errors import AssayError, UnavailableError, UsageError
from market.tables import sha256_of_file
from registry import record as records

MODE = "paper"
_LOCK, _HOLDER = "runner.lock", "runner.json"


class Ended(NamedTuple):
    """How a session ended: bars decided, orders sent, equity, and what stands against new trades."""

    series: tuple[str, ...]
    decisions: int
    orders: int
    equity: float | None
    open_positions: tuple[str, ...]
    standing: tuple[str, ...]


class Stop:
    """Asked to stop: by a signal, SIGTERM or SIGINT."""

    def __init__(self) -> None:
        self.by: int | None = None

    def asked(self, number: int, frame: object) -> None:
        """Note the signal; fit to be its handler."""
        self.by = number

    def __call__(self) -> bool:
        """Return whether it was asked to stop."""
        return self.by is not None


def trade(
    home: Path,
    series: Sequence[str],
    once: bool,
    start: pd.Timestamp | None,
    stop: Callable[[], bool],
    tell: Callable[[str], None],
    folders: Sequence[Path] = (),
) -> Ended:
    """Trade the champions of `home` on stored bars until they end (`once`) or `stop`; start anew for a new champion.

    Of `folders`, the exported champions in them are traded instead, whatever is in production in `home`.
    """
    with held(home), _signalled(lambda *_: restriction.request(home, Level.BLOCK, "runner", "SIGUSR1")):
        journal = Journal.open(home / "journal.db", settings.live_account().name)
        with contextlib.closing(journal):
            number = journal.begin_session(MODE, time.time_ns() // 1000)
            how = "failed"
            try:
                models = chosen(home, series, folders, tell)
                while True:
                    _refuse_orphans(journal, models)
                    ended = _session(home, models, journal, once, start, stop, tell)
                    if once or stop():
                        break
                    models = _newer(home, models, series, folders, tell)
                how = "stopped" if stop() else "ended"
            finally:
                journal.end_session(number, time.time_ns() // 1000, how)
    return ended


@contextlib.contextmanager
def held(home: Path) -> Iterator[None]:
    """Hold the account against other runners; raises UnavailableError naming who has it."""
    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / _LOCK, timeout=0, preserve_lock_file=True)
    try:
        lock.acquire()
    except Timeout:
        other = _holder(home)
        who = f"pid {other['pid']} on {other['host']} since {other['since']}" if other else "another process"
        raise UnavailableError(f"A runner has this account already: {who}. Stop it first; {home}.") from None
    try:
        since = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        write_json(home / _HOLDER, {"pid": os.getpid(), "host": socket.gethostname(), "since": since})
        yield
    finally:
        lock.release()


def running(home: Path) -> dict[str, Any] | None:
    """Return who runs on the account of `home`, None where nobody does."""
    if not (home / _LOCK).exists():
        return None
    lock = FileLock(home / _LOCK, timeout=0, preserve_lock_file=True)
    try:
        with lock:
            return None
    except Timeout:
        return _holder(home) or {"pid": None, "host": None, "since": None}


def status(home: Path) -> dict[str, Any]:
    """Return what runs, what is held, the account, each series' last decision and what stands against new trades."""
    answer: dict[str, Any] = {"running": running(home), "account": None, "positions": [], "series": [], "halts": []}
    standing = restriction.ordered(home)
    reasons = list(standing.reasons)
    if (home / "journal.db").exists():
        with contextlib.closing(Journal.read(home / "journal.db")) as journal:
            answer |= _accounted(journal)
            reasons += [halt.reason for halt in journal.open_halts()]
    level = max(standing.level, Level.BLOCK if answer["halts"] else Level.NONE)
    return answer | {"level": Level(level).told, "reasons": reasons}


def _accounted(journal: Journal) -> dict[str, Any]:
    last = journal.last_decision()
    series = []
    for name, ts in journal.last_decided().items():
        row = next(iter(journal.decisions(name, ts)))
        told = {"last_bar": _iso(ts), "reason": row.reason, "detail": row.detail, "signal_id": row.signal_id}
        series.append({"series": name} | told)
    account = None
    if last is not None:
        account = {
            "equity": last.equity,
            "cash": last.cash,
            "peak": last.peak,
            "open_risk": last.open_risk,
            "day_result": last.day_result,
            "day_trades": last.day_trades,
            "losses_in_a_row": last.losses,
        }
    return {
        "account": account,
        "series": series,
        "positions": [one._asdict() | {"ts": _iso(one.ts)} for one in journal.held().values()],
        "halts": [halt._asdict() | {"at": _iso(halt.at)} for halt in journal.open_halts()],
    }


def _session(
    home: Path,
    models: dict[str, Model],
    journal: Journal,
    once: bool,
    start: pd.Timestamp | None,
    stop: Callable[[], bool],
    tell: Callable[[str], None],
) -> Ended:
    """Trade until the feed ends, it is asked to stop, or the record of production is another one."""
    decided = journal.last_decided()
    after = {name: decided.get(name, _first(model, start)) for name, model in models.items()}
    expected = settings.live_feed()
    clock = (lambda: time.time_ns() // 1000) if expected.clock == "wall" else None
    paths = {name: home / "bars" / f"{name}.parquet" for name in models}
    others, known = companions.paths(home / "bars", models), companions.after(models, after)
    stored = StoredFeed(others | paths, known | after, once, clock, expected.pause, stop, tell)
    feed = companions.together(stored, models, after, expected.maximum_age if clock else None, tell)
    record = _record_sha256(home)
    with contextlib.closing(assembly.paper_broker(home, models)) as broker:
        desk = assembly.assembled(home, models, journal, broker, feed, after, settings.live_account(), expected, tell)
        decisions = orders = 0
        with _signalled(desk.restriction.on_signal, desk.restriction.standing):
            desk.trader.start(feed.now(max(decided.values(), default=0)))
            for events in feed.together():
                rows = desk.trader.together(events)
                decisions += len(rows)
                for row in (row for row in rows if row.side != 0):
                    orders += 1
                    side = "buy" if row.side > 0 else "sell"
                    tell(f"{row.signal_id}: {side} {row.size:g} lots at the next open, score {row.score:.4f}.")
                if isinstance(events[0], Silence) and _record_sha256(home) != record:
                    break
                if stop():
                    break
        return _ended(desk, models, decisions, orders)


@contextlib.contextmanager
def _signalled(handler: Callable[..., Any], last: Callable[[], Any] = lambda: None) -> Iterator[None]:
    """Let SIGUSR1 call `handler` inside the block; `last` is called when no signal can be missed any more."""
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)
        last()


def _ended(desk: Desk, models: dict[str, Model], decisions: int, orders: int) -> Ended:
    standing = desk.restriction.standing()
    account = desk.trader.books.account
    return Ended(
        series=tuple(models),
        decisions=decisions,
        orders=orders,
        equity=account.equity,
        open_positions=tuple(sorted(desk.journal.held())),
        standing=standing.reasons if standing.level >= Level.BLOCK else (),
    )


def _newer(
    home: Path, models: dict[str, Model], series: Sequence[str], folders: Sequence[Path], tell: Callable[[str], None]
) -> dict[str, Model]:
    """Return the models of a changed record of production, or `models` where those cannot be trusted."""
    try:
        return chosen(home, series, folders, tell)
    except AssayError as error:
        tell(f"{error} The champions of before go on.")
        return models


def _first(model: Model, start: pd.Timestamp | None) -> int:
    """Return the close after which a series without a journal begins."""
    if start is None:
        return model.known_until
    if microseconds(start) < model.known_until:
        raise UsageError(
            f"--start-date {start:%Y-%m-%d} is before {_iso(model.known_until)[:10]}, up to which the model of "
            f"{model.series} has seen every bar: start later, or replay its run with --run RUN_ID."
        )
    return microseconds(start)


def _refuse_orphans(journal: Journal, models: dict[str, Model]) -> None:
    if orphans := sorted(set(journal.held()) - set(models)):
        raise UsageError(
            f"A position of {', '.join(orphans)} is open, but nothing here trades it: enable it in config/live.toml, "
            "or name it with --models, until it is closed."
        )


def _record_sha256(home: Path) -> str:
    path = records.production_path(home)
    try:
        return sha256_of_file(path)
    except OSError:
        return ""


def _holder(home: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads((home / _HOLDER).read_bytes()))
    except (OSError, ValueError):
        return None


def _iso(ts: int) -> str:
    return pd.Timestamp(ts, unit="us", tz="UTC").isoformat()
