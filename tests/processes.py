"""Processes of which a test asks whether they have ended."""

import os
import time
from collections.abc import Iterable


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def end_within(seconds: float, processes: Iterable[int]) -> bool:
    """Wait until all of `processes` have ended, and return whether they did so in time."""
    waited_for, ends = list(processes), time.monotonic() + seconds
    while any(map(alive, waited_for)) and time.monotonic() < ends:
        time.sleep(0.1)
    return not any(map(alive, waited_for))
