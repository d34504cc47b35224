"""How fast the features of a live bar are: one row, each group from its own tail. `make bench` prints them."""

import numpy as np
import pandas as pd
import pytest

import feature_store
from market import simulated
from market.timeframe import TIMEFRAMES

QUARTER_HOUR = TIMEFRAMES["15T"]


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return simulated.simulate("XAUUSD", "15T", "2024-01-02", "2024-06-20")


@pytest.mark.parametrize(
    "groups", [*((name,) for name in feature_store.groups_for(True)), feature_store.groups_for(True)], ids="+".join
)
def test_features_of_the_last_bar(benchmark, bars, groups):
    needed = feature_store.lookback(groups, QUARTER_HOUR)
    tails = [bars.iloc[end - needed : end].copy() for end in range(len(bars) - 100, len(bars))]
    at = iter(range(10**9))
    benchmark.pedantic(
        lambda: feature_store.latest(tails[next(at) % len(tails)], groups, QUARTER_HOUR), rounds=500, warmup_rounds=5
    )
    spent = 1e3 * np.array(benchmark.stats.stats.data)
    print(f"\n{'+'.join(groups)}: median {np.median(spent):.2f} ms, 99 % under {np.quantile(spent, 0.99):.2f} ms")


@pytest.mark.parametrize("seed", range(3))
def test_features_of_a_model_of_50_columns(benchmark, bars, seed):
    """Fifty columns drawn from all, whatever groups they fall into."""
    every = feature_store.latest(bars, timeframe=QUARTER_HOUR).columns
    wanted = np.random.default_rng(seed).choice(every, 50, replace=False).tolist()
    groups = sorted({name.partition("__")[0] for name in wanted})
    needed = feature_store.lookback(groups, QUARTER_HOUR)
    tails = [bars.iloc[end - needed : end].copy() for end in range(len(bars) - 100, len(bars))]
    at = iter(range(10**9))
    benchmark.pedantic(
        lambda: feature_store.latest(tails[next(at) % len(tails)], groups, QUARTER_HOUR, columns=wanted),
        rounds=500,
        warmup_rounds=5,
    )
    spent = 1e3 * np.array(benchmark.stats.stats.data)
    print(f"\n50 of {len(every)}: median {np.median(spent):.2f} ms, 99 % under {np.quantile(spent, 0.99):.2f} ms")
