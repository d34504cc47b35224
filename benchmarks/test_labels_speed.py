"""How fast labels, events and weights are. `make bench` prints them.

An event is a bar labelled on both sides. The whole table stands beside plain Python, measured in the same run. With
`ASSAY_MLFINPY`, the folder of an environment of its own that has mlfinpy
(`python -m venv PEER && PEER/bin/pip install mlfinpy scikit-learn`), labels, uniqueness and draws stand beside that,
measured in the same run on the first of the same bars, and uniqueness must agree.
"""

import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import labels
from labels.barriers import labelled, lone_trades
from market import simulated
from market.execution import Exits, as_floats
from market.instruments import instrument
from market.tape import tape
from tests.oracles import trades as oracle

PEER = os.environ.pop("ASSAY_MLFINPY", "")  # for benchmarks alone: the settings refuse names that they do not know
EXITS = Exits(1.4, 1.0, 50)
COSTS = as_floats(instrument("XAUUSD").costs)
COMPARED = 3000  # events that mlfinpy labels


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return simulated.simulate("XAUUSD", "15T", "2019-01-02", "2025-10-31")


@pytest.fixture(scope="module")
def million() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    t0 = np.sort(random.integers(0, 1_000_000, 1_000_000))
    return t0, t0 + random.integers(0, 50, 1_000_000)


@pytest.fixture(scope="module")
def peer(bars, tmp_path_factory) -> dict[str, np.ndarray]:
    """Return what mlfinpy makes of the first events, in its own environment."""
    if not PEER:
        pytest.skip("ASSAY_MLFINPY is not set: it names the folder of an environment that has mlfinpy")
    folder = tmp_path_factory.mktemp("peer")
    arrays = tape(bars, COSTS, EXITS.atr_period, "metal")
    rows = np.flatnonzero(labelled(arrays.atr, EXITS.bars))[:COMPARED]
    ts = pd.DatetimeIndex(bars.index).as_unit("us").asi8
    target = arrays.atr / arrays.close
    np.savez(folder / "given.npz", ts=ts, close=arrays.close, target=target, rows=rows, horizon=EXITS.bars)
    command = [Path(PEER) / "bin" / "python", Path(__file__).with_name("peer_mlfinpy.py"), "given.npz", "made.npz"]
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NUMBA"))}
    subprocess.run(command, check=True, cwd=folder, env=alone, capture_output=True)
    with np.load(folder / "made.npz") as made:
        return dict(made)


def test_a_whole_labels_table(benchmark, bars):
    labels.triple_barrier(bars, EXITS, COSTS, market="metal")
    table = benchmark(labels.triple_barrier, bars, EXITS, COSTS, market="metal")
    told(benchmark, len(table), "events")
    times = plain_seconds(bars.iloc[:COMPARED]) * len(table) / benchmark.stats.stats.median
    benchmark.extra_info["times_as_fast_as_plain_python"] = round(times, 1)
    print(f"  {times:.0f}× plain Python")


def plain_seconds(bars: pd.DataFrame) -> float:
    """Return the seconds in which a plain reading of the rules labels an event of `bars`."""
    atr = tape(bars, COSTS, EXITS.atr_period, "metal").atr
    rows, events = bars[["open", "high", "low", "close", "spread"]].to_dict("records"), range(20, len(bars) - 100)
    costs = {name: value for name, value in COSTS._asdict().items() if name != "quote_currency"}
    began = time.perf_counter()
    for event in events:
        for side in (1, -1):
            oracle.lone_trade(rows, event, side, atr[event], EXITS._asdict(), costs)
    return (time.perf_counter() - began) / len(events)


def test_the_outcomes_of_both_sides_alone(benchmark, bars):
    arrays = tape(bars, COSTS, EXITS.atr_period, "metal", clamped=False)
    rows = np.flatnonzero(labelled(arrays.atr, EXITS.bars))
    lone_trades(arrays, rows, 1, EXITS, COSTS)
    benchmark(lambda: [lone_trades(arrays, rows, side, EXITS, COSTS) for side in (1, -1)])
    told(benchmark, len(rows), "events")


def test_labels_against_mlfinpy(benchmark, bars, peer):
    labels.triple_barrier(bars, EXITS, COSTS, market="metal")
    table = benchmark(labels.triple_barrier, bars, EXITS, COSTS, market="metal")
    told(benchmark, len(table), "events", float(peer["labels_seconds"]) / COMPARED)


def test_uniqueness_of_a_million_labels(benchmark, million):
    labels.average_uniqueness(*million)
    benchmark(labels.average_uniqueness, *million)
    told(benchmark, len(million[0]), "labels")
    assert benchmark.stats.stats.median < 1.0


def test_uniqueness_against_mlfinpy(benchmark, million, peer):
    np.testing.assert_allclose(labels.average_uniqueness(peer["t0"], peer["t1"]), peer["weights"], rtol=1e-9)
    benchmark(labels.average_uniqueness, *million)
    told(benchmark, len(million[0]), "labels", float(peer["weights_seconds"]) / COMPARED)


def test_return_attribution_of_a_million_labels(benchmark, million):
    returns = np.random.default_rng(1).normal(0.0, 1e-3, 1_000_050)
    labels.return_attribution(*million, returns)
    benchmark(labels.return_attribution, *million, returns)
    told(benchmark, len(million[0]), "labels")


@pytest.mark.parametrize("draws", [10_000, 1_000_000])
def test_a_sequential_bootstrap_of_a_million_labels(benchmark, million, draws):
    labels.sequential_bootstrap(*million, 10, 0)
    benchmark.pedantic(labels.sequential_bootstrap, (*million, draws, 1), rounds=3)
    told(benchmark, draws, "draws")


def test_a_sequential_bootstrap_against_mlfinpy(benchmark, peer):
    few = len(peer["drawn"])
    given = peer["t0"][:few], peer["t1"][:few], few, 1
    benchmark(labels.sequential_bootstrap, *given)
    told(benchmark, few, "draws", float(peer["draws_seconds"]) / few)


def test_cusum_events(benchmark, bars):
    labels.cusum(bars, 1.0)
    benchmark(labels.cusum, bars, 1.0)
    told(benchmark, len(bars), "bars")


def told(benchmark, units: int, name: str, peer_seconds: float | None = None) -> None:
    """Print the speed, median and best, and the ratio of the median to a peer's."""
    median, best = benchmark.stats.stats.median / units, benchmark.stats.stats.min / units
    benchmark.extra_info[f"million_{name}_per_second"] = round(1e-6 / median, 2)
    ratio = (
        "" if peer_seconds is None else f", {peer_seconds / median:,.0f}× mlfinpy's {1.0 / peer_seconds:,.0f} {name}/s"
    )
    print(f"\n{benchmark.name}: {1e-6 / median:.2f} M {name}/s (best {1e-6 / best:.2f}){ratio}")
