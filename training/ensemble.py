"""The ensemble: calibrated members, a soft vote, and the score on which trades are decided.

`predict` is the one way to a probability, in batch and live: it picks its features by name, pins one thread and rounds
to 1e-6, so that a row alone and the row in a batch give the same trade.
"""

import json
from typing import NamedTuple

import numpy as np
import pandas as pd

from market.errors import DataError
from training import calibration, selection
from training.calibration import Calibration
from training.members import MEMBERS, Fitted

_DECIMALS = 6
_ENSEMBLE_FILE = "ensemble.json"

PROBABILITIES = ("p_down", "p_flat", "p_up")


class Outcomes(NamedTuple):
    """Mean net R of a long and of a short, given that the label came out down, flat or up."""

    long: tuple[float, float, float]
    short: tuple[float, float, float]


class Ensemble(NamedTuple):
    """Fitted members with weights and calibrations, the features they read, and what outcomes have paid."""

    features: tuple[str, ...]
    members: dict[str, Fitted]
    weights: dict[str, float]
    calibrations: dict[str, Calibration]
    outcomes: Outcomes

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return `p_down p_flat p_up` for each row of `X`, rounded to 1e-6; NaN where a feature is not finite.

        `X` may hold more features in any order. Raises DataError for a missing feature.
        """
        voted = vote(self.raw(X), self.weights, self.calibrations)
        return pd.DataFrame(voted, columns=list(PROBABILITIES), index=X.index)

    def probabilities(self, matrix: np.ndarray) -> np.ndarray:
        """Return what `predict` does for a float32 matrix whose columns are `features`, in their order."""
        return vote(self._voices(matrix), self.weights, self.calibrations)

    def raw(self, X: pd.DataFrame) -> dict[str, np.ndarray]:
        """Return each member's own probabilities (rows × 3), before calibration; NaN where a feature is not finite."""
        missing = [name for name in self.features if name not in X]
        if missing:
            raise DataError(f"The model needs {len(self.features)} features; missing: {', '.join(missing)}.")
        return self._voices(selection.columns(X, list(self.features)))

    def _voices(self, matrix: np.ndarray) -> dict[str, np.ndarray]:
        return {name: predicted(member, matrix) for name, member in self.members.items()}

    def to_files(self) -> dict[str, bytes]:
        """Return the native files: one for each member, and `ensemble.json` for the rest."""
        described = {
            "features": self.features,
            "weights": self.weights,
            "calibrations": {name: calibration.told(one) for name, one in self.calibrations.items()},
            "outcomes": self.outcomes._asdict(),
        }
        files = {MEMBERS[name].file: member.to_bytes() for name, member in self.members.items()}
        return files | {_ENSEMBLE_FILE: json.dumps(described, indent=1, sort_keys=True).encode()}

    def importance(self) -> dict[str, float]:
        """Return each feature's share, averaged over members by their weights, largest first."""
        total = sum(self.weights[name] * member.importance() for name, member in self.members.items())
        named = zip(self.features, np.asarray(total).tolist(), strict=True)
        return dict(sorted(named, key=lambda item: (-item[1], item[0])))


def from_files(files: dict[str, bytes]) -> Ensemble:
    """Return the ensemble that `to_files` wrote; the bytes must have been verified before they get here."""
    described = json.loads(files[_ENSEMBLE_FILE])
    calibrations = {name: calibration.read(stored) for name, stored in described["calibrations"].items()}
    weights = described["weights"]
    return Ensemble(
        features=tuple(described["features"]),
        members={name: MEMBERS[name].load(files[MEMBERS[name].file]) for name in weights},
        weights=weights,
        calibrations=calibrations,
        outcomes=Outcomes(tuple(described["outcomes"]["long"]), tuple(described["outcomes"]["short"])),
    )


def predicted(member: Fitted, X: np.ndarray) -> np.ndarray:
    """Return the probabilities of `member` on `X`; rows with a feature that is not finite are NaN."""
    usable = np.isfinite(X).all(axis=1)
    p = np.full((len(X), 3), np.nan)
    if usable.any():
        p[usable] = member.predict(np.ascontiguousarray(X[usable]))
    return p


def vote(raw: dict[str, np.ndarray], weights: dict[str, float], calibrations: dict[str, Calibration]) -> np.ndarray:
    """Return the weighted mean of the members' calibrated probabilities (rows × 3), rounded to 1e-6."""
    total = sum(weights[name] * calibration.calibrated(p, calibrations[name]) for name, p in raw.items())
    return np.round(np.asarray(total), _DECIMALS)


def outcomes(y: np.ndarray, r: np.ndarray, w: np.ndarray) -> Outcomes:
    """Return the weighted mean net R (columns of `r`: long, short) by class; a class never seen counts as the worst."""
    means = np.full((2, 3), np.nan)
    for column, label in enumerate((-1, 0, 1)):
        rows = (y == label) & (w > 0)
        if rows.any():
            means[:, column] = np.average(r[rows], axis=0, weights=w[rows])
    worst = np.nanmin(means, axis=1, keepdims=True)
    long, short = np.where(np.isnan(means), worst, means).tolist()
    return Outcomes(tuple(long), tuple(short))


def score(predictions: pd.DataFrame, paid: Outcomes) -> pd.DataFrame:
    """Return the score table of `predictions` (`p_down p_flat p_up`); see `scores`."""
    columns = scores(predictions[list(PROBABILITIES)].to_numpy(), paid)
    return pd.DataFrame(columns, index=predictions.index)


def scores(p: np.ndarray, paid: Outcomes) -> dict[str, np.ndarray]:
    """Return the columns of a score table from probabilities (rows × 3).

    `score` is P(up) ÷ (P(up) + P(down)), 0.5 where both are 0; `expected_r_*` is the net R expected of each side;
    `confidence` is the share of the likelier side, in [0.5, 1]. NaN stays NaN: there is no trade on it.
    """
    directional = p[:, 0] + p[:, 2]
    undecided = np.where(np.isnan(directional), np.nan, 0.5)
    up = np.round(np.divide(p[:, 2], directional, out=undecided, where=directional > 0), _DECIMALS)
    return {
        "score": up,
        "expected_r_long": _expected(p, paid.long),
        "expected_r_short": _expected(p, paid.short),
        "confidence": np.maximum(up, 1.0 - up),
    }


def _expected(p: np.ndarray, paid: tuple[float, float, float]) -> np.ndarray:
    """Return the net R expected, row by row: a matrix product would add up one row otherwise than many."""
    return np.round(p[:, 0] * paid[0] + p[:, 1] * paid[1] + p[:, 2] * paid[2], _DECIMALS)
