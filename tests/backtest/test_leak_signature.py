"""What a score brings a bar early, in time and a bar late: a planted leak is told, honest edges and chance are not."""

import numpy as np
import pandas as pd
import pytest

from backtest import Policy, Risk
from backtest.leak_signature import signature
from backtest.rerun import Case, case, figures, rerun
from backtest.worse_fills import late
from market import simulated
from market.execution import Exits
from market.instruments import instrument

GOLD = instrument("XAUUSD")
WORLD = {"symbol": "XAUUSD", "timeframe": "15T", "start": "2019-01-02", "end": "2019-07-01", "seed": 3}
RISK = Risk(max_trades_per_day=1000)


def of_gold(bars: pd.DataFrame, view: pd.Series) -> Case:
    return case(
        bars, 0.5 + 0.4 * np.sign(view.fillna(0.0)), Policy(0.6, 0.4), Exits(1.4, 1.0, 50), GOLD.costs, RISK, "metal"
    )


def deviations(given: Case) -> float:
    return signature(given, rerun(given), rerun(late(given, 1))).deviations


@pytest.fixture(scope="module")
def edgeless() -> pd.DataFrame:
    return simulated.simulate(**WORLD)


def thinned(view: pd.Series) -> pd.Series:
    """Return a view on one bar in five, so that a trade is rarely followed by another view."""
    return view.where(np.random.default_rng(0).random(len(view)) < 0.2)


def test_a_score_that_knows_the_next_bar_is_told_as_a_leak_and_the_same_score_in_time_is_not(edgeless):
    knows = thinned(edgeless["close"].shift(-1) - edgeless["open"].shift(-1))
    leaky = of_gold(edgeless, knows)
    told = signature(leaky, rerun(leaky), rerun(late(leaky, 1)))
    assert told.deviations > 5.0 and told.now > 0.25 and abs(told.late) < 0.1
    assert deviations(of_gold(edgeless, knows.shift(1))) < 3.0


def test_a_centred_mean_is_told_as_a_leak_although_it_mixes_its_own_bar_in(edgeless):
    close = edgeless["close"]
    assert deviations(of_gold(edgeless, thinned(close.rolling(3, center=True).mean() - close))) > 3.0


def test_an_honest_edge_a_score_of_its_own_bar_and_chance_are_no_leak(edgeless):
    planted = simulated.simulate(**WORLD, edge=0.3)
    signal = simulated.hidden_signal(**WORLD)
    honest = of_gold(planted, signal.where(signal.abs() > 1.0))
    assert figures(rerun(honest)).profit_factor > 1.6 and deviations(honest) == 0.0
    moved = edgeless["close"].diff()
    chance = pd.Series(np.random.default_rng(1).choice([-1.0, 1.0], len(moved)), index=moved.index)
    for view in (moved, -moved, chance):
        assert deviations(of_gold(edgeless, thinned(view))) < 3.0


def test_before_costs_chance_brings_nothing(edgeless):
    chance = pd.Series(np.random.default_rng(1).choice([-1.0, 1.0], len(edgeless)), index=edgeless.index)
    given = of_gold(edgeless, chance)
    told = signature(given, rerun(given), rerun(late(given, 1)))
    error = rerun(given).r.std() / np.sqrt(len(rerun(given).r))
    assert abs(told.now) < 3.0 * error and figures(rerun(given)).expectancy < -5.0 * error
