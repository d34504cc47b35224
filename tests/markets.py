"""Small random markets for tests: bars on a tick grid with gaps, ties and wide spreads, built from plain numbers."""

import numpy as np
import pandas as pd

from market.execution import Costs

COSTS = Costs(
    spread_floor=0.0,
    commission=3.5,
    slippage=0.02,
    swap_long=-40.0,
    swap_short=10.0,
    tick_size=0.01,
    pip_size=0.1,
    minimum_stop=0.3,
    contract_size=100.0,
    lot_step=0.01,
)
YEN = COSTS._replace(quote_currency="JPY", contract_size=100_000.0)  # at 2,000 yen a lot and ATR are 50 USD, costs 10


def random_bars(seed: int, count: int = 400, start: str = "2024-01-08 00:15", minutes: int = 15) -> pd.DataFrame:
    """Return `count` bars with jumps between bars, occasional wide bars and a changing spread, on the tick grid."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, 60.0, count) * np.where(rng.random(count) < 0.05, 5.0, 1.0)
    gaps = np.where(rng.random(count) < 0.08, rng.normal(0.0, 150.0, count), 0.0)
    close = 200_000 + np.cumsum(steps + gaps)
    open_ = np.concatenate([[200_000.0], close[:-1]]) + gaps
    up, down = rng.exponential(40.0, count), rng.exponential(40.0, count)
    prices = np.column_stack([open_, np.maximum(open_, close) + up, np.minimum(open_, close) - down, close])
    ticks = np.round(prices)
    frame = pd.DataFrame(ticks / 100.0, columns=["open", "high", "low", "close"])
    frame["volume"] = rng.integers(1, 1000, count).astype(float)
    frame["spread"] = np.round(rng.exponential(20.0, count)) / 100.0
    frame.index = stamps(count, start, minutes)
    return frame


def stamps(count: int, start: str = "2024-01-08 00:15", minutes: int = 15) -> pd.DatetimeIndex:
    """Return evenly spaced close stamps."""
    return pd.date_range(start, periods=count, freq=f"{minutes}min", tz="UTC", unit="us", name="ts")


def bars_of(rows: list[tuple[float, float, float, float]], spread: float = 0.0, **stamp: object) -> pd.DataFrame:
    """Return bars with the open, high, low and close of each row, at one spread."""
    frame = pd.DataFrame(rows, columns=["open", "high", "low", "close"], dtype=float)
    frame["volume"], frame["spread"] = 1.0, spread
    frame.index = stamps(len(rows), **stamp)  # type: ignore[arg-type]
    return frame
