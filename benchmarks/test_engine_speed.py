"""How fast the bar loop is: alone on a prepared tape, as a whole call, and against peers. `make bench` prints them."""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from backtest import Policy, Risk, simulate
from backtest.engine import _loop, aligned
from backtest.policy import rules
from backtest.risk import fresh, typed
from market import simulated
from market.execution import Exits, as_floats
from market.instruments import instrument
from market.tape import tape
from market.ties import finer_bars
from market.timeframe import parse, resample
from tests.oracles import trades as oracle

EXITS = Exits(1.4, 1.0, 50, 14)
COSTS = as_floats(instrument("XAUUSD").costs)
PLAIN_COSTS = {name: value for name, value in COSTS._asdict().items() if name != "quote_currency"}
POLICY = Policy(0.99, 0.01)  # about one decision in fifty bars
RISK = typed(Risk(max_drawdown=1.0))


@pytest.fixture(scope="module")
def fine() -> pd.DataFrame:
    return simulated.simulate("XAUUSD", "5T", "2019-01-02", "2025-10-31")


@pytest.fixture(scope="module")
def bars(fine: pd.DataFrame) -> pd.DataFrame:
    return resample(fine, parse("15T"))


@pytest.fixture(scope="module")
def score(bars: pd.DataFrame) -> pd.Series:
    return pd.Series(np.random.default_rng(0).random(len(bars)), index=bars.index)


def least(work: Callable[[], object], times: int = 3) -> float:
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return min(spent)


def test_the_loop_alone_with_costs_limits_and_finer_bars(benchmark, bars, fine, score):
    arrays = tape(bars, COSTS, 14, "metal")
    scores, start = aligned(score, pd.DatetimeIndex(bars.index))
    given = arrays, scores, start, fresh(RISK), rules(POLICY), EXITS, COSTS, RISK
    finer = finer_bars(pd.DatetimeIndex(bars.index), fine)
    _loop(*given, finer)
    benchmark(_loop, *given, finer)
    assert len(_loop.nopython_signatures) == 1
    told(benchmark, len(bars))


def test_a_whole_call_against_plain_python(benchmark, bars, score):
    simulate(bars, score, POLICY, EXITS, COSTS, RISK, "metal")
    benchmark(simulate, bars, score, POLICY, EXITS, COSTS, RISK, "metal")
    few = bars.iloc[:5000]
    arrays = tape(few, COSTS, 14, "metal")
    rows = few[["open", "high", "low", "close", "spread"]].to_dict("records")
    scores = [{"score": s, "expected_r_long": 1.0, "expected_r_short": 1.0, "confidence": 1.0} for s in score[:5000]]
    given = POLICY._asdict() | {"blocked_sessions": []}, EXITS._asdict(), PLAIN_COSTS, RISK._asdict()
    calendar = arrays.day.tolist(), arrays.session.tolist(), arrays.shut.tolist(), arrays.nights.tolist()
    told(
        benchmark,
        len(bars),
        least(lambda: oracle.backtest(rows, arrays.atr.tolist(), scores, *given, *calendar), 1) / 5000,
    )


def test_the_tape_and_its_calendar(benchmark, bars):
    benchmark(tape, bars, COSTS, 14, "metal")
    told(benchmark, len(bars))


@pytest.mark.skipif(importlib.util.find_spec("vectorbt") is None, reason="vectorbt is not installed")
def test_a_whole_call_against_vectorbt(benchmark, bars, score):
    import vectorbt as vbt

    simulate(bars, score, POLICY, EXITS, COSTS, RISK, "metal")
    benchmark(simulate, bars, score, POLICY, EXITS, COSTS, RISK, "metal")

    def peer() -> object:
        prices = {name: bars[name] for name in ("open", "high", "low", "close")}
        entries = score >= POLICY.long_threshold
        return vbt.Portfolio.from_signals(**prices, entries=entries, sl_stop=0.005, tp_stop=0.007).total_return()

    peer()
    told(benchmark, len(bars), least(peer) / len(bars))


def test_a_cold_start_compiles_everything_once(tmp_path):
    """With an empty cache of kernels the first call compiles them; the second process finds them."""
    program = (
        "import time, numpy as np, pandas as pd; began = time.perf_counter();"
        "from backtest import Policy, Risk, simulate; from market.execution import Exits;"
        "from market.instruments import instrument; from tests.markets import random_bars; bars = random_bars(0);"
        "score = pd.Series(np.linspace(0, 1, len(bars)), index=bars.index);"
        "simulate(bars, score, Policy(0.6, 0.4), Exits(1.4, 1.0, 50), instrument('XAUUSD').costs, Risk(), 'metal');"
        "print(time.perf_counter() - began)"
    )
    kept = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    surroundings = kept | {"XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": "."}
    command = [sys.executable, "-c", program]
    cold, warm = (float(subprocess.check_output(command, env=surroundings, text=True)) for _ in range(2))
    print(f"\nfirst call with no kernels cached: {cold:.1f} s, with them: {warm:.1f} s")
    assert warm < cold


def told(benchmark, bars: int, peer_seconds_a_bar: float | None = None) -> None:
    """Print the speed, and its ratio to a peer's."""
    own = benchmark.stats.stats.min / bars
    against = f", {peer_seconds_a_bar / own:.0f}× its peer" if peer_seconds_a_bar else ""
    benchmark.extra_info["million_bars_per_second"] = round(1e-6 / own, 1)
    print(f"\n{benchmark.name}: {1e-6 / own:.1f} M bars/s{against}")
