"""Worlds in which nothing can be known: random walks, and real bars robbed of what might foretell them.

Each is a pure function of its arguments, a seed among them, and returns bars as they are stored: open high low close
volume spread by `ts`, bid prices on the tick grid. What is learned on one of them is worth nothing: whoever promotes a
model there has fooled himself. Worlds with an edge are made by `market.simulated`.
"""

import numpy as np
import pandas as pd

from market import simulated_bars
from market.errors import DataError
from market.execution import Costs

ARCH, GARCH, DEGREES = 0.08, 0.90, 5.0  # Bollerslev (1987): GARCH(1,1) with Student's t
BLOCK = 48.0  # bars, the mean of the stationary bootstrap's blocks

_PRICES = ["open", "high", "low", "close"]


def random_walk(
    symbol: str, timeframe: str, start: str | pd.Timestamp, end: str | pd.Timestamp, seed: int
) -> pd.DataFrame:
    """Return a Gaussian random walk whose volatility follows the hour of the day and nothing else."""
    world = simulated_bars.world(symbol, timeframe, start, end, seed)
    return simulated_bars.bars(world, np.ones(len(world.calendar.ts)), simulated_bars.hidden(world))


def garch(symbol: str, timeframe: str, start: str | pd.Timestamp, end: str | pd.Timestamp, seed: int) -> pd.DataFrame:
    """Return a GARCH(1,1) world of Student's t with five degrees of freedom around the same hours.

    Variance follows h' = ω + (α ε² + β) h with mean 1, ε being the bar's return in units of √h. A bar's t is a normal
    of random size, so that its path within is still that of a price: many small bars and a few very large ones.
    """
    world = simulated_bars.world(symbol, timeframe, start, end, seed)
    rows = len(world.calendar.ts)
    size = np.sqrt((DEGREES - 2.0) / world.streams.volatility.chisquare(DEGREES, rows))
    # The same seed draws the same steps twice: once for ε, and once for the bars.
    close, _, _ = simulated_bars.paths(simulated_bars.world(symbol, timeframe, start, end, seed), size, np.zeros(rows))
    surprise = close / (world.unit * np.sqrt(world.calendar.variance.sum(axis=1)))
    return simulated_bars.bars(world, size * np.sqrt(_variances(surprise)), simulated_bars.hidden(world))


def _variances(surprise: np.ndarray) -> np.ndarray:
    """Return GARCH variances of mean 1, each known before its bar, from the standardised returns."""
    variance, variances = 1.0, []
    for growth in (ARCH * surprise**2 + GARCH).tolist():
        variances.append(variance)
        variance = 1.0 - ARCH - GARCH + growth * variance
    return np.array(variances)


def sign_flipped(bars: pd.DataFrame, tick_size: float, seed: int) -> pd.DataFrame:
    """Return `bars` with every one of them turned upside down about the close before it, or left alone, by a coin.

    In ticks, so that the sizes of returns, gaps and ranges, true ranges and with them the ATR stay exactly what they
    were; volume, spread and stamps stay too, and no direction can be foretold. A world begins higher than `bars` where
    its price would else fall below half of its beginning.
    """
    ticks = np.rint(bars[_PRICES].to_numpy() / tick_size).astype(np.int64)
    before = np.r_[ticks[0, 0], ticks[:-1, 3]]
    moved = ticks - before[:, None]
    up = np.random.default_rng(seed).random(len(bars)) < 0.5
    turned = np.where(up[:, None], moved, -moved[:, [0, 2, 1, 3]])
    walked = np.r_[0, np.cumsum(turned[:-1, 3])]
    begin = max(int(before[0]), int(-2 * (walked + turned[:, 2]).min()))
    prices = np.round((begin + walked[:, None] + turned) * tick_size, 8)
    return bars.assign(**dict(zip(_PRICES, prices.T, strict=True)))


def resampled(
    source: pd.DataFrame, ts: pd.DatetimeIndex, split: pd.Timestamp, costs: Costs, seed: int, block: float = BLOCK
) -> pd.DataFrame:
    """Return bars at `ts` in blocks drawn from `source`: up to `split` from its first half, later from its second.

    The stationary bootstrap of Politis and Romano (1994), JASA 89: blocks of geometric length with the mean `block`,
    begun anywhere and wrapped at the end of a half. Shapes are relative to the price, gaps between bars come along, and
    the mean return of each half is taken out. No bar of one half is in the other, so nothing learned from copies of a
    bar can meet it again where it is judged. Spreads keep their share of the price, and are never under the floor.
    """
    half = len(source) // 2
    if half < 2 * block:
        raise DataError(f"{len(source)} bars are too few to draw blocks of {block:g} from halves: import more history.")
    rows = drawn_rows(len(source), int(ts.searchsorted(split, side="right")), len(ts), seed, block)
    logs = np.log(source[_PRICES].to_numpy())
    gaps = logs[:, 0] - np.r_[logs[0, 0], logs[:-1, 3]]
    returns = gaps + logs[:, 3] - logs[:, 0]
    gaps -= np.where(np.arange(len(source)) < half, returns[:half].mean(), returns[half:].mean())
    above = (logs - logs[:, [0]])[rows]
    first = float(source["open"].iloc[0])
    made = simulated_bars.prices((above[:, 3], above[:, 1], above[:, 2]), gaps[rows], first, costs.tick_size)
    made["volume"] = source["volume"].to_numpy()[rows]
    spread = (source["spread"] / source["close"]).to_numpy()[rows] * made["close"]
    made["spread"] = np.maximum(simulated_bars.on_grid(spread, costs.tick_size), costs.spread_floor)
    return pd.DataFrame(made, index=ts)


def drawn_rows(rows: int, early: int, count: int, seed: int, block: float = BLOCK) -> np.ndarray:
    """Return which of `rows` bars stand at `count` places: at the first `early` those of the first half."""
    rng, half = np.random.default_rng(seed), rows // 2
    return np.r_[_blocks(rng, half, early, block), half + _blocks(rng, rows - half, count - early, block)]


def _blocks(rng: np.random.Generator, rows: int, count: int, block: float) -> np.ndarray:
    """Return `count` positions below `rows`: blocks of geometric length that begin anywhere."""
    begins = rng.random(count) < 1.0 / block
    begins[:1] = True
    starts = rng.integers(0, rows, count)
    at = np.maximum.accumulate(np.where(begins, np.arange(count), 0))
    return (starts[at] + np.arange(count) - at) % rows
