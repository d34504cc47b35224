"""A venue behind a bad line: answers are lost, requests come late or never, and an order asked for twice is two."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from live.brokers import Ambiguous, Execution, Order, Position, Rejected
from live.brokers.paper import PaperBroker
from market.execution import Bar

RECEIVED_WITHIN = 60_000_000  # microseconds after which the venue refuses a request as too old


class Line(NamedTuple):
    """How bad the line is: shares of calls that fail, and how many may fail one after the other."""

    lost: float = 0.0  # of orders: the request or its answer
    out_of_reach: float = 0.0  # of questions
    lagging: float = 0.0  # of questions for executions: the last ones are not told yet
    in_a_row: int = 2


class FaultyVenue:
    """The paper broker at the end of `line`. It outlives the runner; `point` may kill the runner, `sending` judges.

    Unlike the paper broker it is no help: an order that it has taken is taken once more if it is sent once more, which
    `taken` counts. `wait` is the order desk's: what is still under way arrives, or is too old, before it returns.
    """

    def __init__(self, broker: PaperBroker, line: Line, random: Random) -> None:
        self.broker, self.line = broker, line
        self.taken: Counter[str] = Counter()
        self.refused: list[str] = []
        self.now = 0
        self.point: Callable[[str], None] = lambda label: None
        self.sending: Callable[[Order], None] = lambda order: None
        self._random = random
        self._under_way: list[tuple[Order, int]] = []
        self.failures = self._failed = self._told = 0

    def submit(self, order: Order) -> None:
        self._arrivals(0.3)
        self.sending(order)
        self.point("venue_asked")
        if not self._fails(self.line.lost):
            self._take(order, loudly=True)
            self.point("venue_took")
            return
        what = self._random.random()
        if what < 0.4:
            self._take(order)
        elif what < 0.7:
            self._under_way.append((order, self.now))
        self.point("venue_silent")
        raise Ambiguous(f"No answer to order {order.client_id}.")

    def wait(self, attempt: int) -> None:
        self._arrivals(0.5)
        self._under_way.clear()

    def find(self, client_id: str) -> str | None:
        self._asked("find")
        return self.broker.find(client_id)

    def order_ids(self, prefix: str) -> list[str]:
        self._asked("order_ids")
        return [one for one in self.broker.order_ids(prefix) for _ in range(max(1, self.taken[one]))]

    def executions(self, after: int) -> list[Execution]:
        self._asked("executions")
        told = self.broker.executions(after)
        if told and told[-1].number > self._told and self._random.random() < self.line.lagging:
            hidden = self._random.choice((1, 2))
            return [one for one in told if one.number <= max(self._told, told[-1].number - hidden)]
        self._told = max([self._told, *(one.number for one in told)])
        return told

    def positions(self) -> dict[str, Position]:
        self._asked("positions")
        return self.broker.positions()

    def see(self, series: str, ts: int, bar: Bar) -> None:
        self._under_way.clear()
        self.broker.see(series, ts, bar)

    def _asked(self, what: str) -> None:
        self._arrivals(0.3)
        if self._fails(self.line.out_of_reach):
            raise Ambiguous(f"The venue does not answer: {what}.")

    def _fails(self, share: float) -> bool:
        if share and self._failed < self.line.in_a_row and self._random.random() < share:
            self._failed += 1
            self.failures += 1
            return True
        self._failed = 0
        return False

    def _arrivals(self, share: float) -> None:
        """Let requests arrive that were under way."""
        for one in list(self._under_way):
            if self._random.random() < share:
                self._under_way.remove(one)
                if self.now - one[1] <= RECEIVED_WITHIN:
                    self._take(one[0])

    def _take(self, order: Order, loudly: bool = False) -> None:
        try:
            self.broker.submit(order)
        except Rejected as error:
            if order.side != 0:
                self.refused.append(str(error))
            if loudly:
                raise
            return
        self.taken[order.client_id] += 1
