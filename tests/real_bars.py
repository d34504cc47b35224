"""Real gold for tests, as it would be stored; where it is not there, the test says so in one line."""

from pathlib import Path

import pandas as pd
import pytest

from market.timeframe import parse

GOLD = Path("../shared/data/bars/mt5_a/XAUUSD")
SPREAD_FLOOR = 0.25


def gold(timeframe: str) -> pd.DataFrame:
    """Return gold bars by their closes; skips the test where they are not there."""
    path = GOLD / f"XAUUSD_{timeframe}.parquet"
    if not path.exists():
        pytest.skip(f"real bars are not there: {path}")
    bars = pd.read_parquet(path)
    closes = pd.DatetimeIndex(bars.pop("timestamp")).as_unit("us") + parse(timeframe).delta
    bars.index = closes.rename("ts")
    bars["spread"] = bars["spread"].fillna(0.0).clip(lower=SPREAD_FLOOR)
    return bars[["open", "high", "low", "close", "volume", "spread"]].astype("float64")
