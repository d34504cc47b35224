"""How fast a stress test is on six months of real gold, 15 minutes a bar, with a score that trades. `make bench`."""

import time

import numpy as np
import pandas as pd

from backtest import Policy, Risk
from backtest.rerun import case, figures, rerun
from backtest.stress import stress
from backtest.worse_fills import extra_slippage, with_lost_orders
from market.execution import Exits
from market.instruments import instrument
from market.stress_settings import stress_bounds
from tests.real_bars import gold

RUNS = 200
ONE = instrument("XAUUSD")
RULES = (Policy(0.6, 0.4), Exits(1.4, 1.0, 50), ONE.costs, Risk(), ONE.market)


def six_months() -> tuple[pd.DataFrame, pd.Series]:
    """Return the bars, and a score with a view on one bar in five."""
    bars = gold("15T").loc["2025-04-01":"2025-09-30"]
    rng = np.random.default_rng(0)
    views = np.where(rng.random(len(bars)) < 0.2, rng.choice([0.1, 0.9], len(bars)), 0.5)
    return bars, pd.Series(views, index=bars.index)[50:]


def test_two_hundred_runs_take_less_than_a_second(benchmark):
    bars, score = six_months()
    given = case(bars, score, *RULES)

    def all_runs() -> int:
        trades = 0
        for run in range(RUNS):
            draws = np.random.default_rng([0, run])
            extra = extra_slippage(given, 1.0, draws)
            trades += figures(rerun(with_lost_orders(given, 0.05, draws), extra)).trades
        return trades

    all_runs()
    began = time.perf_counter()
    trades = benchmark(all_runs)
    spent = time.perf_counter() - began if benchmark.stats is None else benchmark.stats.stats.median
    print(f"\n{RUNS} runs of {len(score):,} bars and {trades // RUNS} trades: {spent:.2f} s")
    assert trades > 100 * RUNS
    assert spent < 1.0


def test_a_whole_stress_test(benchmark):
    bars, score = six_months()
    found = stress(bars, score, *RULES, stress_bounds())
    benchmark(stress, bars, score, *RULES, stress_bounds())
    assert len(found.jittered["trades"]) == RUNS
