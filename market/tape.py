"""Bars as the arrays that kernels read, with the calendar of their market worked out once."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from market import sessions
from market.atr import atr
from market.compiled import compiled
from market.errors import DataError
from market.execution import Bar, Costs, usd_per_quote

DEFAULT_MARKET = "forex"

_NEEDED = ("open", "high", "low", "close", "spread")


class Tape(NamedTuple):
    """Arrays of one length, a value a bar: prices, charged spread, and what the session clock says of its close."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    spread: np.ndarray
    nights: np.ndarray
    usd_per_quote: np.ndarray
    atr: np.ndarray
    day: np.ndarray
    session: np.ndarray
    shut: np.ndarray
    nights_before_open: np.ndarray


def tape(bars: pd.DataFrame, costs: Costs, atr_period: int, market: str = DEFAULT_MARKET) -> Tape:
    """Return the arrays of `bars` (indexed by or carrying `ts`, UTC close stamps) for kernels.

    `atr` is NaN in its warm-up; `nights` is the swap charged between the previous stamp and this one,
    `nights_before_open` its part before this bar opened; `shut` is where the market closes at the stamp. Raises
    DataError for missing columns or NaN prices.
    """
    bars = indexed(bars)
    ts = pd.DatetimeIndex(bars.index)
    return Tape(
        **prices(bars),
        nights=sessions.swap_nights(ts, market),
        usd_per_quote=usd_per_quote(bars, costs),
        atr=atr(bars, atr_period),
        day=sessions.trading_day(ts, market),
        session=sessions.session(ts),
        shut=sessions.closes_at(ts, market),
        nights_before_open=_nights_before_open(ts, bar_length(ts), market),
    )


def last(bars: pd.DataFrame, costs: Costs, atr_period: int, market: str = DEFAULT_MARKET) -> Tape:
    """Return the last row of the tape of `bars` alone: for bars that arrive one at a time.

    The ATR never forgets entirely where it began; a hundred periods before the row leave nothing of that in a double.
    """
    bars = indexed(bars)
    ts = pd.DatetimeIndex(bars.index[-2:])
    return Tape(
        **{name: values[-1:] for name, values in prices(bars).items()},
        nights=sessions.swap_nights(ts, market)[-1:],
        usd_per_quote=usd_per_quote(bars.iloc[-1:], costs),
        atr=atr(bars, atr_period)[-1:],
        day=sessions.trading_day(ts[-1:], market),
        session=sessions.session(ts[-1:]),
        shut=sessions.closes_at(ts[-1:], market),
        nights_before_open=_nights_before_open(ts, bar_length(pd.DatetimeIndex(bars.index)), market)[-1:],
    )


def bar_length(ts: pd.DatetimeIndex) -> int:
    """Return the length of the bars that close at `ts` in microseconds: their shortest distance; 0 for a lone bar."""
    distances = np.diff(ts.as_unit("us").asi8)
    return int(distances.min()) if len(distances) else 0


def opens(ts: pd.DatetimeIndex, length: int) -> np.ndarray:
    """Return when the bars of `length` that close at `ts` open, in microseconds since 1970."""
    return ts.as_unit("us").asi8 - length


def _nights_before_open(ts: pd.DatetimeIndex, length: int, market: str) -> np.ndarray:
    """Return the nights of swap in `(previous ts, open]` for each bar (float64): 0 where bars follow one another."""
    nights = np.zeros(len(ts))
    opened = opens(ts, length)
    late = np.flatnonzero(np.diff(ts.as_unit("us").asi8) > length) + 1
    instants = np.column_stack([ts.as_unit("us").asi8[late - 1], opened[late]]).ravel()
    nights[late] = sessions.swap_nights(pd.DatetimeIndex(instants.view("M8[us]"), tz="UTC"), market)[1::2]
    return nights


def prices(bars: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return prices and spread as arrays; raises DataError where a column is missing or a value is not finite."""
    missing = [name for name in _NEEDED if name not in bars]
    if missing:
        raise DataError(f"Bars lack the columns {', '.join(missing)}; found {', '.join(map(str, bars.columns))}.")
    prices = {name: np.ascontiguousarray(bars[name].to_numpy(dtype=np.float64)) for name in _NEEDED}
    for name, values in prices.items():
        known = np.isfinite(values)
        if not known.all():
            at = bars.index[int(np.argmin(known))]
            raise DataError(f"Bars have a {name} that is not finite at {at}: validate them before use.")
    return prices


def indexed(bars: pd.DataFrame) -> pd.DataFrame:
    """Return `bars` indexed by `ts`; raises DataError where stamps are not UTC or do not increase strictly."""
    if "ts" in bars.columns:
        bars = bars.set_index("ts")
    ts = bars.index
    if not isinstance(ts, pd.DatetimeIndex) or str(ts.tz) != "UTC":
        raise DataError("Bars need `ts`, the UTC close stamp, as index or column.")
    if not (ts.is_monotonic_increasing and ts.is_unique):
        raise DataError("The stamps of bars must increase strictly: sort them and remove duplicates.")
    return bars


@compiled
def bar_at(tape: Tape, i: int) -> Bar:
    """Return bar `i` of the tape."""
    return Bar(
        tape.open[i],
        tape.high[i],
        tape.low[i],
        tape.close[i],
        tape.spread[i],
        tape.nights[i],
        tape.usd_per_quote[i],
        tape.nights_before_open[i],
    )
