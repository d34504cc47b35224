"""Trees of XGBoost, boosted or as a random forest, stored as UBJSON.

Source: Chen and Guestrin (2016), XGBoost: A Scalable Tree Boosting System; Breiman (2001), Random Forests.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import xgboost

from training.boosting import longest, patience
from training.member import Sample, shares
from training.parameters import Range, merged


class XGBoost:
    """Gradient-boosted trees of XGBoost."""

    name = "xgboost"
    file = "xgboost.ubj"
    parameters: ClassVar[dict[str, Any]] = {
        "objective": "multi:softprob",
        "num_class": 3,
        "tree_method": "hist",
        "max_depth": 4,
        "learning_rate": 0.05,
        "subsample": 0.7,
        "colsample_bytree": 0.7,
        "min_child_weight": 20.0,
        "lambda": 5.0,
    }
    ranges: ClassVar[Mapping[str, Range]] = {
        "learning_rate": Range(0.01, 0.3, log=True),
        "max_depth": Range(2, 8, whole=True),
        "min_child_weight": Range(1.0, 500.0, log=True),
        "lambda": Range(0.1, 100.0, log=True),
        "subsample": Range(0.1, 1.0),
        "colsample_bytree": Range(0.1, 1.0),
    }

    def fit(
        self,
        sample: Sample,
        *,
        held_out: Sample | None,
        rounds: int | None,
        seed: int,
        parameters: Mapping[str, float] | None = None,
        threads: int = 1,
    ) -> "FittedXGBoost":
        """Boost for `rounds`, or until `held_out` log-loss has not improved for a while."""
        used = merged(self.name, self.parameters, self.ranges, parameters)
        stopping: dict = {}
        if rounds is None and held_out is not None:
            waits = patience(used["learning_rate"])
            stopping = {"evals": [(_matrix(held_out, threads), "held_out")], "early_stopping_rounds": waits}
        most = rounds or longest(used["learning_rate"])
        used |= {"seed": seed, "nthread": threads}
        booster = xgboost.train(used, _matrix(sample, threads), num_boost_round=most, verbose_eval=False, **stopping)
        taken = booster.best_iteration + 1 if stopping else most
        return FittedXGBoost(booster[:taken], taken)

    def load(self, content: bytes) -> "FittedXGBoost":
        """Return the booster stored in `content`."""
        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(content))
        return FittedXGBoost(booster, booster.num_boosted_rounds())


class RandomForest(XGBoost):
    """A random forest grown by XGBoost (`num_parallel_tree`), so that it too has a native file."""

    name = "random_forest"
    file = "random_forest.ubj"
    parameters: ClassVar[dict[str, Any]] = {
        "objective": "multi:softprob",
        "num_class": 3,
        "tree_method": "hist",
        "num_parallel_tree": 200,
        "max_depth": 8,
        "learning_rate": 1.0,
        "subsample": 0.2,  # about how unique a label is
        "colsample_bynode": 0.2,
        "min_child_weight": 20.0,
        "lambda": 1.0,
    }
    ranges: ClassVar[Mapping[str, Range]] = {
        "max_depth": Range(2, 12, whole=True),
        "min_child_weight": Range(1.0, 500.0, log=True),
        "lambda": Range(0.1, 100.0, log=True),
        "subsample": Range(0.05, 1.0),
        "colsample_bynode": Range(0.05, 1.0),
    }

    def fit(
        self,
        sample: Sample,
        *,
        held_out: Sample | None,
        rounds: int | None,
        seed: int,
        parameters: Mapping[str, float] | None = None,
        threads: int = 1,
    ) -> "FittedXGBoost":
        """Grow one round of parallel trees; there is nothing to stop early."""
        return super().fit(sample, held_out=None, rounds=1, seed=seed, parameters=parameters, threads=threads)


class FittedXGBoost:
    """A fitted XGBoost booster."""

    def __init__(self, booster: xgboost.Booster, rounds: int) -> None:
        self._booster = booster
        self._booster.set_param({"nthread": 1})  # every prediction keeps to one thread
        self.rounds = rounds

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities (rows × 3) of down, flat, up."""
        return np.asarray(self._booster.inplace_predict(X), dtype=np.float64).reshape(len(X), 3)

    def to_bytes(self) -> bytes:
        """Return the model as UBJSON."""
        return bytes(self._booster.save_raw("ubj"))

    def importance(self) -> np.ndarray:
        """Return each feature's share of the total gain."""
        gains = np.zeros(self._booster.num_features())
        for name, gain in self._booster.get_score(importance_type="total_gain").items():
            gains[int(name.removeprefix("f"))] = float(np.asarray(gain))
        return shares(gains)

    def contributions(self, X: np.ndarray) -> np.ndarray:
        """Return the Shapley values of TreeSHAP and the base (rows × 3 × features and one)."""
        return np.asarray(self._booster.predict(xgboost.DMatrix(X, nthread=1), pred_contribs=True), dtype=np.float64)


def _matrix(sample: Sample, threads: int) -> xgboost.DMatrix:
    return xgboost.DMatrix(np.ascontiguousarray(sample.X), sample.y + 1, weight=sample.w, nthread=threads)
