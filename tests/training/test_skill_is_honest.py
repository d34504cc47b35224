"""On bars without an edge the skill's interval does not lie above zero; on bars with a planted one it does."""

import numpy as np
import pandas as pd
import pytest

from market import simulated
from tests.training.worlds import rows_of, small_plan
from training import crossval, edges
from training.crossval import Trained

PLANTED = simulated.simulate("XAUUSD", "15T", "2019-01-02", "2019-03-31", edge=0.4)


def trained(bars: pd.DataFrame) -> Trained:
    plan = small_plan()
    rows = rows_of(bars, plan)
    cuts = edges.draw(rows.X.index[0] - pd.Timedelta(minutes=15), rows.X.index[-1], plan.research.folds)
    return crossval.train(rows, bars, plan, cuts, 2, lambda *said: None)


def flipped(bars: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return bars whose moves go up or down by a coin: their sizes, hours and volume stay, direction is gone."""
    sign = np.random.default_rng(seed).choice([-1.0, 1.0], len(bars))
    before = np.concatenate([bars["open"].iloc[:1], bars["close"].iloc[:-1]])
    moves = np.log(bars[["open", "high", "low", "close"]].to_numpy() / before[:, None])
    moves = np.where(sign[:, None] > 0, moves, -moves[:, [0, 2, 1, 3]])
    starts = np.exp(np.concatenate([[0.0], np.cumsum(moves[:-1, 3])])) * before[0]
    told = bars.copy()
    told[["open", "high", "low", "close"]] = np.round(np.exp(moves) * starts[:, None], 2)
    return told


@pytest.mark.parametrize("seed", [1, 2])
def test_on_placebo_bars_the_interval_of_skill_covers_zero(seed):
    pooled = trained(flipped(PLANTED, seed)).pooled
    assert pooled["skill_low"] <= 0.0 <= pooled["skill_high"]


def test_a_planted_edge_is_found_with_an_interval_above_zero():
    pooled = trained(PLANTED).pooled
    assert 0.0 < pooled["skill_low"] <= pooled["skill"] <= pooled["skill_high"]
