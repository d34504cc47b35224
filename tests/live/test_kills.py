"""A process that is killed at any place and started again has traded what one that nobody killed has traded."""

import os
import signal
import sys
from contextlib import closing
from pathlib import Path

import pytest

from live.brokers import Execution, Order
from live.brokers.paper import PaperBroker, Terms
from live.failpoints import armed, failpoint
from live.journal import Journal
from live.orders import OrderDesk, client_id
from market.execution import Bar, Exits
from market.tape import bar_at, tape
from tests.live.written import decision
from tests.markets import COSTS, random_bars

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")

SERIES, ACCOUNT, BARS = "XAUUSD_15T", "paper", 40
PLACES = [
    "after_see",
    "in_intent",
    "after_intent",
    "before_send",
    "after_send",
    "after_acknowledgement",
    "in_reconcile",
]
TAPE = tape(random_bars(5, BARS + 1), COSTS, 14)


def bar(ts: int) -> Bar:
    return bar_at(TAPE, ts)


def traded(folder: Path) -> list[Execution]:
    """Trade whenever flat, from where the journal ends to the last bar, and return what the journal has then."""
    with (
        closing(Journal.open(folder / "journal.db", ACCOUNT)) as journal,
        closing(PaperBroker(folder / "paper.db", {SERIES: Terms(Exits(1.0, 1.0, 3), COSTS)})) as broker,
    ):
        desk = OrderDesk(journal, broker, ACCOUNT, per_minute=1000, validity=1)
        last = journal.last_decided().get(SERIES, 0)
        assert desk.reconcile(last) == []
        for ts in range(last + 1, BARS + 1):
            broker.see(SERIES, ts, bar(ts))
            failpoint("after_see")
            desk.take_executions(ts)
            decided(journal, desk, ts, wanted=SERIES not in broker.positions())
        assert desk.reconcile(BARS) == []
        assert len(broker.order_ids("")) == len(journal.orders())
        return journal.executions()


def decided(journal: Journal, desk: OrderDesk, ts: int, wanted: bool) -> None:
    row = decision(ts)
    order = Order(client_id(ACCOUNT, row.signal_id, "open"), SERIES, 1 if ts % 2 else -1, 0.5, 1.0, ts)
    with journal.transaction():
        journal.record_decision(row)
        if wanted:
            desk.intend(order, row.signal_id)
        failpoint("in_intent")
    if wanted:
        desk.send(order, ts)


def killed(folder: Path, place: str, passage: int) -> bool:
    """Let a child trade until it passes `place` the `passage`-th time; return whether it died there."""
    passed = []

    def action(label: str) -> None:
        passed.append(label)
        if passed.count(place) == passage:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        try:
            with armed(action):
                traded(folder)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_every_place_that_a_kill_may_choose_is_passed(tmp_path):
    passed: list[str] = []
    with armed(passed.append):
        assert len(traded(tmp_path)) > 10
    assert set(passed) == {*PLACES, "in_migration"}


@pytest.mark.parametrize("place", PLACES)
def test_kills_change_nothing_that_was_traded(place, tmp_path):
    undisturbed = traded(tmp_path / "calm")
    dead = [killed(tmp_path / "killed", place, passage) for passage in (1, 2, 1, 3, 1, 2)]
    assert dead.count(True) >= (3 if place == "in_reconcile" else 6)
    assert traded(tmp_path / "killed") == undisturbed
