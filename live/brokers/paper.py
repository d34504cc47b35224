"""The paper broker: a venue that fills by the backtest's own rules, on the bars that it is shown.

It plays the venue, so it keeps its own file, which knows nothing of the journal and survives the runner's kill -9. What
is committed is with the operating system then, which a kill does not touch; only a power cut may lose the last commits
(`synchronous = NORMAL`), and a venue that has forgotten executions is what reconciliation finds.
"""

import math
import re
import sqlite3
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from live.brokers import CLIENT_ID, Execution, Order, Position, Rejected
from live.database import Kind, transaction, translated, writer
from market.errors import UsageError
from market.execution import END, FLAT, REASONS, Bar, Costs, Exits, Fill, State, apply, as_floats, fill, liquidate
from market.execution import order as pending

_FIGURES = """
    series TEXT PRIMARY KEY, client_id TEXT NOT NULL, ts INTEGER NOT NULL,
    open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL, spread REAL NOT NULL,
    nights REAL NOT NULL, usd_per_quote REAL NOT NULL,
    side INTEGER NOT NULL, side_ordered INTEGER NOT NULL, size REAL NOT NULL, atr REAL NOT NULL, entry REAL NOT NULL,
    stop REAL NOT NULL, target REAL NOT NULL, stop_distance REAL NOT NULL, bars_held INTEGER NOT NULL,
    swap REAL NOT NULL, entry_cost REAL NOT NULL
"""
_EXECUTIONS = """
    number INTEGER PRIMARY KEY, client_id TEXT NOT NULL, series TEXT NOT NULL, ts INTEGER NOT NULL, kind TEXT NOT NULL,
    reason TEXT NOT NULL, side INTEGER NOT NULL, size REAL NOT NULL, price REAL NOT NULL, stop REAL NOT NULL,
    target REAL NOT NULL, cost REAL NOT NULL, r REAL NOT NULL, pnl REAL NOT NULL
"""
_TABLES = f"""
CREATE TABLE books ({_FIGURES}) STRICT, WITHOUT ROWID;
CREATE TABLE executions ({_EXECUTIONS}) STRICT;
CREATE TABLE orders (number INTEGER PRIMARY KEY, client_id TEXT NOT NULL UNIQUE, state TEXT NOT NULL) STRICT
"""
_NIGHTS_BEFORE_OPEN = "ALTER TABLE books ADD COLUMN nights_before_open REAL NOT NULL DEFAULT 0.0"
_VENUE = Kind("paper broker", 0x41535042, (_TABLES, _NIGHTS_BEFORE_OPEN))
_WHOLE = 1e-6  # a size this near to a whole number of lot steps, in steps, is one
_UNSEEN = Bar(*[0.0] * len(Bar._fields))


class Terms(NamedTuple):
    """On what terms a series trades: the barriers of a position, and what trading costs."""

    exits: Exits
    costs: Costs


class _Book(NamedTuple):
    """What stands in a series: the order's id, the last seen bar (`ts` 0: none), the position or pending order."""

    client_id: str
    ts: int
    bar: Bar
    state: State


_EMPTY = _Book("", 0, _UNSEEN, FLAT)


class PaperBroker:
    """Fills orders of the series in `terms` on bars; its state is the file at `path`, or gone with it for ":memory:".

    Any number of handles may be open on one file. Raises UnavailableError where the file is locked, full or out of
    reach, DataError where it is spoilt or not a paper broker's.
    """

    def __init__(self, path: Path | str, terms: Mapping[str, Terms]) -> None:
        self._path = path
        self._terms = {series: _typed(one) for series, one in terms.items()}
        self._connection = writer(path, _VENUE, "NORMAL")
        stray = sorted({series for series, book in self._books().items() if book.state != FLAT} - set(terms))
        if stray:
            self.close()
            raise UsageError(f"{path} holds positions or orders of {', '.join(stray)}: give their terms too.")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def submit(self, order: Order) -> None:
        """Take `order` for the open of the next bar, or close its series (`side` 0) at the last seen close at once.

        The same client id again is the same order, also after it was closed. Closing a series that only waits for its
        entry cancels that. Raises Rejected for an unknown series, one that has a position or an order already or, to
        close it, has neither; for a size that is no positive multiple of the lot step, an ATR or side that is none.
        """
        with self._transaction():
            if self.find(order.client_id) is not None:
                return
            book = self._book(order.series)
            _refuse(order, self._terms, book.state)
            self._run("INSERT INTO orders (client_id, state) VALUES (?, 'working')", order.client_id)
            if order.side == 0:
                self._close(order.series, book, "flatten")
                self._set_state(order.client_id, "closed")
            else:
                state = pending(order.side, float(order.size), float(order.atr))
                self._write(order.series, book._replace(client_id=order.client_id, state=state))

    def find(self, client_id: str) -> str | None:
        """Return working, filled, closed or cancelled; None for an id that was never taken."""
        found = self._run("SELECT state FROM orders WHERE client_id = ?", client_id).fetchone()
        return None if found is None else found[0]

    def order_ids(self, prefix: str) -> list[str]:
        """Return the ids that begin with `prefix` of all orders ever taken, in the order of taking."""
        sql = "SELECT client_id FROM orders WHERE substr(client_id, 1, ?) = ? ORDER BY number"
        return [one[0] for one in self._run(sql, len(prefix), prefix)]

    def executions(self, after: int) -> list[Execution]:
        """Return executions with a number over `after`, in order."""
        return [
            Execution(*one) for one in self._run("SELECT * FROM executions WHERE number > ? ORDER BY number", after)
        ]

    def positions(self) -> dict[str, Position]:
        """Return what is held, by series, marked to the last seen bar as the backtest marks it."""
        held = {series: book for series, book in self._books().items() if book.state.side != 0}
        return {series: self._position(series, book) for series, book in held.items()}

    def see(self, series: str, ts: int, bar: Bar) -> None:
        """Let `bar` happen to the pending order and to the position of `series`, unless a bar at `ts` or later has."""
        with self._transaction():
            book = self._book(series)
            if ts <= book.ts:
                return
            book = book._replace(ts=ts, bar=Bar(*map(float, bar)))
            if book.state != FLAT:
                book = self._moved(series, book)
            self._write(series, book)

    def finish(self, series: str) -> None:
        """End the data of `series`: what is open closes at the last seen close with the reason "end"."""
        with self._transaction():
            book = self._book(series)
            if book.state != FLAT:
                self._close(series, book, REASONS[END])

    def _moved(self, series: str, book: _Book) -> _Book:
        """Return the book after its bar, with what was executed on it written."""
        terms = self._terms[series]
        filled = fill(book.state, book.bar, terms.exits, terms.costs)
        if filled.opened != 0:
            self._opened(series, book, filled)
        if filled.reason != 0:
            self._closed(series, book, book.state.side or filled.opened, filled, REASONS[filled.reason])
        return book._replace(state=apply(book.state, filled))

    def _close(self, series: str, book: _Book, reason: str) -> None:
        """Close the position at the last seen close, or cancel the order that waits for its entry."""
        if book.state.side == 0:
            self._set_state(book.client_id, "cancelled")
        else:
            closing = liquidate(book.state, END, book.bar, self._terms[series].costs)
            closing = closing._replace(stop=book.state.stop, target=book.state.target)
            self._closed(series, book, book.state.side, closing, reason)
        self._write(series, book._replace(state=FLAT))

    def _opened(self, series: str, book: _Book, filled: Fill) -> None:
        bracket = (filled.entry, filled.stop, filled.target)
        self._execute(book, series, "open", "none", filled.opened, *bracket, 0.0, 0.0, 0.0)
        self._set_state(book.client_id, "filled")

    def _closed(self, series: str, book: _Book, side: int, filled: Fill, reason: str) -> None:
        figures = (filled.exit, filled.stop, filled.target, filled.cost, filled.r, filled.pnl)
        self._execute(book, series, "close", reason, side, *figures)
        self._set_state(book.client_id, "closed")

    def _execute(self, book: _Book, series: str, kind: str, reason: str, side: int, *figures: float) -> None:
        number = self._run("SELECT ifnull(max(number), 0) + 1 FROM executions").fetchone()[0]
        row = (number, book.client_id, series, book.ts, kind, reason, side, book.state.size, *figures)
        self._run("INSERT INTO executions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", *row)

    def _position(self, series: str, book: _Book) -> Position:
        state = book.state
        costs = self._terms[series].costs
        at_risk = state.size * state.stop_distance * costs.contract_size * book.bar.usd_per_quote
        unrealised = liquidate(state, END, book.bar, costs).pnl
        bracket = (state.entry, state.stop, state.target)
        return Position(series, book.client_id, state.side, state.size, *bracket, at_risk, unrealised)

    def _set_state(self, client_id: str, state: str) -> None:
        self._run("UPDATE orders SET state = ? WHERE client_id = ?", state, client_id)

    def _book(self, series: str) -> _Book:
        found = self._run("SELECT * FROM books WHERE series = ?", series).fetchone()
        return _EMPTY if found is None else _read(found)

    def _books(self) -> dict[str, _Book]:
        return {found[0]: _read(found) for found in self._run("SELECT * FROM books ORDER BY series").fetchall()}

    def _write(self, series: str, book: _Book) -> None:
        row = (series, book.client_id, book.ts, *book.bar[:7], *book.state, book.bar.nights_before_open)
        marks = ", ".join("?" * len(row))
        self._run(f"INSERT OR REPLACE INTO books VALUES ({marks})", *row)

    def _transaction(self) -> AbstractContextManager[None]:
        return transaction(self._connection, self._path)

    def _run(self, sql: str, *values: Any) -> sqlite3.Cursor:
        with translated(self._path):
            return self._connection.execute(sql, values)


def _read(found: tuple[Any, ...]) -> _Book:
    return _Book(found[1], found[2], Bar(*(*found[3:10], found[-1])), State(*found[10:-1]))


def _typed(terms: Terms) -> Terms:
    """Return `terms` with each number of the type that kernels are compiled for."""
    exits = terms.exits
    floats = (float(exits.take_profit), float(exits.stop_loss))
    return Terms(Exits(*floats, int(exits.bars), int(exits.atr_period)), as_floats(terms.costs))


def _refuse(order: Order, terms: Mapping[str, Terms], state: State) -> None:
    """Raise Rejected for an order that this venue does not take."""
    named = f"The paper broker refuses order {order.client_id} of {order.series}"
    if not re.fullmatch(CLIENT_ID, order.client_id):
        raise Rejected(f"{named}: its id is not of the form {CLIENT_ID}.")
    if order.series not in terms:
        raise Rejected(f"{named}: it trades {', '.join(sorted(terms)) or 'nothing'}.")
    if order.side == 0:
        if state == FLAT:
            raise Rejected(f"{named}: there is nothing to close.")
        return
    if state != FLAT:
        raise Rejected(f"{named}: the series has {'a position' if state.side else 'an order'} already.")
    if order.side not in (-1, 1):
        raise Rejected(f"{named}: side {order.side} is none of -1, 0 and 1.")
    steps = order.size / terms[order.series].costs.lot_step
    if not (math.isfinite(steps) and steps > 0.5 and abs(steps - round(steps)) < _WHOLE):
        lot_step = terms[order.series].costs.lot_step
        raise Rejected(f"{named}: size {order.size:g} is not a positive multiple of the lot step {lot_step:g}.")
    if not (math.isfinite(order.atr) and order.atr > 0):
        raise Rejected(f"{named}: ATR {order.atr:g} is not positive.")
