"""Calibration, vote and score: probabilities that mean what they say, and one way to get them."""

import json

import numpy as np
import pandas as pd
import pytest

from market.errors import DataError
from tests.markets import stamps
from training import ensemble
from training.ensemble import Ensemble, Outcomes
from training.isotonic import Isotonic, Knots
from training.members import MEMBERS, Sample
from training.platt import IDENTITY, Platt

PAID = Outcomes((-1.05, -1.0, 1.38), (1.4, -1.0, -1.05))
STEPS = Isotonic(
    Knots(np.array([0.1, 0.3, 0.3 + 1e-9]), np.array([0.2, 0.2, 0.5])),
    Knots(np.array([0.4, 0.7]), np.array([0.3, 0.8])),
)


@pytest.fixture(scope="module")
def model() -> Ensemble:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 3)).astype(np.float32)
    sample = Sample(X, np.sign(np.round(X[:, 0])).astype(np.int8), np.ones(800))
    members = {name: MEMBERS[name].fit(sample, held_out=None, rounds=5, seed=1) for name in ("xgboost", "logistic")}
    scales = {"xgboost": STEPS, "logistic": Platt(0.9, 0.1, 0.8, 0.0)}
    return Ensemble(("a__x", "b__y", "b__z"), members, {"xgboost": 0.7, "logistic": 0.3}, scales, PAID)


@pytest.fixture
def X() -> pd.DataFrame:
    values = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    return pd.DataFrame(values, columns=["b__z", "unused", "a__x", "b__y"], index=stamps(50))


def test_features_are_taken_by_name_in_any_order(model, X):
    shuffled = X[["a__x", "b__z", "b__y", "unused"]]
    pd.testing.assert_frame_equal(model.predict(X), model.predict(shuffled))
    with pytest.raises(DataError, match="missing: b__y"):
        model.predict(X.drop(columns="b__y"))


def test_the_stored_files_give_the_same_ensemble(model, X):
    again = ensemble.from_files(model.to_files())
    pd.testing.assert_frame_equal(again.predict(X), model.predict(X))
    assert again.to_files() == model.to_files()


def test_a_row_alone_gives_the_prediction_of_the_batch(model, X):
    alone = pd.concat([model.predict(X.iloc[[i]]) for i in range(len(X))])
    pd.testing.assert_frame_equal(alone, model.predict(X))


def test_a_feature_that_is_not_finite_gives_no_prediction_and_no_score(model, X):
    holed = X.copy()
    holed.iloc[3, 0] = np.nan
    holed.iloc[4, 2] = np.inf
    predictions = model.predict(holed)
    assert predictions.iloc[[3, 4]].isna().all(axis=None)
    assert predictions.drop(predictions.index[[3, 4]]).notna().all(axis=None)
    assert ensemble.score(predictions, PAID).iloc[3].isna().all()


def test_score_is_the_share_of_the_up_side_with_what_each_side_is_expected_to_pay():
    predictions = pd.DataFrame([[0.2, 0.2, 0.6], [0.0, 1.0, 0.0]], columns=["p_down", "p_flat", "p_up"])
    score = ensemble.score(predictions, PAID)
    assert score["score"].tolist() == [0.75, 0.5]
    assert score["confidence"].tolist() == [0.75, 0.5]
    assert score["expected_r_long"].iloc[0] == pytest.approx(0.2 * -1.05 + 0.2 * -1.0 + 0.6 * 1.38)
    assert score["expected_r_short"].iloc[1] == -1.0


def test_outcomes_are_weighted_means_and_an_unseen_class_counts_as_the_worst():
    y = np.array([-1, -1, 1])
    r = np.array([[-1.0, 1.4], [-2.0, 1.0], [1.4, -1.0]])
    paid = ensemble.outcomes(y, r, np.array([3.0, 1.0, 1.0]))
    assert paid.long == pytest.approx((-1.25, -1.25, 1.4))
    assert paid.short == pytest.approx((1.3, -1.0, -1.0))


def test_the_file_says_how_each_member_was_calibrated(model):
    stored = json.loads(model.to_files()["ensemble.json"])["calibrations"]
    assert stored["logistic"] == {"method": "platt"} | Platt(0.9, 0.1, 0.8, 0.0)._asdict()
    assert stored["xgboost"]["method"] == "isotonic"
    assert stored["xgboost"]["up"] == {"at": [0.4, 0.7], "share": [0.3, 0.8]}


def test_a_bundle_of_before_whose_calibrations_are_four_numbers_is_still_read(model, X):
    platts = model._replace(calibrations={"xgboost": IDENTITY, "logistic": Platt(0.9, 0.1, 0.8, 0.0)})
    files = platts.to_files()
    described = json.loads(files["ensemble.json"])
    described["calibrations"] = {"xgboost": [1.0, 0.0, 1.0, 0.0], "logistic": [0.9, 0.1, 0.8, 0.0]}
    before = ensemble.from_files(files | {"ensemble.json": json.dumps(described).encode()})
    assert before.calibrations == platts.calibrations
    pd.testing.assert_frame_equal(before.predict(X), platts.predict(X))


def test_an_ensemble_that_takes_features_by_their_place_is_caught(model, X):
    def same_in_any_order(predict) -> None:
        shuffled = X[["a__x", "b__z", "b__y", "unused"]]
        np.testing.assert_array_equal(predict(X), predict(shuffled))

    same_in_any_order(lambda rows: model.predict(rows).to_numpy())
    with pytest.raises(AssertionError):
        same_in_any_order(lambda rows: model.members["xgboost"].predict(rows.to_numpy()[:, :3]))
