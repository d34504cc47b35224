"""How fast the bar loop is: alone on a prepared tape, the tape, and the whole call. `make bench` prints them.

Each stands beside plain Python, measured in the same run on the first bars. With `ASSAY_PEERS`, the folder of an
environment of its own that has vectorbt (`python -m venv PEERS && PEERS/bin/pip install vectorbt`), they stand beside
that too, and the trades must agree where the rules are the same.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest import Policy, Risk, simulate
from backtest.engine import NO_EXTRA, _loop, aligned
from backtest.policy import rules
from backtest.risk import fresh, typed
from market import simulated
from market.execution import Exits, as_floats, without_text
from market.instruments import instrument
from market.tape import tape
from market.ties import NO_FINER, finer_bars
from market.timeframe import parse, resample
from tests.oracles import sessions as plain_clock
from tests.oracles import trades as oracle

PEERS = os.environ.pop("ASSAY_PEERS", "")  # for benchmarks alone: the settings refuse names that they do not know
EXITS = Exits(1.4, 1.0, 50, 14)
COSTS = as_floats(instrument("XAUUSD").costs)
PLAIN_COSTS = {name: value for name, value in COSTS._asdict().items() if name != "quote_currency"}
POLICY = Policy(0.99, 0.01)  # about one decision in fifty bars
RISK = typed(Risk(max_drawdown=1.0))
FREE = {"spread_floor": 0.0, "commission": 0.0, "slippage": 0.0, "swap_long": 0.0, "swap_short": 0.0}
FREE |= {"tick_size": 1e-9, "minimum_stop": 0.0}
UNBOUND = {"daily_loss": 1e9, "max_trades_per_day": 1 << 30, "max_consecutive_losses": 1 << 30, "open_risk": 1.0}


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


@pytest.fixture(scope="module")
def plain(bars: pd.DataFrame, score: pd.Series) -> dict[str, float]:
    """Return the seconds a bar of plain Python: of the clock and the ATR, of the loop, of both."""
    few = bars.iloc[:5000]
    arrays = tape(few, COSTS, 14, "metal")
    rows = few[["open", "high", "low", "close", "spread"]].to_dict("records")
    scores = [{"score": s, "expected_r_long": 1.0, "expected_r_short": 1.0, "confidence": 1.0} for s in score[:5000]]
    given = POLICY._asdict() | {"blocked_sessions": []}, EXITS._asdict(), PLAIN_COSTS, RISK._asdict()
    calendar = arrays.day.tolist(), arrays.session.tolist(), arrays.shut.tolist(), arrays.nights.tolist()
    loop = least(lambda: oracle.backtest(rows, arrays.atr.tolist(), scores, *given, *calendar), 1) / 5000
    clock = least(lambda: read_plainly(few), 1) / 5000
    return {"clock": clock, "loop": loop, "whole": clock + loop}


def read_plainly(bars: pd.DataFrame) -> None:
    closes = bars.index.to_pydatetime().tolist()
    before = closes[0]
    for close in closes:
        plain_clock.trading_day(close, "metal"), plain_clock.session(close), plain_clock.is_open(close, "metal")
        plain_clock.nights(before, close, "metal")
        before = close


def test_the_loop_alone_with_costs_limits_and_finer_bars(benchmark, bars, fine, score, plain):
    arrays = tape(bars, COSTS, 14, "metal")
    scores, start = aligned(score, pd.DatetimeIndex(bars.index))
    given = arrays, scores, start, fresh(RISK), rules(POLICY), EXITS, without_text(COSTS), RISK
    finer = finer_bars(pd.DatetimeIndex(bars.index), fine)
    marks = np.zeros((2, len(bars)))
    _loop(*given, finer, *marks, NO_EXTRA)
    benchmark(_loop, *given, finer, *marks, NO_EXTRA)
    assert len(_loop.nopython_signatures) == 1
    told(benchmark, len(bars), plain["loop"])


def test_the_tape_and_its_calendar(benchmark, fine, plain):
    benchmark(tape, fine, COSTS, 14, "metal", clamped=False)
    told(benchmark, len(fine), plain["clock"])


def test_a_whole_call(benchmark, fine, plain):
    score = pd.Series(np.random.default_rng(0).random(len(fine)), index=fine.index)
    simulate(fine, score, POLICY, EXITS, COSTS, RISK, "metal")
    benchmark(simulate, fine, score, POLICY, EXITS, COSTS, RISK, "metal")
    told(benchmark, len(fine), plain["whole"])


@pytest.mark.parametrize("every", [50, 5])
def test_against_vectorbt(benchmark, fine, every, tmp_path):
    """Long trades without costs, of decisions whose first bar touches no barrier: there vectorbt does not look."""
    if not PEERS:
        pytest.skip("ASSAY_PEERS is not set: it names the folder of an environment that has vectorbt")
    stamps = pd.DatetimeIndex(fine.index)
    exits, costs, risk = Exits(14.0, 10.0, 1 << 40, 14), COSTS._replace(**FREE), typed(Risk(1e9, 1e-6, **UNBOUND))
    policy = Policy(0.5, -1.0, cooldown=0, max_spread_atr=np.inf)
    arrays = tape(fine.assign(spread=0.0), costs, 14, "crypto", clamped=False)
    distance = arrays.atr[:-1]
    following = arrays.open[1:]
    quiet = (arrays.low[1:] > following - 9.9 * distance) & (arrays.high[1:] < following + 13.9 * distance)
    wanted = quiet & (np.random.default_rng(0).random(len(quiet)) < 1.0 / every)
    score = pd.Series(np.r_[wanted, False] * 1.0, index=stamps)
    bars = fine.assign(spread=0.0)

    def whole() -> tuple[pd.DataFrame, pd.DataFrame]:
        return simulate(bars, score, policy, exits, costs, risk, "crypto")

    trades = whole()[0]
    share = np.r_[np.nan, distance] / arrays.open
    made = by_vectorbt(Path(PEERS), arrays, stamps, np.r_[False, wanted], share, tmp_path)
    benchmark(whole)
    scores, start = aligned(score, stamps)
    loop = (
        arrays,
        scores,
        start,
        fresh(risk),
        rules(policy),
        exits,
        without_text(costs),
        risk,
        NO_FINER,
        *np.zeros((2, len(fine))),
        NO_EXTRA,
    )
    _loop(*loop)
    peer = float(made["seconds"]) / len(fine)
    print(f"\nloop alone {peer * len(fine) / least(lambda: _loop(*loop), 9):.0f}× vectorbt's whole call")
    told(benchmark, len(fine), peer)
    same_trades(trades, stamps, made, costs.tick_size)


def by_vectorbt(peers: Path, arrays, stamps, entries, share, folder: Path) -> dict[str, np.ndarray]:
    """Return what vectorbt makes of the same bars, in its own environment."""
    prices = {name: getattr(arrays, name) for name in ("open", "high", "low", "close")}
    np.savez(folder / "given.npz", ts=stamps.asi8, **prices, entries=entries, stop=10.0 * share, target=14.0 * share)
    command = [peers / "bin" / "python", Path(__file__).with_name("peer_vectorbt.py"), "given.npz", "made.npz"]
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NUMBA"))}
    subprocess.run(command, check=True, cwd=folder, env=alone)
    with np.load(folder / "made.npz") as made:
        return dict(made)


def same_trades(trades: pd.DataFrame, stamps: pd.DatetimeIndex, made: dict[str, np.ndarray], tick: float) -> None:
    """Assert that both opened and closed the same trades, at prices that differ by rounding to ticks at most."""
    ours = trades[trades["reason"] != "end"]
    theirs = {name: values[made["closed"]] for name, values in made.items() if values.ndim}
    assert len(ours) > 100
    np.testing.assert_array_equal(stamps.get_indexer(ours.index), theirs["entry_idx"])
    np.testing.assert_array_equal(stamps.get_indexer(ours["t_exit"]), theirs["exit_idx"])
    np.testing.assert_allclose(ours["entry"], theirs["entry_price"], rtol=0.0, atol=1e-9)
    np.testing.assert_allclose(ours["exit"], theirs["exit_price"], rtol=0.0, atol=tick)


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


def told(benchmark, bars: int, peer_seconds_a_bar: float) -> None:
    """Print the speed, its median and its best, and the ratio of the median to a peer's."""
    median, best = benchmark.stats.stats.median / bars, benchmark.stats.stats.min / bars
    benchmark.extra_info["million_bars_per_second"] = round(1e-6 / median, 1)
    ratio = f"{peer_seconds_a_bar / median:.0f}× its peer"
    print(f"\n{benchmark.name}: {1e-6 / median:.1f} M bars/s (best {1e-6 / best:.1f}), {ratio}")
