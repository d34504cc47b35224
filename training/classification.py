"""How well probabilities of down, flat and up foretell the label: the classification metrics of a fold.

`y` holds −1, 0 or 1 for each row, `p` (rows × 3) the probabilities in the order down, flat, up. Averages over classes
are macro averages: each class counts alike. What cannot be computed is None, never 0 or NaN. Probabilities that are
not finite, or shapes that do not fit, are refused with DataError.
"""

import numpy as np
from scipy.stats import rankdata

from market.errors import DataError
from training.reliability import expected_calibration_error

CLASSES = (-1, 0, 1)

_LEAST_PROBABILITY = 1e-6


def class_shares(y: np.ndarray) -> np.ndarray:
    """Return the shares of down, flat and up among (training) labels: the forecast that knows no feature.

    >>> class_shares(np.array([-1, 1, 1, 0])).tolist()
    [0.25, 0.25, 0.5]
    """
    if not len(y):
        raise DataError("The base rate of no labels is not defined: at least one training row is needed.")
    return np.array([np.mean(np.asarray(y) == label) for label in CLASSES])


def accuracy(y: np.ndarray, p: np.ndarray) -> float | None:
    """Return the share of rows whose likeliest class is the label; None without rows.

    >>> accuracy(np.array([1, -1]), np.array([[0.1, 0.2, 0.7], [0.3, 0.5, 0.2]]))
    0.5
    """
    truth, probabilities = _checked(y, p)
    return float(np.mean(probabilities.argmax(axis=1) == truth)) if len(truth) else None


def precision(y: np.ndarray, p: np.ndarray) -> float | None:
    """Return the mean share of right calls among the calls of each class; None where a class was never called."""
    hits, called, _ = _counts(y, p)
    return _mean_ratio(hits, called)


def recall(y: np.ndarray, p: np.ndarray) -> float | None:
    """Return the mean share of each class that was called; None where a class never occurred."""
    hits, _, occurred = _counts(y, p)
    return _mean_ratio(hits, occurred)


def f1(y: np.ndarray, p: np.ndarray) -> float | None:
    """Return the mean over classes of 2 hits ÷ (calls + occurrences); None where a class is in neither."""
    hits, called, occurred = _counts(y, p)
    return _mean_ratio(2 * hits, called + occurred)


def auc(y: np.ndarray, p: np.ndarray) -> float | None:
    """Return the mean area under the ROC curve of each class against the rest; ties count half.

    Hanley and McNeil (1982), the area as a rank statistic, Radiology 143(1). None where a class never occurred or
    nothing else did.

    >>> y = np.array([-1, 0, 1])
    >>> auc(y, np.eye(3)), auc(y, np.full((3, 3), 1 / 3))
    (1.0, 0.5)
    """
    truth, probabilities = _checked(y, p)
    occurred = np.bincount(truth, minlength=3)
    rest = len(truth) - occurred
    if not occurred.all() or not rest.all():
        return None
    ranks = rankdata(probabilities, axis=0)
    rank_sums = np.array([ranks[truth == k, k].sum() for k in range(3)])
    return float(np.mean((rank_sums - occurred * (occurred + 1) / 2) / (occurred * rest)))


def log_loss(y: np.ndarray, p: np.ndarray) -> float | None:
    """Return the mean of −ln of the probability given to what happened; None without rows.

    A probability counts as at least 1e-6, since they are rounded to that. Good (1952), Rational decisions.

    >>> round(log_loss(np.array([1, 1]), np.array([[0.25, 0.25, 0.5]] * 2)), 6)
    0.693147
    """
    losses = _losses(*_checked(y, p))
    return float(losses.mean()) if len(losses) else None


def brier(y: np.ndarray, p: np.ndarray) -> float | None:
    """Return the mean over rows of Σ (p − happened)² over the classes, 0 (perfect) to 2; None without rows.

    Brier (1950), Verification of forecasts expressed in terms of probability: the original sum over all classes.

    >>> brier(np.array([1]), np.array([[0.0, 0.5, 0.5]]))
    0.5
    """
    truth, probabilities = _checked(y, p)
    return float(np.mean(np.sum((probabilities - np.eye(3)[truth]) ** 2, axis=1))) if len(truth) else None


def log_loss_skill(y: np.ndarray, p: np.ndarray, base_rate: np.ndarray) -> float | None:
    """Return 1 − log loss ÷ log loss of always forecasting `base_rate`: over 0 knows more than the class shares.

    `base_rate` are the shares of down, flat, up among the *training* labels. None without rows, or where the base rate
    is certain and right.

    >>> round(log_loss_skill(np.array([1, -1]), np.full((2, 3), 1 / 3), np.full(3, 1 / 3)), 9)
    0.0
    """
    own, base = _paired_losses(y, p, base_rate)
    return float(1 - own.sum() / base.sum()) if base.sum() > 0 else None


def log_loss_skill_interval(
    y: np.ndarray,
    p: np.ndarray,
    base_rate: np.ndarray,
    block: int,
    level: float = 0.90,
    paths: int = 1000,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Return the interval that holds `level` of the skill over histories resampled in blocks of `block` rows.

    Circular block bootstrap of whole blocks (Politis and Romano, 1992): a block should be as long as labels overlap.
    None under two blocks of rows. The same seed gives the same interval.
    """
    own, base = _paired_losses(y, p, base_rate)
    rows = len(own)
    if rows < 2 * block or base.sum() <= 0:
        return None
    own_sums, base_sums = (_circular_sums(losses, block) for losses in (own, base))
    starts = np.random.default_rng(seed).integers(0, rows, size=(paths, -(-rows // block)))
    base_drawn = base_sums[starts].sum(axis=1)
    if (base_drawn <= 0).any():
        return None
    skills = 1 - own_sums[starts].sum(axis=1) / base_drawn
    low, high = np.quantile(skills, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def scores(y: np.ndarray, p: np.ndarray, base_rate: np.ndarray, block: int) -> dict[str, float | None]:
    """Return every metric of this page by name; `base_rate` from training labels, `block` in rows."""
    interval = log_loss_skill_interval(y, p, base_rate, block)
    return {
        "accuracy": accuracy(y, p),
        "precision": precision(y, p),
        "recall": recall(y, p),
        "f1": f1(y, p),
        "auc": auc(y, p),
        "log_loss": log_loss(y, p),
        "brier": brier(y, p),
        "calibration_error": expected_calibration_error(np.asarray(y), np.asarray(p)),
        "skill": log_loss_skill(y, p, base_rate),
        "skill_low": interval[0] if interval else None,
        "skill_high": interval[1] if interval else None,
    }


def _checked(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the column of `p` that happened in each row, and `p` itself."""
    labels, probabilities = np.asarray(y), np.asarray(p, dtype=np.float64)
    if probabilities.shape != (len(labels), len(CLASSES)):
        raise DataError(
            f"Probabilities have shape {probabilities.shape}: wanted ({len(labels)}, 3), as many as labels."
        )
    if not np.isin(labels, CLASSES).all():
        raise DataError("A label is none of -1, 0 and 1.")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise DataError("A probability is NaN or outside 0 to 1.")
    return labels.astype(np.int64) + 1, probabilities


def _counts(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return hits, calls and occurrences of each class."""
    truth, probabilities = _checked(y, p)
    called = probabilities.argmax(axis=1)
    hits = np.bincount(truth[called == truth], minlength=3)
    return hits, np.bincount(called, minlength=3), np.bincount(truth, minlength=3)


def _mean_ratio(above: np.ndarray, below: np.ndarray) -> float | None:
    return float(np.mean(above / below)) if below.all() else None


def _losses(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    return -np.log(np.maximum(probabilities[np.arange(len(truth)), truth], _LEAST_PROBABILITY))


def _paired_losses(y: np.ndarray, p: np.ndarray, base_rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth, probabilities = _checked(y, p)
    forecast = np.broadcast_to(np.asarray(base_rate, dtype=np.float64), probabilities.shape)
    return _losses(truth, probabilities), _losses(*_checked(y, forecast))


def _circular_sums(values: np.ndarray, block: int) -> np.ndarray:
    """Return the sum of the block that begins at each row, going round at the end."""
    running = np.concatenate(([0.0], np.cumsum(np.concatenate((values, values[:block])))))
    return running[block : block + len(values)] - running[: len(values)]
