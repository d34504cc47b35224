"""Bars after a fold's training end change nothing that is fitted in it: and each way to learn from them is caught."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from market.perturbation import scrambled
from tests.training.worlds import features_of, rows_of, small_bars, small_plan
from training import calibration, dataset, ensemble, fold, thresholds
from training.dataset import Dataset
from training.members import MEMBERS
from training.plan import Plan
from training.samples import sample_of

END = 4000  # bars that are known when the fold is fitted


@pytest.fixture(scope="module")
def plan() -> Plan:
    return small_plan()


@pytest.fixture(scope="module")
def two_markets() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two markets that are one until the training ends, and have nothing in common after it."""
    bars = small_bars()
    return bars, scrambled(bars, slice(END, None), np.random.default_rng(7))


def training_part(market: pd.DataFrame, plan: Plan) -> Dataset:
    rows = dataset.drop_labels_past(rows_of(market, plan), market.index[END - 1])
    return rows.take(np.flatnonzero(rows.labelled))


def judged_block(market: pd.DataFrame, plan: Plan) -> Dataset:
    rows = rows_of(market, plan)
    return rows.take(np.flatnonzero(rows.labelled & (rows.X.index > market.index[END])))


def test_everything_that_a_fold_fits_is_the_same_whatever_comes_later(two_markets, plan):
    def fitted(market: pd.DataFrame) -> dict[str, Any]:
        one = fold.fit(training_part(market, plan), market.iloc[:END], plan, blocks=1.0)
        files = one.ensemble.to_files()
        return {
            "members, with the scales of the regression": {name: files[MEMBERS[name].file] for name in plan.weights},
            "features": one.ensemble.features,
            "calibration, and what outcomes have paid": json.loads(files["ensemble.json"]),
            "rounds of early stopping": one.rounds,
            "thresholds": one.choice,
            "inner splits": [part.told() for part in one.splits],
        }

    known, changed = (fitted(market) for market in two_markets)
    assert known == changed
    assert known["features"]


def scales_of_all_rows(market: pd.DataFrame, plan: Plan) -> Any:
    X = features_of(market)
    train = training_part(market, plan)
    scaled = ((train.X - X.mean()) / X.std()).astype(np.float32)
    return MEMBERS["lightgbm"].fit(sample_of(train._replace(X=scaled)), held_out=None, rounds=5, seed=0).to_bytes()


def features_chosen_on_all_rows(market: pd.DataFrame, plan: Plan) -> Any:
    rows = rows_of(market, plan)
    rows = rows.take(np.flatnonzero(rows.labelled & np.isfinite(rows.X).all(axis=1).to_numpy()))
    size = np.abs([np.corrcoef(rows.X[name], rows.y)[0, 1] for name in rows.X])
    return size.tolist()


def stopped_early_on_the_judged_block(market: pd.DataFrame, plan: Plan) -> Any:
    learn, watch = sample_of(training_part(market, plan)), sample_of(judged_block(market, plan))
    stopped = {name: MEMBERS[name].fit(learn, held_out=watch, rounds=None, seed=0) for name in ("xgboost", "lightgbm")}
    return {name: member.rounds for name, member in stopped.items()}


def calibrated_on_the_judged_block(market: pd.DataFrame, plan: Plan) -> Any:
    block = judged_block(market, plan)
    member = MEMBERS["xgboost"].fit(sample_of(training_part(market, plan)), held_out=None, rounds=20, seed=0)
    return calibration.fit(ensemble.predicted(member, block.X.to_numpy()), block.y, block.w)


def paid_by_outcomes_of_all_rows(market: pd.DataFrame, plan: Plan) -> Any:
    rows = rows_of(market, plan)
    rows = rows.take(np.flatnonzero(rows.labelled))
    return ensemble.outcomes(rows.y, rows.r, rows.w)


def thresholds_of_all_bars(market: pd.DataFrame, plan: Plan) -> Any:
    up = np.random.default_rng(0).random(len(market))
    score = pd.DataFrame({"score": up, "expected_r_long": 1.0, "expected_r_short": 1.0}, market.index)
    score["confidence"] = np.maximum(up, 1.0 - up)
    return thresholds.choose(market, score, plan.venue, blocks=0.1)


LEAKS: list[Callable[[pd.DataFrame, Plan], Any]] = [
    scales_of_all_rows,
    features_chosen_on_all_rows,
    stopped_early_on_the_judged_block,
    calibrated_on_the_judged_block,
    paid_by_outcomes_of_all_rows,
    thresholds_of_all_bars,
]


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_what_learns_from_later_bars_is_caught(leak, two_markets, plan):
    known, changed = (leak(market, plan) for market in two_markets)
    assert known != changed
