"""The epoch label: does the price stand higher at a fixed horizon? What a binary market pays for, up or down."""

import numpy as np
import pandas as pd

from labels.weights import average_uniqueness
from market.atr import atr
from market.errors import UsageError
from market.tape import bar_length, indexed, prices

FEE = 0.063  # of the stake


def epoch_labels(bars: pd.DataFrame, horizon: pd.Timedelta, fee: float = FEE, atr_period: int = 14) -> pd.DataFrame:
    """Return the labels table of binary epochs that last `horizon`, one after the other, on the grid of UTC.

    `bars` is indexed by (or carries) `ts`; an epoch begins at each stamp that is a whole number of horizons since 1970
    (of 15 minutes: at :00 :15 :30 :45), and is decided there. It is up (`y` 1) where its last close is at or above its
    reference price, the open of its first bar; else down (−1). So equal is up, as in the markets of that name.

    A stake buys at even odds: right, it gains itself, wrong, it is lost; `fee`, a share of the stake, is paid either
    way. `r_long` (a stake on up) and `r_short` (on down) are that net result in stakes; `t1_long t1_short` both are the
    end, when it is known; the reasons are `time`. So training takes the table as it takes that of the barriers. Epochs
    do not overlap: `weight` is 1.

    Epochs that lack a bar, at a gap or at the end, are absent, and so are those without an ATR (`atr`). Raises
    UsageError where the horizon is no whole number of bars or the fee is not in [0, 1).
    """
    bars = indexed(bars)
    ts = pd.DatetimeIndex(bars.index).as_unit("us")
    length = _bars_long(horizon, bar_length(ts))
    if not 0.0 <= fee < 1.0:
        raise UsageError(f"fee = {fee}: choose a share of the stake from 0 up to, but not, 1.")
    rows, ranges = _starts(ts.asi8, horizon, length), atr(bars, atr_period)
    rows = rows[ranges[rows] > 0.0]
    known = prices(bars)
    up = known["close"][rows + length] >= known["open"][rows + 1]
    ends = ts[rows + length]
    reason = pd.array(["time"], dtype="str").take(np.zeros(len(rows), np.int64))
    return pd.DataFrame(
        {
            "t1_long": ends,
            "t1_short": ends,
            "y": np.where(up, 1, -1).astype(np.int8),
            "r_long": np.where(up, 1.0, -1.0) - fee,
            "r_short": np.where(up, -1.0, 1.0) - fee,
            "reason_long": reason,
            "reason_short": reason,
            "atr": ranges[rows],
            "weight": average_uniqueness(rows + 1, rows + length),
        },
        index=ts[rows].rename("ts"),
    )


def _bars_long(horizon: pd.Timedelta, bar: int) -> int:
    """Return how many bars of `bar` microseconds an epoch has."""
    span = pd.Timedelta(horizon) // pd.Timedelta(microseconds=1)
    if bar <= 0 or span <= 0 or span % bar:
        told = pd.Timedelta(microseconds=bar)
        raise UsageError(f"horizon = {horizon}: an epoch is a whole number of bars, one or more; a bar is {told} long.")
    return span // bar


def _starts(stamps: np.ndarray, horizon: pd.Timedelta, length: int) -> np.ndarray:
    """Return the positions of the stamps at which an epoch begins whose bars are all there."""
    span = pd.Timedelta(horizon) // pd.Timedelta(microseconds=1)
    rows = np.arange(max(len(stamps) - length, 0))
    whole = stamps[rows + length] - stamps[rows] == span
    return rows[whole & (stamps[rows] % span == 0)]
