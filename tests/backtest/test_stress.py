"""A whole stress test: its scenarios are runs of the engine, its bounds fail closed, its draws hang on the seed."""

import json

import numpy as np
import pandas as pd
import pytest

from backtest import Policy, Risk, metrics, simulate
from backtest import stress as stressing
from backtest.engine import run
from backtest.stress import BOUNDS, JITTER, JITTER_5, UNDISTURBED, Stress, stress
from market import simulated
from market.execution import Exits
from market.instruments import instrument
from market.stress_settings import StressBounds
from registry.plain_values import plain

GOLD = instrument("XAUUSD")
RULES = (Policy(0.6, 0.4), Exits(1.4, 1.0, 50), GOLD.costs, Risk(), GOLD.market)
HOW = {"runs": 40, "slippage": 1.0, "skipped": 0.05, "worse_spread": 2.0, "paths": 200}
FACTORS = [name for name in BOUNDS if "profit_factor" in name]
BOUNDARIES = StressBounds(**HOW, **dict.fromkeys(FACTORS, 1.1), drawdown_95=0.08, leak_deviations=3.0)
WORLD = {"symbol": "XAUUSD", "timeframe": "15T", "start": "2019-01-02", "end": "2019-05-01", "seed": 3}
BARS = simulated.simulate(**WORLD, edge=0.45)
SIGNAL = simulated.hidden_signal(**WORLD)
SCORE = (0.5 + 0.4 * np.sign(SIGNAL.where(SIGNAL.abs() > 1.0).fillna(0.0)))[100:]


@pytest.fixture(scope="module")
def told() -> Stress:
    return stress(BARS, SCORE, *RULES, BOUNDARIES, seed=4)


def named(found: Stress) -> dict[str, stressing.Scenario]:
    return {one.name: one for one in found.scenarios}


def test_a_planted_edge_survives(told):
    assert told.passed and [verdict.name for verdict in told.verdicts] == list(BOUNDS)
    factors = {name: one.profit_factor for name, one in named(told).items()}
    assert factors["costs_2x"] < factors["costs_25"] < factors[UNDISTURBED]
    assert factors[JITTER_5] < factors[JITTER] < factors[UNDISTURBED]
    assert told.break_even.dead.multiple > 2.0
    assert told.break_even.dead.usd_per_lot > told.break_even.own.usd_per_lot > 25.0


def test_the_undisturbed_scenario_is_the_backtest(told):
    trades, equity = simulate(BARS, SCORE, *RULES)
    summary = metrics.summary(trades, equity["equity"], GOLD.market)
    first = told.scenarios[0]._asdict()
    assert first.pop("name") == UNDISTURBED
    assert first == {name: summary[name] for name in first}


def test_the_cost_at_which_the_edge_dies_is_where_the_engine_earns_nothing(told):
    def expectancy(multiple: float) -> float:
        costs = GOLD.costs._replace(
            slippage=GOLD.costs.slippage * multiple,
            swap_long=GOLD.costs.swap_long * multiple,
            swap_short=GOLD.costs.swap_short * (2.0 - multiple),
        )
        policy = RULES[0]._replace(max_spread_atr=0.5 * multiple)
        dear = BARS.assign(spread=BARS["spread"] * multiple)
        return run(dear, SCORE, policy, RULES[1], costs, *RULES[3:]).trades["r"].mean()

    multiple = told.break_even.dead.multiple
    assert expectancy(multiple) <= 0.0 < expectancy(multiple * 0.998)


def test_jitter_is_drawn_from_the_seed_alone(told):
    assert stress(BARS, SCORE, *RULES, BOUNDARIES, seed=4) == told
    other = stress(BARS, SCORE, *RULES, BOUNDARIES, seed=5)
    assert other.jittered != told.jittered and other.bootstrapped != told.bootstrapped
    assert (other.leak, other.break_even) == (told.leak, told.break_even)
    assert {name: len(values) for name, values in told.jittered.items()} == dict.fromkeys(told.jittered, 40)
    assert len(set(told.jittered["profit_factor"])) > 35


def test_without_jitter_each_run_is_the_undisturbed_one(told):
    still = stress(BARS, SCORE, *RULES, BOUNDARIES.model_copy(update={"slippage": 0.0, "skipped": 0.0}), seed=4)
    undisturbed = named(told)[UNDISTURBED]
    for name, values in still.jittered.items():
        assert set(values) == {getattr(undisturbed, name)}
    assert named(still)[JITTER_5][1:] == named(still)[JITTER][1:] == undisturbed[1:]


def test_one_run_in_twenty_is_worse_than_what_the_bound_is_asked_of(told):
    ordered = sorted(told.jittered["profit_factor"])
    assert told.verdicts[0].got == named(told)[JITTER_5].profit_factor == ordered[1]
    assert named(told)[JITTER_5].max_drawdown == sorted(told.jittered["max_drawdown"])[-2]
    assert named(told)[JITTER].profit_factor == ordered[19]


@pytest.mark.parametrize("name", BOUNDS)
def test_each_bound_stands_on_its_own(told, name):
    got = {verdict.name: verdict.got for verdict in told.verdicts}[name]
    higher = BOUNDS[name].direction == ">="
    for wanted, passes in ((got, True), (np.nextafter(got, 9.0 if higher else -9.0), False)):
        bounds = BOUNDARIES.model_copy(update={name: wanted})
        found = stress(BARS, SCORE, *RULES, bounds.model_copy(update={"runs": 40}), seed=4)
        assert [verdict.name for verdict in found.verdicts if not verdict.passed] == ([] if passes else [name])
        assert found.passed == passes


def test_a_planted_leak_fails():
    edgeless = simulated.simulate(**WORLD)
    ahead = edgeless["close"].shift(-1) - edgeless["open"].shift(-1)
    knows = ahead.where(np.random.default_rng(0).random(len(ahead)) < 0.2)
    found = stress(edgeless, 0.5 + 0.4 * np.sign(knows.fillna(0.0)), *RULES, BOUNDARIES)
    verdicts = {verdict.name: verdict for verdict in found.verdicts}
    assert not verdicts["leak_deviations"].passed and verdicts["leak_deviations"].got > 3.0
    assert not verdicts["latency_1_profit_factor"].passed


def test_no_trade_at_all_fails_every_bound_and_says_so():
    found = stress(BARS, SCORE * 0.0 + 0.5, *RULES, BOUNDARIES)
    assert not found.passed and {one.trades for one in found.scenarios} == {0}
    assert {(verdict.got, verdict.passed, verdict.note) for verdict in found.verdicts} == {
        (None, False, "no trade was closed")
    }
    assert (found.break_even.own, found.break_even.why) == (None, "no trade was closed")
    json.dumps(plain(found), allow_nan=False)


def test_trades_that_never_lose_are_not_computable_and_fail():
    rising, climb = BARS.iloc[:600].copy(), 1300.0 + 2.0 * np.arange(600)
    for name, above in (("open", 0.0), ("high", 2.0), ("low", 0.0), ("close", 2.0)):
        rising[name] = climb + above
    found = stress(rising, pd.Series(1.0, index=rising.index)[20:], *RULES, BOUNDARIES)
    verdicts = {verdict.name: verdict for verdict in found.verdicts}
    assert named(found)[UNDISTURBED].win_rate == 1.0
    assert {verdicts[name].note for name in FACTORS} == {"no trade lost"} and not found.passed


def test_what_is_told_is_json(told):
    again = json.loads(json.dumps(plain(told), allow_nan=False))
    assert again["scenarios"][0] == told.scenarios[0]._asdict()
    assert again["verdicts"][0]["passed"] is True
    assert again["break_even"]["dead"]["multiple"] == told.break_even.dead.multiple
