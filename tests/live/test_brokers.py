"""What every broker must do; a new one is entered in `BROKERS` and is tested by that."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from live.brokers import Broker, Order, Rejected
from live.brokers.paper import PaperBroker, Terms
from market.execution import Bar, Exits
from tests.markets import COSTS

SERIES, OTHER = "XAUUSD_15T", "EURUSD_1H"
TERMS = {name: Terms(Exits(2.0, 1.0, 3), COSTS) for name in (SERIES, OTHER)}
QUIET = Bar(2000.0, 2000.5, 1999.5, 2000.0, 0.2, 0.0, 1.0)
CRASH = QUIET._replace(low=1900.0, close=1950.0)

BROKERS: dict[str, Callable[[Path], Broker]] = {
    "paper": lambda folder: PaperBroker(folder / "paper.db", TERMS),
    "paper in memory": lambda folder: PaperBroker(":memory:", TERMS),
}


class Venue(NamedTuple):
    """A broker, and the one way to let time pass for it."""

    broker: Broker
    pass_bar: Callable[[int, Bar], None]


@pytest.fixture(params=BROKERS)
def venue(request, tmp_path) -> Venue:
    broker = BROKERS[request.param](tmp_path)
    broker.see(SERIES, 1, QUIET)
    return Venue(broker, lambda ts, bar: broker.see(SERIES, ts, bar))


def order(
    client_id: str = "desk-1", series: str = SERIES, side: int = 1, size: float = 0.5, atr: float = 10.0
) -> Order:
    return Order(client_id, series, side, size, atr, 1)


def closing(client_id: str = "desk-9") -> Order:
    return order(client_id, side=0, size=0.0, atr=0.0)


def test_an_order_works_then_is_filled_with_its_bracket_then_closed(venue):
    venue.broker.submit(order())
    assert venue.broker.find("desk-1") == "working"
    venue.pass_bar(2, QUIET)
    assert venue.broker.find("desk-1") == "filled"
    held = venue.broker.positions()[SERIES]
    assert (held.client_id, held.side, held.size) == ("desk-1", 1, 0.5)
    assert held.stop < held.entry < held.target
    venue.pass_bar(3, CRASH)
    assert venue.broker.find("desk-1") == "closed"
    assert venue.broker.positions() == {}
    opened, closed = venue.broker.executions(0)
    assert (opened.number, opened.kind, opened.reason, opened.ts) == (1, "open", "none", 2)
    assert (closed.number, closed.kind, closed.reason, closed.ts) == (2, "close", "stop", 3)
    assert opened.client_id == closed.client_id == "desk-1"
    assert (opened.cost, opened.r, opened.pnl) == (0.0, 0.0, 0.0)
    assert closed.pnl < 0 < closed.cost


def test_the_same_id_again_is_the_same_order_at_any_time(venue):
    for ts, bar in ((2, QUIET), (3, CRASH), (4, QUIET), (5, QUIET)):
        venue.broker.submit(order())
        venue.broker.submit(order())
        venue.pass_bar(ts, bar)
    assert [one.kind for one in venue.broker.executions(0)] == ["open", "close"]
    assert venue.broker.order_ids("desk-") == ["desk-1"]


def test_executions_are_numbered_from_one_without_holes(venue):
    for i in range(4):
        venue.broker.submit(order(f"desk-{i}"))
        venue.pass_bar(2 * i + 2, QUIET)
        venue.pass_bar(2 * i + 3, CRASH)
    every = venue.broker.executions(0)
    assert [one.number for one in every] == list(range(1, 9))
    for after in range(9):
        assert venue.broker.executions(after) == every[after:]


def test_orders_are_told_by_the_beginning_of_their_id(venue):
    venue.broker.submit(order("desk-1"))
    venue.broker.submit(order("Desk-2", series=OTHER))
    assert venue.broker.order_ids("desk") == ["desk-1"]
    assert venue.broker.order_ids("") == ["desk-1", "Desk-2"]
    assert venue.broker.order_ids("%") == []


def test_what_was_never_sent_is_unknown(venue):
    assert venue.broker.find("desk-1") is None
    assert venue.broker.executions(0) == []
    assert venue.broker.positions() == {}


@pytest.mark.parametrize(
    "wrong",
    [
        order(series="GBPUSD_1H"),
        order(size=0.0),
        order(size=-0.5),
        order(size=0.505),
        order(size=math.nan),
        order(size=math.inf),
        order(side=2),
        order(atr=0.0),
        order(atr=math.nan),
        order(client_id=""),
        order(client_id="x" * 37),
        order(client_id="desk 1"),
        closing(),
    ],
    ids=str,
)
def test_a_wrong_order_is_rejected_and_leaves_nothing(venue, wrong):
    with pytest.raises(Rejected, match="refuses order"):
        venue.broker.submit(wrong)
    assert venue.broker.find(wrong.client_id) is None
    venue.pass_bar(2, QUIET)
    assert venue.broker.executions(0) == []


def test_a_series_takes_one_order_and_one_position(venue):
    venue.broker.submit(order())
    with pytest.raises(Rejected, match="has an order already"):
        venue.broker.submit(order("desk-2"))
    venue.pass_bar(2, QUIET)
    with pytest.raises(Rejected, match="has a position already"):
        venue.broker.submit(order("desk-2", side=-1))
    assert venue.broker.find("desk-2") is None


def test_an_order_to_close_closes_all_and_is_done(venue):
    venue.broker.submit(order())
    venue.pass_bar(2, QUIET)
    for _ in range(2):
        venue.broker.submit(closing())
    assert venue.broker.positions() == {}
    assert [one.reason for one in venue.broker.executions(0)] == ["none", "flatten"]
    assert venue.broker.find("desk-9") == "closed"
