"""Bars for tests of the runner: a quarter of an hour apart, none like another."""

import numpy as np
import pandas as pd

from live.feeds import ClosedBar

QUARTER = 900_000_000  # microseconds
MONDAY = 1_736_121_600_000_000  # 2025-01-06 00:00 UTC


def stamp(number: int) -> int:
    """Return the close of bar `number`, counted from 1."""
    return MONDAY + number * QUARTER


def bar(number: int, **changes: float) -> ClosedBar:
    """Return bar `number` with `changes`."""
    close = 2000.0 + number % 7
    return ClosedBar(stamp(number), close - 0.5, close + 1.0, close - 1.0, close, 10.0 + number, 0.3)._replace(
        **changes
    )


def table(numbers) -> pd.DataFrame:
    """Return the bars table of the bars `numbers`."""
    return as_table([bar(number) for number in numbers])


def as_table(bars: list[ClosedBar]) -> pd.DataFrame:
    """Return `bars` as a bars table."""
    stamps = np.array([one.ts for one in bars], dtype="int64").astype("M8[us]")
    values = np.array([one[1:] for one in bars], dtype="float64").reshape(len(bars), 6)
    index = pd.DatetimeIndex(stamps, name="ts").tz_localize("UTC")
    return pd.DataFrame(values, index=index, columns=list(ClosedBar._fields[1:]))
