"""The rows of the journal: what a decision, a halt, a session is, and how each comes back from the database."""

import math
from typing import Any, NamedTuple, TypeVar


class Decision(NamedTuple):
    """What was decided on the bar that closed at `ts`, at the time `at`, and the account as it stood afterwards.

    `signal_id` names the decision; `reason` is one of `policy.REFUSALS` or the runner's word for what stood in the way,
    `detail` tells it in figures; `overlay` is true where only this account's tighter limits refused. `day` to `losses`
    are the account's trading day, `booked` is the number of the last execution in it. NaN is kept as such.
    """

    signal_id: str
    series: str
    ts: int
    at: int
    role: str
    bundle_sha256: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    spread: float
    bar_sha256: str
    tail_sha256: str
    p_down: float
    p_flat: float
    p_up: float
    score: float
    expected_r_long: float
    expected_r_short: float
    confidence: float
    atr: float
    session: int
    side: int
    size: float
    reason: str
    detail: str
    overlay: bool
    bars_since_exit: int
    cash: float
    equity: float
    peak: float
    open_risk: float
    day: int
    day_equity: float
    day_result: float
    day_trades: int
    losses: int
    halted: bool
    booked: int


class Halt(NamedTuple):
    """A halt that stands: how much it restricts, what raised it, why and when (microseconds since 1970 UTC)."""

    number: int
    level: int
    source: str
    reason: str
    at: int


class Session(NamedTuple):
    """A run of the runner; `ended` and `how` are None while it runs, and for ever where it was killed."""

    number: int
    pid: int
    host: str
    mode: str
    started: int
    ended: int | None
    how: str | None


class FeedEvent(NamedTuple):
    """A bar that was not traded, and why."""

    number: int
    series: str
    ts: int
    kind: str
    detail: str
    at: int


class StateChange(NamedTuple):
    """A report of an order's state, in the order in which reports arrived."""

    state: str
    at: int
    detail: str


Row = TypeVar("Row", bound=tuple[Any, ...])


def columns(row: type[Row]) -> str:
    """Return the names of the fields of `row`, as a query lists them."""
    return ", ".join(row._fields)  # type: ignore[attr-defined]


def insert(table: str, row: type[Row]) -> str:
    """Return the statement that writes a `row` to `table`."""
    marks = ", ".join("?" * len(row._fields))  # type: ignore[attr-defined]
    return f"INSERT INTO {table} ({columns(row)}) VALUES ({marks})"


def as_row(row: type[Row], values: tuple[Any, ...]) -> Row:
    """Return database `values` as a `row`: NULL is NaN where a float is wanted, and 0 or 1 a bool."""
    kinds = row.__annotations__.values()
    return row(*map(_typed, values, kinds))


def _typed(value: Any, kind: Any) -> Any:
    if kind is float:
        return math.nan if value is None else value
    return bool(value) if kind is bool else value
