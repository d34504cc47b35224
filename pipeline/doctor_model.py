"""What would make one distrust the model of a run: its skill, its forecasts, its features, and how it was fitted."""

import numpy as np
import pandas as pd
from scipy.stats import binom

from pipeline.doctor_drift import FEWEST, Shift, distance, shift, windows_before
from pipeline.doctor_run import UNTOLD, NotAskedError, Run, instant, told
from pipeline.doctor_trades import LIKELY
from registry.figures import share
from registry.markdown import skilled_folds
from registry.measures import SEED
from training.ensemble import PROBABILITIES
from training.reliability import expected_calibration_error

EDGES = (0.50, 0.90)  # between which a long threshold is looked for
UNSTABLE = 0.40  # below: poor, as Nogueira, Sechidis and Brown (2018) have it
SHIFTED, CLASSES_SHIFTED = 0.1, 0.02  # an index below which even the furthest window is not far
RARE = 0.10  # share of the rarest class

_DRAWN = 200
_FOLD_LUCK = (1.0 - 0.90) / 2.0  # of a fold without skill to have an interval above 0
_FEW = f"fewer than {FEWEST} windows of the judged one's length came before it"


def skill(run: Run) -> str | None:
    """Return evidence where the model is not shown to know the direction out of sample."""
    found = told(run.card.skill, "oos")
    value, low, high = found["skill"], found["low"], found["high"]
    if low is not None and low > 0.0:
        return None
    if value is None:
        return f"Skill in direction is not computable on {run.card.window.get('oos_rows', 0):,} judged rows."
    interval = "no interval" if low is None else f"90 % interval {low:+.4f} … {high:+.4f}"
    return f"Out of sample the model saves {value:+.4f} of the log-loss in direction ({interval}): nothing is shown."


def folds_without_skill(run: Run) -> str | None:
    """Return evidence where no more folds have skill in direction than luck would give."""
    skilled, folds = skilled_folds(run.card.folds), len(run.card.folds)
    if skilled is None:
        raise NotAskedError(UNTOLD)
    luck = float(binom.sf(skilled - 1, folds, _FOLD_LUCK))
    if luck < LIKELY:
        return None
    return (
        f"{skilled} of {folds} folds have skill in direction beyond chance; models that know nothing have as many in "
        f"{share(luck)} of cases."
    )


def calibration(run: Run) -> str | None:
    """Return evidence where probabilities out of sample are wrong by more than chance.

    By chance: what outcomes drawn from these very probabilities show, on as many rows as there are labels that do not
    overlap.
    """
    y, p = _judged(run)
    step = max(1, round(overlap(run)))
    error = expected_calibration_error(y, p)
    if error is None:
        raise NotAskedError("no judged row is labelled")
    drawn = chance_errors(p[::step], _DRAWN)
    if error <= np.quantile(drawn, 0.95):
        return None
    return (
        f"Predicted and observed shares differ by {error:.4f} on average over {len(y):,} rows, worth "
        f"{len(y) // step:,} without overlap; by chance {drawn.mean():.4f}, at most {np.quantile(drawn, 0.95):.4f} in "
        "95 of 100."
    )


def chance_errors(p: np.ndarray, paths: int) -> np.ndarray:
    """Return the calibration errors of `paths` outcomes drawn from the probabilities `p` (rows × 3)."""
    random = np.random.default_rng(SEED)
    upto = np.cumsum(p, axis=1)[:, :2]
    rows = (np.sum(random.random((len(p), 1)) > upto, axis=1) - 1 for _ in range(paths))
    return np.array([expected_calibration_error(y, p) for y in rows])


def overlap(run: Run) -> float:
    """Return how many labelled rows one label without overlap is worth."""
    labels = run.card.labels
    return float(told(labels, "rows")) / float(told(labels, "effective"))


def class_balance(run: Run) -> str | None:
    """Return evidence where one class is rare."""
    shares = told(run.card.labels, "shares")
    rarest = min(shares, key=shares.__getitem__)
    if shares[rarest] >= RARE:
        return None
    return "; ".join(f"{name} {share(value)}" for name, value in shares.items()) + f": {rarest} is rare."


def class_drift(run: Run) -> str | None:
    """Return evidence where the shares of the classes are unlike those of every window before."""
    y, window = run.table("labels")["y"].astype(float).to_frame(), _windows(run, "labels")
    found = _shifted(shift(y, window), CLASSES_SHIFTED)
    if found is None:
        return None
    now, before = (y["y"][which].value_counts(normalize=True) for which in (window == 0, window > 0))
    named = (("down", -1.0), ("flat", 0.0), ("up", 1.0))
    shares = ", ".join(f"{name} {share(now.get(at, 0.0))} after {share(before.get(at, 0.0))}" for name, at in named)
    return f"{shares}. {_told(found)}"


def feature_drift(run: Run) -> str | None:
    """Return evidence where the model's features, by importance, are unlike those of every window before."""
    X, window = run.table("features"), _windows(run, "features")
    found = _shifted(shift(X, window, pd.Series(told(run.training, "importance"), dtype=float)), SHIFTED)
    if found is None:
        return None
    distances = {name: distance(X[name].to_numpy(float), window) for name in found.worst}
    most = ", ".join(f"{name} {index:.2f} (KS {distances[name]:.2f})" for name, index in found.worst.items())
    return f"{_told(found)} Most: {most}."


def score_drift(run: Run) -> str | None:
    """Return evidence where the directional score is distributed unlike in every fold."""
    folds, judged = run.table("predictions"), run.table("oos_predictions")
    p = np.concatenate([folds[list(PROBABILITIES)].to_numpy(), judged[list(PROBABILITIES)].to_numpy()])
    window = np.concatenate([folds["fold"].to_numpy(), np.zeros(len(judged), np.int64)])
    moved = p[:, 0] + p[:, 2]
    score = np.divide(p[:, 2], moved, out=np.full(len(p), 0.5), where=moved > 0.0)
    found = _shifted(shift(pd.DataFrame({"score": score}), window), SHIFTED)
    if found is None:
        return None
    now, before = (np.quantile(score[which], [0.05, 0.95]) for which in (window == 0, window > 0))
    return (
        f"Nine in ten scores lie from {now[0]:.3f} to {now[1]:.3f}, out of fold from {before[0]:.3f} to "
        f"{before[1]:.3f}. {_told(found)}"
    )


def feature_choice(run: Run) -> str | None:
    """Return evidence where the folds hardly agree on which features to use."""
    selection = run.card.selection or run.training.get("selection", {})
    stability = told(selection, "stability")
    if stability >= UNSTABLE:
        return None
    chosen = [one["folds"] for one in selection["features"].values()]
    half = sum(2 * count >= len(run.card.folds) for count in chosen)
    return (
        f"Stability {stability:.2f} of the choices of {len(run.card.folds)} folds (1: all alike, 0: by chance, below "
        f"{UNSTABLE:g}: poor); {half} of the {len(chosen)} final features were chosen by half of the folds."
    )


def threshold_edge(run: Run) -> str | None:
    """Return evidence where a threshold stands at the end of what was tried, in the final model or in most folds."""
    final = run.card.policy.get("long_threshold")
    folds = [fold["thresholds"]["long"] for fold in run.card.folds if isinstance(fold.get("thresholds"), dict)]
    if final is None and not folds:
        raise NotAskedError("no threshold was chosen")
    at_edge = sum(value in EDGES for value in folds)
    if final not in EDGES and 2 * at_edge <= len(folds):
        return None
    chosen = "none" if final is None else f"{final:.2f}"
    return (
        f"Long threshold of the final model: {chosen}; {at_edge} of {len(folds)} folds that trade stand at an end of "
        f"{EDGES[0]:.2f} … {EDGES[1]:.2f}."
    )


def _judged(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and probabilities of the judged rows that have both."""
    p = run.table("oos_predictions")[list(PROBABILITIES)]
    y = run.table("labels")["y"].reindex(p.index)
    known = (y.notna() & np.isfinite(p).all(axis=1)).to_numpy()
    return y[known].to_numpy().astype(np.int64), p.to_numpy()[known]


def _windows(run: Run, name: str) -> np.ndarray:
    begin, end, start = (instant(run.card.window, at) for at in ("oos_start", "cut_off", "history_start"))
    ts = pd.DatetimeIndex(run.table(name).index)
    window = windows_before(ts[ts > start], begin, end)
    return np.concatenate([np.full(len(ts) - len(window), -1), window])


def _shifted(found: Shift | None, least: float) -> Shift | None:
    """Return the shift where it is the furthest and far at all; raises NotAskedError where it is not known."""
    if found is None:
        raise NotAskedError(_FEW)
    return found if found.furthest and found.judged >= least else None


def _told(found: Shift) -> str:
    return (
        f"Stability index {found.judged:.3f}, of the {found.windows} windows before {found.least:.3f} … "
        f"{found.largest:.3f}: by chance the last is the furthest in {share(1.0 / (found.windows + 1))} of cases."
    )
