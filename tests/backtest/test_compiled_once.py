"""A kernel is compiled once, whatever the numbers are that a caller has: ints for floats, columns or indexes, parts."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numba import njit

import labels
from backtest import Policy, Risk, engine, portfolio_loop
from backtest.portfolio import Book
from backtest.portfolio import simulate as of_many
from labels import barriers
from market import atr, sessions
from market.execution import Costs, Exits
from market.timeframe import parse, resample
from tests.markets import COSTS, random_bars

FINE = random_bars(3, 1200, minutes=5)
BARS = resample(FINE, parse("15T"))
WHOLE = (BARS * 100).round().astype(np.int64)
SCORE = pd.Series(np.random.default_rng(3).random(len(BARS)), index=BARS.index)
TABLE = pd.DataFrame({"score": SCORE, "expected_r_long": 1, "expected_r_short": 1, "confidence": 1})
IN_INTS = Costs(0, 3, 0, -40, 10, 1, 10, 30, 100, 1)
YEN = COSTS._replace(quote_currency="JPY")
BY_EXITS, BY_INTS = Exits(1.4, 1.0, 20), Exits(2, 1, np.int64(20), np.int64(14))
PLAIN, IN_INTS_TOO = Risk(), Risk(100_000, 1, 1, 1, np.int64(9), 5.0, 1, 9, 1000)
CASES = {
    "floats": (BARS, SCORE, Policy(0.6, 0.4), BY_EXITS, COSTS, PLAIN),
    "ints everywhere": (WHOLE, (SCORE > 0.5).astype(int), Policy(1, 0), BY_INTS, IN_INTS, IN_INTS_TOO),
    "stamps in a column": (BARS.reset_index(), TABLE, Policy(0.6, 0.4, 3.0), BY_EXITS, COSTS, PLAIN),
    "stamps of nanoseconds": (BARS.set_axis(BARS.index.as_unit("ns")), SCORE, Policy(0.6, 0.4), BY_EXITS, COSTS, PLAIN),
    "a part of the scores": (BARS, TABLE[50:90], Policy(0.6, 0.4, blocked_sessions=("asia",)), BY_EXITS, COSTS, PLAIN),
    "some of the scores": (BARS, TABLE[50:90:3], Policy(0.6, 0.4, max_volatility=3), BY_EXITS, COSTS, PLAIN),
    "another currency": (BARS, SCORE, Policy(0.6, 0.4), BY_EXITS, YEN, PLAIN),
    "its rate": (BARS.assign(usd_per_quote=1), SCORE, Policy(0.6, 0.4), BY_EXITS, YEN, PLAIN),
    "every other bar": (BARS[::2], SCORE[::2], Policy(0.6, 0.4), BY_EXITS, COSTS, PLAIN),
    "bars that came otherwise": (pd.DataFrame(BARS.to_dict("series")), SCORE, Policy(0.6, 0.4), BY_EXITS, COSTS, PLAIN),
}


def signatures(kernel: Any) -> list[Any]:
    return list(kernel.nopython_signatures)


@pytest.mark.parametrize("name", CASES)
def test_the_loop_the_clock_and_the_volatility_have_one_signature(name):
    for bars, score, policy, exits, costs, risk in (CASES["floats"], CASES[name]):
        for market in ("metal", "crypto"):
            trades = engine.run(bars, score, policy, exits, costs, risk, market).trades
    assert len(trades) > 0 or name == "some of the scores"
    assert [len(signatures(kernel)) for kernel in (engine._loop, sessions._read)] == [1, 1]
    assert len(signatures(atr.volatility)) <= 1  # none is wanted where no bound is set


def test_finer_bars_make_no_second_one():
    for ties, finer in (("pessimistic", None), ("finer", FINE), ("finer", (FINE * 100).round().astype(int) / 100)):
        engine.run(BARS, SCORE, Policy(0.6, 0.4), BY_EXITS, COSTS, PLAIN, "metal", ties, finer)
    assert len(signatures(engine._loop)) == 1


def test_labels_have_one():
    for bars, exits, costs in ((BARS, BY_EXITS, COSTS), (WHOLE, BY_INTS, IN_INTS), (BARS, BY_EXITS, YEN)):
        labels.triple_barrier(bars, exits, costs, market="metal")
    assert len(signatures(barriers._outcomes)) == 1


def test_a_portfolio_has_one():
    for finer in (None, FINE):
        for name in ("floats", "ints everywhere", "a part of the scores"):
            *given, risk = CASES[name]
            of_many([Book("A", *given, "metal", finer), Book("B", *CASES["floats"][:5], "forex")], risk)
    assert len(signatures(portfolio_loop.traded)) == 1


def test_a_kernel_that_is_given_what_comes_has_more():
    @njit
    def total(values):
        return values.sum()

    for bars in (BARS, WHOLE):
        total(bars["close"].to_numpy(dtype=np.float64))
    assert len(signatures(total)) == 2
