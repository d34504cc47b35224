"""Mistakes that runners are known for, each planted into this one, to see that the simulation finds it."""

import contextlib
import sys
from collections.abc import Callable, Collection, Iterator
from itertools import count
from typing import Any
from unittest import mock

from backtest import risk as risks
from live import books, freshness, restriction, trader, window
from live.books import Books
from live.brokers import Ambiguous, Order, Rejected
from live.journal import Journal
from live.orders import ATTEMPTS, OrderDesk
from live.restriction import Restriction
from live.signals import NEVER
from live.trader import Trader
from live.window import Verdict, Window

Bug = Callable[[], contextlib.AbstractContextManager[Any]]
PLANTED: dict[str, Bug] = {}


def planted(name: str) -> Callable[[Bug], Bug]:
    """Enter a bug under `name`."""

    def enter(bug: Bug) -> Bug:
        PLANTED[name] = bug
        return bug

    return enter


@planted("sends again without asking")
def blind_resend() -> Any:
    def submitted(desk: OrderDesk, order: Order, now: int) -> str:
        for _ in range(ATTEMPTS):
            with contextlib.suppress(Ambiguous):
                desk._broker.submit(order)
                return desk._journal.record_state(order.client_id, "working", now)
        return "sent"

    return mock.patch.object(OrderDesk, "_submitted", submitted)


@planted("asks before what is under way has arrived")
def no_wait() -> Any:
    original = OrderDesk.__init__

    def made(desk: OrderDesk, *given: Any) -> None:
        original(desk, *given[:5])

    return mock.patch.object(OrderDesk, "__init__", made)


@planted("makes up a new id for every attempt")
def random_ids() -> Any:
    original, numbers = OrderDesk._submitted, count()

    def submitted(desk: OrderDesk, order: Order, now: int) -> str:
        real = desk._broker.submit
        again = lambda one: real(one._replace(client_id=f"{one.client_id[:24]}.{next(numbers)}"))  # noqa: E731
        with mock.patch.object(desk._broker, "submit", again):
            return original(desk, order, now)

    return mock.patch.object(OrderDesk, "_submitted", submitted)


@planted("commits the intent after the order has left")
def late_intent() -> Any:
    original = OrderDesk.intend

    def intend(desk: OrderDesk, order: Order, signal_id: str) -> None:
        if order.side != 0:
            with contextlib.suppress(Ambiguous, Rejected):
                desk._broker.submit(order)
        original(desk, order, signal_id)

    return mock.patch.object(OrderDesk, "intend", intend)


@planted("books executions twice")
def booked_twice() -> Any:
    original = books.booked

    def booked(known: Books, source: Journal, series: Collection[str] = (), ts: int = 0) -> Books:
        found = original(known, source, series, ts)
        last = source.last_execution_of(min(series)) if series else None
        repeated = last is not None and last.kind == "close" and last.number == known.booked == found.booked
        return found._replace(account=risks.after_exit(found.account, last.pnl)) if repeated else found

    return mock.patch.object(books, "booked", booked)


@planted("takes no answer for a rejection")
def rejected() -> Any:
    def submitted(desk: OrderDesk, order: Order, now: int) -> str:
        try:
            desk._broker.submit(order)
        except (Ambiguous, Rejected) as error:
            return desk._journal.record_state(order.client_id, "rejected", now, str(error))
        return desk._journal.record_state(order.client_id, "working", now)

    return mock.patch.object(OrderDesk, "_submitted", submitted)


@planted("reads a question without an answer as flat")
def failed_is_flat() -> Any:
    original = Trader._moved

    def moved(running: Trader, *given: Any) -> Any:
        found = original(running, *given)
        return {} if found is None else found

    blind = mock.patch.object(Trader, "_lacking", lambda running, series: "")
    return _together(mock.patch.object(Trader, "_moved", moved), blind)


@planted("does not notice that the broker tells less than it has done")
def lagging_unnoticed() -> Any:
    return mock.patch.object(Trader, "_lacking", lambda running, series: "")


@planted("begins a new account at every start")
def counters_forgotten() -> Any:
    def restored(source: Journal, risk: Any, series: list[str]) -> Books:
        return Books(risks.fresh(risk), source.last_execution(), dict.fromkeys(series, NEVER))

    return mock.patch.object(trader.accounts, "restored", _unless_asked_by_the_referee(restored, books.restored))


@planted("counts a cooldown anew at every start")
def cooldown_forgotten() -> Any:
    original = books.restored

    def restored(source: Journal, risk: Any, series: list[str]) -> Books:
        return original(source, risk, series)._replace(since_exit=dict.fromkeys(series, NEVER))

    return mock.patch.object(trader.accounts, "restored", _unless_asked_by_the_referee(restored, original))


@planted("counts a bar after an exit that another series' decision has booked twice")
def counted_twice() -> Any:
    def since_exit(source: Journal, series: str, number: int) -> int:
        exits = [one.ts for one in source.executions(series) if one.kind == "close" and one.number <= number]
        return source.count_decisions(series, exits[-1]) if exits else NEVER

    return mock.patch.object(books, "_bars_since_exit", since_exit)


@planted("forgets a halt at a restart")
def halt_forgotten() -> Any:
    def halt(standing: Restriction, reason: str) -> None:
        standing._own.append(reason)

    unwritten = mock.patch.object(Journal, "record_halt", lambda *_: None)
    return _together(mock.patch.object(Restriction, "halt", halt), unwritten)


@planted("forgets at a restart that a person resumed")
def resume_forgotten() -> Any:
    return mock.patch.object(Journal, "lift_halts", lambda *_: None)


@planted("acts on a bar that it knows")
def duplicates() -> Any:
    return _taken_too("duplicate")


@planted("trades a bar anew when it is revised")
def revisions() -> Any:
    return _taken_too("revised")


@planted("trades a bar that comes after its successor")
def late_bars() -> Any:
    return _taken_too("late")


@planted("takes a kill switch that cannot be read for none")
def unreadable() -> Any:
    original = restriction._read

    def read(path: Any) -> Any:
        found = original(path)
        return None if isinstance(found, str) else found

    return mock.patch.object(restriction, "_read", read)


@planted("does not know the control file and lets it be")
def unknown_file() -> Any:
    original = restriction._names
    known = (*restriction.FILES, restriction.RESUME)
    return mock.patch.object(restriction, "_names", lambda folder: [one for one in original(folder) if one in known])


@planted("counts orders for its cap since it was started")
def cap_forgotten() -> Any:
    original = OrderDesk.intend

    def intend(desk: OrderDesk, order: Order, signal_id: str) -> None:
        mine = desk.__dict__.setdefault("counted", [])
        with mock.patch.object(desk._journal, "count_intents", lambda after: sum(ts > after for ts in mine)):
            original(desk, order, signal_id)
        if order.side != 0:
            mine.append(order.decided)

    return mock.patch.object(OrderDesk, "intend", intend)


@planted("trades a stale bar")
def stale() -> Any:
    return mock.patch.object(freshness.Freshness, "refusal", lambda *_: None)


@planted("sends what was left over although it is halted")
def halted_resend() -> Any:
    original = OrderDesk._resolved
    return mock.patch.object(
        OrderDesk, "_resolved", lambda desk, order, state, now, entries=True: original(desk, order, state, now)
    )


@planted("flattens positions and forgets the order that waits")
def waiting_entry() -> Any:
    original = Trader._obey

    def obey(running: Trader, now: int) -> None:
        with mock.patch.object(running._journal, "working_orders", list):
            original(running, now)

    return mock.patch.object(Trader, "_obey", obey)


@planted("orders from the shadow")
def shadow() -> Any:
    original = Trader._ruling

    def ruling(running: Trader, model: Any, *given: Any) -> Any:
        return original(running, model._replace(role="champion"), *given)

    return mock.patch.object(Trader, "_ruling", ruling)


@planted("commits a decision and its intent one after the other")
def commits_in_parts() -> Any:
    original = Trader._committed

    def committed(running: Trader, *given: Any) -> Any:
        with mock.patch.object(running._journal, "transaction", contextlib.nullcontext):
            return original(running, *given)

    return mock.patch.object(Trader, "_committed", committed)


def _taken_too(kind: str) -> Any:
    original = Window.accept

    def accept(self: Window, bar: Any, now: int) -> Verdict:
        found = original(self, bar, now)
        return Verdict("accepted", "") if found.kind == kind else found

    return mock.patch.object(window.Window, "accept", accept)


def _unless_asked_by_the_referee(bug: Any, original: Any) -> Any:
    """Return `bug` where the runner asks, which is at its start."""

    def restored(*given: Any) -> Any:
        asked_by = sys._getframe(1).f_code.co_name
        return (bug if asked_by == "start" else original)(*given)

    return restored


@contextlib.contextmanager
def _together(*patches: Any) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        yield
