"""Where orders go. A broker holds the position with its stop and target; the runner may die, the stop stays.

What a broker must do is small: take an order under the client's own id, find it again by that id, and tell what was
executed and what is held. An answer that did not arrive is `Ambiguous`, never a rejection. To add a broker, write a
file here and enter it in `BROKERS` of `tests/live/test_brokers.py`: the contract tests run over every member.
"""

from typing import NamedTuple, Protocol

from market.errors import AssayError
from market.execution import Bar

CLIENT_ID = r"[.A-Za-z0-9_-]{1,36}"


class Rejected(AssayError):  # noqa: N818
    """The broker has refused an order for good: it is not sent again."""

    exit_code = 5


class Ambiguous(AssayError):  # noqa: N818
    """It is not known whether the broker has taken what was sent; only asking it can tell."""

    exit_code = 6


class Order(NamedTuple):
    """A market order for the next open with its bracket, or the order to close all that is held (`side` 0).

    `size` is in lots, 0 for all; `atr` is the decision bar's, from which stop and target hang on the actual fill price;
    `decided` is the close of the decision bar in microseconds since 1970 UTC.
    """

    client_id: str
    series: str
    side: int
    size: float
    atr: float
    decided: int


class Execution(NamedTuple):
    """What was executed on the bar that closed at `ts`: an entry (`kind` "open") or an exit ("close").

    `number` counts executions at the broker from 1, without holes; `client_id` is that of the entry, for its exit too.
    `reason` is "none" for an entry, else one of `market.execution.REASONS` or "flatten"; `r`, `pnl` and `cost` (USD)
    are 0 for an entry.
    """

    number: int
    client_id: str
    series: str
    ts: int
    kind: str
    reason: str
    side: int
    size: float
    price: float
    stop: float
    target: float
    cost: float
    r: float
    pnl: float


class Position(NamedTuple):
    """What is held of a series, in USD: `at_risk` between entry and stop, `unrealised` if closed at the last close."""

    series: str
    client_id: str
    side: int
    size: float
    entry: float
    stop: float
    target: float
    at_risk: float
    unrealised: float


class Broker(Protocol):
    """A venue for orders. Every method may raise `Ambiguous`: nothing is known then, least of all that it is flat."""

    def submit(self, order: Order) -> None:
        """Take `order`; the same client id again is the same order. Raises Rejected where it is refused for good."""
        ...

    def find(self, client_id: str) -> str | None:
        """Return the state of the order with that id: working, filled, closed, rejected or cancelled; None: unknown."""
        ...

    def order_ids(self, prefix: str) -> list[str]:
        """Return the client ids of every order ever taken whose id begins with `prefix`, in the order of taking."""
        ...

    def executions(self, after: int) -> list[Execution]:
        """Return executions with a number over `after`, in order."""
        ...

    def positions(self) -> dict[str, Position]:
        """Return what is held, by series."""
        ...

    def see(self, series: str, ts: int, bar: Bar) -> None:
        """Note the bar that closed at `ts`. Brokers that fill on bars do so here, once a bar; others ignore it."""
        ...
