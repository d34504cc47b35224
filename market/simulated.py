"""A deterministic simulated market: bars with gold's hours, clustered volatility, gaps and spreads, but no edge.

With `edge=0` the price is a martingale, so that nothing learned from it is worth anything: a pipeline that promotes a
model here fools its owner. A positive `edge` plants a real one that volume reveals: a pipeline that never finds it is
useless. Series made from it are named `SIM_…` and never stand among real ones.

The world of a seed: log volatility is the sum of a slow and a fast AR(1) around an hourly profile; a bar's path is made
of eight steps, whose extremes are those of a Brownian bridge, so that a barrier is touched as by a continuous price; a
hidden AR(1) signal of unit variance lifts and lowers volume, and with an edge pulls the next bar's return. Every draw
is made in the order of time from a stream of its own: a market that ends later begins with the same bars.
"""

import numpy as np
import pandas as pd

from market import simulated_bars
from market.errors import UsageError
from market.simulated_bars import SIGNAL_HALF_LIFE, World, autoregression

__all__ = ["SIGNAL_HALF_LIFE", "hidden_signal", "simulate"]

_SEED = 20190102
# Log volatility: (standard deviation, half-life in minutes of trading) of its slow and of its fast part.
_VOLATILITY_PARTS = ((0.35, 7_000.0), (0.30, 120.0))


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
    world = simulated_bars.world(symbol, timeframe, start, end, seed)
    signal = simulated_bars.hidden(world)
    return simulated_bars.bars(world, _volatility_level(world), signal, edge)


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
    world = simulated_bars.world(symbol, timeframe, start, end, seed)
    return pd.Series(simulated_bars.hidden(world), index=world.calendar.ts, name="hidden_signal")


def _volatility_level(world: World) -> np.ndarray:
    """Return the level of volatility around its average: lognormal with mean square 1, known before the bar."""
    normals = world.streams.volatility.standard_normal((len(world.calendar.ts), len(_VOLATILITY_PARTS)))
    parts = [
        sd * autoregression(normals[:, i].copy(), half_life / world.bar.minutes)
        for i, (sd, half_life) in enumerate(_VOLATILITY_PARTS)
    ]
    return np.exp(np.sum(parts, axis=0) - sum(sd**2 for sd, _ in _VOLATILITY_PARTS))
