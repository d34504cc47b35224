"""Bars as the arrays that kernels read, with the calendar of their market worked out once."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from market import sessions
from market.atr import NORMAL_BARS, atr, volatility
from market.compiled import compiled
from market.errors import DataError
from market.execution import Bar, Costs, usd_per_quote

DEFAULT_MARKET = "forex"

_NEEDED = ("open", "high", "low", "close", "spread")


class Tape(NamedTuple):
    """Arrays of one length, a value a bar: prices, charged spread, ATR and what the session clock says of its close.

    `volatility` is the ATR ÷ its mean over 500 bars (`market.atr.volatility`).
    """

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
    nights_inside: np.ndarray
    volatility: np.ndarray


def tape(bars: pd.DataFrame, costs: Costs, atr_period: int, market: str = DEFAULT_MARKET, clamped: bool = True) -> Tape:
    """Return the arrays of `bars` (indexed by or carrying `ts`, UTC close stamps) for kernels.

    `atr` is NaN in its warm-up; `nights` is the swap charged between the previous stamp and this one,
    `nights_before_open` its part before this bar opened, `nights_inside` that which the bar trades on after; `shut` is
    where the market closes at the stamp. A policy that is not `clamped` by volatility does without it, which is NaN
    then. Raises DataError for missing columns or NaN prices.
    """
    bars = indexed(bars)
    ts = pd.DatetimeIndex(bars.index)
    ranges = atr(bars, atr_period)
    dollars, unread = np.empty((2, len(ts)))  # one block of memory is had much quicker than two
    dollars[:] = usd_per_quote(bars, costs)
    unread.fill(np.nan)
    return Tape(
        **prices(bars),
        usd_per_quote=dollars,
        atr=ranges,
        **sessions.readings(ts, market, bar_length(ts))._asdict(),
        volatility=volatility(ranges) if clamped else unread,
    )


def last(bars: pd.DataFrame, costs: Costs, atr_period: int, market: str = DEFAULT_MARKET) -> Tape:
    """Return the last row of the tape of `bars` alone: for bars that arrive one at a time.

    The ATR never forgets entirely where it began; a hundred periods before the row leave nothing of that in a double.
    So `volatility`, a mean of 500 of them, wants 499 bars more than the ATR alone: 1,899 where it is of 14 bars.
    """
    bars = indexed(bars)
    ts = pd.DatetimeIndex(bars.index)
    now = sessions.readings(ts[-2:], market, bar_length(ts))
    ranges = atr(bars, atr_period)[-NORMAL_BARS:]
    return Tape(
        **{name: values[-1:] for name, values in prices(bars).items()},
        usd_per_quote=np.array(usd_per_quote(bars.iloc[-1:], costs)),
        atr=ranges[-1:],
        **{name: values[-1:] for name, values in now._asdict().items()},
        volatility=volatility(ranges)[-1:],
    )


def bar_length(ts: pd.DatetimeIndex) -> int:
    """Return the length of the bars that close at `ts` in microseconds: their shortest distance; 0 for a lone bar."""
    return int(_shortest(read_only(ts.as_unit("us").asi8)))


@compiled
def _shortest(stamps: np.ndarray) -> int:
    shortest = stamps[1] - stamps[0] if len(stamps) > 1 else 0
    for i in range(2, len(stamps)):
        shortest = min(shortest, stamps[i] - stamps[i - 1])
    return shortest


def opens(ts: pd.DatetimeIndex, length: int) -> np.ndarray:
    """Return when the bars of `length` that close at `ts` open, in microseconds since 1970."""
    return ts.as_unit("us").asi8 - length


def read_only(values: np.ndarray) -> np.ndarray:
    """Return `values` such that nobody writes into them: kernels are compiled for such arrays, and only for them.

    A column of a table is read-only where it needs no conversion; here it is where it needed one too.
    """
    seen = values.view()
    seen.flags.writeable = False
    return seen


def prices(bars: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return prices and spread as arrays; raises DataError where a column is missing or a value is not finite."""
    missing = [name for name in _NEEDED if name not in bars]
    if missing:
        raise DataError(f"Bars lack the columns {', '.join(missing)}; found {', '.join(map(str, bars.columns))}.")
    prices = {name: read_only(np.ascontiguousarray(bars[name].to_numpy(dtype=np.float64))) for name in _NEEDED}
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
        tape.nights_inside[i],
    )
