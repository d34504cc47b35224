"""Features and labels become rows to learn from, cut into the development and the out-of-sample window."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from labels import time_decay
from market.errors import DataError


class Dataset(NamedTuple):
    """Rows indexed by `ts`: X (float32), y (−1 0 1), w, t1 (stamp of the later exit), r (long, short; net R).

    A feature is NaN where its warm-up is not over; members learn around that, and no prediction is made from it.

    Rows without a label have y 0, w 0, r NaN and `t1` NaT: they can be predicted, never learnt from or scored.
    """

    X: pd.DataFrame
    y: np.ndarray
    w: np.ndarray
    t1: pd.Series
    r: np.ndarray

    @property
    def labelled(self) -> np.ndarray:
        """Return which rows have a label (bool)."""
        return self.t1.notna().to_numpy()

    def take(self, rows: np.ndarray) -> "Dataset":
        """Return the rows at the positions (or under the mask) `rows`."""
        return Dataset(self.X.iloc[rows], self.y[rows], self.w[rows], self.t1.iloc[rows], self.r[rows])


class Windows(NamedTuple):
    """Where history is cut: rows in (start, oos_start] develop, rows in (oos_start, cut_off] are judged."""

    start: pd.Timestamp
    oos_start: pd.Timestamp
    cut_off: pd.Timestamp


def windows(ts: pd.DatetimeIndex, history_start: pd.Timestamp, cut_off: pd.Timestamp, oos_months: int) -> Windows:
    """Return the windows of a series, from its first bar after `history_start` to the earlier of cut-off and last bar.

    `ts` are close stamps. Raises DataError where nothing is left to develop on or to judge.
    """
    inside = ts[(ts > history_start) & (ts <= cut_off)]
    if len(inside) == 0:
        raise DataError(
            f"No usable rows between {history_start:%Y-%m-%d} and the cut-off {cut_off:%Y-%m-%d}: "
            f"the series has {len(ts)} usable rows (after warm-up) from {ts[0]:%Y-%m-%d} to {ts[-1]:%Y-%m-%d}."
        )
    end = min(cut_off, inside[-1])
    oos_start = end - pd.DateOffset(months=oos_months)
    if inside[0] >= oos_start:
        raise DataError(
            f"The bars from {inside[0]:%Y-%m-%d} to {end:%Y-%m-%d} are shorter than the {oos_months} judged months: "
            "nothing is left to develop on. Import more history."
        )
    return Windows(inside[0], oos_start, end)


def assemble(features: pd.DataFrame, labels: pd.DataFrame) -> tuple[Dataset, int]:
    """Return features with their labels, from the first row that has half of its features; how many were left out.

    Both are indexed by `ts`; a row of `features` may have no label.
    """
    present = np.isfinite(features.to_numpy()).mean(axis=1) >= 0.5
    if not present.any():
        raise DataError(f"{len(features)} bars are too few: no row has half of its {features.shape[1]} features.")
    warm_up = int(np.argmax(present))
    X = features.iloc[warm_up:]
    aligned = labels.reindex(X.index)
    has_label = aligned["y"].notna().to_numpy()
    t1 = aligned[["t1_long", "t1_short"]].max(axis=1).astype("datetime64[us, UTC]")
    y = np.where(has_label, aligned["y"], 0).astype(np.int8)
    w = np.where(has_label, aligned["weight"], 0.0)
    r = aligned[["r_long", "r_short"]].to_numpy(dtype=np.float64)
    return Dataset(X, y, w, t1.rename("t1"), r), warm_up


def aged(data: Dataset, oldest: float) -> Dataset:
    """Return `data` with weights that fade with age, from 1 for its newest label to `oldest`; see `labels.time_decay`.

    Age is counted in uniqueness gathered since, so that overlapping labels age as one. 1 leaves the weights alone.
    """
    return data if oldest == 1.0 else data._replace(w=data.w * time_decay(data.w, oldest))


def base_rate(data: Dataset) -> np.ndarray:
    """Return the shares of down, flat and up among the labels of `data`: the forecast that knows no feature."""
    labels = data.y[data.labelled].astype(np.int64) + 1
    if len(labels) == 0:
        raise DataError(f"None of {len(data.y)} rows has a label: import more history.")
    return np.bincount(labels, minlength=3) / len(labels)


def drop_labels_past(data: Dataset, edge: pd.Timestamp | pd.DatetimeIndex) -> Dataset:
    """Return `data` without the labels that end after `edge`, one for all rows or for each: that is not known there."""
    late = (data.t1 > edge).to_numpy()
    t1 = data.t1.mask(late)
    r = np.where(late[:, None], np.nan, data.r)
    return Dataset(data.X, np.where(late, 0, data.y).astype(np.int8), np.where(late, 0.0, data.w), t1, r)


def up_to(data: Dataset, windows: Windows) -> Dataset:
    """Return the rows after the windows' start up to the out-of-sample window, labels past its start dropped."""
    ts = data.X.index
    return drop_labels_past(data.take(np.asarray((ts >= windows.start) & (ts <= windows.oos_start))), windows.oos_start)


def out_of_sample(data: Dataset, windows: Windows) -> Dataset:
    """Return the rows of the out-of-sample window, labels past the cut-off dropped."""
    ts = data.X.index
    return drop_labels_past(data.take(np.asarray((ts > windows.oos_start) & (ts <= windows.cut_off))), windows.cut_off)
