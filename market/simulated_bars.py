"""What the bars of a simulated market are made of: its hours, paths within a bar, gaps, prices, volume and spreads.

Each piece draws from a stream of its own, in the order of time. A bar's path is made of eight steps, whose extremes are
those of a Brownian bridge, so that a barrier is touched as by a continuous price.
"""

import zlib
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from market import sessions
from market.errors import UsageError
from market.instruments import SIMULATED, Instrument, instrument
from market.timeframe import Timeframe, parse

STEPS = 8
SIGNAL_HALF_LIFE = 12.0

_FIRST_PRICES = {"XAUUSD": 1286.0, "BTCUSD": 3800.0, "ETHUSD": 140.0}
_VOLATILITY = {"metal": 0.0010, "index": 0.0010, "forex": 0.0004, "crypto": 0.0030}
# Gaps between bars in quarter-hour volatilities: between neighbours, over the daily break, over a weekend.
_GAPS = (0.04, 0.8, 2.8)
_LONGEST_BREAK_MINUTES = 300
# Log volume: weight of the bar's range, of the hidden signal, of noise.
_VOLUME_RANGE, _VOLUME_SIGNAL, _VOLUME_NOISE = 0.5, 0.5, 0.2
_QUARTER_HOUR_VOLUME = 1000.0
_SPREAD_NOISE = 0.25
_CHUNK = 65_536
# By hour of the day in New York: quiet after the roll, lively from 08:00 to noon; wide spreads around the roll.
_PROFILE = np.array(
    [
        *(0.60, 0.85, 1.00, 1.10, 0.95, 0.90, 0.90, 0.95, 1.70, 1.80, 1.75, 1.30),
        *(1.00, 0.90, 0.90, 0.85, 0.55, 0.60, 0.70, 0.65, 0.90, 1.00, 0.75, 0.65),
    ]
)
_PROFILE /= np.sqrt(np.mean(_PROFILE**2))
_SPREAD_PROFILE = np.array([1.15] * 2 + [1.0] * 14 + [1.5, 2.5, 2.0] + [1.2] * 5)


class Streams(NamedTuple):
    """One generator for each kind of draw, so that none shifts another."""

    volatility: np.random.Generator
    signal: np.random.Generator
    steps: np.random.Generator
    extremes: np.random.Generator
    gaps: np.random.Generator
    volume: np.random.Generator
    spread: np.random.Generator


class Calendar(NamedTuple):
    """The bars of a world: stamps, variance of each step relative to a full average bar, sizes of the gaps before."""

    ts: pd.DatetimeIndex
    variance: np.ndarray
    gap: np.ndarray


class World(NamedTuple):
    """What the bars of a world are drawn from: what is traded, its timeframe, its hours and its streams."""

    traded: Instrument
    bar: Timeframe
    calendar: Calendar
    streams: Streams

    @property
    def unit(self) -> float:
        """Return the volatility of an average bar."""
        return float(_VOLATILITY[self.traded.market] * np.sqrt(self.bar.minutes / 15))


def world(symbol: str, timeframe: str, start: str | pd.Timestamp, end: str | pd.Timestamp, seed: int) -> World:
    """Return the world of a seed with the hours inside `[start, end]` (UTC), before anything is drawn.

    Raises UsageError for an unknown symbol or timeframe, or no bar between start and end.
    """
    traded, bar = instrument(symbol.removeprefix(SIMULATED)), parse(timeframe)
    return World(traded, bar, _calendar(traded, bar, start, end), _streams(traded, bar, seed))


def bars(world: World, level: np.ndarray, signal: np.ndarray, edge: float = 0.0) -> pd.DataFrame:
    """Return open high low close volume spread by `ts` of a world, from the level of volatility in each bar.

    `signal` (mean 0, variance 1, known at the close) shows in volume, and pulls the next bar by `edge`.
    """
    made = paths(world, level, np.r_[0.0, signal[:-1]], edge)
    gaps = _gaps(world.streams, world.calendar.gap * _VOLATILITY[world.traded.market] * level)
    columns = prices(made, gaps, _first_price(world.traded), world.traded.costs.tick_size)
    columns["volume"] = _volume(world.streams, (made[1] - made[2]) / world.unit, signal, world.bar)
    columns["spread"] = _spread(world.streams, world.calendar.ts, world.traded)
    return pd.DataFrame(columns, index=world.calendar.ts)


def hidden(world: World) -> np.ndarray:
    """Return the hidden signal of a world: mean 0, variance 1, half-life 12 bars."""
    return autoregression(world.streams.signal.standard_normal(len(world.calendar.ts)), SIGNAL_HALF_LIFE)


def paths(world: World, level: np.ndarray, pull: np.ndarray, edge: float = 0.0) -> tuple[np.ndarray, ...]:
    """Return log close, high and low of each bar above its open; `pull` is the signal before each bar."""
    variance = world.calendar.variance * (world.unit * level)[:, None] ** 2
    rows = len(variance)
    close, high, low = (np.empty(rows) for _ in range(3))
    for begin in range(0, rows, _CHUNK):
        chunk = slice(begin, begin + _CHUNK)
        close[chunk], high[chunk], low[chunk] = _chunk_of_paths(world.streams, variance[chunk], edge, pull[chunk])
    return close, high, low


def _streams(traded: Instrument, bar: Timeframe, seed: int) -> Streams:
    entropy = [seed, zlib.crc32(f"{traded.symbol}_{bar.name}".encode())]
    children = np.random.SeedSequence(entropy).spawn(len(Streams._fields))
    return Streams(*(np.random.Generator(np.random.PCG64(child)) for child in children))


def _calendar(traded: Instrument, bar: Timeframe, start: str | pd.Timestamp, end: str | pd.Timestamp) -> Calendar:
    """Return the bars with a minute of trading in them; hours in which the market rests have no variance."""
    first, last = (_utc(stamp) for stamp in (start, end))
    opens = pd.date_range(first.ceil(bar.delta), last - bar.delta, freq=bar.delta, unit="us")
    hours = max(1, bar.minutes // 60)
    pieces = opens.repeat(hours) + pd.to_timedelta(np.tile(np.arange(hours) * 60, len(opens)), unit="min")
    trades = sessions.is_open(pieces, traded.market)
    profile = _PROFILE[pieces.tz_convert(sessions.NEW_YORK).hour]
    variance = np.repeat((trades * profile**2 / STEPS).reshape(-1, hours), STEPS // hours, axis=1)
    kept = variance.any(axis=1)
    if not kept.any():
        raise UsageError(f"No {bar.name} bar of {traded.symbol} lies between {first} and {last}: choose a longer span.")
    ts = pd.DatetimeIndex((opens + bar.delta)[kept], name="ts").as_unit("us")
    ts.freq = None
    rest = np.diff(ts.asi8, prepend=ts.asi8[0]) // 60_000_000 - bar.minutes
    gap = np.select([rest <= 0, rest <= _LONGEST_BREAK_MINUTES], _GAPS[:2], default=_GAPS[2])
    gap[0] = 0.0
    return Calendar(ts, variance[kept], gap)


def _utc(stamp: str | pd.Timestamp) -> pd.Timestamp:
    moment = pd.Timestamp(stamp)
    return moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")


def autoregression(normals: np.ndarray, half_life: float) -> np.ndarray:
    """Return a stationary AR(1) of unit variance from standard normals; `half_life` is in rows."""
    decay = 0.5 ** (1 / half_life)
    shocks = normals * np.sqrt(1 - decay**2)
    shocks[0] = normals[0]
    return lfilter([1.0], [1.0, -decay], shocks)


def _chunk_of_paths(
    streams: Streams, variance: np.ndarray, edge: float, pull: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return close, high and low as in `_paths`; `pull` is the signal before each bar.

    The extremes of a step given its ends are those of a Brownian bridge: (a + b ± √((b − a)² − 2 v ln U)) / 2.
    """
    noise_variance = (1 - edge**2) * variance
    total = np.sqrt(variance.sum(axis=1, keepdims=True))
    steps = np.sqrt(noise_variance) * streams.steps.standard_normal(variance.shape)
    steps += variance * (edge * pull[:, None] / total - 0.5)
    ends = np.cumsum(steps, axis=1)
    uniforms = 1.0 - streams.extremes.random((len(variance), 2, variance.shape[1]))
    reach = np.sqrt(steps[:, None, :] ** 2 - 2.0 * noise_variance[:, None, :] * np.log(uniforms))
    middle = ends - 0.5 * steps
    high = (middle + 0.5 * reach[:, 0]).max(axis=1)
    low = (middle - 0.5 * reach[:, 1]).min(axis=1)
    return ends[:, -1], high, low


def _gaps(streams: Streams, size: np.ndarray) -> np.ndarray:
    """Return the log jump from the last close to each open, without drift in price."""
    return size * streams.gaps.standard_normal(len(size)) - 0.5 * size**2


def _first_price(traded: Instrument) -> float:
    """Return where a world begins: where gold and coins stood in 2019, else in the geometric middle of the range."""
    return _FIRST_PRICES.get(traded.symbol, float(np.sqrt(traded.price_range[0] * traded.price_range[1])))


def prices(
    paths: tuple[np.ndarray, ...], gaps: np.ndarray, first_price: float, tick_size: float
) -> dict[str, np.ndarray]:
    """Return open high low close on the tick grid; a price never falls below one tick."""
    close, high, low = paths
    opens = np.log(first_price) + np.cumsum(gaps) + np.r_[0.0, np.cumsum(close)[:-1]]
    logs = {"open": opens, "high": opens + high, "low": opens + low, "close": opens + close}
    return {name: on_grid(np.exp(values), tick_size) for name, values in logs.items()}


def on_grid(values: np.ndarray, tick_size: float) -> np.ndarray:
    """Return the nearest whole ticks, at least one, as the floats nearest to their decimals."""
    return np.round(np.maximum(np.rint(values / tick_size), 1.0) * tick_size, 8)


def _volume(streams: Streams, ranges: np.ndarray, signal: np.ndarray, bar: Timeframe) -> np.ndarray:
    """Return whole ticks traded: more in wide bars, and more where the hidden signal is high."""
    log_volume = np.log(_QUARTER_HOUR_VOLUME * bar.minutes / 15) + _VOLUME_RANGE * np.log(ranges)
    log_volume += _VOLUME_SIGNAL * signal + _VOLUME_NOISE * streams.volume.standard_normal(len(signal))
    return np.maximum(np.rint(np.exp(log_volume)), 1.0)


def _spread(streams: Streams, ts: pd.DatetimeIndex, traded: Instrument) -> np.ndarray:
    """Return the spread charged: lognormal, wider in Asia and widest around the roll, never under the floor."""
    inside = ts - pd.Timedelta(microseconds=1)
    typical = traded.costs.spread_floor * _SPREAD_PROFILE[inside.tz_convert(sessions.NEW_YORK).hour]
    drawn = typical * np.exp(_SPREAD_NOISE * streams.spread.standard_normal(len(ts)))
    return np.maximum(on_grid(drawn, traded.costs.tick_size), traded.costs.spread_floor)
