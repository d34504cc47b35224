"""How much of several risks is one risk: correlation of series, known the day before, and what it makes of open risk.

Daily closes are those of UTC days. A pair is compared on the days on which both have traded, so a weekend of one
market is one return of the other; what holds on a day is estimated from the closes of the days before it.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from market.compiled import compiled
from market.errors import UsageError

DAY = 86_400_000_000  # microseconds


class Correlation(NamedTuple):
    """How correlation is estimated: from the last `window` daily returns of a pair, unknown with under `minimum`."""

    window: int = 60
    minimum: int = 20


class Closes(NamedTuple):
    """A series as correlation sees it: close stamps (int64 us since 1970 UTC, increasing) and closing prices."""

    stamp: np.ndarray
    close: np.ndarray


class Known(NamedTuple):
    """Correlation in force: a matrix for each UTC day from `first_day` (days since 1970) on; NaN where unknown."""

    first_day: int
    matrix: np.ndarray


def utc_day(stamp: np.ndarray) -> np.ndarray:
    """Return the UTC day in which a bar that closes at `stamp` ends; the one that closes at midnight ends the day."""
    return (stamp - 1) // DAY


def estimated(series: Sequence[Closes], first_day: int, last_day: int, how: Correlation) -> Known:
    """Return the correlation of `series` that is known on each of the days, with 1 on the diagonal.

    The matrix of a day uses closes of the days before it only. NaN before a pair has `minimum` common returns, and
    where one of them has not moved in the window. Raises UsageError for a window that cannot hold the minimum.
    """
    if not 3 <= how.minimum <= how.window:
        raise UsageError(
            f"Correlation over {how.window} days with at least {how.minimum}: wanted 3 or more, and no more than the "
            "window."
        )
    days = np.arange(first_day, last_day + 1)
    matrix = np.full((len(days), len(series), len(series)), np.nan)
    matrix[:, range(len(series)), range(len(series))] = 1.0
    daily = [_daily(one) for one in series]
    for (a, first), (b, second) in combinations(enumerate(daily), 2):
        matrix[:, a, b] = matrix[:, b, a] = _pair(first, second, days, how)
    return Known(first_day, matrix)


def as_table(known: Known, names: Sequence[str]) -> pd.DataFrame:
    """Return what is known as a table: a row for the UTC midnight from which it holds, a column for each pair."""
    pairs = list(combinations(range(len(names)), 2))
    days = (known.first_day + np.arange(len(known.matrix))).astype("datetime64[D]").astype("datetime64[us]")
    columns = pd.MultiIndex.from_tuples([(names[a], names[b]) for a, b in pairs], names=["first", "second"])
    values = known.matrix[:, [a for a, _ in pairs], [b for _, b in pairs]]
    return pd.DataFrame(values, index=pd.DatetimeIndex(days, name="ts").tz_localize("UTC"), columns=columns)


@compiled
def effective_risk(share: np.ndarray, side: np.ndarray, correlation: np.ndarray) -> float:
    """Return the risk of several positions together: √ Σᵢⱼ sᵢ sⱼ cᵢⱼ, with c the correlation of their results.

    `share` is each one's risk, `side` its side (0: no position). The correlation of two results is that of the prices
    with the sign of the sides. Below 0 it counts as 0, so a hedge never lowers the risk; unknown (NaN) it counts as 1.
    So the risk is never less than that of independent positions, √ Σ s², nor than the largest; never more than the
    plain sum; and grows with every share, position and correlation. NaN in a share is NaN.
    """
    square = 0.0
    for i in range(len(share)):
        if side[i] == 0:
            continue
        square += share[i] * share[i]
        for j in range(i):
            if side[j] == 0:
                continue
            common = side[i] * side[j] * correlation[i, j]
            common = 1.0 if np.isnan(common) else min(max(common, 0.0), 1.0)
            square += 2.0 * common * share[i] * share[j]
    return np.sqrt(square)


def _daily(series: Closes) -> tuple[np.ndarray, np.ndarray]:
    """Return the UTC days on which a series has closed, and its last close of each."""
    day = utc_day(series.stamp)
    last = np.flatnonzero(np.diff(day, append=day[-1] + 1))
    return day[last], series.close[last]


def _pair(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray], days: np.ndarray, how: Correlation
) -> np.ndarray:
    """Return the correlation of a pair that is known at the beginning of each of `days`."""
    common, a, b = np.intersect1d(first[0], second[0], assume_unique=True, return_indices=True)
    if len(common) < 2:
        return np.full(len(days), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = np.diff(np.log(first[1][a])), np.diff(np.log(second[1][b]))
    upto = np.searchsorted(common[1:], days, side="left")
    return np.r_[np.nan, _trailing(x, y, int(how.window), int(how.minimum))][upto]


@compiled
def _trailing(x: np.ndarray, y: np.ndarray, window: int, minimum: int) -> np.ndarray:
    """Return the correlation of the last `window` values up to and with each; NaN under `minimum` or without spread."""
    found = np.full(len(x), np.nan)
    for last in range(minimum - 1, len(x)):
        first = max(last + 1 - window, 0)
        mean_x, mean_y = x[first : last + 1].mean(), y[first : last + 1].mean()
        xx, yy, xy = 0.0, 0.0, 0.0
        for i in range(first, last + 1):
            dx, dy = x[i] - mean_x, y[i] - mean_y
            xx += dx * dx
            yy += dy * dy
            xy += dx * dy
        spread = np.sqrt(xx) * np.sqrt(yy)
        if spread > 0.0:
            found[last] = min(max(xy / spread, -1.0), 1.0)
    return found
