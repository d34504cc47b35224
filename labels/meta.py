"""Meta-labels: was the side that a primary model took worth taking? Learnt only from sides it took out of fold."""

import numpy as np
import pandas as pd

from labels.weights import average_uniqueness
from market.errors import DataError, UsageError

_NEEDED = ("fold", "side")


def meta_labels(sides: pd.DataFrame, labels: pd.DataFrame, ts: pd.DatetimeIndex) -> pd.DataFrame:
    """Return what became of each side that a primary took: what a secondary model learns to foretell.

    `sides` is indexed by `ts` and holds the primary's `side` (−1 0 1) and the `fold` that predicted it, as a table of
    predictions does (1, 2 … in time; `fold` 0, the final model, has learnt from these rows or is being judged on them);
    `labels` is the labels table of the same bars, whose stamps are `ts`. Columns: `side`, `fold`, `z` (1 where the net
    R of that side is above 0, else 0: a time exit counts by its money), `r` and `t1` (net R and exit of that side, when
    z is known), `weight` (average uniqueness among the sides taken). Sides of 0 and rows without a label are absent.

    Raises UsageError where the table does not tell folds; DataError where what it tells cannot be out of fold: a fold
    below 1, a stamp twice or out of order, a fold that returns after a later one, no label before the first fold.
    Source: López de Prado (2018), Advances in Financial Machine Learning, §3.6, settled net of costs.
    """
    _refuse_in_sample(sides, labels)
    taken = sides.loc[sides["side"].ne(0) & sides.index.isin(labels.index), ["side", "fold"]]
    outcome = labels.loc[taken.index]
    long = taken["side"].to_numpy() > 0
    r = np.where(long, outcome["r_long"], outcome["r_short"])
    t1 = outcome["t1_long"].where(long, outcome["t1_short"])
    t0 = _positions(ts, taken.index) + 1
    return taken.assign(
        z=(r > 0.0).astype(np.int8),
        r=r,
        t1=t1,
        weight=average_uniqueness(t0, _positions(ts, pd.DatetimeIndex(t1))),
    )


def _refuse_in_sample(sides: pd.DataFrame, labels: pd.DataFrame) -> None:
    """Raise an error where the table of `sides` lacks what tells that it is out of fold, or tells that it is not."""
    if missing := [name for name in _NEEDED if name not in sides]:
        raise UsageError(
            f"Sides lack the columns {', '.join(missing)}: take the table of out-of-fold predictions, which names the "
            "fold of each row, and add the side that its thresholds took."
        )
    ts, side, fold = sides.index, sides["side"].to_numpy(), sides["fold"].to_numpy()
    if not (ts.is_monotonic_increasing and ts.is_unique):
        raise DataError("A stamp stands twice or out of order: out of fold, each row is predicted once, in time.")
    if (strange := ~np.isin(side, (-1, 0, 1))).any():
        raise DataError(f"The side at {ts[strange][0]} is {side[strange][0]}: sides are −1, 0 and 1.")
    if (seen := ~(fold >= 1)).any():
        raise DataError(f"Fold {fold[seen][0]} at {ts[seen][0]} is not out of fold: only folds from 1 on are.")
    if (back := np.diff(fold) < 0).any():
        at, came = ts[1:][back][0], fold[1:][back][0]
        raise DataError(f"Fold {came} at {at} follows a later one: the folds of a walk-forward never return.")
    if len(sides) and not (labels.index < ts[0]).any():
        raise DataError(f"No label stands before the first fold, at {ts[0]}: its primary has learnt from nothing else.")


def _positions(ts: pd.DatetimeIndex, stamps: pd.DatetimeIndex) -> np.ndarray:
    found = ts.get_indexer(stamps).astype(np.int64)
    if (found < 0).any():
        raise DataError(f"{stamps[int(np.argmin(found))]} is not the stamp of a bar: give those that were labelled.")
    return found
