"""Timeframes: the names people type, and bars of a coarser timeframe from finer ones.

Timeframes are never handed raw to pandas, whose aliases change; this is the only table of them.
"""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from market.errors import DataError, UsageError, nearest


class Timeframe(NamedTuple):
    """The length of a bar: its name as in `XAUUSD_15T`, and its minutes."""

    name: str
    minutes: int

    @property
    def delta(self) -> pd.Timedelta:
        """Return the length of one bar."""
        return pd.Timedelta(minutes=self.minutes)


TIMEFRAMES = {
    name: Timeframe(name, minutes)
    for name, minutes in {"1T": 1, "5T": 5, "15T": 15, "30T": 30, "1H": 60, "4H": 240}.items()
}
DAY = Timeframe("D", 1440)

_UNIT_MINUTES = {"t": 1, "min": 1, "m": 1, "h": 60}
_BY_MINUTES = {timeframe.minutes: timeframe for timeframe in TIMEFRAMES.values()}
_NUMBER_FIRST = re.compile(r"(\d{1,4})\s*(t|min|m|h)", re.IGNORECASE)
_UNIT_FIRST = re.compile(r"(m|h)(\d{1,4})", re.IGNORECASE)


def parse(text: str) -> Timeframe:
    """Return the timeframe that `text` names; a bare `m` is minutes, months are refused.

    >>> [parse(name).name for name in ("15T", "15min", "15m", "M15", "60min", "H1", "4h")]
    ['15T', '15T', '15T', '15T', '1H', '1H', '4H']

    Raises UsageError for anything else, with the timeframes there are.
    """
    if match := _NUMBER_FIRST.fullmatch(text):
        minutes = int(match[1]) * _UNIT_MINUTES[match[2].lower()]
    elif match := _UNIT_FIRST.fullmatch(text):
        minutes = int(match[2]) * _UNIT_MINUTES[match[1].lower()]
    else:
        minutes = 0
    if minutes not in _BY_MINUTES:
        known = ", ".join(TIMEFRAMES)
        raise UsageError(f"Unknown timeframe {text!r}: choose one of {known}.{nearest(text, TIMEFRAMES)}")
    return _BY_MINUTES[minutes]


def infer(ts: pd.DatetimeIndex) -> Timeframe:
    """Return the timeframe of stamps from their most common spacing.

    Raises DataError with fewer than two stamps, or where that spacing is no timeframe.
    """
    if len(ts) < 2:
        raise DataError(f"Cannot tell the timeframe from {len(ts)} bars: at least 2 are needed.")
    spacings, counts = np.unique(np.diff(_microseconds(ts)), return_counts=True)
    spacing = int(spacings[np.argmax(counts)])
    known = _of_spacing(spacing)
    if known is None:
        raise DataError(f"Bars stand {of_spacing(spacing)}, which is none of {', '.join(TIMEFRAMES)}, D.")
    return known


def of_spacing(spacing: int) -> str:
    """Return the name of the timeframe whose bars stand `spacing` microseconds apart, or how far they stand apart.

    >>> of_spacing(900_000_000), of_spacing(420_000_000)
    ('15T', 'mostly 7 minutes apart')
    """
    known = _of_spacing(spacing)
    return known.name if known else f"mostly {spacing / 60_000_000:g} minutes apart"


def _of_spacing(spacing: int) -> Timeframe | None:
    every = (*TIMEFRAMES.values(), DAY)
    return next((one for one in every if one.minutes * 60_000_000 == spacing), None)


def resample(bars: pd.DataFrame, to: Timeframe) -> pd.DataFrame:
    """Return bars of the coarser timeframe `to`, each stamped when it became knowable.

    `bars` is indexed by `ts` (close stamps, UTC). A coarse bar covers `(ts − length, ts]` on the UTC grid. The last one
    is left out unless the finer bars reach its end. `spread` is the last charged one, `spread_recorded` likewise;
    volume is summed. Raises UsageError where `to` is no multiple of the timeframe of `bars`.
    """
    source = infer(pd.DatetimeIndex(bars.index))
    if to.minutes % source.minutes or to.minutes <= source.minutes:
        raise UsageError(f"Cannot make {to.name} bars from {source.name}: only a coarser multiple can be made.")
    length = to.minutes * 60_000_000
    ends = -(-_microseconds(pd.DatetimeIndex(bars.index)) // length) * length
    first = np.flatnonzero(np.r_[True, np.diff(ends) > 0])
    last = np.r_[first[1:] - 1, len(ends) - 1]
    columns = {
        "open": bars["open"].to_numpy()[first],
        "high": np.maximum.reduceat(bars["high"].to_numpy(), first),
        "low": np.minimum.reduceat(bars["low"].to_numpy(), first),
        "close": bars["close"].to_numpy()[last],
        "volume": np.add.reduceat(bars["volume"].to_numpy(), first),
    }
    columns |= {name: bars[name].to_numpy()[last] for name in ("spread", "spread_recorded") if name in bars}
    index = pd.DatetimeIndex(ends[first].astype("datetime64[us]"), name="ts").tz_localize("UTC")
    coarse = pd.DataFrame(columns, index=index)
    return coarse if bars.index[-1] == index[-1] else coarse.iloc[:-1]


def _microseconds(ts: pd.DatetimeIndex) -> np.ndarray:
    """Return stamps as whole microseconds since 1970."""
    return ts.as_unit("us").asi8
