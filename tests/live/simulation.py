"""The whole loop on virtual time: one integer draws a world, its faults and its kills, and replays them exactly.

`python -m tests.live.simulation --seeds 10000` plays that many, `--seed N` one of them.
"""

import argparse
import contextlib
import copy
import functools
import hashlib
import math
import multiprocessing
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import NamedTuple
from unittest import mock

import numpy as np
import pandas as pd

from live import restriction, trader
from live.brokers.paper import PaperBroker, Terms
from live.database import MEMORY, writer
from live.failpoints import armed
from live.feeds import Arrived, ClosedBar, Event, Silence, by_stamp
from live.freshness import Freshness, Limits
from live.journal import Journal
from live.orders import OrderDesk
from live.restriction import Restriction
from live.schema import JOURNAL
from live.scoring import NO_SCORE, Scored
from live.trader import Trader
from live.window import Window
from market.errors import UnavailableError
from market.tape import Tape
from market.tape import last as tape_of
from market.timeframe import parse
from tests.live import plans
from tests.live.faulty import FaultyVenue, Line
from tests.live.plans import GOLD, SECOND, Plan, Step
from tests.live.referee import Referee
from tests.live.worlds import ACCOUNT, MARKET

MOST_KILLS = 12
_OUTSIDE = re.compile(r"/| by \w+ at ")
_TAPES: dict[tuple[bytes, int], Tape] = {}


class Killed(BaseException):
    """The runner is dead from here on, as after kill -9: nothing but what was committed is left."""


class Tail(NamedTuple):
    """The last bars of a window, of which only the last stamp is looked at here."""

    ts: int
    count: int
    window: Window


class TailWindow(Window):
    """A window that makes no table where a tape of the same bars has been worked out before."""

    def frame(self, count: int) -> Tail:  # type: ignore[override]
        return Tail(self.last.ts, count, self)

    def priced(self) -> bytes:
        """Return all that a tape of the bars hangs on: their stamps and prices, and the last one's spread."""
        held = slice(self._first, self._end)
        return self._ts[held].tobytes() + self._values[:4, held].tobytes() + self._values[5, self._end - 1].tobytes()

    @classmethod
    @functools.cache
    def before(cls, scene: int, series: str) -> "TailWindow":
        """Return the window of a scene's series as trading begins: to be copied, not to be used."""
        window = cls(series, parse("15T"), 150)
        window.load(plans.history(scene, series))
        return window


class Script:
    """A scorer that reads its scores from a table, and raises where it is told to."""

    bars_needed = 2

    def __init__(self, plan: Plan, series: str) -> None:
        score = plan.scene.worlds[series].score
        self._score = dict(zip(score.index.asi8.tolist(), score.tolist(), strict=True))
        self._raising = plan.raising

    def scored(self, tail: Tail, companions: Mapping[str, pd.DataFrame]) -> Scored:
        if tail.ts in self._raising:
            raise self._raising[tail.ts]("The scorer fails here.")
        value = self._score.get(tail.ts, math.nan)
        if np.isnan(value):
            return NO_SCORE
        return Scored(1.0 - value, 0.0, value, value, 1.0, 1.0, max(value, 1.0 - value))


def _tape(tail: Tail, costs: object, period: int, market: str) -> Tape:
    """Return what `market.tape.last` returns, worked out once for the same bars."""
    key = tail.window.priced(), period
    if key not in _TAPES:
        _TAPES[key] = tape_of(Window.frame(tail.window, tail.count), costs, period, market)
    return _TAPES[key]


class Simulation:
    """One seed: a journal and a venue that outlive every runner built on them."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan, self.folder = plan, folder
        self.now = plan.steps[0].now
        self.kills = 0
        self._random = Random(f"kills {plan.seed}")
        self._connection = writer(MEMORY, JOURNAL, "OFF")
        self.models = plan.scene.models()
        for name in self.models:
            role = "shadow" if name == plan.shadow else "champion"
            self.models[name] = self.models[name]._replace(role=role, scorer=Script(plan, name))
        terms = {name: Terms(one.exits, one.costs) for name, one in self.models.items()}
        self.venue = FaultyVenue(PaperBroker(MEMORY, terms), plan.line, Random(f"line {plan.seed}"))
        self.venue.point = self._point
        self.store: dict[str, dict[int, ClosedBar]] = {name: {} for name in self.models}
        self._waiting: dict[str, ClosedBar] = {}
        self.journal = Journal(self._connection, Path(MEMORY))
        self.referee = Referee(self)
        self.venue.sending = self.referee.sending
        self._start = {name: made.start for name, made in plan.scene.worlds.items()}

    def played(self) -> "Simulation":
        """Let everything happen, end the data as the backtest does, and judge."""
        with armed(self._point):
            self._again(self.now)
            for step in self.plan.steps:
                self._happens(step)
        self.venue.line = Line()
        for name in self.models:
            self.venue.broker.finish(name)
        self.trader.on(Silence(self.now))
        self.trader.settle(self.now)
        self.referee.ended()
        return self

    def digest(self) -> str:
        """Return the SHA-256 of the journal; what names a temporary folder or tells the wall's time is left out."""
        rows = [tuple(self._connection.execute(f"SELECT * FROM {name}")) for name in _TABLES]
        said = [[value for value in row if not _OUTSIDE.search(str(value))] for table in rows for row in table]
        return hashlib.sha256(repr(said).encode()).hexdigest()

    def _happens(self, step: Step) -> None:
        self.now = max(self.now, step.now)
        if step.kind in _OPERATED:
            _OPERATED[step.kind](self, step)
        elif step.kind == "silence":
            self._lives(Silence(self.now))
        elif step.kind != "early" or step.bar.ts > self.now + 10 * SECOND:
            events = self._at_once(step)
            if step.kind == "bar":
                for event in events:
                    self.store[event.series][event.bar.ts] = event.bar
            self._lives(*events)

    def _at_once(self, step: Step) -> list[Event]:
        """Return what is told now: in a fair plan the new bars of a stamp once all of them are there, together."""
        if step.kind != "bar" or not self.plan.fair or step.bar.ts in self.store[step.series]:
            return [Arrived(step.series, step.bar, self.now)]
        self._waiting.setdefault(step.series, step.bar)  # what is told again before it was told is not
        if len(self._waiting) < len(self.models):
            return []
        together = [Arrived(name, self._waiting.pop(name), self.now) for name in sorted(self.models)]
        assert len({one.bar.ts for one in together}) == 1
        return together

    def _lives(self, *events: Event) -> None:
        try:
            self._on(*events)
        except Killed:
            self._again(self.now + self._downtime())

    def _on(self, *events: Event) -> None:
        if events:
            self.venue.now = self.now
            self.trader.together(events)
            self.referee.after(events[-1])

    def _again(self, now: int) -> None:
        """Start a runner on what is left, as often as it takes, and tell it the bars that it has not decided."""
        while True:
            self.now = max(self.now, now)
            try:
                self._built()
                self.trader.start(self.now)
                self.referee.after(None)
                for events in by_stamp(self._undecided()):
                    self._on(*events)
                return
            except Killed:
                now = self.now + self._downtime()
            except UnavailableError:  # the venue does not answer: there is no start without it
                now = self.now + 5 * SECOND

    def _downtime(self) -> int:
        """Return for how long the runner is down: under a second, or now and then long; an operator may act then."""
        if not self.plan.fair and self._random.random() < 0.1:
            self._ordered(Step("order", self.now, level=self._random.choice(_LEVELS)))
        long = not self.plan.fair and self._random.random() < 0.1
        return self._random.randrange(60, 3600) * SECOND if long else self._random.randrange(SECOND)

    def _built(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self.venue.now = self.now
        self.journal = Journal(self._connection, Path(MEMORY))
        decided = self._start | self.journal.last_decided()
        windows = {}
        for name in self.models:
            windows[name] = copy.deepcopy(TailWindow.before(self.plan.scene.number, name))
            for ts in sorted(ts for ts in self.store[name] if ts <= decided[name]):
                windows[name].accept(self.store[name][ts], ts)
        limits = {name: Limits(one.timeframe, MARKET, 300.0, 1800.0) for name, one in self.models.items()}
        self.restriction = Restriction(self.folder, self.journal)
        desk = OrderDesk(self.journal, self.venue, ACCOUNT, self.plan.per_minute, 60 * SECOND, self.venue.wait)
        self.trader = Trader(
            ACCOUNT,
            self.models,
            windows,
            self.journal,
            self.venue,
            desk,
            self.restriction,
            Freshness(limits),
            self.referee.told,
        )

    def _undecided(self) -> list[Event]:
        decided = self._start | self.journal.last_decided()
        missed = [(ts, name) for name, bars in self.store.items() for ts in bars if ts > decided[name]]
        return [Arrived(name, self.store[name][ts], self.now) for ts, name in sorted(missed)]

    def _point(self, label: str) -> None:
        if self.kills < MOST_KILLS and self.plan.kills and self._random.random() < self.plan.kills:
            self.kills += 1
            raise Killed(label)

    def _ordered(self, step: Step) -> None:
        restriction.request(self.folder, step.level, "operator", "simulated")
        self.referee.ordered(step.level)

    def _signalled(self, step: Step) -> None:
        self.restriction.on_signal()
        self.referee.ordered(restriction.Level.BLOCK)

    def _garbage(self, step: Step) -> None:
        (self.folder / "control" / "halt").write_bytes(b"\x00garbage")
        self.referee.ordered(restriction.Level.BLOCK)

    def _strange(self, step: Step) -> None:
        (self.folder / "control" / "hlat").write_bytes(b"{}")
        self.referee.ordered(restriction.Level.BLOCK)

    def _resumed(self, step: Step) -> None:
        (self.folder / "control" / "hlat").unlink(missing_ok=True)
        restriction.rearm(self.folder, "operator")
        self.referee.resumed()


_LEVELS = (restriction.Level.BLOCK, restriction.Level.FLATTEN)
_TABLES = ("decisions", "orders", "order_states", "executions", "halts", "feed_events")
_OPERATED = {
    "order": Simulation._ordered,
    "signal": Simulation._signalled,
    "garbage": Simulation._garbage,
    "strange": Simulation._strange,
    "resume": Simulation._resumed,
}


class Outcome(NamedTuple):
    """What a seed came to: what was broken, if anything, and how much happened."""

    seed: int
    broken: str
    counts: Counter
    digest: str


@contextlib.contextmanager
def swift() -> Iterator[None]:
    """Work out each tape once: nearly all that a bar costs otherwise."""
    with mock.patch.object(trader, "last", _tape):
        yield


@functools.cache
def reference(number: int) -> tuple[tuple[object, ...], ...]:
    """Return the trades of a scene in which nothing goes wrong: the engine's, where it has one series."""
    made = plans.scene(number)
    if len(made.worlds) == 1:
        return tuple(_as_trade(ts, row) for ts, row in made.worlds[GOLD].backtest().iterrows())
    with _folder() as folder:
        return Simulation(plans.undisturbed(number), folder).played().referee.trades()


def _as_trade(entered: object, row: object) -> tuple[object, ...]:
    figures = (int(row.side), row["size"], row.entry, row.exit, row.stop, row.target, row.cost, row.r, row.pnl)
    return GOLD, entered.value // 1000, row.t_exit.value // 1000, *figures, row.reason


def outcome(seed: int, digest: bool = False) -> Outcome:
    """Play `seed` and return what it came to. Whatever the runner raises breaks it, too."""
    plan = plans.drawn(seed)
    with swift(), _folder() as folder:
        simulation = Simulation(plan, folder)
        wanted = reference(plan.scene.number) if plan.fair else None
        broken = ""
        try:
            simulation.played()
            if wanted is not None and simulation.referee.trades() != wanted:
                broken = _apart(simulation.referee.trades(), wanted)
        except (Exception, Killed) as error:
            broken = f"{type(error).__name__}: {error}"
        broken = "; ".join([*simulation.referee.broken, *([broken] if broken else [])])
        return Outcome(seed, broken, simulation.referee.counts(), simulation.digest() if digest else "")


def _apart(found: tuple, wanted: tuple) -> str:
    missing, more = [one for one in wanted if one not in found], [one for one in found if one not in wanted]
    return f"{len(found)} trades, {len(wanted)} undisturbed: missing {missing[:1]}, too many {more[:1]}"


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="simulation-", dir=shared if shared.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def first_broken(seeds: Iterable[int]) -> Outcome | None:
    """Return the first of `seeds` that breaks something, None where none does."""
    return next((one for one in map(outcome, seeds) if one.broken), None)


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, help="play this one alone")
    given = parser.parse_args()
    if given.seed is not None:
        one = outcome(given.seed, digest=True)
        print(one.broken or "nothing is broken", dict(one.counts), one.digest, sep="\n")
        return bool(one.broken)
    begun, counts, broken = time.perf_counter(), Counter(), []
    with multiprocessing.get_context("fork").Pool(given.workers) as pool:
        for one in pool.imap_unordered(outcome, range(given.start, given.start + given.seeds), chunksize=50):
            counts.update(one.counts)
            if one.broken:
                broken.append(one)
                print(f"seed {one.seed}: {one.broken}", flush=True)
    seconds = time.perf_counter() - begun
    print(f"{given.seeds} seeds, {len(broken)} broken, {seconds:.1f} s, {given.seeds / seconds:.0f} a second")
    print(", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    return bool(broken)


if __name__ == "__main__":
    raise SystemExit(_main())
