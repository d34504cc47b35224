"""Real kill -9 of the whole loop on a journal and a venue on disk: nothing is lost, nothing is done twice.

A driver forks a child that trades a world, kills it at a random instant and forks the next one on what is left, until
the world is traded to its end; then it counts. `python -m tests.live.kills --kills 10000` does that many.
"""

import argparse
import contextlib
import functools
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from live.brokers import Order
from live.brokers.paper import PaperBroker, Terms
from live.failpoints import armed
from live.feeds import microseconds
from live.journal import Journal
from tests.live import worlds
from tests.live.faulty import FaultyVenue, Line
from tests.live.worlds import ACCOUNT, SERIES, Place, World
from tests.markets import COSTS

BARS, FIRST = 220, 20
STARTING, TRADING = 0.04, 0.03  # seconds that a child may live, from its birth or from its first question
LOST = 0.1  # share of acknowledgements

Bug = Callable[[], contextlib.AbstractContextManager[Any]]


class Count(NamedTuple):
    """What a world came to: kills, orders at the venue, orders lost and doubled, and whatever else is wrong."""

    kills: int
    orders: int
    lost: int
    doubled: int
    wrong: tuple[str, ...]


class StrictVenue(PaperBroker):
    """The paper broker, which notes for good whenever it is sent what it has already."""

    def __init__(self, path: Path, terms: dict[str, Terms]) -> None:
        super().__init__(path, terms)
        self._run("CREATE TABLE IF NOT EXISTS doubled (client_id TEXT) STRICT")

    def submit(self, order: Order) -> None:
        if self.find(order.client_id) is not None:
            self._run("INSERT INTO doubled VALUES (?)", order.client_id)
        super().submit(order)

    def doubled(self) -> list[str]:
        return [one[0] for one in self._run("SELECT client_id FROM doubled")]


@contextlib.contextmanager
def place(folder: Path, made: World, random: Random) -> Iterator[Place]:
    """Open what is in `folder`, the venue behind a line that loses acknowledgements."""
    with (
        contextlib.closing(Journal.open(folder / "journal.db", ACCOUNT)) as journal,
        contextlib.closing(StrictVenue(folder / "paper.db", {SERIES: Terms(made.exits, COSTS)})) as broker,
    ):
        venue = FaultyVenue(broker, Line(LOST), random)
        venue.finish = broker.finish  # type: ignore[attr-defined]
        yield Place(folder, journal, venue)  # type: ignore[arg-type]


def life(folder: Path, made: World, seed: str, passed: Callable[[str], None], bug: Bug) -> None:
    """Be the child: trade from where the last one died to the end of the world, and exit."""
    code = 1
    try:
        with bug(), armed(passed), place(folder, made, Random(seed)) as where:
            worlds.traded(made, where)
        code = 0
    except BaseException:
        (folder / "raised.txt").write_text(traceback.format_exc())
    finally:
        os._exit(code)


def died(folder: Path, made: World, seed: str, kill: Callable[[str], None] | None, bug: Bug) -> bool:
    """Let a child live until it is killed; return False where it came to the end of the world before.

    It is killed where `kill` does so, else at a random instant of its start or of what comes after.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        life(folder, made, seed, kill or _telling(writing), bug)
    os.close(writing)
    if kill is None:
        random = Random(seed)
        trading = random.random() < 0.7
        if trading:
            os.read(reading, 1)
        time.sleep(random.random() * (TRADING if trading else STARTING))
        os.kill(child, signal.SIGKILL)
    os.close(reading)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, -signal.SIGKILL):
        raise RuntimeError((folder / "raised.txt").read_text())
    return code != 0


def _telling(writing: int) -> Callable[[str], None]:
    """Return what tells the driver that the child has opened its files and asks the venue for the first time."""

    def passed(label: str) -> None:
        if label == "in_reconcile":
            os.write(writing, b".")

    return passed


@functools.cache
def warm() -> None:
    """Trade once in this process, so that no child has to load or compile what it needs."""
    with tempfile.TemporaryDirectory() as folder, place(Path(folder), worlds.world(0, 60), Random(0)) as where:
        worlds.traded(worlds.world(0, 60), where)


def traded(
    seed: int, bug: Bug = contextlib.nullcontext, label: str = "", most: int = 10_000, bars: int = BARS
) -> Count:
    """Trade one world to its end, killed at random instants, or `most` times at the place `label`, and count."""
    warm()
    made = worlds.world(seed, bars, FIRST)
    random, kills = Random(f"world {seed}"), 0
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    try:
        while True:
            passage = 1 if label == "in_reconcile" else random.randrange(1, 3)
            at = None if not label else _at(label, passage) if kills < most else _never
            if not died(folder, made, f"life {seed} {label} {kills}", at, bug):
                return counted(folder, made, kills)
            kills += 1
    except RuntimeError as error:
        return Count(kills, 0, 0, 0, (str(error).strip().splitlines()[-1],))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _never(label: str) -> None:
    """Kill nobody."""


def _at(label: str, passage: int) -> Callable[[str], None]:
    """Return what kills its own process when it passes `label` the `passage`-th time."""
    left = [passage]

    def kill(passed: str) -> None:
        left[0] -= passed == label
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return kill


def counted(folder: Path, made: World, kills: int) -> Count:
    """Compare journal, venue and backtest."""
    with place(folder, made, Random(0)) as where:
        journal, broker = where.journal, where.broker.broker
        taken, doubled = broker.order_ids(""), broker.doubled()
        orders = {order.client_id: state for order, state in journal.orders()}
        entries = [order for order, _ in journal.orders() if order.side != 0]
        decisions = list(journal.decisions(SERIES))
        executions = broker.executions(0)
        wrong = [f"halted: {halt.reason}" for halt in journal.open_halts()]
        if journal.executions() != executions:
            wrong.append("the journal's executions are not the venue's")
    per_bar = Counter(order.decided for order in entries)
    wanted = [row.signal_id for row in decisions if row.side != 0]
    lost = len(set(orders) - set(taken)) + abs(len(wanted) - len(orders))
    doubled += [name for name in taken if name not in orders]
    doubled += [str(ts) for ts, count in per_bar.items() if count > 1]
    if len(decisions) != len(made.bars) - FIRST:
        wrong.append(f"{len(decisions)} decisions on {len(made.bars) - FIRST} bars")
    if _trades(executions) != _backtest(made):
        wrong.append("the trades are not the backtest's")
    return Count(kills, len(taken), lost, len(doubled), tuple(wrong))


def _trades(executions: list[Any]) -> list[tuple[Any, ...]]:
    pairs = zip(executions[::2], executions[1::2], strict=True)
    return [
        (entry.ts, out.ts, entry.side, entry.size, entry.price, out.price, out.cost, out.r, out.pnl, out.reason)
        for entry, out in pairs
    ]


def _backtest(made: World) -> list[tuple[Any, ...]]:
    return [
        (
            microseconds(ts),
            microseconds(row["t_exit"]),
            row["side"],
            row["size"],
            row["entry"],
            row["exit"],
            row["cost"],
            row["r"],
            row["pnl"],
            row["reason"],
        )
        for ts, row in made.backtest().iterrows()
    ]


def worlds_of(worker: int, workers: int, kills: int) -> list[Count]:
    """Trade world after world until `kills` are done."""
    counts: list[Count] = []
    seed = worker
    while sum(one.kills for one in counts) < kills:
        counts.append(traded(seed))
        if counts[-1].lost or counts[-1].doubled or counts[-1].wrong:
            print(f"world {seed}: {counts[-1]}", flush=True)
        seed += workers
    return counts


def summed(counts: list[Count]) -> Count:
    """Return the sum of all worlds."""
    wrong = tuple(what for one in counts for what in one.wrong)
    return Count(*(sum(one[place] for one in counts) for place in range(4)), wrong)


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    begun, share = time.perf_counter(), -(-given.kills // given.workers)
    with multiprocessing.get_context("fork").Pool(given.workers) as pool:
        parts = pool.starmap(worlds_of, [(worker, given.workers, share) for worker in range(given.workers)])
    counts = [one for part in parts for one in part]
    total, seconds = summed(counts), time.perf_counter() - begun
    print(
        f"{total.kills} kills in {len(counts)} worlds, {seconds:.0f} s, {total.kills / seconds:.0f} a second: "
        f"{total.orders} orders, {total.lost} lost, {total.doubled} doubled, {len(total.wrong)} worlds wrong"
    )
    return bool(total.lost or total.doubled or total.wrong)


if __name__ == "__main__":
    raise SystemExit(_main())
