"""No order is lost, none is doubled, and none leaves without a durable intent, whatever the venue does."""

import random
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from itertools import permutations, repeat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live import database
from live.brokers import CLIENT_ID, Ambiguous, Execution, Order, Rejected
from live.brokers.paper import PaperBroker, Terms
from live.failpoints import armed, failpoint
from live.journal import Journal
from live.orders import MINUTE, OrderDesk, client_id, prefix
from live.schema import JOURNAL
from market.errors import HaltError, UnavailableError
from market.execution import Bar, Exits
from tests.live.venues import WINDOW, Venue
from tests.markets import COSTS

ACCOUNT, SERIES = "paper", "XAUUSD_15T"
LONG_VALID = 10**15
QUIET = Bar(2000.0, 2000.5, 1999.5, 2000.0, 0.2, 0.0, 1.0)


class KilledError(BaseException):
    """The process has died here."""


def new_journal() -> Journal:
    return Journal(database.writer(database.MEMORY, JOURNAL, "FULL"), Path(database.MEMORY))


def order(signal: str, series: str = SERIES, decided: int = 0, side: int = 1) -> Order:
    return Order(client_id(ACCOUNT, signal, "open"), series, side, 0.1, 10.0, decided)


def intended(desk: OrderDesk, journal: Journal, one: Order, signal: str = "signal") -> Order:
    with journal.transaction():
        desk.intend(one, signal)
    return one


def faults(rng: random.Random) -> Iterator[str]:
    """Yield the fate of each request: mostly well, sometimes not."""
    while True:
        yield rng.choices(["answered", "lost", "unanswered", "late", "down", "refused"], [8, 2, 2, 2, 1, 1])[0]


def delays(rng: random.Random) -> Iterator[int]:
    while True:
        yield rng.randint(1, 2 * WINDOW)


class Life:
    """An account that lives through one order a minute, at a venue that errs and with a process that dies."""

    ORDERS = 25

    def __init__(self, desk: type[OrderDesk], seed: int) -> None:
        self.rng = random.Random(seed)
        self.venue = Venue(faults(self.rng), delays(self.rng), quick=self.rng.random() < 0.7)
        self.journal = new_journal()
        self.desk_class = desk
        self.found: list[str] = []
        self.restart()

    def restart(self) -> None:
        self.desk = self.desk_class(
            self.journal, self.venue, ACCOUNT, 1000, LONG_VALID, wait=lambda attempt: self.venue.pass_time()
        )

    def killed(self, label: str) -> None:
        if self.rng.random() < (0.5 if label == "under_way" else 0.03):
            raise KilledError(label)

    def lived(self) -> "Life":
        for number in range(self.ORDERS):
            one = order(f"signal-{number}", f"S{number}", number * MINUTE)
            try:
                with armed(self.killed):
                    self.decided(one, f"signal-{number}")
            except KilledError:
                self.restart()
                self.reconciled(one.decided)
            except Ambiguous:
                continue
            except HaltError as error:
                self.found.append(str(error))
        return self

    def decided(self, one: Order, signal: str) -> None:
        with self.journal.transaction():
            self.desk.intend(one, signal)
            failpoint("in_intent")
        self.desk.send(one, one.decided)
        self.venue.move()
        self.desk.resolve(one.decided)
        self.desk.take_executions(one.decided)

    def reconciled(self, now: int) -> None:
        """Start again, and again where that dies or finds the venue silent."""
        for _ in range(100):
            try:
                with armed(self.killed):
                    self.found += self.desk.reconcile(now)
                    return
            except (KilledError, UnavailableError):
                self.restart()
                self.venue.pass_time()
        raise AssertionError("never reconciled")

    def told(self) -> list[str]:
        """Return what has gone wrong once the venue has calmed down and everything has been asked for."""
        self.venue._fates = repeat("answered")
        self.venue.pass_time(10 * WINDOW)
        self.restart()
        self.desk.resolve(self.ORDERS * MINUTE)
        for _ in range(2):
            self.venue.move()
        found = self.found + self.desk.reconcile(self.ORDERS * MINUTE)
        taken = Counter(one.series for one in self.venue.taken)
        orders = self.journal.orders()
        found += [f"doubled: {series}" for series, count in taken.items() if count > 1]
        found += [f"lost: {one.series}" for one, _ in orders if one.series not in taken.keys() | self.venue.refused]
        found += [f"{state}: {one.series}" for one, state in orders if taken[one.series] and state != "closed"]
        found += [f"without intent: {series}" for series in taken.keys() - {one.series for one, _ in orders}]
        return found + ["executions differ"] * (self.journal.executions() != self.venue.history)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1_000_000))
def test_no_order_is_lost_or_doubled(seed):
    assert Life(OrderDesk, seed).lived().told() == []


class RandomIds(OrderDesk):
    """Names an order anew each time it is sent."""

    def _submitted(self, order: Order, now: int) -> str:
        try:
            self._broker.submit(order._replace(client_id=uuid.uuid4().hex))
        except Rejected:
            return self._journal.record_state(order.client_id, "rejected", now)
        except Ambiguous:
            return "sent"
        failpoint("after_send")
        return self._journal.record_state(order.client_id, "working", now)


class BlindResend(OrderDesk):
    """Sends again without asking."""

    def _submitted(self, order: Order, now: int) -> str:
        for _ in range(4):
            try:
                self._broker.submit(order)
            except Rejected:
                return self._journal.record_state(order.client_id, "rejected", now)
            except Ambiguous:
                continue
            return self._journal.record_state(order.client_id, "working", now)
        return "sent"


class Impatient(OrderDesk):
    """Asks and sends again while the first request may still be under way."""

    def __init__(self, journal, broker, account, per_minute, validity, wait=None) -> None:
        super().__init__(journal, broker, account, per_minute, validity)


class ForgetsWhatItSent(OrderDesk):
    """Does not write that it is about to send, and so does not wait for what may be under way."""

    def send(self, order: Order, now: int) -> str:
        return self._submitted(order, now)


class IntentAfterwards(OrderDesk):
    """Writes down what it has sent."""

    def intend(self, order: Order, signal_id: str) -> None:
        self._signal = signal_id

    def send(self, order: Order, now: int) -> str:
        try:
            self._broker.submit(order)
        except (Rejected, Ambiguous):
            return "rejected"
        failpoint("after_send")
        self._journal.record_intent(order, self._signal)
        return self._journal.record_state(order.client_id, "working", now)


class SilenceIsRefusal(OrderDesk):
    """Takes an answer that did not come for a no."""

    def _submitted(self, order: Order, now: int) -> str:
        try:
            self._broker.submit(order)
        except (Rejected, Ambiguous):
            return self._journal.record_state(order.client_id, "rejected", now)
        return self._journal.record_state(order.client_id, "working", now)


class TakesTwice(OrderDesk):
    """Numbers executions itself, so that one told again is one more."""

    def _taken(self, now: int) -> list[Execution]:
        for one in self._broker.executions(0)[-3:]:
            self._executed(one._replace(number=self._journal.last_execution() + 1), now)
        return []


@pytest.mark.parametrize(
    ("twin", "fault"),
    [
        (RandomIds, "doubled"),
        (BlindResend, "doubled"),
        (Impatient, "doubled"),
        (ForgetsWhatItSent, "doubled"),
        (IntentAfterwards, "without intent"),
        (SilenceIsRefusal, "lost"),
        (TakesTwice, "executions differ"),
    ],
)
def test_a_desk_that_cuts_a_corner_is_caught(twin, fault):
    assert any(fault in told for seed in range(40) for told in Life(twin, seed).lived().told())


@pytest.mark.parametrize(
    ("fates", "ends", "requests", "taken"),
    [
        (["answered"], "working", 1, 1),
        (["unanswered"], "working", 1, 1),
        (["lost", "answered"], "working", 2, 1),
        (["lost", "lost", "unanswered"], "working", 3, 1),
        (["late"], "working", 1, 1),
        (["refused"], "rejected", 1, 0),
        (["lost", "refused"], "rejected", 2, 0),
        (["lost"] * 9, "sent", 4, 0),
        (["down"], "sent", 1, 0),
    ],
    ids=str,
)
def test_an_answer_that_is_missing_is_asked_for(fates, ends, requests, taken):
    delay = 1000 if "down" in fates else 5
    venue, journal = Venue(iter(fates), repeat(delay), quick=False), new_journal()
    desk = OrderDesk(journal, venue, ACCOUNT, 5, LONG_VALID, wait=lambda attempt: venue.pass_time())
    one = intended(desk, journal, order("signal"))
    assert desk.send(one, 0) == ends
    assert (venue.requests, len(venue.taken)) == (requests, taken)
    assert journal.order(one.client_id) == (one, ends)
    assert [each for each, _ in journal.unresolved_orders()] == ([one] if ends == "sent" else [])


def test_a_venue_that_is_silent_is_asked_again_later():
    venue, journal = Venue(iter(["down"]), repeat(60), quick=False), new_journal()
    desk = OrderDesk(journal, venue, ACCOUNT, 5, LONG_VALID)
    one = intended(desk, journal, order("signal"))
    desk.send(one, 0)
    assert desk.resolve(1) == [(one, "sent")]
    venue.pass_time(100)
    assert desk.resolve(2) == [(one, "working")]
    assert len(venue.taken) == 1


@pytest.mark.parametrize(("late", "ends"), [(0, "working"), (30, "working"), (31, "expired")])
def test_an_order_that_never_arrived_is_sent_only_while_it_is_worth_it(late, ends):
    venue, journal = Venue(repeat("answered"), repeat(1), quick=False), new_journal()
    desk = OrderDesk(journal, venue, ACCOUNT, 5, validity=30)
    one = intended(desk, journal, order("signal", decided=100))
    assert desk.resolve(100 + late) == [(one, ends)]
    assert len(venue.taken) == (ends == "working")


def test_an_order_that_the_venue_cancelled_is_known_at_the_next_question():
    venue, journal = Venue(repeat("answered"), repeat(1), quick=False), new_journal()
    desk = OrderDesk(journal, venue, ACCOUNT, 5, LONG_VALID)
    one = intended(desk, journal, order("signal"))
    desk.send(one, 0)
    assert desk.resolve(1) == [(one, "working")]
    venue._states[one.client_id] = "cancelled"
    assert desk.resolve(2) == [(one, "cancelled")]
    assert desk.resolve(3) == []


def test_an_order_that_arrived_is_adopted_however_late():
    venue, journal = Venue(iter(["unanswered"]), repeat(1)), new_journal()
    desk = OrderDesk(journal, venue, ACCOUNT, 5, validity=30)
    one = intended(desk, journal, order("signal"))

    def died(label: str) -> None:
        raise KilledError(label)

    with pytest.raises(KilledError), armed(lambda label: died(label) if label == "before_send" else None):
        desk.send(one, 0)
    with pytest.raises(Ambiguous):
        venue.submit(one)
    assert desk.resolve(10**9) == [(one, "closed")]


def test_an_order_that_was_sent_after_all_is_booked_although_it_had_expired():
    venue, journal = Venue(repeat("answered"), repeat(1)), new_journal()
    desk = OrderDesk(journal, venue, ACCOUNT, 5, validity=30)
    one = intended(desk, journal, order("signal"))
    assert desk.resolve(31) == [(one, "expired")]
    venue.submit(one)
    desk.take_executions(40)
    assert journal.order(one.client_id) == (one, "closed")


@pytest.mark.parametrize("wrong", ["never intended", "not committed", "altered"])
def test_nothing_leaves_without_a_committed_intent(wrong):
    venue, journal = Venue(repeat("answered"), repeat(1)), new_journal()
    desk = OrderDesk(journal, venue, ACCOUNT, 5, LONG_VALID)
    one = order("signal")
    if wrong == "never intended":
        with pytest.raises(HaltError, match="has no committed intent"):
            desk.send(one, 0)
    elif wrong == "altered":
        intended(desk, journal, one)
        with pytest.raises(HaltError, match="has no committed intent"):
            desk.send(one._replace(size=1000.0), 0)
    else:
        with pytest.raises(HaltError, match="has no committed intent"), journal.transaction():
            desk.intend(one, "signal")
            desk.send(one, 0)
    assert venue.requests == 0


def test_an_order_that_is_done_is_not_sent_again():
    venue, journal = Venue(repeat("answered"), repeat(1)), new_journal()
    desk = OrderDesk(journal, venue, ACCOUNT, 5, LONG_VALID)
    one = intended(desk, journal, order("signal"))
    assert [desk.send(one, now) for now in (0, 1, 2)] == ["working"] * 3
    assert venue.requests == 1


LABELS = ["after_intent", "before_send", "after_send", "after_acknowledgement"]


@pytest.mark.parametrize("place", LABELS)
def test_a_death_at_any_place_of_sending_leaves_one_order(place):
    venue, journal = Venue(repeat("answered"), repeat(1)), new_journal()
    passed: list[str] = []

    def died(label: str) -> None:
        passed.append(label)
        if label == place:
            raise KilledError(label)

    desk = OrderDesk(journal, venue, ACCOUNT, 5, LONG_VALID)
    one = intended(desk, journal, order("signal"))
    with pytest.raises(KilledError), armed(died):
        desk.send(one, 0)
    assert passed == LABELS[: LABELS.index(place) + 1]
    again = OrderDesk(journal, venue, ACCOUNT, 5, LONG_VALID)
    assert again.reconcile(1) == []
    assert [each.client_id for each in venue.taken] == [one.client_id]
    assert journal.order(one.client_id) == (one, "closed")


def test_the_cap_allows_as_many_as_it_says_and_not_one_more():
    journal = new_journal()
    desk = OrderDesk(journal, Venue(repeat("answered"), repeat(1)), ACCOUNT, 3, LONG_VALID)
    for number in range(3):
        intended(desk, journal, order(f"s{number}", decided=number))
    with pytest.raises(HaltError, match="Order storm: XAUUSD_15T wants an order after 3 within a minute, at most 3"):
        intended(desk, journal, order("s3", decided=MINUTE - 1))
    assert len(journal.orders()) == 3
    intended(desk, journal, order("s4", decided=MINUTE))
    with pytest.raises(HaltError, match="Order storm"):
        intended(desk, journal, order("s5", decided=MINUTE))
    assert len(journal.orders()) == 4


def test_the_cap_holds_over_a_restart_and_over_an_older_clock():
    journal = new_journal()
    for number in range(3):
        fresh = OrderDesk(journal, Venue(repeat("answered"), repeat(1)), ACCOUNT, 3, LONG_VALID)
        intended(fresh, journal, order(f"s{number}", decided=5 * MINUTE))
    for decided in (5 * MINUTE + 1, 4 * MINUTE):
        with pytest.raises(HaltError, match="Order storm"):
            intended(fresh, journal, order("s3", decided=decided))


def test_a_storm_takes_the_callers_transaction_with_it():
    journal = new_journal()
    desk = OrderDesk(journal, Venue(repeat("answered"), repeat(1)), ACCOUNT, 1, LONG_VALID)
    with pytest.raises(HaltError), journal.transaction():
        desk.intend(order("s0"), "s0")
        desk.intend(order("s1"), "s1")
    assert journal.orders() == []


def executed(number: int, kind: str, name: str) -> Execution:
    reason = "none" if kind == "open" else "stop"
    return Execution(number, name, SERIES, number, kind, reason, 1, 0.1, 100.0, 99.0, 101.0, 0.0, 0.0, 0.0)


class Telling(Venue):
    """A venue that tells what it is told to tell."""

    def __init__(self, *history: Execution) -> None:
        super().__init__(repeat("answered"), repeat(1), quick=False)
        self.history = list(history)


@pytest.mark.parametrize("arrival", [*permutations(["sent", "working", "open", "close"])], ids="-".join)
def test_acknowledgement_fill_and_close_may_arrive_in_any_order(arrival):
    """Executions are numbered, so an exit that is told first waits for its entry."""
    journal, one = new_journal(), order("signal")
    venue = Telling()
    desk = OrderDesk(journal, venue, ACCOUNT, 5, LONG_VALID)
    intended(desk, journal, one)
    told = {"open": executed(1, "open", one.client_id), "close": executed(2, "close", one.client_id)}
    heard: set[str] = set()
    for what in arrival:
        heard.add(what)
        if what in told:
            venue.history = [told[kind] for kind in ("open", "close") if {"open", kind} <= heard]
            desk.take_executions(0)
        else:
            journal.record_state(one.client_id, what, 0)
    assert journal.order(one.client_id) == (one, "closed")
    assert journal.executions() == list(told.values())


def test_executions_are_taken_once():
    one = order("signal")
    journal, venue = new_journal(), Telling(executed(1, "open", one.client_id), executed(2, "close", one.client_id))
    desk = OrderDesk(journal, venue, ACCOUNT, 5, LONG_VALID)
    intended(desk, journal, one)
    assert [len(desk.take_executions(0)) for _ in range(3)] == [2, 0, 0]
    venue.executions = lambda after: venue.history
    assert desk.take_executions(0) == []
    assert journal.executions() == venue.history


@pytest.mark.parametrize("numbers", [(2,), (1, 3), (1, 2, 4)])
def test_a_hole_in_the_executions_halts_and_books_nothing(numbers):
    journal = new_journal()
    venue = Telling(*(executed(number, "open", "a") for number in numbers))
    venue.executions = lambda after: [one for one in venue.history if one.number > after]
    desk = OrderDesk(journal, venue, ACCOUNT, 5, LONG_VALID)
    with pytest.raises(HaltError, match=f"executions go from {numbers[-1] - 2} to {numbers[-1]}"):
        desk.take_executions(0)
    assert journal.executions() == []


def test_an_execution_of_a_stranger_is_booked_and_halts():
    journal = new_journal()
    desk = OrderDesk(journal, Telling(executed(1, "open", "stranger")), ACCOUNT, 5, LONG_VALID)
    with pytest.raises(HaltError, match="is of order stranger, which was never intended here"):
        desk.take_executions(0)
    assert journal.last_execution() == 1


class Desk:
    """A desk at a paper broker, with a journal to be set back."""

    def __init__(self, journal: Journal | None = None, broker: PaperBroker | None = None) -> None:
        self.broker = broker or PaperBroker(":memory:", {SERIES: Terms(Exits(50.0, 50.0, 1000), COSTS)})
        self.journal = journal or new_journal()
        self.desk = OrderDesk(self.journal, self.broker, ACCOUNT, 1000, LONG_VALID)
        self.ts = 0

    def move(self, bar: Bar = QUIET) -> None:
        self.ts += 1
        self.broker.see(SERIES, self.ts, bar)
        self.desk.take_executions(self.ts)

    def trade(self, signal: str) -> None:
        """Open a position and close it."""
        self.hold(signal)
        self.desk.flatten(SERIES, signal, self.ts)
        self.desk.take_executions(self.ts)

    def hold(self, signal: str) -> None:
        self.desk.send(intended(self.desk, self.journal, order(signal), signal), self.ts)
        self.move()

    def copy(self) -> Journal:
        aside = database.writer(database.MEMORY, JOURNAL, "FULL")
        self.journal._connection.backup(aside)
        return Journal(aside, Path(database.MEMORY))


def test_a_desk_that_only_stopped_reconciles():
    desk = Desk()
    desk.trade("a")
    desk.hold("b")
    again = Desk(desk.journal, desk.broker)
    assert again.desk.reconcile(desk.ts) == []
    assert set(again.journal.held()) == {SERIES}


def test_what_happened_while_nobody_ran_is_booked_once():
    desk = Desk()
    desk.hold("a")
    desk.broker.see(SERIES, 50, QUIET._replace(low=1000.0, close=1100.0))
    for _ in range(2):
        assert desk.desk.reconcile(50) == []
    assert [one.reason for one in desk.journal.executions()] == ["none", "stop"]
    assert desk.journal.held() == {}


def test_a_journal_of_yesterday_is_found():
    desk = Desk()
    desk.trade("a")
    yesterday = desk.copy()
    desk.trade("b")
    found = Desk(yesterday, desk.broker).desk.reconcile(desk.ts)
    assert len(found) == 4
    assert re.search(r"Execution 3 of XAUUSD_15T is of order paper-\S+, which was never intended here", found[0])
    assert re.search(r"The broker has order paper-\S+, which was never intended here", found[2])
    assert Desk(yesterday, desk.broker).desk.reconcile(desk.ts) == found


def test_a_venue_of_yesterday_is_found():
    desk = Desk()
    desk.trade("a")
    other = Desk(desk.copy())
    found = other.desk.reconcile(desk.ts)
    assert "Execution 2 is in the journal as close of" in found[0]
    assert "the broker has none of that number" in found[0]
    assert "is closed in the journal, the broker never took it" in found[1]


def test_another_venue_is_found():
    desk, other = Desk(), Desk()
    desk.trade("a")
    other.trade("b")
    found = Desk(desk.journal, other.broker).desk.reconcile(9)
    assert "the broker is another one" in found[0]


@pytest.mark.parametrize(
    ("positions", "told"),
    [
        ({}, "the journal holds long 0.1 lots, the broker nothing"),
        ({SERIES: (-1, 0.1)}, "the journal holds long 0.1 lots, the broker short 0.1 lots"),
        ({SERIES: (1, 0.2)}, "the journal holds long 0.1 lots, the broker long 0.2 lots"),
        ({SERIES: (1, 0.1), "EURUSD_1H": (1, 1.0)}, "EURUSD_1H: the journal holds nothing, the broker long 1 lots"),
    ],
)
def test_a_position_that_differs_is_told(positions, told, monkeypatch):
    desk = Desk()
    desk.hold("a")
    template = desk.broker.positions()[SERIES]
    given = {name: template._replace(series=name, side=side, size=size) for name, (side, size) in positions.items()}
    monkeypatch.setattr(desk.broker, "positions", lambda: given)
    (found,) = desk.desk.reconcile(desk.ts)
    assert told in found


def test_an_order_that_the_venue_took_twice_is_told(monkeypatch):
    desk = Desk()
    desk.hold("a")
    ids = desk.broker.order_ids("")
    monkeypatch.setattr(desk.broker, "order_ids", lambda prefix: ids * 2)
    assert desk.desk.reconcile(desk.ts) == [f"The broker took order {ids[0]} twice."]


@pytest.mark.parametrize("silent", ["executions", "positions", "order_ids"])
def test_a_question_without_an_answer_is_not_flat(silent, monkeypatch):
    def unreachable(*given):
        raise Ambiguous("time is up")

    desk = Desk()
    desk.hold("a")
    monkeypatch.setattr(desk.broker, silent, unreachable)
    with pytest.raises(UnavailableError, match="Not reconciled, for the broker does not answer: time is up"):
        desk.desk.reconcile(desk.ts)


def test_flattening_closes_the_position_once():
    desk = Desk()
    desk.hold("a")
    assert [desk.desk.flatten(SERIES, "stop all", desk.ts) for _ in range(3)] == ["closed"] * 3
    desk.desk.take_executions(desk.ts)
    assert [one.reason for one in desk.journal.executions()] == ["none", "flatten"]
    assert [state for _, state in desk.journal.orders()] == ["closed", "closed"]
    assert desk.desk.reconcile(desk.ts) == []


def test_flattening_cancels_an_entry_that_waits():
    desk = Desk()
    desk.move()
    waiting = intended(desk.desk, desk.journal, order("a"), "a")
    desk.desk.send(waiting, 1)
    assert desk.desk.flatten(SERIES, "stop all", 1) == "closed"
    assert desk.journal.order(waiting.client_id) == (waiting, "cancelled")
    desk.move()
    assert desk.journal.executions() == []
    assert desk.desk.reconcile(2) == []


def test_a_refused_closing_is_tried_again_but_not_in_a_storm(monkeypatch):
    def refusing(order: Order) -> None:
        raise Rejected("the market is closed")

    desk = Desk()
    desk.hold("a")
    calm = OrderDesk(desk.journal, desk.broker, ACCOUNT, 3, LONG_VALID)
    with monkeypatch.context() as patch:
        patch.setattr(desk.broker, "submit", refusing)
        assert [calm.flatten(SERIES, "stop all", now) for now in range(10)] == ["rejected"] * 10
    assert len(desk.journal.orders_of("stop all")) == 3
    assert calm.flatten(SERIES, "stop all", 5 * MINUTE) == "closed"
    assert len(desk.journal.orders_of("stop all")) == 4


def test_a_closing_that_was_interrupted_is_the_same_order(monkeypatch):
    def died(label: str) -> None:
        if label == "before_send":
            raise KilledError

    desk = Desk()
    desk.hold("a")
    with pytest.raises(KilledError), armed(died):
        desk.desk.flatten(SERIES, "stop all", desk.ts)
    assert Desk(desk.journal, desk.broker).desk.flatten(SERIES, "stop all", desk.ts) == "closed"
    assert len(desk.journal.orders_of("stop all")) == 1


def test_closing_is_allowed_in_a_storm():
    desk = Desk()
    desk.hold("a")
    capped = OrderDesk(desk.journal, desk.broker, ACCOUNT, 1, LONG_VALID)
    with pytest.raises(HaltError):
        intended(capped, desk.journal, order("b"))
    assert capped.flatten(SERIES, "stop all", desk.ts) == "closed"


@given(st.text(max_size=80), st.text(max_size=80), st.sampled_from(["open", "flatten"]))
def test_an_id_is_what_venues_take_and_belongs_to_its_account(account, signal, purpose):
    named = client_id(account, signal, purpose)
    assert re.fullmatch(CLIENT_ID, named)
    assert named.startswith(prefix(account))
    assert named == client_id(account, signal, purpose)


@pytest.mark.parametrize("other", ["paper2", "paper-3826", "Paper", "pap", "paper "])
def test_no_account_owns_the_orders_of_another(other):
    assert not client_id(other, "signal", "open").startswith(prefix("paper"))
    assert not client_id("paper", "signal", "open").startswith(prefix(other))


def test_ids_differ_by_signal_and_purpose():
    names = {client_id("paper", f"s{i}", purpose) for i in range(500) for purpose in ("open", "flatten")}
    assert len(names) == 1000
