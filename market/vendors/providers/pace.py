"""How often a provider is asked, and how long it wants to be left alone."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class Pace:
    """At most so many requests a minute, evenly spaced; `clock` is monotonic."""

    def __init__(self, per_minute: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._gap, self._clock, self._sleep = 60.0 / per_minute, clock, sleep
        self._next = clock()

    def wait(self) -> None:
        """Sleep until the next request may go."""
        pause = self._next - self._clock()
        if pause > 0:
            self._sleep(pause)
        self._next = max(self._next, self._clock()) + self._gap


def retry_after(header: str | None, now: datetime) -> float:
    """Return the seconds that a `Retry-After` header asks for, 0 where it says nothing that can be understood.

    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> [retry_after(text, now) for text in ("120", "Thu, 01 Jan 2026 00:00:30 GMT", "soon", None)]
    [120.0, 30.0, 0.0, 0.0]
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
