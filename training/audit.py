"""What each split did to the labelled rows, counted from their intervals alone: purged, embargoed, left, and leaks.

Nothing here asks `training.purging` which rows may train. A row touches what is judged if the interval of its label,
with the purge, meets the interval of any judged label, widened by the embargo to both sides.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from market.errors import GateError
from training.purged_splitter import PurgedSplitter, Split
from training.purging import Gap, measure


class SplitAudit(NamedTuple):
    """Rows of one split: judged, and of the labelled ones that might train: purged, embargoed and left to train.

    `leaks` are those that train though they touch what is judged, are judged themselves, or lie where the scheme trains
    on nothing (after the block of a walk-forward, say). Any number but 0 is a fault of the splitter.
    """

    test: int
    purged: int
    embargoed: int
    left: int
    leaks: int


class _Labels(NamedTuple):
    """The labels of all rows (int64, in bars or nanoseconds), which rows have one, and the embargo likewise."""

    start: np.ndarray
    end: np.ndarray
    reach: np.ndarray
    known: np.ndarray
    embargo: int


def audit(
    splitter: PurgedSplitter,
    X: pd.DataFrame,
    *,
    t1: pd.Series,
    bars: pd.DatetimeIndex | None = None,
    splits: Iterable[Split] | None = None,
) -> list[SplitAudit]:
    """Return what each split of `splitter` does to the rows of `X`; `splits` are those that were used, by default all.

    >>> from training.splits import PurgedKFold
    >>> ts = pd.date_range("2024-01-01", periods=300, freq="1h", tz="UTC")
    >>> X, t1 = pd.DataFrame(index=ts), pd.Series(ts + pd.Timedelta("4h"), index=ts)
    >>> pd.DataFrame(audit(PurgedKFold(3, purge=5, embargo=10), X, t1=t1))
       test  purged  embargoed  left  leaks
    0   100       3         10   187      0
    1   100       7         20   173      0
    2   100       4         10   186      0
    """
    labels = _labels(X, t1, bars, splitter.purge, splitter.embargo)
    used = splitter.split(X, t1=t1, bars=bars) if splits is None else splits
    found = []
    for layout, (train, test) in zip(splitter.layouts(measure(X, t1, bars, 0, splitter.embargo)), used, strict=True):
        might = np.zeros(len(X), dtype=bool)
        might[layout.first : layout.stop] = True
        might[test] = False
        judged = labels.start[test], labels.end[test]
        found.append(_counted(labels, might, train, judged)._replace(test=len(test)))
    return found


def audit_before(
    X: pd.DataFrame, train: np.ndarray, *, t1: pd.Series, bars: pd.DatetimeIndex, purge: int, embargo: Gap
) -> SplitAudit:
    """Return what was done to the rows of `X` before whatever is judged from the first bar after `bars` on."""
    labels = _labels(X, t1, bars, purge, embargo)
    next_bar = len(bars) if not isinstance(embargo, dt.timedelta) else int(bars.as_unit("ns").asi8[-1]) + 1
    judged = np.array([next_bar]), np.array([np.iinfo(np.int64).max])
    return _counted(labels, np.ones(len(X), dtype=bool), train, judged)


def refuse_leaks(audits: Mapping[str, SplitAudit]) -> None:
    """Raise GateError where a split leaks, naming the first that does."""
    for name, one in audits.items():
        if one.leaks:
            raise GateError(
                f"Leak in {name}: {one.leaks} of {one.left} training rows overlap what judges them, "
                "purge and embargo counted. Nothing was trained; the splitter is at fault, not the data."
            )


def _counted(
    labels: _Labels, might: np.ndarray, train: np.ndarray, judged: tuple[np.ndarray, np.ndarray]
) -> SplitAudit:
    trains = np.zeros(len(might), dtype=bool)
    trains[train] = True
    dropped = might & labels.known & ~trains
    purged = dropped & _touching(labels, *judged, 0)
    leaks = trains & (~might | _touching(labels, *judged, labels.embargo))
    left = int((trains & labels.known).sum())
    return SplitAudit(0, int(purged.sum()), int((dropped & ~purged).sum()), left, int(leaks.sum()))


def _touching(labels: _Labels, start: np.ndarray, end: np.ndarray, embargo: int) -> np.ndarray:
    """Return which rows' labels meet any of the intervals (start − embargo, end + embargo), both ends left out."""
    order = np.argsort(start, kind="stable")
    begun = np.searchsorted(start[order] - embargo, labels.reach)
    latest = np.maximum.accumulate(end[order])
    return (begun > 0) & (latest[np.maximum(begun, 1) - 1] > labels.start - embargo)


def _labels(X: pd.DataFrame, t1: pd.Series, bars: pd.DatetimeIndex | None, purge: int, embargo: Gap) -> _Labels:
    grid = pd.DatetimeIndex(X.index if bars is None else bars).as_unit("ns")
    rows, known = pd.DatetimeIndex(X.index).as_unit("ns"), t1.notna().to_numpy()
    ends = pd.DatetimeIndex(t1.where(known, pd.Series(X.index, index=X.index))).as_unit("ns")
    bar = grid.get_indexer(rows)
    if not isinstance(embargo, dt.timedelta):
        end = grid.searchsorted(ends, side="left")
        return _Labels(bar, end, np.maximum(end, bar + purge), known, embargo)
    later = np.append(grid.asi8, np.full(purge, np.iinfo(np.int64).max))[bar + purge]
    span = int(pd.Timedelta(embargo).as_unit("ns").value)
    return _Labels(rows.asi8, ends.asi8, np.maximum(ends.asi8, later), known, span)
