"""Places where a test may kill the process or let a call fail; nothing happens there unless a test has armed them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_actions: list[Callable[[str], None]] = []


def failpoint(label: str) -> None:
    """Mark the place `label`."""
    for action in _actions:
        action(label)


@contextmanager
def armed(action: Callable[[str], None]) -> Iterator[None]:
    """Call `action` with the label of every place that is passed inside the block."""
    _actions.append(action)
    try:
        yield
    finally:
        _actions.remove(action)
