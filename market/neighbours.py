"""What only a bar's neighbours reveal: repeated stamps, rows that stand alone, bad ticks, a change of scale.

These checks read rows that are sound in themselves, sorted by `ts`. Findings are indexed by position in them.
"""

import numpy as np
import pandas as pd

from market.atr import atr
from market.findings import joined
from market.validation import about_file, about_rows, microseconds, number

ISLAND_ROWS = 3
ISLAND_DAYS = 30
SUSPICIOUS_ATR, BAD_ATR = 15.0, 20.0
SCALE = 3.0  # no bar of a market that we know trebles; a change of unit is tenfold or more

_DAY = 86_400_000_000
_LEAST_RANGE = 0.0005  # of the price: the ATR of a dead market is no yardstick
_SAME = ["open", "high", "low", "close", "volume", "spread_recorded"]


def repeated(rows: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Return findings for repeated stamps, and which rows merely repeat a row of another file (bool, to be merged).

    In one file a repetition is an error on the later row. Rows that differ are errors on every one of them: nobody
    here can tell which is right.
    """
    ts = microseconds(rows["ts"])
    if (np.diff(ts) > 0).all():
        return joined([]), np.zeros(len(rows), dtype=bool)
    group = np.cumsum(np.r_[True, ts[1:] != ts[:-1]]) - 1 if len(rows) else np.array([], dtype=int)
    first = np.searchsorted(group, group)
    values = rows[_SAME].to_numpy()
    equal = (values == values[first]) | (np.isnan(values) & np.isnan(values[first]))
    same = equal.all(axis=1)
    later = np.arange(len(rows)) != first
    differing = np.bincount(group[~same], minlength=len(rows))[group] > 0 if len(rows) else later
    other_file = rows["file"].to_numpy() != rows["file"].to_numpy()[first]

    def place(i: int) -> str:
        return f"row {rows['row'].iloc[i]} of {rows['file'].iloc[i]}"

    def difference(i: int) -> str:
        one, other = int(first[i]), int(first[i] + np.argmin(same[first[i] :]))
        k = int(np.argmin(equal[other]))
        return f"{_SAME[k]} {values[one, k]:.10g} at {place(one)}, {values[other, k]:.10g} at {place(other)}"

    twice = later & ~differing & ~other_file
    findings = [
        about_rows(rows, twice, "duplicate stamp", lambda i: f"the same bar as {place(first[i])}", "one row a stamp"),
        about_rows(rows, differing, "duplicate stamps that differ", difference, "one row a stamp"),
    ]
    return joined(findings), later & ~differing & other_file


def astray(rows: pd.DataFrame) -> pd.DataFrame:
    """Return findings for up to three rows that stand a month or more away from all others: a wrong date."""
    ts = microseconds(rows["ts"])
    if len(ts) <= 2 * ISLAND_ROWS:
        return joined([])
    gap = np.diff(ts) > ISLAND_DAYS * _DAY
    block = np.r_[0, np.cumsum(gap)]
    alone = np.bincount(block)[block] <= ISLAND_ROWS
    if alone.all():
        return joined([])
    around = np.r_[np.inf, np.diff(ts)[gap] / _DAY, np.inf]

    def distance(i: int) -> str:
        return f"{min(around[block[i]], around[block[i] + 1]):.0f} days from any other"

    return about_rows(rows, alone, "row out of place", distance, f"neighbours within {ISLAND_DAYS} days")


def ticks(rows: pd.DataFrame) -> pd.DataFrame:
    """Return findings for bad ticks (errors), for suspicious wicks (warnings) and for a change of scale (whole file).

    A tick is bad where the close leaps over 20 ATR and the next bar opens where the last one closed, or where a price
    is three times or a third of both neighbours. A leap that stays is news; a wick beyond 15 ATR is flagged.
    """
    if len(rows) < 3:
        return joined([])
    open_, high, low, close = (rows[name].to_numpy() for name in ("open", "high", "low", "close"))
    before = np.r_[close[0], close[:-1]]
    after = np.r_[open_[1:], close[-1]]
    spike, shifted = _leaps_of_scale(rows, close)
    yardstick = np.maximum(np.r_[np.nan, atr(rows)[:-1]], _LEAST_RANGE * before)
    leap = close - before
    returns = np.abs(after - before) < 0.2 * np.abs(leap)
    judged = np.r_[False, np.ones(len(rows) - 2, dtype=bool), False]
    bad = spike | (judged & returns & (np.abs(leap) > BAD_ATR * yardstick))
    most, least = np.fmax(before, after), np.fmin(before, after)
    near = most < SCALE * least
    bad |= near & ((high > SCALE * most) | (low < least / SCALE))
    wick = np.fmax(high - np.fmax(open_, close), np.fmin(open_, close) - low)
    suspicious = ~bad & (wick > SUSPICIOUS_ATR * yardstick)

    def shape(i: int) -> str:
        return f"{open_[i]:.10g} {high[i]:.10g} {low[i]:.10g} {close[i]:.10g} after a close of {before[i]:.10g}"

    findings = [
        about_rows(rows, bad & ~shifted.any(), "bad tick", shape, "no leap that the next bar takes back"),
        about_rows(rows, suspicious, "suspicious tick", shape, f"a wick within {SUSPICIOUS_ATR:.0f} ATR", "warning"),
    ]
    for i in np.flatnonzero(shifted)[:1]:
        found = f"close {before[i]:.10g} → {close[i]:.10g} at row {rows['row'].iloc[i]}, {rows['stamp'].iloc[i]}"
        how = f"a factor of {number(round(close[i] / before[i], 4))}"
        findings.append(
            about_file(rows["file"].iloc[i], "scale changes inside", f"{found}, {how}", "one unit of price")
        )
    return joined(findings)


def _leaps_of_scale(rows: pd.DataFrame, close: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of short spikes in another scale, and rows from which another scale stays (both bool)."""
    spike, shifted = np.zeros(len(close), dtype=bool), np.zeros(len(close), dtype=bool)
    ratio = np.r_[0.0, np.diff(np.log(close))]
    near = np.r_[True, np.diff(microseconds(rows["ts"])) < ISLAND_DAYS * _DAY]
    leaps = [int(i) for i in np.flatnonzero((np.abs(ratio) > np.log(SCALE)) & near)]
    while leaps:
        start = leaps.pop(0)
        if leaps and leaps[0] - start <= ISLAND_ROWS and ratio[start] * ratio[leaps[0]] < 0:
            spike[start : leaps.pop(0)] = True
        elif len(close) - start <= ISLAND_ROWS:
            spike[start:] = True
        elif start <= ISLAND_ROWS:
            spike[:start] = True
        else:
            shifted[start] = True
    return spike, shifted
