"""A venue that misbehaves as real ones do: answers that are lost or late, hours of silence, ids that it forgets.

It knows an id only among its open orders, as Binance does: once an order is filled, the same id is taken again as a new
order. A request may arrive long after its sender gave up, but one that is older than `WINDOW` is refused at the door.
"""

from collections.abc import Iterator

from live.brokers import Ambiguous, Execution, Order, Position, Rejected
from live.failpoints import failpoint
from market.execution import Bar

WINDOW = 10
FATES = ("answered", "lost", "unanswered", "late", "down", "refused")


class Venue:
    """Takes orders by what `fates` says of each request: one of `FATES`. `delays` are in steps of its own clock.

    With `quick` an order is filled and closed the moment it is taken, otherwise by `move`, a step each.
    """

    def __init__(self, fates: Iterator[str], delays: Iterator[int], quick: bool = True) -> None:
        self.taken: list[Order] = []
        self.history: list[Execution] = []
        self.refused: set[str] = set()
        self.requests = 0
        self._fates, self._delays, self._quick = fates, delays, quick
        self._states: dict[str, str] = {}
        self._held: dict[str, Order] = {}
        self._under_way: list[tuple[int, int, Order]] = []
        self._clock = self._silent_until = 0

    def submit(self, order: Order) -> None:
        self.requests += 1
        self._answer()
        fate = next(self._fates, "answered")
        if fate == "refused":
            self.refused.add(order.series)
            raise Rejected("the margin does not suffice")
        if fate in ("answered", "unanswered"):
            self._take(order)
        if fate == "late":
            self._under_way.append((self._clock, self._clock + next(self._delays), order))
            failpoint("under_way")
        if fate == "down":
            self._silent_until = self._clock + next(self._delays)
        if fate != "answered":
            raise Ambiguous("no answer")

    def find(self, client_id: str) -> str | None:
        self._answer()
        return self._states.get(client_id)

    def order_ids(self, prefix: str) -> list[str]:
        self._answer()
        return [one.client_id for one in self.taken if one.client_id.startswith(prefix)]

    def executions(self, after: int) -> list[Execution]:
        self._answer()
        return self.history[after:]

    def positions(self) -> dict[str, Position]:
        self._answer()
        return {
            series: Position(series, one.client_id, one.side, one.size, 100.0, 99.0, 101.0, 1.0, 0.0)
            for series, one in self._held.items()
        }

    def see(self, series: str, ts: int, bar: Bar) -> None:
        """Trade on its own prices."""

    def pass_time(self, steps: int = WINDOW + 1) -> None:
        """Let requests under way arrive, or become too old."""
        self._clock += steps
        due = [one for one in self._under_way if one[1] <= self._clock]
        self._under_way = [one for one in self._under_way if one[1] > self._clock]
        for sent, arrives, order in due:
            if arrives - sent <= WINDOW:
                self._take(order)

    def move(self) -> None:
        """Let the market fill what works and close what is held."""
        self.pass_time()
        for order in list(self._held.values()):
            self._close(order)
        for name, state in list(self._states.items()):
            if state == "working":
                self._fill(next(one for one in self.taken if one.client_id == name))

    def _answer(self) -> None:
        self.pass_time(1)
        if self._clock < self._silent_until:
            raise Ambiguous("the venue does not answer")

    def _take(self, order: Order) -> None:
        if self._states.get(order.client_id) == "working":
            return
        self.taken.append(order)
        self._states[order.client_id] = "working"
        if self._quick:
            self._fill(order)
            self._close(order)

    def _fill(self, order: Order) -> None:
        self._held[order.series] = order
        self._execute(order, "open", "none", 0.0)
        self._states[order.client_id] = "filled"

    def _close(self, order: Order) -> None:
        del self._held[order.series]
        self._execute(order, "close", "target", 1.5)
        self._states[order.client_id] = "closed"

    def _execute(self, order: Order, kind: str, reason: str, r: float) -> None:
        number, prices = len(self.history) + 1, (100.0, 99.0, 101.0)
        figures = (order.side, order.size, *prices, 0.1 * r, r, 10.0 * r)
        self.history.append(Execution(number, order.client_id, order.series, self._clock, kind, reason, *figures))
