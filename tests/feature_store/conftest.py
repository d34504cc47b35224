"""Bars to try features on: generated ones with every awkwardness of real ones, and a slice of real gold."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market.sessions import is_open

GOLD = Path("../shared/data/bars/mt5_a/XAUUSD/XAUUSD_15T.parquet")

Generate = Callable[..., pd.DataFrame]


def _generated(rows: int, minutes: int = 15, seed: int = 0, price: float = 1800.0, tick: float = 0.01) -> pd.DataFrame:
    """Return bars with weekend gaps and daily breaks, changing volatility and prices on a tick grid.

    Some stretches stand still, some bars have no volume, and the spread jumps.
    """
    random = np.random.default_rng(seed)
    stamps = pd.date_range("2024-03-04", periods=2 * rows + 4000, freq=f"{minutes}min", tz="UTC")
    ts = stamps[is_open(stamps - pd.Timedelta(minutes=minutes), "metal")][:rows].as_unit("us")
    volatility = 5e-4 * np.exp(0.8 * np.sin(np.arange(rows) / 97.0) + 0.3 * random.normal(size=rows))
    moves = volatility * random.standard_t(4, size=rows)
    for start in random.integers(0, rows, size=max(rows // 400, 1)):
        moves[start : start + 12] = 0.0
    close = price * np.exp(np.cumsum(moves))
    still = moves == 0.0
    open_ = np.r_[price, close[:-1]] * (1.0 + np.where(still, 0.0, 5e-5 * random.normal(size=rows)))
    open_[still] = close[still]
    reach = np.where(still, 0.0, close * volatility * np.maximum(random.exponential(0.6, size=(2, rows)) - 0.1, 0.0))
    grid = {
        "open": open_,
        "high": np.maximum(open_, close) + reach[0],
        "low": np.minimum(open_, close) - reach[1],
        "close": close,
    }
    columns = {name: np.round(np.rint(values / tick) * tick, 8) for name, values in grid.items()}
    columns["volume"] = np.where(random.random(rows) < 0.02, 0.0, random.poisson(300.0 * (1.0 + 400.0 * volatility)))
    columns["spread"] = np.round(tick * (25.0 + random.integers(0, 5, rows) + 100.0 * (random.random(rows) < 0.01)), 8)
    return pd.DataFrame(columns, index=pd.DatetimeIndex(ts, name="ts")).astype(np.float64)


@pytest.fixture(scope="session")
def generate() -> Generate:
    return _generated


@pytest.fixture(scope="session")
def bars() -> pd.DataFrame:
    """15-minute bars, enough for every group and a few hundred rows more; they cross a change of half-year."""
    return _generated(8500)


@pytest.fixture(scope="session")
def gold() -> pd.DataFrame:
    return _gold(100_000, 106_000)


@pytest.fixture(scope="session")
def gold_over_july() -> pd.DataFrame:
    """Real bars that cross a change of half-year with the lookback of every group behind them."""
    return _gold(102_000, 108_000)


def _gold(start: int, end: int) -> pd.DataFrame:
    if not GOLD.exists():
        pytest.skip(f"no real bars at {GOLD}")
    vendor = pd.read_parquet(GOLD).iloc[start:end]
    ts = pd.DatetimeIndex(vendor["timestamp"] + pd.Timedelta(minutes=15), name="ts").as_unit("us")
    real = vendor.drop(columns="timestamp").set_index(ts)
    return real.assign(spread=real["spread"].fillna(0.25).clip(lower=0.25))
