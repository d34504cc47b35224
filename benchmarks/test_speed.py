"""How fast the loops are, each as a ratio to a peer measured in the same run. `make bench` prints them.

The peer of the engine and of the labels is the plain-Python reading of the same rules.
"""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import labels
from backtest import Policy, Risk, simulate
from market import simulated
from market.execution import Exits
from market.instruments import instrument
from market.tape import tape
from tests.oracles import trades as oracle

EXITS = Exits(1.4, 1.0, 50)
COSTS = instrument("XAUUSD").costs
PLAIN_COSTS = {name: value for name, value in COSTS._asdict().items() if name != "quote_currency"}


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return simulated.simulate("XAUUSD", "15T", "2019-01-02", "2025-10-31")


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def test_engine_against_plain_python(benchmark, bars):
    score = pd.Series(np.random.default_rng(0).random(len(bars)), index=bars.index)
    policy = Policy(0.9, 0.1)
    simulate(bars, score, policy, EXITS, COSTS, Risk(), "metal")
    benchmark(simulate, bars, score, policy, EXITS, COSTS, Risk(), "metal")
    few = bars.iloc[:5000]
    arrays = tape(few, COSTS, 14, "metal")
    rows = few[["open", "high", "low", "close", "spread"]].to_dict("records")
    scores = [
        {"score": s, "expected_r_long": 1.0, "expected_r_short": 1.0, "confidence": 1.0} for s in score.iloc[:5000]
    ]
    rules = policy._asdict() | {"blocked_sessions": []}
    peer = seconds(
        lambda: oracle.backtest(
            rows,
            arrays.atr.tolist(),
            scores,
            rules,
            EXITS._asdict(),
            PLAIN_COSTS,
            Risk()._asdict(),
            arrays.day.tolist(),
            arrays.session.tolist(),
            arrays.shut.tolist(),
            arrays.nights.tolist(),
        )
    )
    note(benchmark, len(bars), peer / 5000)


def test_labels_against_plain_python(benchmark, bars):
    labels.triple_barrier(bars, EXITS, COSTS, market="metal")
    benchmark(labels.triple_barrier, bars, EXITS, COSTS, market="metal")
    few = bars.iloc[:3000]
    atr = tape(few, COSTS, 14, "metal").atr
    rows = few[["open", "high", "low", "close", "spread"]].to_dict("records")
    events = range(20, 2900)
    peer = seconds(
        lambda: [
            oracle.lone_trade(rows, event, side, atr[event], EXITS._asdict(), PLAIN_COSTS)
            for event in events
            for side in (1, -1)
        ]
    )
    note(benchmark, len(bars), peer / len(events))


def note(benchmark, units: int, peer_seconds_per_unit: float) -> None:
    """Put the speed and its ratio to the peer's beside the timing."""
    own = benchmark.stats.stats.median / units
    benchmark.extra_info["million_units_per_second"] = round(1e-6 / own, 2)
    benchmark.extra_info["times_as_fast_as_peer"] = round(peer_seconds_per_unit / own, 1)
    print(f"\n{benchmark.name}: {1e-6 / own:.2f} M units/s, {peer_seconds_per_unit / own:.0f}× its peer")
