"""The result along multiples of costs: at 1 it is the backtest, dearer it is less, at 0 R where the edge dies."""

import numpy as np
import pytest

from backtest import Policy, Risk, metrics, simulate
from backtest.break_even import break_even
from backtest.cost_frontier import frontier
from backtest.rerun import case, rerun
from market import simulated
from market.execution import Exits
from market.instruments import instrument

GOLD = instrument("XAUUSD")
RULES = (Policy(0.6, 0.4), Exits(1.4, 1.0, 50), GOLD.costs, Risk(), GOLD.market)
WORLD = {"symbol": "XAUUSD", "timeframe": "15T", "start": "2019-01-02", "end": "2019-05-01", "seed": 3}
BARS = simulated.simulate(**WORLD, edge=0.45)
SIGNAL = simulated.hidden_signal(**WORLD)
SCORE = (0.5 + 0.4 * np.sign(SIGNAL.where(SIGNAL.abs() > 1.0).fillna(0.0)))[100:]
CASE = case(BARS, SCORE, *RULES)


def test_at_the_brokers_own_costs_it_is_the_backtest():
    trades, _ = simulate(BARS, SCORE, *RULES)
    (point,) = frontier(CASE, [1.0])
    r = trades["r"].to_numpy()
    assert (point.trades, point.profit_factor) == (len(r), metrics.profit_factor(r))
    assert point.expectancy == pytest.approx(r.mean())


def test_the_dearer_the_less_is_earned():
    factors = [point.profit_factor for point in frontier(CASE, [0.5, 1.0, 1.5, 2.0, 3.0, 4.0])]
    assert factors == sorted(factors, reverse=True) and factors[0] > 1.0


def test_it_crosses_where_the_edge_dies():
    dead = break_even(CASE, rerun(CASE)).dead.multiple
    before, after = frontier(CASE, [dead * 0.995, dead])
    assert before.expectancy > 0.0 >= after.expectancy
    assert before.profit_factor > 1.0 >= after.profit_factor


def test_without_a_trade_nothing_is_computed():
    quiet = case(BARS, SCORE * 0.0 + 0.5, *RULES)
    assert frontier(quiet, [1.0, 2.0]) == [(1.0, 0, None, None), (2.0, 0, None, None)]
