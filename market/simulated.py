"""A deterministic simulated market: bars with gold's hours, clustered volatility, gaps and spreads, but no edge.

With `edge=0` the price is a martingale, so that nothing learned from it is worth anything: a pipeline that promotes a
model here fools its owner. A positive `edge` plants a real one that volume reveals: a pipeline that never finds it is
useless. Series made from it are named `SIM_…` and never stand among real ones.

The world of a seed: log volatility is the sum of a slow and a fast AR(1) around an hourly profile; a bar's path is made
of eight steps, whose extremes are those of a Brownian bridge, so that a barrier is touched as by a continuous price; a
hidden AR(1) signal of unit variance lifts and lowers volume, and with an edge pulls the next bar's return. Every draw
is made in the order of time from a stream of its own: a market that ends later begins with the same bars.
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

_SEED = 20190102
_FIRST_PRICES = {"XAUUSD": 1286.0, "BTCUSD": 3800.0, "ETHUSD": 140.0}
_QUARTER_HOUR_VOLATILITY = {"metal": 0.0010, "index": 0.0010, "forex": 0.0004, "crypto": 0.0030}
# Log volatility: (standard deviation, half-life in minutes of trading) of its slow and of its fast part.
_VOLATILITY_PARTS = ((0.35, 7_000.0), (0.30, 120.0))
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


class _Streams(NamedTuple):
    """One generator for each kind of draw, so that none shifts another."""

    volatility: np.random.Generator
    signal: np.random.Generator
    steps: np.random.Generator
    extremes: np.random.Generator
    gaps: np.random.Generator
    volume: np.random.Generator
    spread: np.random.Generator


class _Calendar(NamedTuple):
    """The bars of a world: stamps, variance of each step relative to a full average bar, sizes of the gaps before."""

    ts: pd.DatetimeIndex
    variance: np.ndarray
    gap: np.ndarray


def simulate(
    symbol: str = "XAUUSD",
    timeframe: str = "15T",
    start: str | pd.Timestamp = "2019-01-02",
    end: str | pd.Timestamp = "2025-10-31",
    edge: float = 0.0,
    seed: int = _SEED,
) -> pd.DataFrame:
    """Return the simulated bars that lie inside `[start, end]` (UTC): open high low close volume spread by `ts`.

    Prices are bid and on the tick grid, `spread` is as charged. `edge` is the correlation between the hidden signal
    at a bar's close and the next bar's return in units of its volatility: 0 for a world without edge. The same
    arguments give the same bits. Timeframes are worlds of their own; for another one of the same world, resample.

    >>> bars = simulate(start="2024-01-02", end="2024-01-03")
    >>> len(bars), bars.index[0].isoformat(), float(bars["open"].iloc[0])
    (92, '2024-01-02T00:15:00+00:00', 1286.0)

    Raises UsageError for an unknown symbol or timeframe, an `edge` outside (−1, 1), or no bar between start and end.
    """
    if not -1.0 < edge < 1.0:
        raise UsageError(f"edge is {edge:g}: a correlation between -1 and 1 is wanted; 0.1 is a strong edge.")
    traded, bar = instrument(symbol.removeprefix(SIMULATED)), parse(timeframe)
    calendar = _calendar(traded, bar, start, end)
    streams = _streams(traded, bar, seed)
    signal = _signal(streams, len(calendar.ts))
    unit = _QUARTER_HOUR_VOLATILITY[traded.market] * np.sqrt(bar.minutes / 15)
    level = _volatility_level(streams, len(calendar.ts), bar)
    paths = _paths(streams, calendar.variance * (unit * level)[:, None] ** 2, edge, np.r_[0.0, signal[:-1]])
    gaps = _gaps(streams, calendar.gap * _QUARTER_HOUR_VOLATILITY[traded.market] * level)
    columns = _prices(paths, gaps, _first_price(traded), traded.costs.tick_size)
    columns["volume"] = _volume(streams, (paths[1] - paths[2]) / unit, signal, bar)
    columns["spread"] = _spread(streams, calendar.ts, traded)
    return pd.DataFrame(columns, index=calendar.ts)


def hidden_signal(
    symbol: str = "XAUUSD",
    timeframe: str = "15T",
    start: str | pd.Timestamp = "2019-01-02",
    end: str | pd.Timestamp = "2025-10-31",
    seed: int = _SEED,
) -> pd.Series:
    """Return the hidden signal of `simulate` with the same arguments: mean 0, variance 1, half-life 12 bars.

    Its value at `ts` pulls the bar after `ts`, by `edge` standard deviations for each unit. For oracles only.
    """
    traded, bar = instrument(symbol.removeprefix(SIMULATED)), parse(timeframe)
    ts = _calendar(traded, bar, start, end).ts
    return pd.Series(_signal(_streams(traded, bar, seed), len(ts)), index=ts, name="hidden_signal")


def _streams(traded: Instrument, bar: Timeframe, seed: int) -> _Streams:
    entropy = [seed, zlib.crc32(f"{traded.symbol}_{bar.name}".encode())]
    children = np.random.SeedSequence(entropy).spawn(len(_Streams._fields))
    return _Streams(*(np.random.Generator(np.random.PCG64(child)) for child in children))


def _calendar(traded: Instrument, bar: Timeframe, start: str | pd.Timestamp, end: str | pd.Timestamp) -> _Calendar:
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
    return _Calendar(ts, variance[kept], gap)


def _utc(stamp: str | pd.Timestamp) -> pd.Timestamp:
    moment = pd.Timestamp(stamp)
    return moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")


def _autoregression(normals: np.ndarray, half_life: float) -> np.ndarray:
    """Return a stationary AR(1) of unit variance from standard normals; `half_life` is in rows."""
    decay = 0.5 ** (1 / half_life)
    shocks = normals * np.sqrt(1 - decay**2)
    shocks[0] = normals[0]
    return lfilter([1.0], [1.0, -decay], shocks)


def _signal(streams: _Streams, rows: int) -> np.ndarray:
    return _autoregression(streams.signal.standard_normal(rows), SIGNAL_HALF_LIFE)


def _volatility_level(streams: _Streams, rows: int, bar: Timeframe) -> np.ndarray:
    """Return the level of volatility around its average: lognormal with mean square 1, known before the bar."""
    normals = streams.volatility.standard_normal((rows, len(_VOLATILITY_PARTS)))
    parts = [
        sd * _autoregression(normals[:, i].copy(), half_life / bar.minutes)
        for i, (sd, half_life) in enumerate(_VOLATILITY_PARTS)
    ]
    return np.exp(np.sum(parts, axis=0) - sum(sd**2 for sd, _ in _VOLATILITY_PARTS))


def _paths(streams: _Streams, variance: np.ndarray, edge: float, pull: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return log close, high and low of each bar above its open, from the variance of its steps (rows × steps)."""
    rows = len(variance)
    close, high, low = (np.empty(rows) for _ in range(3))
    for begin in range(0, rows, _CHUNK):
        chunk = slice(begin, begin + _CHUNK)
        close[chunk], high[chunk], low[chunk] = _chunk_of_paths(streams, variance[chunk], edge, pull[chunk])
    return close, high, low


def _chunk_of_paths(
    streams: _Streams, variance: np.ndarray, edge: float, pull: np.ndarray
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


def _gaps(streams: _Streams, size: np.ndarray) -> np.ndarray:
    """Return the log jump from the last close to each open, without drift in price."""
    return size * streams.gaps.standard_normal(len(size)) - 0.5 * size**2


def _first_price(traded: Instrument) -> float:
    """Return where a world begins: where gold and coins stood in 2019, else in the geometric middle of the range."""
    return _FIRST_PRICES.get(traded.symbol, float(np.sqrt(traded.price_range[0] * traded.price_range[1])))


def _prices(
    paths: tuple[np.ndarray, ...], gaps: np.ndarray, first_price: float, tick_size: float
) -> dict[str, np.ndarray]:
    """Return open high low close on the tick grid; a price never falls below one tick."""
    close, high, low = paths
    opens = np.log(first_price) + np.cumsum(gaps) + np.r_[0.0, np.cumsum(close)[:-1]]
    logs = {"open": opens, "high": opens + high, "low": opens + low, "close": opens + close}
    return {name: _on_grid(np.exp(values), tick_size) for name, values in logs.items()}


def _on_grid(values: np.ndarray, tick_size: float) -> np.ndarray:
    """Return the nearest whole ticks, at least one, as the floats nearest to their decimals."""
    return np.round(np.maximum(np.rint(values / tick_size), 1.0) * tick_size, 8)


def _volume(streams: _Streams, ranges: np.ndarray, signal: np.ndarray, bar: Timeframe) -> np.ndarray:
    """Return whole ticks traded: more in wide bars, and more where the hidden signal is high."""
    log_volume = np.log(_QUARTER_HOUR_VOLUME * bar.minutes / 15) + _VOLUME_RANGE * np.log(ranges)
    log_volume += _VOLUME_SIGNAL * signal + _VOLUME_NOISE * streams.volume.standard_normal(len(signal))
    return np.maximum(np.rint(np.exp(log_volume)), 1.0)


def _spread(streams: _Streams, ts: pd.DatetimeIndex, traded: Instrument) -> np.ndarray:
    """Return the spread charged: lognormal, wider in Asia and widest around the roll, never under the floor."""
    inside = ts - pd.Timedelta(microseconds=1)
    typical = traded.costs.spread_floor * _SPREAD_PROFILE[inside.tz_convert(sessions.NEW_YORK).hour]
    drawn = typical * np.exp(_SPREAD_NOISE * streams.spread.standard_normal(len(ts)))
    return np.maximum(_on_grid(drawn, traded.costs.tick_size), traded.costs.spread_floor)
