"""New bars reproduce the old folds: with the edges held, a month more changes nothing that was predicted before."""

import numpy as np
import pandas as pd
import pytest

from market import simulated
from tests.training.worlds import rows_of, small_plan
from training import crossval, dataset, edges
from training.crossval import Trained
from training.plan import Plan


@pytest.fixture(scope="module")
def plan() -> Plan:
    return small_plan()


@pytest.fixture(scope="module")
def market() -> pd.DataFrame:
    return simulated.simulate("XAUUSD", "15T", "2019-01-02", "2019-06-10", edge=0.4)


def trained(market: pd.DataFrame, end: str, plan: Plan, cuts: pd.DatetimeIndex) -> Trained:
    """Train on the bars up to `end` as if none came after."""
    bars = market.loc[:end]
    rows = dataset.drop_labels_past(rows_of(bars, plan), bars.index[-1])
    research = plan.research.model_copy(update={"folds": len(cuts) - 2})
    return crossval.train(rows, bars, plan._replace(research=research), cuts, 2, lambda *said: None)


@pytest.fixture(scope="module")
def cuts(market: pd.DataFrame) -> pd.DatetimeIndex:
    return edges.draw(market.index[100], market.loc[:"2019-04-30"].index[-1], 3)


@pytest.fixture(scope="module")
def before(market: pd.DataFrame, plan: Plan, cuts: pd.DatetimeIndex) -> Trained:
    return trained(market, "2019-04-30", plan, cuts)


@pytest.mark.parametrize("end", ["2019-05-10", "2019-06-10"])
def test_a_month_more_changes_no_earlier_prediction(market, plan, cuts, before, end):
    """Ten days extend the last block, six weeks add one; in both, what was predicted before stands bit for bit."""
    held = edges.hold(list(cuts), market.loc[:end].index[-1])
    assert len(held) == len(cuts) + (end == "2019-06-10")
    after = trained(market, end, plan, held)
    known = before.predictions.index
    pd.testing.assert_frame_equal(after.predictions.loc[known], before.predictions, check_exact=True)
    assert len(after.predictions) > len(known)
    for old, new in zip(before.folds[:-1], after.folds, strict=False):
        assert new == old
    last = before.folds[-1]
    assert {name: after.folds[2][name] for name in ("features", "thresholds", "rounds", "train_end")} == {
        name: last[name] for name in ("features", "thresholds", "rounds", "train_end")
    }


def test_edges_that_are_drawn_anew_would_be_caught(market, plan, before):
    again = trained(market, "2019-06-10", plan, edges.draw(market.index[100], market.index[-1], 3))
    both = before.predictions.index.intersection(again.predictions.index)
    assert not np.array_equal(before.predictions.loc[both, "p_up"], again.predictions.loc[both, "p_up"])
