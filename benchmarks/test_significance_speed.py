"""How long it takes to measure luck: splits of overfitting, permutations, histories. `make bench` prints it."""

import numpy as np
import pytest

from backtest.bootstrap import bootstrapped
from backtest.significance import (
    Bet,
    circular_shifts,
    cross_validated,
    gate_chance,
    random_signs,
    superior_predictive_ability,
)

RANDOM = np.random.default_rng(0)
R = RANDOM.choice([0.945, -1.055], 1000)
NOISE = RANDOM.standard_normal((1000, 100))
BARS = RANDOM.standard_normal(160_000)
SIDES = RANDOM.integers(-1, 2, 160_000)
ENTERED = np.arange(500) * 10
SIX = {"profit_factor": 1.60, "max_drawdown": 0.06, "sharpe_per_trade": 0.25, "win_rate": 0.52, "trades": 200}
SIX |= {"fold_profit_factor_variation": 0.35}
WORK = {
    "overfitting of 100 configurations, 12,870 splits": lambda: cross_validated(NOISE, 16),
    "10,000 sign permutations of 500 trades": lambda: random_signs(R[:500], -R[:500] - 0.11, ENTERED, ENTERED + 5),
    "every shift of 160,000 bars": lambda: circular_shifts(SIDES, BARS, -BARS, 50),
    "10,000 histories of 1,000 trades": lambda: bootstrapped(R, 0.005),
    "superiority of 50 columns, 1,000 histories": lambda: superior_predictive_ability(NOISE[:500, :50]),
    "chances of the six benchmarks": lambda: gate_chance(SIX, Bet(0.5275, cost=0.055)),
}


@pytest.mark.parametrize("name", WORK)
def test_luck_is_measured(benchmark, name):
    benchmark.pedantic(WORK[name], rounds=5, warmup_rounds=1)
    print(f"\n{name}: {benchmark.stats.stats.min * 1e3:.0f} ms")
