"""How fast many series trade on one account, as a ratio to the engine on each of them. `make bench` prints it."""

import time

import numpy as np
import pandas as pd
import pytest

from backtest import Policy, Risk
from backtest.correlation import Correlation
from backtest.engine import run
from backtest.portfolio import Book, simulate
from market.execution import Exits
from tests.markets import COSTS, random_bars

FREE = COSTS._replace(commission=0.0, slippage=0.0, swap_long=0.0)  # an account that costs have emptied trades no more

SERIES, BARS = 8, 160_000
SELDOM, OFTEN = Policy(0.9, 0.1), Policy(0.55, 0.45, cooldown=0)
STRICT = Risk()
LOOSE = Risk(1e9, 1e-5, 4e-5, daily_loss=1.0, max_trades_per_day=10_000, max_consecutive_losses=10_000)


@pytest.fixture(scope="module")
def markets() -> list[tuple[pd.DataFrame, pd.Series]]:
    bars = [random_bars(seed, BARS).assign(spread=0.0) for seed in range(SERIES)]
    scores = (np.random.default_rng(seed).random(BARS) for seed in range(SERIES))
    return [(one, pd.Series(score, index=one.index)) for one, score in zip(bars, scores, strict=True)]


@pytest.mark.parametrize("how", [None, Correlation()], ids=["plain", "correlated"])
@pytest.mark.parametrize(("policy", "risk"), [(SELDOM, STRICT), (OFTEN, LOOSE)], ids=["seldom", "often"])
def test_portfolio_against_the_engine_on_each_series(benchmark, markets, policy, risk, how):
    books = [
        Book(f"S{k}_15T", bars, score, policy, Exits(1.4, 1.0, 50), FREE, "metal")
        for k, (bars, score) in enumerate(markets)
    ]
    simulate(books, risk, how)
    result = benchmark.pedantic(simulate, args=(books, risk, how), rounds=5)
    alone = min(singly(books, risk) for _ in range(3))
    own = benchmark.stats.stats.median
    benchmark.extra_info["million_bars_per_second"] = round(SERIES * BARS / own * 1e-6, 2)
    benchmark.extra_info["times_the_engine_on_each"] = round(own / alone, 2)
    rate = SERIES * BARS / own * 1e-6
    print(
        f"\n{benchmark.name}: {own:.2f} s, {rate:.1f} M bars/s, {len(result.trades)} trades, {own / alone:.2f}× single"
    )


def singly(books: list[Book], risk: Risk) -> float:
    """Return the seconds that the engine takes on each book by itself."""
    began = time.perf_counter()
    for book in books:
        run(book.bars, book.score, book.policy, book.exits, book.costs, risk, book.market)
    return time.perf_counter() - began
