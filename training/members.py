"""Members of an ensemble: each learns down, flat, up, keeps its native file and predicts with one thread.

Every member is seeded, single-threaded and so the same bytes on any machine; parallelism is by process above it. A
probability matrix has the columns of `CLASSES`. A NaN feature is missing to the trees and average to the regression.
"""

import json
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import lightgbm
import numpy as np
import xgboost
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

CLASSES = (-1, 0, 1)

_MAXIMUM_ROUNDS = 400
_PATIENCE = 30


class Sample(NamedTuple):
    """Rows to learn from: X (rows × features, float32), y (−1 0 1), w (non-negative weights)."""

    X: np.ndarray
    y: np.ndarray
    w: np.ndarray


class Member(Protocol):
    """What a member can do; `fit` with `rounds=None` stops early on `held_out`."""

    file: str

    def fit(self, sample: Sample, *, held_out: Sample | None, rounds: int | None, seed: int) -> "Fitted":
        """Learn from `sample`."""
        ...

    def load(self, content: bytes) -> "Fitted":
        """Return the fitted member that wrote `content`."""
        ...


class Fitted(Protocol):
    """A fitted member: `rounds` that it took (0 where it has none), probabilities, native bytes, importance."""

    rounds: int

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities (rows × 3) of down, flat, up."""
        ...

    def to_bytes(self) -> bytes:
        """Return the native file's content."""
        ...

    def importance(self) -> np.ndarray:
        """Return how much each feature mattered (non-negative, sums to 1 unless all are 0)."""
        ...


class XGBoost:
    """Gradient-boosted trees of XGBoost, stored as UBJSON."""

    file = "xgboost.ubj"
    parameters: ClassVar[dict[str, Any]] = {
        "objective": "multi:softprob",
        "num_class": 3,
        "tree_method": "hist",
        "max_depth": 4,
        "eta": 0.05,
        "subsample": 0.7,
        "colsample_bytree": 0.7,
        "min_child_weight": 20.0,
        "lambda": 5.0,
        "nthread": 1,
    }

    def fit(self, sample: Sample, *, held_out: Sample | None, rounds: int | None, seed: int) -> "FittedXGBoost":
        """Boost for `rounds`, or until `held_out` log-loss has not improved for a while."""
        matrix = _xgboost_matrix(sample)
        stopping = {}
        if rounds is None and held_out is not None:
            stopping = {"evals": [(_xgboost_matrix(held_out), "held_out")], "early_stopping_rounds": _PATIENCE}
        booster = xgboost.train(
            self.parameters | {"seed": seed},
            matrix,
            num_boost_round=rounds or _MAXIMUM_ROUNDS,
            verbose_eval=False,
            **stopping,
        )
        taken = rounds or (booster.best_iteration + 1 if stopping else _MAXIMUM_ROUNDS)
        return FittedXGBoost(booster[:taken], taken)

    def load(self, content: bytes) -> "FittedXGBoost":
        """Return the booster stored in `content`."""
        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(content))
        return FittedXGBoost(booster, booster.num_boosted_rounds())


class RandomForest(XGBoost):
    """A random forest grown by XGBoost (`num_parallel_tree`), so that it too has a native file."""

    file = "random_forest.ubj"
    parameters = XGBoost.parameters | {
        "num_parallel_tree": 200,
        "max_depth": 8,
        "eta": 1.0,
        "subsample": 0.3,
        "colsample_bytree": 1.0,
        "colsample_bynode": 0.2,
        "lambda": 1.0,
    }

    def fit(self, sample: Sample, *, held_out: Sample | None, rounds: int | None, seed: int) -> "FittedXGBoost":
        """Grow one round of parallel trees; there is nothing to stop early."""
        return super().fit(sample, held_out=None, rounds=1, seed=seed)


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


class LightGBM:
    """Gradient-boosted trees of LightGBM, stored as its text model."""

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
        "force_row_wise": True,
        "verbosity": -1,
    }

    def fit(self, sample: Sample, *, held_out: Sample | None, rounds: int | None, seed: int) -> "FittedLightGBM":
        """Boost for `rounds`, or until `held_out` log-loss has not improved for a while."""
        data = lightgbm.Dataset(sample.X, sample.y + 1, weight=sample.w, free_raw_data=False)
        stopping: dict = {}
        if rounds is None and held_out is not None:
            watched = lightgbm.Dataset(held_out.X, held_out.y + 1, weight=held_out.w, reference=data)
            stopping = {
                "valid_sets": [watched],
                "callbacks": [lightgbm.early_stopping(_PATIENCE, verbose=False)],
            }
        # A small sample must still be able to split: no more than a twentieth of it in a leaf.
        parameters = self.parameters | {
            "seed": seed,
            "min_data_in_leaf": min(self.parameters["min_data_in_leaf"], max(len(sample.y) // 20, 1)),
        }
        booster = lightgbm.train(parameters, data, num_boost_round=rounds or _MAXIMUM_ROUNDS, **stopping)
        taken = rounds or (booster.best_iteration or _MAXIMUM_ROUNDS)
        return self.load(booster.model_to_string(num_iteration=taken).encode())

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


class Logistic:
    """Multinomial logistic regression on standardised features (ridge penalty), stored as JSON."""

    file = "logistic.json"
    strength = 0.01
    clip = 5.0

    def fit(self, sample: Sample, *, held_out: Sample | None, rounds: int | None, seed: int) -> "FittedLogistic":
        """Fit means, scales and coefficients on `sample` alone."""
        known = np.isfinite(sample.X)
        mean = np.asarray(np.mean(sample.X, axis=0, dtype=np.float64, where=known))
        scale = np.std(sample.X, axis=0, dtype=np.float64, where=known)
        scale = np.where(scale > 0.0, scale, 1.0)
        z = _standardised(sample.X, mean, scale)
        model = LogisticRegression(C=self.strength, max_iter=200, tol=1e-4)
        model.fit(z, sample.y, sample_weight=sample.w)
        coefficients, intercept = np.zeros((3, z.shape[1])), np.full(3, -30.0)
        rows = [CLASSES.index(label) for label in model.classes_]
        if len(rows) == 2:  # scikit-learn keeps one row of coefficients for two classes
            coefficients[rows], intercept[rows] = [-model.coef_[0] / 2, model.coef_[0] / 2], [0.0, 0.0]
            intercept[rows] += np.array([-0.5, 0.5]) * model.intercept_[0]
        else:
            coefficients[rows], intercept[rows] = model.coef_, model.intercept_
        return FittedLogistic(mean, scale, coefficients, intercept)

    def load(self, content: bytes) -> "FittedLogistic":
        """Return the regression stored in `content`."""
        stored = json.loads(content)
        return FittedLogistic(*(np.array(stored[name]) for name in ("mean", "scale", "coefficients", "intercept")))


class FittedLogistic:
    """A fitted logistic regression."""

    rounds = 0

    def __init__(self, mean: np.ndarray, scale: np.ndarray, coefficients: np.ndarray, intercept: np.ndarray) -> None:
        self._mean = mean
        self._scale = scale
        self._coefficients = coefficients
        self._intercept = intercept

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities (rows × 3) of down, flat, up, in float64."""
        z = _standardised(X, self._mean, self._scale)
        return softmax(z @ self._coefficients.T + self._intercept, axis=1)

    def to_bytes(self) -> bytes:
        """Return means, scales and coefficients as JSON."""
        stored = {
            "mean": self._mean.tolist(),
            "scale": self._scale.tolist(),
            "coefficients": self._coefficients.tolist(),
            "intercept": self._intercept.tolist(),
        }
        return json.dumps(stored, sort_keys=True).encode()

    def importance(self) -> np.ndarray:
        """Return each feature's share of the absolute standardised coefficients."""
        return shares(np.abs(self._coefficients).sum(axis=0))


def _xgboost_matrix(sample: Sample) -> xgboost.DMatrix:
    return xgboost.DMatrix(sample.X, sample.y + 1, weight=sample.w, nthread=1)


def _standardised(X: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return np.nan_to_num(np.clip((X - mean) / scale, -Logistic.clip, Logistic.clip), nan=0.0)


def shares(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return `values` divided by their sum, or zeros where the sum is 0.

    >>> shares([1.0, 3.0]).tolist()
    [0.25, 0.75]
    """
    array = np.asarray(values, dtype=np.float64)
    total = array.sum()
    return array / total if total > 0 else np.zeros_like(array)


MEMBERS: dict[str, Member] = {
    "xgboost": XGBoost(),
    "lightgbm": LightGBM(),
    "logistic": Logistic(),
    "random_forest": RandomForest(),
}
