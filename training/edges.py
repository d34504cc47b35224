"""The fold edges of a series: drawn at its first training and held after, so that new bars move no old fold."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def draw(start: pd.Timestamp, end: pd.Timestamp, folds: int) -> pd.DatetimeIndex:
    """Return folds + 2 edges that divide `(start, end]` into blocks of equal calendar time; the first only trains.

    >>> len(draw(pd.Timestamp("2019-01-01", tz="UTC"), pd.Timestamp("2025-04-22", tz="UTC"), 10))
    12
    """
    first, last = pd.DatetimeIndex([start, end]).as_unit("us").asi8.tolist()
    steps = [first + (last - first) * step // (folds + 1) for step in range(folds + 2)]
    return pd.DatetimeIndex(np.array(steps, dtype="datetime64[us]")).tz_localize("UTC")


def hold(recorded: Sequence[pd.Timestamp], end: pd.Timestamp) -> pd.DatetimeIndex:
    """Return `recorded` edges brought to `end`: inner edges stay, the last block is extended or a block is added.

    A block that would be shorter than half a block is joined to the one before it.
    """
    old = pd.DatetimeIndex(recorded)
    length = (old[-1] - old[0]) / (len(old) - 1)
    kept = [edge for edge in old if edge + length / 2 <= end]
    while kept[-1] + 1.5 * length <= end:
        kept.append((kept[-1] + length).floor("us"))
    return pd.DatetimeIndex([*kept, end]).as_unit("us")
