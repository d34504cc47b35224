"""What a model's out-of-fold scores would have earned each day: how trials of different configurations are compared."""

import numpy as np
import pandas as pd

from training import ensemble

_NO_OUTCOME = ensemble.Outcomes((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


def daily(score: np.ndarray, r: np.ndarray, w: np.ndarray, ts: pd.DatetimeIndex) -> pd.Series:
    """Return the net R of the favoured side of each row times its uniqueness, summed by UTC day of `ts`: float64.

    `score` (rows,) is long above 0.5 and short below; 0.5 is neither, and earns 0 on its day. `r` (rows, 2) is the net
    R of a long and of a short of the row's label, `w` (rows,) its uniqueness, so that overlapping labels count as one.
    Rows whose score is NaN were not judged and are skipped; a day without a judged row is absent. The days are those
    of decision. Raises ValueError where the shapes differ, or a judged row has no net R or no weight.
    """
    if not (score.shape == w.shape == (len(ts),) and r.shape == (len(ts), 2)):
        raise ValueError(f"score {score.shape}, r {r.shape}, w {w.shape} and ts ({len(ts)},) are not of the same rows")
    judged = ~np.isnan(score)
    side = np.sign(score[judged] - 0.5)
    favoured = np.where(side > 0, r[judged, 0], r[judged, 1])
    earned = np.where(side == 0, 0.0, favoured) * w[judged]
    if not np.isfinite(earned).all():
        raise ValueError(f"{int((~np.isfinite(earned)).sum())} judged rows have no net R or no weight")
    days = ts[judged].tz_convert("UTC").floor("D").as_unit("us").rename("day")
    return pd.Series(earned, index=days, dtype=np.float64, name="r").groupby(level="day", sort=True).sum()


def out_of_fold(predictions: pd.DataFrame, labels: pd.DataFrame, end: pd.Timestamp) -> pd.Series:
    """Return what `predictions` (p_down p_flat p_up by ts) out of fold would have earned by day, as `daily` does.

    `labels` hold `t1_long t1_short r_long r_short weight`; what ends past `end` is not known and is skipped.
    """
    outcomes = labels.reindex(predictions.index)
    known = (outcomes[["t1_long", "t1_short"]].max(axis=1) <= end).to_numpy()
    score = ensemble.scores(predictions[list(ensemble.PROBABILITIES)].to_numpy(), _NO_OUTCOME)["score"]
    return daily(
        np.where(known, score, np.nan),
        outcomes[["r_long", "r_short"]].to_numpy(),
        outcomes["weight"].to_numpy(),
        pd.DatetimeIndex(predictions.index),
    )
