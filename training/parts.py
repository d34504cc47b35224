"""How a training cuts its rows: each part is audited before anything is fitted on it, and the audit is kept."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from market.errors import DataError
from market.settings import Research
from training.audit import SplitAudit, audit, audit_before, refuse_leaks
from training.dataset import Dataset
from training.purged_splitter import PurgedSplitter
from training.purging import measure, rows_before
from training.splits import CombinatorialPurgedCV, PurgedHoldout, PurgedKFold, PurgedWalkForward

LEAST_ROWS = 50
"""How many labelled rows anything is learnt from."""


class Part(NamedTuple):
    """One split in use: `kind` and `name` for people, positions of the rows that train and are judged, its audit."""

    kind: str
    name: str
    train: np.ndarray
    test: np.ndarray
    audit: SplitAudit

    def told(self, within: str = "") -> dict[str, Any]:
        """Return the audit as JSON values; `within` names the fold or model whose part is cut again here."""
        name = f"{within}, {self.name}" if within else self.name
        return {"split": name, "kind": self.kind} | self.audit._asdict()


def walk_forward(data: Dataset, bars: pd.DataFrame, research: Research, edges: pd.DatetimeIndex) -> list[Part]:
    """Return the folds of the walk-forward over `edges`: a block is judged whole, labelled rows before it train."""
    splitter = PurgedWalkForward(research.folds, research.purge, research.embargo, edges=list(edges))
    return _parts("walk-forward", "fold {}", splitter, data, bars)


def combinatorial(data: Dataset, bars: pd.DataFrame, research: Research, groups: int, held_out: int) -> list[Part]:
    """Return every choice of `held_out` of `groups` equal groups of rows: judged whole, other labelled rows train."""
    splitter = CombinatorialPurgedCV(groups, held_out, research.purge, research.embargo)
    return _parts("combinatorial", "split {}", splitter, data, bars)


def inner(train: Dataset, bars: pd.DataFrame, research: Research) -> list[Part]:
    """Return the purged folds inside a training part that choose features, calibrate and set thresholds."""
    splitter = PurgedKFold(research.inner_folds, research.purge, research.embargo)
    parts = _parts("inner fold", f"inner fold {{}} of {research.inner_folds}", splitter, train, bars)
    for part in parts:
        _require_rows(part, train)
    return parts


def holdout(train: Dataset, bars: pd.DataFrame, research: Research) -> Part:
    """Return the purged tail of a training part that stops the boosting early, and what is before it."""
    return _tail("early stopping", train, bars, research)


def rehearse(train: Dataset, bars: pd.DataFrame, research: Research) -> None:
    """Cut a training part as a fold does, and fit nothing; raises DataError where a part of it has too few rows.

    `bars` are all up to the end of training.
    """
    for part in inner(train, bars, research):
        watched(train.take(part.train), bars, research)
    holdout(train, bars, research)


def final(data: Dataset, bars: pd.DataFrame, research: Research) -> Part:
    """Return the rows that may train for the window which begins after the last of `bars`, after the same gap."""
    stamps, purge, embargo = pd.DatetimeIndex(bars.index), research.purge, research.embargo
    train = rows_before(measure(data.X, data.t1, stamps, purge, embargo), len(stamps))
    counted = audit_before(data.X, train, t1=data.t1, bars=stamps, purge=purge, embargo=embargo)
    refuse_leaks({"final model": counted})
    return Part("final model", "final model", train, np.array([], dtype=np.int64), counted)


def _tail(name: str, train: Dataset, bars: pd.DataFrame, research: Research) -> Part:
    splitter = PurgedHoldout(research.inner_holdout, research.purge, research.embargo)
    part = _parts(name, name, splitter, train, bars)[0]
    _require_rows(part, train)
    return part


def _require_rows(part: Part, data: Dataset) -> None:
    rows, classes = len(part.train), len(np.unique(data.y[part.train]))
    if rows < LEAST_ROWS or classes < 2:
        raise DataError(
            f"{len(data.y)} training rows are too few for the {part.name}: it would learn from {rows} rows "
            f"({classes} of the three classes), wanted {LEAST_ROWS} rows of two classes or more."
        )


def _parts(kind: str, name: str, splitter: PurgedSplitter, data: Dataset, bars: pd.DataFrame) -> list[Part]:
    stamps = pd.DatetimeIndex(bars.index)
    splits = [(train[data.labelled[train]], test) for train, test in splitter.split(data.X, t1=data.t1, bars=stamps)]
    audits = audit(splitter, data.X, t1=data.t1, bars=stamps, splits=splits)
    parts = [
        Part(kind, name.format(number), *split, one)
        for number, (split, one) in enumerate(zip(splits, audits, strict=True), start=1)
    ]
    refuse_leaks({part.name: part.audit for part in parts})
    return parts


def watched(train: Dataset, bars: pd.DataFrame, research: Research) -> Part:
    """Return the purged tail of an inner fold's training rows on which a scout of features is watched."""
    return _tail("scout of features", train, bars, research)


def pooled(rows: Dataset, bars: pd.DataFrame, research: Research) -> list[Part]:
    """Return the purged folds of all out-of-fold predictions by which the final calibration is chosen."""
    splitter = PurgedKFold(research.inner_folds, research.purge, research.embargo)
    return _parts("calibration", f"calibration fold {{}} of {research.inner_folds}", splitter, rows, bars)
