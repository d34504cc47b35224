"""The journal: every decision, order and execution of an account, durable before anything follows from it.

One connection writes, with a write-ahead log that is on the disk when a commit returns; readers open the file for
reading alone while the runner writes. Histories only grow: an order's state moves forward, and a report that comes late
is kept without moving it back.
"""

import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from live.brokers import Execution, Order
from live.database import reader, transaction, translated, writer
from live.rows import Decision, FeedEvent, Halt, Session, StateChange, as_row, columns, insert
from live.schema import JOURNAL
from market.errors import DataError

UNRESOLVED = ("intended", "sent")
STATES = {
    "intended": 0,
    "sent": 1,
    "working": 2,
    "rejected": 3,
    "expired": 3,
    "cancelled": 3,
    "filled": 4,
    "closed": 5,
}  # an order moves to a higher number only; a fill is a fact, whatever was said before

_LAST = (1 << 63) - 1


_RECORD_DECISION = insert("decisions", Decision)
_RECORD_EXECUTION = insert("executions", Execution)
_RECORD_INTENT = f"INSERT INTO orders ({columns(Order)}, signal_id, state) VALUES (?, ?, ?, ?, ?, ?, ?, 'intended')"
_RECORD_STATE = "INSERT INTO order_states (client_id, state, at, detail) VALUES (?, ?, ?, ?)"
_DECISION = f"SELECT {columns(Decision)} FROM decisions"
_ORDER = f"SELECT {columns(Order)}, state FROM orders"
_EXECUTION = f"SELECT {columns(Execution)} FROM executions"
_LAST_DECIDED = """
WITH RECURSIVE known (series) AS (
    SELECT min(series) FROM decisions
    UNION ALL SELECT (SELECT min(series) FROM decisions WHERE series > known.series) FROM known
    WHERE known.series IS NOT NULL
)
SELECT series, (SELECT max(ts) FROM decisions WHERE decisions.series = known.series) FROM known
WHERE series IS NOT NULL
"""


class Journal:
    """The journal of one account. `Journal.open` writes, `Journal.read` reads beside a runner that writes.

    Methods raise UnavailableError where the file is locked, full or out of reach, DataError where it is spoilt or
    already holds what is written.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    @classmethod
    def open(cls, path: Path, account: str) -> "Journal":
        """Return the journal of `account` at `path` for writing; it is made, or migrated after a copy, where needed.

        Raises DataError, and touches nothing, for a journal of another account, a newer version or another program.
        """

        def check(existing: sqlite3.Connection) -> None:
            _refuse_other_account(existing, path, account)

        connection = writer(path, JOURNAL, "FULL", check)
        journal = cls(connection, path)
        if journal._one("SELECT 1 FROM meta WHERE name = 'account'") is None:
            journal._run("INSERT INTO meta VALUES ('account', ?)", account)
        return journal

    @classmethod
    def read(cls, path: Path) -> "Journal":
        """Return the journal at `path` for reading alone."""
        return cls(reader(path, JOURNAL), path)

    @property
    def account(self) -> str:
        """Return whose journal it is."""
        return self._one("SELECT value FROM meta WHERE name = 'account'")[0]

    @property
    def in_transaction(self) -> bool:
        """Return whether something is written that is not committed yet."""
        return self._connection.in_transaction

    def transaction(self) -> AbstractContextManager[None]:
        """Commit what is written inside the block as one, durably; none of it where anything is raised."""
        return transaction(self._connection, self.path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def record_decision(self, decision: Decision) -> None:
        """Write `decision`; raises DataError where its name, or its series, close and role, stand there already."""
        self._run(_RECORD_DECISION, *decision)

    def record_intent(self, order: Order, signal_id: str) -> None:
        """Write that `order` is to be sent for the decision `signal_id`; raises DataError for an id that is taken."""
        with self._together():
            self._run(_RECORD_INTENT, *order, signal_id)
            self._run(_RECORD_STATE, order.client_id, "intended", order.decided, "")

    def record_state(self, client_id: str, state: str, at: int, detail: str = "") -> str:
        """Write that an order was reported in `state`, and return the state in which it stands.

        A report of the state it is in already is not written again; one from behind is, and changes nothing else.
        """
        known = self._one("SELECT state FROM orders WHERE client_id = ?", client_id)
        if known is None:
            raise DataError(f"{self.path} holds no order {client_id}: its state {state} cannot be recorded.")
        if known[0] == state:
            return state
        with self._together():
            self._run(_RECORD_STATE, client_id, state, at, detail)
            if STATES[state] <= STATES[known[0]]:
                return known[0]
            self._run("UPDATE orders SET state = ? WHERE client_id = ?", state, client_id)
        return state

    def record_execution(self, execution: Execution) -> None:
        """Write `execution`; raises DataError where one of that number stands there."""
        self._run(_RECORD_EXECUTION, *execution)

    def record_halt(self, level: int, source: str, reason: str, at: int) -> None:
        """Write that `source` has restricted trading."""
        self._run("INSERT INTO halts (level, source, reason, at) VALUES (?, ?, ?, ?)", int(level), source, reason, at)

    def lift_halts(self, by: str, at: int) -> None:
        """Write that `by` has lifted every halt that stands."""
        self._run("UPDATE halts SET lifted = ?, lifted_by = ? WHERE lifted IS NULL", at, by)

    def record_feed_event(self, series: str, ts: int, kind: str, detail: str, at: int) -> None:
        """Write that a bar was not traded, and why."""
        sql = "INSERT INTO feed_events (series, ts, kind, detail, at) VALUES (?, ?, ?, ?, ?)"
        self._run(sql, series, ts, kind, detail, at)

    def begin_session(self, mode: str, at: int) -> int:
        """Write that this process has begun to run in `mode`, and return the number of the session."""
        sql = "INSERT INTO sessions (pid, host, mode, started) VALUES (?, ?, ?, ?)"
        return self._run(sql, os.getpid(), socket.gethostname(), mode, at).lastrowid or 0

    def end_session(self, number: int, at: int, how: str) -> None:
        """Write how the session `number` ended."""
        self._run("UPDATE sessions SET ended = ?, how = ? WHERE id = ?", at, how, number)

    def last_decided(self) -> dict[str, int]:
        """Return the close of the last decision of each series."""
        return dict(self._all(_LAST_DECIDED))

    def last_decision(self) -> Decision | None:
        """Return the decision written last, None where there is none."""
        found = self._one(f"{_DECISION} ORDER BY id DESC LIMIT 1")
        return None if found is None else as_row(Decision, found)

    def decision(self, signal_id: str) -> Decision | None:
        """Return the decision of that name, None where there is none."""
        found = self._one(f"{_DECISION} WHERE signal_id = ?", signal_id)
        return None if found is None else as_row(Decision, found)

    def decisions(self, series: str, start: int = 0, end: int = _LAST) -> Iterator[Decision]:
        """Yield the decisions of `series` from the close `start` to the close `end`, both included, by time."""
        sql = f"{_DECISION} WHERE series = ? AND ts BETWEEN ? AND ? ORDER BY ts"
        with translated(self.path):
            for found in self._connection.execute(sql, (series, start, end)):
                yield as_row(Decision, found)

    def count_decisions(self, series: str, after: int = 0) -> int:
        """Return at how many closes of `series` after `after` something was decided."""
        return self._one("SELECT count(DISTINCT ts) FROM decisions WHERE series = ? AND ts > ?", series, after)[0]

    def last_execution(self) -> int:
        """Return the number of the last execution, 0 where there is none."""
        return self._one("SELECT ifnull(max(number), 0) FROM executions")[0]

    def last_execution_of(self, series: str, client_id: str | None = None) -> Execution | None:
        """Return the last execution of a series, or of one order of it, None where there is none."""
        condition = "series = ?1 AND (?2 IS NULL OR client_id = ?2) ORDER BY number DESC LIMIT 1"
        found = self._one(f"{_EXECUTION} WHERE {condition}", series, client_id)
        return None if found is None else as_row(Execution, found)

    def executions(self, series: str | None = None) -> list[Execution]:
        """Return all executions, or those of a series, by number."""
        if series is None:
            return self.executions_after(0)
        found = self._all(f"{_EXECUTION} WHERE series = ? ORDER BY number", series)
        return [as_row(Execution, one) for one in found]

    def executions_after(self, number: int) -> list[Execution]:
        """Return executions with a number over `number`, in order."""
        return [as_row(Execution, one) for one in self._all(f"{_EXECUTION} WHERE number > ? ORDER BY number", number)]

    def held(self) -> dict[str, Execution]:
        """Return the entry of each position that has not been closed, by series."""
        last = "SELECT max(number) FROM executions GROUP BY series"
        found = self._all(f"{_EXECUTION} WHERE kind = 'open' AND number IN ({last})")
        return {one.series: one for one in (as_row(Execution, values) for values in found)}

    def unresolved_orders(self) -> list[tuple[Order, str]]:
        """Return the orders of which it is not known whether the broker has them, with their state, by time."""
        return self._orders("state IN ('intended', 'sent') ORDER BY decided, client_id")

    def working_orders(self) -> list[tuple[Order, str]]:
        """Return the orders that the broker has and has not executed, with their state, by time."""
        return self._orders("state = 'working' ORDER BY decided, client_id")

    def order(self, client_id: str) -> tuple[Order, str] | None:
        """Return the order of that id with its state, None where it was never intended."""
        return next(iter(self._orders("client_id = ?", client_id)), None)

    def orders_of(self, signal_id: str) -> list[tuple[Order, str]]:
        """Return the orders that were intended for a decision, with their states, by time."""
        return self._orders("signal_id = ? ORDER BY decided, client_id", signal_id)

    def last_entry_of(self, series: str) -> tuple[Order, str] | None:
        """Return the last order that was to open a position of `series`, with its state, None where there is none."""
        return next(iter(self._orders("series = ? AND side <> 0 ORDER BY decided DESC LIMIT 1", series)), None)

    def orders(self) -> list[tuple[Order, str]]:
        """Return every order ever intended with its state, by time."""
        return self._orders("true ORDER BY decided, client_id")

    def count_intents(self, after: int, closing: bool = False) -> int:
        """Return how many orders that open a position, or that close one, were intended after the time `after`."""
        return self._one("SELECT count(*) FROM orders WHERE decided > ? AND (side = 0) = ?", after, closing)[0]

    def states(self, client_id: str) -> list[StateChange]:
        """Return what was reported of an order, in the order of arrival."""
        sql = "SELECT state, at, detail FROM order_states WHERE client_id = ? ORDER BY id"
        return [StateChange(*one) for one in self._all(sql, client_id)]

    def open_halts(self) -> list[Halt]:
        """Return the halts that stand, the oldest first."""
        return [Halt(*one) for one in self._all("SELECT id, level, source, reason, at FROM halts WHERE lifted IS NULL")]

    def sessions(self) -> list[Session]:
        """Return every session, the oldest first."""
        return [Session(*one) for one in self._all("SELECT * FROM sessions ORDER BY id")]

    def feed_events(self, series: str | None = None) -> list[FeedEvent]:
        """Return the bars that were not traded, of all series or of one, in the order of arrival."""
        sql = "SELECT * FROM feed_events WHERE ?1 IS NULL OR series = ?1 ORDER BY id"
        return [FeedEvent(*one) for one in self._all(sql, series)]

    def _orders(self, condition: str, *values: Any) -> list[tuple[Order, str]]:
        found = self._all(f"{_ORDER} WHERE {condition}", *values)
        return [(as_row(Order, one[:-1]), one[-1]) for one in found]

    def _together(self) -> AbstractContextManager[None]:
        return nullcontext() if self.in_transaction else self.transaction()

    def _run(self, sql: str, *values: Any) -> sqlite3.Cursor:
        with translated(self.path):
            return self._connection.execute(sql, values)

    def _one(self, sql: str, *values: Any) -> Any:
        with translated(self.path):
            return self._connection.execute(sql, values).fetchone()

    def _all(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with translated(self.path):
            return self._connection.execute(sql, values).fetchall()


def _refuse_other_account(connection: sqlite3.Connection, path: Path, account: str) -> None:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
        return
    owner = connection.execute("SELECT value FROM meta WHERE name = 'account'").fetchone()
    if owner is not None and owner[0] != account:
        raise DataError(f"{path} is the journal of the account {owner[0]}, not of {account}: name another file.")
