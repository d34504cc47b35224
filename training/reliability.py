"""How often what was predicted with a probability happened, and how far off that is on average."""

import numpy as np
import pandas as pd

_NAMES = ("down", "flat", "up")


def reliability(y: np.ndarray, p: np.ndarray, bins: int = 10) -> pd.DataFrame:
    """Return for each class and bin: label, mean `predicted` probability, `observed` share, `count`.

    Bins have about equal counts; equal probabilities share one.
    `y` holds −1, 0, 1 and `p` (rows × 3) the probabilities of down, flat, up. Without rows the table is empty.
    Source: Niculescu-Mizil and Caruana (2005), Predicting Good Probabilities With Supervised Learning, §2.

    >>> table = reliability(np.array([1, -1, 1, 0]), np.full((4, 3), 1 / 3), bins=1)
    >>> table["observed"].tolist()
    [0.25, 0.25, 0.5]
    """
    rows = []
    for column, name in enumerate(_NAMES):
        order = np.argsort(p[:, column], kind="stable")
        for part in _bins(order, p[order, column], bins):
            if len(part):
                predicted, observed = float(p[part, column].mean()), float((y[part] == column - 1).mean())
                rows.append({"label": name, "predicted": predicted, "observed": observed, "count": len(part)})
    return pd.DataFrame(rows, columns=["label", "predicted", "observed", "count"])


def _bins(order: np.ndarray, rising: np.ndarray, bins: int) -> list[np.ndarray]:
    """Return `order` cut into about equal parts, none between two equal values: what was told alike is judged alike."""
    ends = np.cumsum([len(part) for part in np.array_split(order, min(bins, len(order)) or 1)])[:-1]
    apart = np.searchsorted(rising, rising[ends - 1], side="right") if len(ends) else ends
    return np.split(order, np.unique(apart))


def expected_calibration_error(y: np.ndarray, p: np.ndarray, bins: int = 10) -> float | None:
    """Return the mean over classes and rows of |observed − predicted| share, in `bins` of equal counts; None without.

    0 is perfect, and a forecast of the classes' shares is too: it says nothing of how much is known. Few rows make it
    large by chance, about 0.4 ÷ √(rows in a bin). Source: Kull et al. (2019), Beyond temperature scaling, §3
    (classwise), with the bins of `reliability`.

    >>> expected_calibration_error(np.array([1, -1, 1, 0]), np.tile([0.25, 0.25, 0.5], (4, 1)), bins=1)
    0.0
    >>> expected_calibration_error(np.array([1, 1]), np.tile([0.0, 0.5, 0.5], (2, 1)))
    0.3333333333333333
    """
    table = reliability(y, p, bins)
    if table.empty:
        return None
    return float(np.average((table["observed"] - table["predicted"]).abs(), weights=table["count"]))
