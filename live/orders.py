"""From intent to execution: an order leaves only after its intent is durable, and is never sent blindly again.

Every order has an id that follows from its decision, so that after a crash the same intent is the same order. An answer
that did not arrive is a question to the broker: found, the order is adopted; unknown there, the same id is sent again
while it is still worth sending. What cannot be known stays unresolved; it is never taken for a rejection.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable

from live.brokers import Ambiguous, Broker, Execution, Order, Position, Rejected
from live.failpoints import failpoint
from live.journal import UNRESOLVED, Journal
from market.errors import HaltError, UnavailableError

MINUTE = 60_000_000  # microseconds
ATTEMPTS = 4  # to get an answer; all but the first begin with a question

_IN_VAIN = ("rejected", "expired", "cancelled")
_TAKEN = ("working", "filled", "closed")  # states that only the broker can have told


def prefix(account: str) -> str:
    """Return how the client ids of `account` begin, and those of no other account.

    >>> prefix("paper")
    'paper-3826-'
    """
    slug = re.sub(r"[^A-Za-z0-9]", "", account)[:8]
    return f"{slug}-{_digest(account)[:4]}-"


def client_id(account: str, signal_id: str, purpose: str) -> str:
    """Return the id of the order that the decision `signal_id` places for `purpose` ("open", "flatten").

    >>> client_id("paper", "XAUUSD_15T.20251023T1015.1a2b3c4d", "open")
    'paper-3826-84b1e970fb2c09b02a8b69'
    """
    return f"{prefix(account)}{_digest(account, signal_id, purpose)[:22]}"


class OrderDesk:
    """The orders of `account`: at most `per_minute` entries a minute, each worth sending for `validity` microseconds.

    `wait` is called with the attempt (from 0) before the broker is asked about an answer that did not arrive; for a
    venue it waits until a request that is still under way would be refused as too old.
    """

    def __init__(
        self,
        journal: Journal,
        broker: Broker,
        account: str,
        per_minute: int,
        validity: int,
        wait: Callable[[int], None] | None = None,
    ) -> None:
        self._journal = journal
        self._broker = broker
        self._account = account
        self._per_minute = per_minute
        self._validity = validity
        self._wait = wait or (lambda attempt: None)

    def intend(self, order: Order, signal_id: str) -> None:
        """Write the intent of `order`, inside the caller's transaction where there is one.

        Raises HaltError, and writes nothing, where it would be more than the cap of entries within a minute of
        `order.decided`; to close is always allowed.
        """
        if order.side != 0:
            already = self._journal.count_intents(order.decided - MINUTE)
            if already >= self._per_minute:
                raise HaltError(
                    f"Order storm: {order.series} wants an order after {already} within a minute, at most "
                    f"{self._per_minute} are allowed: find out what sends so many before lifting the halt."
                )
        self._journal.record_intent(order, signal_id)

    def send(self, order: Order, now: int) -> str:
        """Send `order`, whose intent is committed, unless it was done with before; return the state it is in.

        "sent" means that it is not known whether the broker has it. Raises HaltError, and sends nothing, where the
        journal holds no such intent or has not committed it.
        """
        known = self._journal.order(order.client_id)
        if known is None or known[0] != order or self._journal.in_transaction:
            raise HaltError(f"Order {order.client_id} of {order.series} has no committed intent: it was not sent.")
        if known[1] not in UNRESOLVED:
            return known[1]
        failpoint("after_intent")
        self._journal.record_state(order.client_id, "sent", now)
        failpoint("before_send")
        return self._submitted(order, now)

    def resolve(self, now: int, entries: bool = True) -> list[tuple[Order, str]]:
        """Ask the broker about every order that is not known to be done; return those with the state each is in now.

        One that the broker does not know is sent if it is still worth sending, else it has expired; so has an entry
        where `entries` are not allowed any more.
        """
        unresolved, working = self._journal.unresolved_orders(), self._journal.working_orders()
        resolved = [(order, self._resolved(order, state, now, entries)) for order, state in unresolved]
        return resolved + [(order, self._reported(order, now)) for order, _ in working]

    def take_executions(self, now: int) -> list[Execution]:
        """Journal what the broker has executed since, in one transaction with the states of the orders; return it.

        Raises HaltError where the broker's numbers have a hole, or, once all is journaled, where it has executed an
        order that was never intended; Ambiguous where it does not answer.
        """
        new = self._taken(now)
        if foreign := self._never_intended(new):
            raise HaltError(foreign[0])
        return new

    def reconcile(self, now: int, entries: bool = True) -> list[str]:
        """Settle what was open when the runner stopped, and return how broker and journal still differ, in sentences.

        `entries` is as in `resolve`. Raises UnavailableError where the broker does not answer, for that is not "flat";
        HaltError where its executions have a hole.
        """
        failpoint("in_reconcile")
        try:
            self.resolve(now, entries)
            differences = self._histories_differ()
            if not differences:
                self._taken(now)
            return (
                differences
                + self._never_intended(self._journal.executions())
                + self._orders_differ(self._broker.order_ids(prefix(self._account)))
                + self._positions_differ(self._broker.positions())
            )
        except Ambiguous as error:
            raise UnavailableError(f"Not reconciled, for the broker does not answer: {error}") from None

    def flatten(self, series: str, signal_id: str, now: int) -> str:
        """Close what is held of `series`, or cancel its pending entry, and return the state of the closing order.

        The same `signal_id` again is the same order, and the next one where that was refused or came to nothing, within
        the cap.
        """
        tried = [one for one in self._journal.orders_of(signal_id) if one[0].side == 0]
        order, state = tried[-1] if tried else (None, "")
        if order is not None and state in UNRESOLVED:
            self._resolved(order, state, now)
        elif order is None or (state in _IN_VAIN and self._may_close(now)):
            purpose = f"flatten.{len(tried)}" if tried else "flatten"
            order = Order(client_id(self._account, signal_id, purpose), series, 0, 0.0, 0.0, now)
            self.intend(order, signal_id)
            self.send(order, now)
        for working, _ in self._journal.working_orders():
            if working.series == series:
                self._reported(working, now)
        return self._state(order.client_id)

    def _may_close(self, now: int) -> bool:
        return self._journal.count_intents(now - MINUTE, closing=True) < self._per_minute

    def _submitted(self, order: Order, now: int) -> str:
        """Submit `order`; after an answer that did not arrive, ask before each further attempt."""
        for attempt in range(ATTEMPTS):
            try:
                found = self._broker.find(order.client_id) if attempt else None
                if found is not None:
                    return self._journal.record_state(order.client_id, found, now, "found after no answer")
                self._broker.submit(order)
            except Rejected as error:
                return self._journal.record_state(order.client_id, "rejected", now, str(error))
            except Ambiguous:
                self._wait(attempt)
            else:
                failpoint("after_send")
                state = self._journal.record_state(order.client_id, "working", now)
                failpoint("after_acknowledgement")
                return state
        return self._state(order.client_id)

    def _resolved(self, order: Order, state: str, now: int, entries: bool = True) -> str:
        """Return the state of an order that the broker may have, after asking; send it, or let it expire, if not."""
        if state == "sent":
            self._wait(0)
        try:
            found = self._broker.find(order.client_id)
        except Ambiguous:
            return state
        if found is not None:
            return self._journal.record_state(order.client_id, found, now, "found")
        if abs(now - order.decided) > self._validity:  # also where the clock was set back meanwhile
            return self._journal.record_state(order.client_id, "expired", now, "unknown to the broker, and too late")
        if order.side != 0 and not entries:
            return self._journal.record_state(order.client_id, "expired", now, "unknown to the broker, and restricted")
        return self.send(order, now)

    def _reported(self, order: Order, now: int) -> str:
        """Return the state of an order that the broker has taken, as it tells it now."""
        try:
            found = self._broker.find(order.client_id)
        except Ambiguous:
            found = None
        return self._journal.record_state(order.client_id, found or "working", now)

    def _state(self, client_id: str) -> str:
        known = self._journal.order(client_id)
        return "unknown" if known is None else known[1]

    def _taken(self, now: int) -> list[Execution]:
        last = self._journal.last_execution()
        new = [one for one in self._broker.executions(last) if one.number > last]
        for expected, one in enumerate(new, start=last + 1):
            if one.number != expected:
                raise HaltError(
                    f"The broker's executions go from {expected - 1} to {one.number}, what is between them is lost: "
                    "compare its account with the journal by hand."
                )
        if new:
            with self._journal.transaction():
                for one in new:
                    self._executed(one, now)
        return new

    def _executed(self, execution: Execution, now: int) -> None:
        self._journal.record_execution(execution)
        if self._journal.order(execution.client_id) is not None:
            state = "filled" if execution.kind == "open" else "closed"
            self._journal.record_state(execution.client_id, state, now)

    def _never_intended(self, executions: list[Execution]) -> list[str]:
        return [
            f"Execution {one.number} of {one.series} is of order {one.client_id}, which was never intended here: "
            "another program trades on this account, or the journal is an older copy."
            for one in executions
            if self._journal.order(one.client_id) is None
        ]

    def _histories_differ(self) -> list[str]:
        """Return how the journal's last execution differs from the broker's of that number."""
        last = self._journal.last_execution()
        if last == 0:
            return []
        known, told = self._journal.executions_after(last - 1)[0], self._broker.executions(last - 1)
        if told and told[0] == known:
            return []
        found = f"{told[0].kind} of {told[0].client_id}" if told else "none of that number"
        return [
            f"Execution {last} is in the journal as {known.kind} of {known.client_id}, the broker has {found}: "
            "the broker is another one, or an older copy."
        ]

    def _orders_differ(self, taken: list[str]) -> list[str]:
        """Return how the orders at the broker differ from those in the journal."""
        states = {order.client_id: state for order, state in self._journal.orders()}
        never = sorted(set(taken) - set(states))
        missing = sorted({name for name, state in states.items() if state in _TAKEN} - set(taken))
        twice = sorted(name for name, count in Counter(taken).items() if count > 1)
        return (
            [
                f"The broker has order {one}, which was never intended here: the journal is an older copy."
                for one in never
            ]
            + [f"Order {one} is {states[one]} in the journal, the broker never took it." for one in missing]
            + [f"The broker took order {one} twice." for one in twice]
        )

    def _positions_differ(self, positions: dict[str, Position]) -> list[str]:
        """Return how the positions at the broker differ from the executions in the journal."""
        known = {series: (one.side, one.size) for series, one in self._journal.held().items()}
        found = {series: (one.side, one.size) for series, one in positions.items()}
        return [
            f"{series}: the journal holds {_told(known.get(series))}, the broker {_told(found.get(series))}."
            for series in sorted(known.keys() | found.keys())
            if known.get(series) != found.get(series)
        ]


def _told(held: tuple[int, float] | None) -> str:
    return "nothing" if held is None else f"{'long' if held[0] > 0 else 'short'} {held[1]:g} lots"


def _digest(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()
