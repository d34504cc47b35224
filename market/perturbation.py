"""How a look ahead is provoked: the bars to cut after, and bars that are wild from a row on.

Features and labels are proved in the same way. `ts` is when a bar becomes knowable, so what lies after a cut by `ts` is
what was not yet available there, whatever its source, its timeframe and the instant at which it opened.
"""

import numpy as np
import pandas as pd

from market.clocks import NEW_YORK, clock
from market.sessions import LONDON

KINDS = ("anywhere", "before a gap", "after a gap", "clock change")

_PRICES = ["open", "high", "low", "close"]
_AROUND = 2 * 86_400_000_000  # microseconds: clocks change on Sundays, so two days reach Friday and Monday
_WILD = 0.5  # standard deviation of the log of what a price is multiplied by


def cut_points(
    ts: pd.DatetimeIndex, first: int, last: int, count: int, random: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return `count` rows from `first` to `last`, by kind (one of KINDS), none of them twice.

    A quarter each are last bars before a gap, first bars after one, and bars within two days of a change of New York's
    or London's clock. The rest, and what the sample has not enough of, comes from anywhere; fewer than `count` are
    returned only where there are not so many rows. Each kind is sorted.
    """
    stamps = ts.as_unit("us").asi8
    spacing = np.diff(stamps)
    ends = np.flatnonzero(spacing > np.median(spacing))
    free = np.zeros(len(ts), dtype=bool)
    free[first : last + 1] = True
    places = {KINDS[1]: ends, KINDS[2]: ends + 1, KINDS[3]: _near_clock_changes(stamps)}
    drawn = {}
    for kind, rows in places.items():
        drawn[kind] = _drawn(rows[free[rows]], count // 4, random)
        free[drawn[kind]] = False
    left = count - sum(len(rows) for rows in drawn.values())
    return {KINDS[0]: _drawn(np.flatnonzero(free), left, random)} | drawn


def scrambled(bars: pd.DataFrame, rows: slice, random: np.random.Generator) -> pd.DataFrame:
    """Return bars that are wild in `rows` and the same elsewhere, but still bars: low ≤ open, close ≤ high.

    Each price is multiplied by noise of its own; every other column of floats (volume, spread …) by a positive one.
    """
    altered = bars.copy()
    prices = bars[_PRICES].to_numpy()[rows]
    prices = prices * np.exp(random.normal(0.0, _WILD, prices.shape))
    wild = {"open": prices[:, 0], "high": prices.max(axis=1), "low": prices.min(axis=1), "close": prices[:, 3]}
    for name in bars.columns[bars.dtypes == np.float64].difference(_PRICES):
        wild[name] = (bars[name].to_numpy()[rows] + 1.0) * random.exponential(10.0, len(prices))
    for name, values in wild.items():
        altered.iloc[rows, altered.columns.get_loc(name)] = values
    return altered


def _near_clock_changes(stamps: np.ndarray) -> np.ndarray:
    changes = np.concatenate([clock(zone).changes for zone in (NEW_YORK, LONDON)])
    begins, ends = np.searchsorted(stamps, changes - _AROUND), np.searchsorted(stamps, changes + _AROUND)
    near = [np.arange(begin, end) for begin, end in zip(begins, ends, strict=True)]
    return np.unique(np.concatenate(near))


def _drawn(rows: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    return np.sort(random.choice(rows, size=min(count, len(rows)), replace=False)).astype(np.int64)
