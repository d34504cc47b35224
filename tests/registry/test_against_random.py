"""Superiority over random entries: an edge in direction shows, a market that pays both sides alike does not."""

import numpy as np
import pandas as pd
import pytest

from registry import against_random
from registry.significance import Tried
from training.performance import out_of_fold

DAYS = 400
TS = pd.date_range("2024-01-01", periods=DAYS * 4, freq="6h", tz="UTC", name="ts")


def labels(drift: float) -> pd.DataFrame:
    """Return labels whose longs and shorts differ by chance alone, both paid `drift` R."""
    moves = np.random.default_rng(3).normal(size=len(TS))
    ends = TS + pd.Timedelta(hours=6)
    columns = {"t1_long": ends, "t1_short": ends, "r_long": moves + drift, "r_short": drift - moves, "weight": 1.0}
    return pd.DataFrame(columns, index=TS)


def predicted(known: pd.DataFrame, skill: float) -> pd.DataFrame:
    """Return predictions that are right in half of the rows and `skill` more."""
    draws = np.random.default_rng(4)
    right = draws.random(len(TS)) < 0.5 + skill
    up = np.where(right == (known["r_long"] > known["r_short"]).to_numpy(), 0.7, 0.3)
    return pd.DataFrame({"p_down": 1.0 - up, "p_flat": 0.0, "p_up": up}, index=TS)


def asked(drift: float, skill: float) -> dict:
    known = labels(drift)
    predictions, end = predicted(known, skill), TS[-1] + pd.Timedelta(days=1)
    tried = Tried(1, 1.0, out_of_fold(predictions, known, end).to_frame("run"))
    return against_random.superiority(tried, against_random.coin(predictions, known, end))


def test_a_coin_earns_what_both_sides_earn_on_average():
    known = labels(-0.1)
    coin = against_random.coin(predicted(known, 0.2), known, TS[-1] + pd.Timedelta(days=1))
    by_hand = ((known["r_long"] + known["r_short"]) / 2).groupby(TS.floor("D")).sum()
    np.testing.assert_allclose(coin.to_numpy(), by_hand.to_numpy())


def test_an_edge_in_direction_is_superior_also_where_costs_eat_it():
    found = asked(drift=-0.5, skill=0.1)
    assert found["p"] < 0.01 and found["superior"] == 1


def test_a_market_that_pays_whoever_is_in_it_is_no_edge():
    """Twin: against doing nothing the same results are superior."""
    known = labels(0.5)
    predictions, end = predicted(known, 0.0), TS[-1] + pd.Timedelta(days=1)
    tried = Tried(1, 1.0, out_of_fold(predictions, known, end).to_frame("run"))
    assert asked(drift=0.5, skill=0.0)["p"] > 0.05
    nothing = pd.Series(0.0, tried.daily.index)
    assert against_random.superiority(tried, nothing)["p"] < 0.01


def test_what_cannot_be_asked_says_why():
    empty = Tried(0, 1.0, pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC")))
    assert "no daily results" in against_random.superiority(empty, pd.Series(dtype=float))["why"]


@pytest.mark.parametrize("seed", range(3))
def test_the_same_question_has_the_same_answer(seed):
    assert asked(-0.1, 0.01 * seed) == asked(-0.1, 0.01 * seed)
