"""What trials would have earned each day: kept for as long as the ledger, for they tell how many trials were different.

A table holds the trials that were kept together: days × trials, `trials/<series>/<digest>.parquet`. What is kept is
never rewritten. A table without its manifest, left by a kill, was never kept.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from market import tables
from market.errors import DataError, UnavailableError
from market.tables import Schema

DAILY = Schema("trials", "day", {}, open=True)
PATIENCE = 60.0

_DIGITS = 16  # of a table's name


class Kept(NamedTuple):
    """Daily results, days × trials, NaN where a trial judged nothing, and a warning for each table left out."""

    daily: pd.DataFrame
    warnings: list[str]


def keep(home: Path, series: str, name: str, daily: pd.Series) -> None:
    """Keep the daily results (net R, by UTC day) of the trial `name`; see `keep_all`."""
    keep_all(home, series, {name: daily})


def keep_all(home: Path, series: str, daily: Mapping[str, pd.Series]) -> None:
    """Keep the daily results of trials by name, in one table, durably; what is kept already is left alone.

    Each is net R (float64, finite) by UTC day (midnights, strictly increasing). Raises DataError where a name is kept
    with other results: a trial is never rewritten; ValueError for what are no daily results; UnavailableError where
    another command keeps hold of the series' trials.
    """
    digests = {name: digest(one) for name, one in daily.items()}
    with _locked(_folder(home, series)) as folder:
        known = _known(folder)
        for name in daily:
            if known.get(name, digests[name]) != digests[name]:
                raise DataError(
                    f"{folder}: trial {name} of {series} is kept with other daily results. The same trial must find "
                    "the same: train again after removing what was changed, the code or the bars."
                )
        fresh = {name: one for name, one in digests.items() if name not in known}
        if fresh:
            _write(folder, {name: daily[name] for name in fresh}, fresh)


def matrix(home: Path, series: str) -> pd.DataFrame:
    """Return the daily results of every kept trial of `series`, days × trials; NaN where one judged no row that day.

    Raises DataError naming a table that was changed or is damaged.
    """
    return _joined([tables.read_table(path, DAILY) for path in _paths(_folder(home, series))])


def kept(home: Path, series: str) -> Kept:
    """Return what `matrix` returns but for tables that are damaged: each of them is told in a warning."""
    frames, warnings = [], []
    for path in _paths(_folder(home, series)):
        try:
            frames.append(tables.read_table(path, DAILY))
        except DataError as error:
            warnings.append(f"{error} Its trials count as if each were unlike any other.")
    return Kept(_joined(frames), warnings)


def digest(daily: pd.Series) -> str:
    """Return the SHA-256 of daily results; raises ValueError where they are none."""
    days = daily.index
    if not isinstance(days, pd.DatetimeIndex) or str(days.tz) != "UTC" or not days.is_monotonic_increasing:
        raise ValueError(f"daily results stand by UTC day, in order, not by {days.dtype}")
    if not len(daily) or not days.is_unique or not days.equals(days.normalize()) or daily.dtype != np.float64:
        raise ValueError(f"{len(daily)} daily results ({daily.dtype}): wanted one float64 a day, one day at least")
    if not np.isfinite(daily.to_numpy()).all():
        raise ValueError("daily results are finite; a day on which nothing was judged is left out")
    return tables.sha256_of(days.as_unit("us").asi8.tobytes() + daily.to_numpy().tobytes())


def _folder(home: Path, series: str) -> Path:
    return home / "trials" / series


def _paths(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.parquet")) if tables.manifest_path(path).exists()]


@contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    """Hold the folder against other processes, sweep what a killed one left, and yield it."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=PATIENCE):
            for left in folder.glob(".*.tmp"):
                left.unlink()
            yield folder
    except Timeout:
        raise UnavailableError(f"{folder} is locked by another command for over {PATIENCE:g} s.") from None


def _known(folder: Path) -> dict[str, str]:
    """Return the digest of every kept trial by its name; a damaged table is told where it is read, and left alone."""
    known: dict[str, str] = {}
    for path in _paths(folder):
        try:
            manifest = tables.read_manifest(path)
        except DataError:
            continue
        known |= manifest.facts if manifest else {}
    return known


def _write(folder: Path, daily: Mapping[str, pd.Series], digests: Mapping[str, str]) -> None:
    named = tables.sha256_of(dict(digests))
    frame = _joined([one.rename(name).to_frame() for name, one in daily.items()])
    path = folder / f"{named[:_DIGITS]}.parquet"
    tables.write_table(path, frame, DAILY, inputs={}, config_sha256="", code_sha256="", facts=digests)


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return all columns over the union of all days."""
    days = pd.DatetimeIndex([], tz="UTC").as_unit("us")
    for one in {tuple(frame.index.asi8): frame.index for frame in frames}.values():
        days = days.union(one.as_unit("us"))
    days = days.rename(DAILY.key)
    columns = [name for frame in frames for name in frame.columns]
    values = np.full((len(columns), len(days)), np.nan)
    first = 0
    for frame in frames:
        values[first : first + frame.shape[1], days.get_indexer(frame.index)] = frame.to_numpy().T
        first += frame.shape[1]
    return pd.DataFrame(values.T, index=days, columns=columns, copy=False)
