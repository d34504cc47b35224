"""The picture of a stress test: drawn for any result, also one without a trade or without a loss, always the same."""

import numpy as np
import pandas as pd
import pytest

from backtest import Policy, Risk
from backtest.stress import stress
from market.execution import Exits
from market.stress_settings import stress_bounds
from registry import stress_plots
from registry.plain_values import plain
from tests.markets import COSTS, random_bars

BARS = random_bars(2, 1500)
SCORES = {
    "trades": pd.Series(np.random.default_rng(0).random(len(BARS)), index=BARS.index),
    "no trade": pd.Series(0.5, index=BARS.index),
    "one trade": pd.Series(np.where(np.arange(len(BARS)) == 100, 1.0, 0.5), index=BARS.index),
}


def told(name: str) -> dict:
    bounds = stress_bounds().model_copy(update={"runs": 20, "paths": 100})
    found = stress(BARS, SCORES[name], Policy(0.8, 0.2), Exits(1.4, 1.0, 20), COSTS, Risk(), "metal", bounds)
    return plain(found)


@pytest.mark.parametrize("name", SCORES)
def test_a_picture_is_drawn_of_anything_and_is_the_same_each_time(name):
    made = stress_plots.draw("XAUUSD_15T", told(name))
    assert made.startswith(b"\x89PNG") and len(made) > 10_000
    assert stress_plots.draw("XAUUSD_15T", told(name)) == made


def test_what_a_scenario_got_is_in_the_picture():
    better = told("trades")
    before = stress_plots.draw("XAUUSD_15T", better)
    better["scenarios"][6]["profit_factor"] += 0.3
    assert stress_plots.draw("XAUUSD_15T", better) != before


def test_every_scenario_has_a_title_and_every_bound_of_a_factor_a_scenario():
    names = {one["name"] for one in told("trades")["scenarios"]}
    factors = {one["name"] for one in told("trades")["verdicts"] if "profit_factor" in one["name"]}
    assert set(stress_plots.TITLES) == names
    assert set(stress_plots.BOUND_OF) < names and set(stress_plots.BOUND_OF.values()) == factors
