"""Calibration of class probabilities, fitted on predictions that are out of fold: Platt's scaling, or isotonic.

Platt's four numbers hardly overfit and repair what is too sure or too timid; an isotonic fit repairs any distortion
that keeps the order, and has as many degrees of freedom as the rows can show. So Platt stands unless left-out folds
speak clearly against it.
Both are fitted on each fold's training rows and compared on the rows that it left out, by weighted log-loss. Isotonic
is taken where both hold:

- over tenths of each left-out part, in their order, the mean advantage is more than two standard errors above 0
  (neighbouring labels overlap, so rows are no unit of evidence; tenths nearly are);
- of the rows that moved, it knows the side no worse than Platt: skill is asked in direction, and a better opinion on
  when it is quiet must not be bought with one on where it goes.

A member that knows nothing of direction keeps no opinion on it. Where its side, scaled by Platt, is not more than one
standard error better on the left-out rows that moved than the plain share of ups, the slope of up against down is 0.
What little noise it would speak otherwise costs skill in every fold, and trades.

Source: Platt (1999); Zadrozny and Elkan (2002); Niculescu-Mizil and Caruana (2005), Predicting Good Probabilities with
Supervised Learning, §5 (isotonic overfits where calibration rows are few); Breiman et al. (1984), §3.4.3 (the simpler
one within standard errors).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training import isotonic, platt
from training.isotonic import Isotonic, Knots
from training.platt import IDENTITY, Platt

__all__ = ["IDENTITY", "Calibration", "calibrated", "choose", "fit", "named", "read", "told"]

Calibration = Platt | Isotonic

_PARTS = 10  # of each left-out part
_CLEAR, _KNOWN = 2.0, 1.0  # standard errors
_SMALLEST = 1e-12


def fit(p: np.ndarray, y: np.ndarray, w: np.ndarray) -> Calibration:
    """Return Platt's scaling of `p` (rows × 3) on `y` (−1 0 1), weighed by `w`."""
    return platt.fit(p, y, w)


def calibrated(p: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Return the calibrated probabilities of `p` (rows × 3): a row alone has the bits that it has in a batch.

    >>> np.round(calibrated(np.array([[0.2, 0.3, 0.5]]), IDENTITY), 6).tolist()
    [[0.2, 0.3, 0.5]]
    """
    return calibration.calibrated(p)


def choose(p: np.ndarray, y: np.ndarray, w: np.ndarray, folds: Sequence[tuple[np.ndarray, np.ndarray]]) -> Calibration:
    """Return Platt's or the isotonic calibration of `p` on `y` (−1 0 1), fitted on all rows: what `folds` prefer.

    `folds` are purged (train, test) positions into the rows. The module says when isotonic is taken; without a fold
    that can be judged it is Platt.
    """
    tenths = [_advantage(p, y, w, *fold) for fold in folds if w[fold[0]].sum() > 0.0]
    if not tenths:
        return platt.fit(p, y, w)
    weight, whole, side, known = np.hstack(tenths)
    if not _clear(known, weight, _KNOWN):
        return platt.fit(p, y, w, sided=False)
    better = _clear(whole, weight, _CLEAR) and side.sum() >= 0.0
    return isotonic.fit(p, y, w) if better else platt.fit(p, y, w)


def named(calibration: Calibration) -> str:
    """Return what people call `calibration`.

    >>> named(IDENTITY), named(IDENTITY._replace(direction_slope=0.0))
    ('Platt', 'Platt without direction')
    """
    if isinstance(calibration, Isotonic):
        return "isotonic"
    return "Platt" if calibration.direction_slope > 0.0 else "Platt without direction"


def told(calibration: Calibration) -> dict[str, Any]:
    """Return `calibration` as JSON values that `read` understands."""
    if isinstance(calibration, Platt):
        return {"method": "platt"} | calibration._asdict()
    knots = {name: {"at": one.at.tolist(), "share": one.share.tolist()} for name, one in calibration._asdict().items()}
    return {"method": "isotonic"} | knots


def read(stored: Mapping[str, Any] | Sequence[float]) -> Calibration:
    """Return the calibration that `told` described; four numbers alone are Platt's."""
    if not isinstance(stored, Mapping):
        return Platt(*stored)
    if stored["method"] == "platt":
        return Platt(*(stored[name] for name in Platt._fields))
    knots = (stored[name] for name in Isotonic._fields)
    return Isotonic(*(Knots(np.array(one["at"]), np.array(one["share"])) for one in knots))


def _advantage(p: np.ndarray, y: np.ndarray, w: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return by tenths of `test` (4 × 10): weight, then by how much weighted loss is less.

    Of isotonic against Platt, over three classes and in direction; and of Platt's side against the share of ups.
    """
    learnt = p[train], y[train], w[train]
    one, other = (_losses(method.fit(*learnt).calibrated(p[test]), y[test]) for method in (platt, isotonic))
    known = _share_losses(*learnt[1:], y[test]) - one[:, 1]
    rows = np.column_stack([np.ones(len(test)), one - other, known]) * w[test, None]
    return np.column_stack([part.sum(axis=0) for part in np.array_split(rows, _PARTS)])


def _losses(q: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the log-loss of each row (rows × 2): over three classes, and over up and down where it moved (else 0)."""
    own = np.maximum(q[np.arange(len(y)), y.astype(np.int64) + 1], _SMALLEST)
    moves = np.maximum(q[:, 0] + q[:, 2], _SMALLEST)
    return np.column_stack([-np.log(own), np.where(y == 0, 0.0, -np.log(own / moves))])


def _share_losses(y: np.ndarray, w: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """Return the log-loss of each row of `unseen` that moved (else 0) of always saying the share of ups in `y`."""
    up, down = ((w * (y == side)).sum() + 0.5 for side in (1, -1))
    return np.where(unseen == 0, 0.0, -np.log(np.where(unseen > 0, up, down) / (up + down)))


def _clear(advantage: np.ndarray, weight: np.ndarray, errors: float) -> bool:
    """Return whether the weighted mean of `advantage` is more than so many standard errors above 0 (ratio of sums)."""
    advantage, weight = advantage[weight > 0.0], weight[weight > 0.0]
    if len(weight) < 2:
        return False
    mean = advantage.sum() / weight.sum()
    spread = ((advantage - mean * weight) ** 2).sum() * len(weight) / (len(weight) - 1)
    return bool(mean > errors * np.sqrt(spread) / weight.sum())
