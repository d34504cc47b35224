"""A feature group with a leak, for the demo and for nothing else: a rolling mean that somebody centred.

It is not in `GROUPS` but while the demo looks at it. `change_1` is sound; `smoothed_close` knows the next close.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd

from feature_store import GROUPS

LOOKBACK = 2
NAME = "planted_leak"
COLUMN = f"{NAME}__smoothed_close"


def compute(bars: pd.DataFrame) -> pd.DataFrame:
    """Return both columns of each bar, in shares of its close; `smoothed_close` sees one bar ahead."""
    close = bars["close"]
    smoothed = close.rolling(3, center=True, min_periods=1).mean()
    return pd.DataFrame({"change_1": close.diff() / close, "smoothed_close": smoothed / close - 1.0})


@contextmanager
def entered() -> Iterator[str]:
    """Enter this group among the feature groups for as long as the context lasts, and yield its name."""
    GROUPS[NAME] = sys.modules[__name__]
    try:
        yield NAME
    finally:
        del GROUPS[NAME]
