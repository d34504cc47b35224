"""Chances to pass the benchmarks: the figures of exact algebra, and simulations against exact walks."""

import math
from itertools import product

import numpy as np
import pytest

from backtest.metrics import profit_factor, sharpe, win_rate
from backtest.significance import Bet, Judged, gate_chance, simulated_gate_chance
from backtest.significance.gate_chances import passing_wins
from market.errors import DataError, UsageError
from tests.oracles.drawdowns import survival

SIX = {"profit_factor": 1.60, "max_drawdown": 0.06, "sharpe_per_trade": 0.25, "win_rate": 0.52, "trades": 200}
SIX |= {"fold_profit_factor_variation": 0.35}
LUCK, EVEN = Bet(0.5, cost=0.055), Bet(0.5275, cost=0.055)  # no edge before costs, none after them
QUICK = Judged(paths=2000)


def test_luck_alone_passes_a_profit_factor_rarely_and_a_win_rate_often():
    by_luck, after_costs = (gate_chance({"profit_factor": 1.6, "win_rate": 0.52}, bet) for bet in (LUCK, EVEN))
    assert by_luck["profit_factor"] == pytest.approx(2.5e-5, rel=0.01)
    assert after_costs["profit_factor"] == pytest.approx(5.1e-4, rel=0.01)
    assert by_luck["win_rate"] == pytest.approx(0.31, abs=5e-3)
    assert after_costs["win_rate"] == pytest.approx(0.61, abs=5e-3)
    assert np.flatnonzero(passing_wins({"profit_factor": 1.6}, 200, LUCK))[0] == 129


def test_a_true_profit_factor_just_below_the_bound_is_a_toss_up():
    assert 0.46 <= gate_chance({"profit_factor": 1.6}, Bet(0.64, cost=0.055))["every"] <= 0.48


@pytest.mark.parametrize(("trades", "chance"), [(10, 0.02), (20, 0.17), (40, 0.62), (60, 0.87), (100, 0.99)])
def test_the_variation_of_folds_counts_trades_and_not_stability(trades, chance):
    found = gate_chance({"fold_profit_factor_variation": 0.35}, Bet(0.62), Judged(fold_trades=trades))
    assert found["every"] == pytest.approx(chance, abs=0.011)


def test_drawdown_is_a_matter_of_size_and_of_length():
    chances = [
        gate_chance({"max_drawdown": 0.06}, Bet(0.62, cost=0.055), Judged(n, paths=4000))["every"] for n in (200, 800)
    ]
    assert chances == pytest.approx([0.92, 0.67], abs=0.025)


@pytest.mark.parametrize(("bet", "risk"), [(EVEN, 0.01), (Bet(0.62, 1.4, 1.0, 0.05), 0.02)])
def test_the_simulated_drawdown_is_that_of_an_exact_walk(bet, risk):
    exact = survival(60, bet.win_rate, bet.gain - bet.cost, bet.loss + bet.cost, risk, 0.08)
    found = gate_chance({"max_drawdown": 0.08}, bet, Judged(60, risk, paths=20_000))["every"]
    assert found == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 20_000))


def test_wins_pass_where_the_metrics_of_their_trades_do():
    bet = Bet(0.5, 1.4, 1.0, 0.05)
    bounds = {"profit_factor": 1.6, "sharpe_per_trade": 0.25, "win_rate": 0.52}
    measures = {"profit_factor": profit_factor, "sharpe_per_trade": sharpe, "win_rate": win_rate}
    for name, bound in bounds.items():
        rows = [np.array([1.35] * wins + [-1.05] * (40 - wins)) for wins in range(41)]
        expected = [(got := measures[name](r)) is not None and got >= bound for r in rows]
        assert passing_wins({name: bound}, 40, bet).tolist() == expected


def test_all_six_together_are_rarer_than_each_and_counted_exactly_where_they_are_rare():
    chances = gate_chance(SIX, EVEN, QUICK)
    assert list(chances) == [*SIX, "every"]
    assert 0.0 < chances["every"] < min(chances[name] for name in SIX)
    assert gate_chance(SIX, EVEN, QUICK._replace(trades=199))["every"] == 0.0
    assert gate_chance(SIX, EVEN, QUICK) == chances


def test_all_of_a_few_trades_are_what_every_order_of_them_says():
    """Ten trades, all 1,024 orders of them: profit factor and drawdown together."""
    bet, bounds = Bet(0.6, cost=0.05), {"profit_factor": 1.2, "max_drawdown": 0.03}
    every = 0.0
    for order in product((True, False), repeat=10):
        equity = np.cumprod([1 + 0.01 * (0.95 if won else -1.05) for won in order])
        fall = 1 - equity / np.maximum.accumulate(np.maximum(equity, 1.0))
        wins = sum(order)
        passed = wins < 10 and wins * 0.95 >= 1.2 * (10 - wins) * 1.05 and fall.max() <= 0.03
        every += passed * 0.6**wins * 0.4 ** (10 - wins)
    found = gate_chance(bounds, bet, Judged(10, 0.01))
    assert found["every"] == pytest.approx(every, abs=0.01)


def test_trades_as_they_came_out_say_the_same_as_the_bets_they_are():
    r = np.array([0.945] * 620 + [-1.055] * 380)
    drawn = simulated_gate_chance(r, r.mean(), SIX, QUICK, block=1)
    exact = gate_chance(SIX, Bet(0.62, cost=0.055), QUICK)
    assert list(drawn) == list(exact)
    assert drawn == pytest.approx(exact, abs=0.045)


def test_a_claimed_edge_is_the_mean_that_histories_have():
    r = np.random.default_rng(1).standard_t(5, 400)
    none, some = (simulated_gate_chance(r, mean, {"sharpe_per_trade": 0.1}, QUICK, 1)["every"] for mean in (0.0, 0.4))
    assert none == pytest.approx(0.08, abs=0.025)  # √200 × 0.1 standard errors
    assert some > 0.98


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        (
            lambda: gate_chance({"profit": 1.6}, LUCK),
            UsageError,
            "No benchmark named 'profit'.*Did you mean profit_fac",
        ),
        (lambda: gate_chance({"profit_factor": math.nan}, LUCK), UsageError, "finite number, found nan"),
        (lambda: gate_chance(SIX, Bet(1.2)), UsageError, "chance from 0 to 1"),
        (lambda: gate_chance(SIX, Bet(0.5, cost=1.2)), UsageError, "wins more than it costs"),
        (lambda: gate_chance(SIX, LUCK, Judged(trades=1)), UsageError, "Two trades, folds and trades a fold"),
        (lambda: simulated_gate_chance([1.0, 1.0], 0.1, SIX), DataError, "without any variation"),
    ],
)
def test_what_cannot_be_asked_is_refused(asked, error, told):
    with pytest.raises(error, match=told):
        asked()
