"""What must hold whatever happens: judged from outside, by what the venue has and by a fold of its own."""

import itertools
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from backtest.risk import Account
from live import books, orders
from live.brokers import Order
from live.feeds import Arrived, Event
from live.restriction import Level
from live.signals import NEVER
from tests.live.plans import MAXIMUM_AGE, MINUTE
from tests.live.worlds import ACCOUNT

if TYPE_CHECKING:
    from tests.live.simulation import Simulation

_OURS = ("filled", "closed", "working", "cancelled")  # states that only an order at the venue can have


class Referee:
    """Watches a simulation and notes in `broken` what may never be."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self.broken: list[str] = []
        self._blocking: list[str] = []
        self._rearmed: list[int] = []  # decisions that stood when a person's resume was taken
        self._submitted = self._events = 0
        self._flatten = -1  # failures of the line when flattening was ordered

    def breaks(self, what: str) -> None:
        if len(self.broken) < 3 and what not in self.broken:
            self.broken.append(what)

    def told(self, line: str) -> None:
        """Remember what the runner said against itself, for a runner after it may not know less."""
        if line.startswith("halted:"):
            self._blocking.append(line)
        if line.startswith("resumed"):
            self._rearmed.append(len(self._rows()))

    def ordered(self, level: Level) -> None:
        if level >= Level.BLOCK:
            self._blocking.append(f"ordered: {level.told}")
        if level == Level.FLATTEN:
            self._flatten = self._simulation.venue.failures

    def resumed(self) -> None:
        self._blocking.clear()
        self._flatten = -1

    def sending(self, order: Order) -> None:
        """Judge an order as it leaves the runner."""
        journal, venue = self._simulation.journal, self._simulation.venue
        self._submitted += 1
        if journal.in_transaction or journal.order(order.client_id) is None:
            self.breaks(f"order {order.client_id} left without a committed intent")
        if venue.taken[order.client_id]:
            self.breaks(f"order {order.client_id} left although the venue has it")
        if order.side == 0:
            return
        if self._blocking:
            self.breaks(f"an entry left while restricted: {self._blocking[0]}")
        if self._simulation.now - order.decided > MAXIMUM_AGE:
            self.breaks(f"an entry left {(self._simulation.now - order.decided) / 1e6:.0f} s after its bar")
        if self._simulation.models[order.series].role != "champion":
            self.breaks(f"a shadow sent an entry of {order.series}")
        if order.series in venue.broker.positions():
            self.breaks(f"an entry of {order.series} left while a position is held")
        if any(one.series == order.series for one in venue.broker.executions(journal.last_execution())):
            self.breaks(f"an entry of {order.series} left on books that lack an execution")

    def after(self, event: Event | None) -> None:
        """Judge what stands when the runner has done with an event, or has started."""
        venue = self._simulation.venue
        held = venue.broker.positions()
        for series, one in held.items():
            below, above = sorted((one.stop, one.target))
            if not (0.0 < below < one.entry < above < math.inf) or (one.target > one.entry) != (one.side > 0):
                self.breaks(f"a position of {series} stands without stop and target")
        if event is not None and held and self._flatten == venue.failures:
            self.breaks(f"{min(held)} is held although flattening is ordered")
        self._events += 1
        if self._events % 3 == 0 or not isinstance(event, Arrived):
            self._remembers()

    def _remembers(self) -> None:
        """Judge the books in memory against those that a restart would read."""
        models = sorted(self._simulation.models)
        remembered = _comparable(self._simulation.trader.books)
        rebuilt = _comparable(books.restored(self._simulation.journal, remembered_risk(self), models))
        if remembered != rebuilt:
            self.breaks(f"books in memory {remembered}, from the journal {rebuilt}")

    def ended(self) -> None:
        """Judge the journal and the venue against each other, and the journal against a fold of its own."""
        self._orders()
        self._halts()
        self._cap()
        journal, broker = self._simulation.journal, self._simulation.venue.broker
        if journal.executions() != broker.executions(0):
            self.breaks("executions in the journal differ from the venue's")
        rows = self._rows()
        for series in self._simulation.models:
            closes = [row.ts for row in rows if row.series == series]
            if any(later <= earlier for earlier, later in itertools.pairwise(closes)):
                self.breaks(f"decisions of {series} do not go forward in time")
        self._fold(rows)
        if self._simulation.plan.fair and len(rows) != len(self._simulation.plan.scene.arrivals):
            self.breaks(f"{len(rows)} decisions on {len(self._simulation.plan.scene.arrivals)} bars")

    def _orders(self) -> None:
        journal, venue = self._simulation.journal, self._simulation.venue
        states = {order.client_id: state for order, state in journal.orders()}
        if doubled := [name for name, count in venue.taken.items() if count > 1]:
            self.breaks(f"order {doubled[0]} was taken twice")
        if foreign := sorted(set(venue.taken) - set(states)):
            self.breaks(f"order {foreign[0]} is at the venue and not in the journal")
        for name, state in states.items():
            if (state in _OURS) != (name in venue.taken):
                self.breaks(f"order {name} is {state}, the venue has taken it {venue.taken[name]} times")
        if venue.refused:
            self.breaks(f"the venue refused an entry: {venue.refused[0]}")
        per_bar = Counter((order.series, order.decided) for order, _ in journal.orders() if order.side != 0)
        if any(count > 1 for count in per_bar.values()):
            self.breaks("a bar has two entries")
        expected = {orders.client_id(ACCOUNT, row.signal_id, "open") for row in self._rows() if row.side != 0}
        if expected != {order.client_id for order, _ in journal.orders() if order.side != 0}:
            self.breaks("entries and decisions to enter differ")

    def _halts(self) -> None:
        sources = {row[0] for row in self._simulation._connection.execute("SELECT source FROM halts")}
        plan = self._simulation.plan
        allowed = {"drawdown"} if plan.fair else {"drawdown", "feed", "orders"}
        allowed |= {"exception"} if plan.raising else set()
        allowed |= {"reconciliation"} if plan.line.lagging else set()
        if sources - allowed:
            reason = self._simulation._connection.execute("SELECT source, reason FROM halts").fetchall()
            self.breaks(f"halted without need: {reason[-1]}")

    def _cap(self) -> None:
        sent = [order.decided for order, _ in self._simulation.journal.orders() if order.side != 0]
        cap = self._simulation.plan.per_minute
        if any(sum(ts - MINUTE < other <= ts for other in sent) > cap for ts in sent):
            self.breaks(f"more than {cap} entries within a minute")

    def _fold(self, rows: list[Any]) -> None:
        """Work out the account of every decision anew, from executions and decisions alone."""
        risk, taken = remembered_risk(self), self._simulation.journal.executions()
        cash, day, first, result, trades, losses, peak, booked = risk.equity, -1, 0.0, 0.0, 0, 0, risk.equity, 0
        for number, row in enumerate(rows):
            if row.day > day:
                day, first, result, trades = row.day, cash, 0.0, 0
                losses = 0 if losses >= risk.max_consecutive_losses else losses
            for one in taken[booked : row.booked]:
                if one.kind == "close":
                    cash, result = cash + one.pnl, result + one.pnl
                    losses = losses + 1 if one.pnl < 0.0 else 0
            booked = row.booked
            trades += row.side != 0
            found = (row.cash, row.day, row.day_equity, row.day_result, row.day_trades, row.losses)
            if found != (cash, day, first, result, trades, losses):
                self.breaks(f"decision {number} has {found}, the fold {(cash, day, first, result, trades, losses)}")
            if number in self._rearmed and rows[number - 1].halted:
                peak = rows[number - 1].equity
            peak = max(peak, row.equity)
            if row.peak != peak:
                self.breaks(f"decision {number} has the peak {row.peak}, the fold {peak}")
            if row.halted and row.side != 0:
                self.breaks(f"decision {number} enters although halted")
        final = self._simulation.trader.books.account.cash
        if final != sum((one.pnl for one in taken if one.kind == "close"), risk.equity):
            self.breaks(f"the account ends with {final}, its executions add up to something else")

    def trades(self) -> tuple[tuple[object, ...], ...]:
        """Return every trade that has come to its end, by its entry."""
        entries, found = {}, []
        for one in self._simulation.venue.broker.executions(0):
            if one.kind == "open":
                entries[one.client_id] = one
            else:
                entry = entries.pop(one.client_id)
                figures = (entry.side, entry.size, entry.price, one.price, one.stop, one.target)
                found.append((one.series, entry.ts, one.ts, *figures, one.cost, one.r, one.pnl, one.reason))
        return tuple(sorted(found, key=lambda trade: (trade[1], trade[0])))

    def counts(self) -> Counter[str]:
        """Return how much happened."""
        venue = self._simulation.venue
        counts = {
            "kills": self._simulation.kills,
            "decisions": len(self._rows()),
            "orders": sum(venue.taken.values()),
            "sent again": self._submitted - sum(venue.taken.values()),
            "executions": len(venue.broker.executions(0)),
            "halts": self._simulation._connection.execute("SELECT count(*) FROM halts").fetchone()[0],
        }
        return Counter({name: max(count, 0) for name, count in counts.items()})

    def _rows(self) -> list[Any]:
        rows = [row for name in self._simulation.models for row in self._simulation.journal.decisions(name)]
        order = dict(self._simulation._connection.execute("SELECT signal_id, id FROM decisions"))
        return sorted(rows, key=lambda row: order[row.signal_id])


def remembered_risk(referee: Referee) -> Any:
    """Return the limits by which the runner keeps its account."""
    models = referee._simulation.models
    return models[min(models)].risk


def _comparable(found: books.Books) -> tuple[object, ...]:
    """Return what a restart must know again; how many positions are open it asks the broker, before it needs it."""
    account: Account = found.account._replace(positions=0)
    since = {name: min(count, NEVER) for name, count in found.since_exit.items()}
    return tuple(map(float, account[:6])), tuple(map(float, account.day)), found.booked, since
