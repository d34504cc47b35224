"""Rows with labels of any length on bars with gaps, drawn by hypothesis, and the same as plain numbers."""

from typing import NamedTuple

import pandas as pd
from hypothesis import strategies as st

MINUTE = 60_000_000_000
START = pd.Timestamp("2024-01-01", tz="UTC")


class World(NamedTuple):
    """Rows `X` with label ends `t1` on `bars`; stamps and ends in nanoseconds beside them (None: no label)."""

    X: pd.DataFrame
    t1: pd.Series
    bars: pd.DatetimeIndex
    ts: list[int]
    ends: list[int | None]
    grid: list[int]


class Bar(NamedTuple):
    """Minutes since the bar before, bars that its label lasts, minutes by which it misses a close, and what it has."""

    gap: int
    length: int
    off: int
    has: str


BARS = st.builds(
    Bar,
    gap=st.sampled_from([15, 15, 15, 15, 45, 3000]),
    length=st.one_of(st.integers(0, 5), st.integers(0, 40)),
    off=st.sampled_from([0, 0, 7]),
    has=st.sampled_from(["label", "label", "label", "label", "label", "row", "nothing"]),
)
worlds = st.lists(BARS, min_size=30, max_size=70).filter(lambda drawn: sum(bar.has != "nothing" for bar in drawn) >= 20)


def world_of(drawn: list[Bar]) -> World:
    """Return the world of what was drawn; a label may end between two bars, or after the last."""
    grid, now = [], int(START.as_unit("ns").value)
    for bar in drawn:
        now += bar.gap * MINUTE
        grid.append(now)
    ts, ends = [], []
    for at, bar in enumerate(drawn):
        if bar.has != "nothing":
            ts.append(grid[at])
            last = min(at + bar.length, len(grid) - 1)
            ends.append(grid[last] + bar.off * MINUTE if bar.has == "label" else None)
    return as_tables(ts, ends, grid)


def as_tables(ts: list[int], ends: list[int | None], grid: list[int]) -> World:
    """Return plain numbers as the tables that a splitter takes, in microseconds as everywhere."""
    index = pd.DatetimeIndex(ts, tz="UTC").as_unit("us")
    stamps = pd.DatetimeIndex([pd.NaT if end is None else pd.Timestamp(end, tz="UTC") for end in ends])
    stamps = stamps.tz_localize("UTC") if stamps.tz is None else stamps
    t1 = pd.Series(stamps.as_unit("us"), index=index)
    return World(pd.DataFrame({"x": 0.0}, index), t1, pd.DatetimeIndex(grid, tz="UTC").as_unit("us"), ts, ends, grid)
