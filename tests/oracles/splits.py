"""Purge and embargo in plain Python: one row, one block, one comparison at a time, on lists of numbers."""

from itertools import combinations
from math import inf
from typing import NamedTuple


class Label(NamedTuple):
    """A label from `start` to `end`; with the purge it reaches to `reach`."""

    start: float
    end: float
    reach: float


def in_bars(ts: list[int], t1: list[int | None], bars: list[int], purge: int) -> list[Label]:
    """Return labels in bars: where a row stands, and how many bars close before its label has ended."""
    labels = []
    for start, end in zip(ts, t1, strict=True):
        begun = bars.index(start)
        ended = begun if end is None else sum(bar < end for bar in bars)
        labels.append(Label(begun, ended, max(ended, begun + purge)))
    return labels


def in_time(ts: list[int], t1: list[int | None], bars: list[int], purge: int) -> list[Label]:
    """Return labels in time: the purge is a number of bars even here, and endless past the last of them."""
    labels = []
    for start, end in zip(ts, t1, strict=True):
        later = bars[bars.index(start) :][purge : purge + 1] or [inf]
        labels.append(Label(start, start if end is None else end, max(start if end is None else end, later[0])))
    return labels


def trains(labels: list[Label], blocks: list[list[int]], embargo: float) -> list[int]:
    """Return the rows outside of `blocks` that reach no block's start and start after every end before them."""
    judged = {row for block in blocks for row in block}
    return [
        row
        for row in range(len(labels))
        if row not in judged and all(fits(labels[row], [labels[at] for at in block], embargo) for block in blocks)
    ]


def fits(label: Label, block: list[Label], embargo: float) -> bool:
    """Return whether a label keeps its distance from a block, on either side of it."""
    before = label.reach <= min(one.start for one in block) - embargo
    return before or label.start >= max(one.end for one in block) + embargo


def touching(labels: list[Label], train: list[int], test: list[int], embargo: float) -> list[int]:
    """Return the training rows whose label meets any judged label, or the embargo around it, pair by pair."""
    return [
        row
        for row in train
        if row in test
        or any(
            labels[row].reach > labels[at].start - embargo and labels[row].start < labels[at].end + embargo
            for at in test
        )
    ]


def groups(rows: int, count: int) -> list[list[int]]:
    """Return `count` runs of rows; the first ones are longer by one where they must be."""
    found: list[list[int]] = []
    for at in range(count):
        length = rows // count + (at < rows % count)
        first = sum(map(len, found))
        found.append(list(range(first, first + length)))
    return found


def paths(groups: int, tested: int) -> list[list[int]]:
    """Return which split predicts each group on each path: every group takes the next split that judges it."""
    splits = list(combinations(range(groups), tested))
    unused = [[at for at, judged in enumerate(splits) if group in judged] for group in range(groups)]
    found = []
    while all(unused):
        found.append([waiting.pop(0) for waiting in unused])
    return found
