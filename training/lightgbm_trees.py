"""Gradient-boosted trees of LightGBM, stored as its text model.

Source: Ke et al. (2017), LightGBM: A Highly Efficient Gradient Boosting Decision Tree.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import lightgbm
import numpy as np

from training.boosting import longest, patience
from training.member import Sample, contiguous, shares
from training.parameters import Range, merged

_THREADS = re.compile(r"^\[num_threads: \d+\]$", re.MULTILINE)
_SMALLEST_LEAF = 20  # of how many leaves of the smallest size a sample must consist


class LightGBM:
    """LightGBM, the same text for any number of threads: `force_col_wise` has each histogram summed by one thread."""

    file = "lightgbm.txt"
    parameters: ClassVar[dict[str, Any]] = {
        "objective": "multiclass",
        "num_class": 3,
        "num_leaves": 15,
        "learning_rate": 0.05,
        "min_data_in_leaf": 200,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "max_bin": 127,
        "num_threads": 1,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }
    ranges: ClassVar[Mapping[str, Range]] = {
        "learning_rate": Range(0.01, 0.3, log=True),
        "num_leaves": Range(4, 127, log=True, whole=True),
        "min_data_in_leaf": Range(20, 2000, log=True, whole=True),
        "lambda_l2": Range(0.1, 100.0, log=True),
        "bagging_fraction": Range(0.1, 1.0),
        "feature_fraction": Range(0.1, 1.0),
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
    ) -> "FittedLightGBM":
        """Boost for `rounds`, or until `held_out` log-loss has not improved for a while.

        A small sample must still be able to split: no more than a twentieth of it in the smallest leaf.
        """
        used = merged("lightgbm", self.parameters, self.ranges, parameters)
        smallest = min(used["min_data_in_leaf"], max(len(sample.y) // _SMALLEST_LEAF, 1))
        used |= {"seed": seed, "num_threads": threads, "min_data_in_leaf": smallest}
        X, y, w = contiguous(sample)
        data = lightgbm.Dataset(X, y + 1, weight=w, free_raw_data=False)
        stopping: dict = {}
        if rounds is None and held_out is not None:
            watched = lightgbm.Dataset(np.ascontiguousarray(held_out.X), held_out.y + 1, data, held_out.w)
            waits = lightgbm.early_stopping(patience(used["learning_rate"]), verbose=False)
            stopping = {"valid_sets": [watched], "callbacks": [waits]}
        most = rounds or longest(used["learning_rate"])
        booster = lightgbm.train(used, data, num_boost_round=most, **stopping)
        text = booster.model_to_string(num_iteration=rounds or booster.best_iteration or most)
        return self.load(_THREADS.sub("[num_threads: 1]", text).encode())

    def load(self, content: bytes) -> "FittedLightGBM":
        """Return the booster stored in `content`."""
        return FittedLightGBM(lightgbm.Booster(model_str=content.decode()), content)


class FittedLightGBM:
    """A fitted LightGBM booster, with the text that it was parsed from."""

    def __init__(self, booster: lightgbm.Booster, content: bytes) -> None:
        self._booster = booster
        self._content = content
        self.rounds = booster.current_iteration()

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities (rows × 3) of down, flat, up."""
        return np.asarray(self._booster.predict(X, num_threads=1), dtype=np.float64).reshape(len(X), 3)

    def to_bytes(self) -> bytes:
        """Return the text model."""
        return self._content

    def importance(self) -> np.ndarray:
        """Return each feature's share of the total gain."""
        return shares(self._booster.feature_importance(importance_type="gain"))

    def contributions(self, X: np.ndarray) -> np.ndarray:
        """Return the Shapley values of TreeSHAP and the base (rows × 3 × features and one)."""
        told = np.asarray(self._booster.predict(X, pred_contrib=True, num_threads=1), dtype=np.float64)
        return told.reshape(len(X), 3, X.shape[1] + 1)
