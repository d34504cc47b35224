"""Stored bars go out to a file that `assay import --stamp close` reads back bit for bit."""

import datetime as dt
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from market import durable, instruments, tables, versions
from market.errors import DataError, UsageError, nearest
from market.tables import BARS, Manifest
from pipeline import bar_history, workspace
from pipeline.validate import instant
from pipeline.workspace import Workspace


def export(
    symbol: str, timeframe: str, to: Path, as_of: dt.datetime | None = None, force: bool = False
) -> dict[str, Any]:
    """Write all columns of the stored bars to `to`, .parquet or .csv (`ts` is the UTC close), and return what it holds.

    `as_of`: the bars as they were stored at that instant (naive: UTC). A file that is there stays unless `force`.
    Raises UsageError where `to` cannot be written, UnavailableError where no bars are stored, DataError where they were
    changed since, were not yet stored, or were pruned.
    """
    target = workspace.of(instruments.series(symbol, timeframe))
    write = _writer(to, target, force)
    workspace.require_bars(target)
    manifest = tables.verified(target.bars, BARS)
    when = None if as_of is None else instant(as_of)
    bar_history.require_kept(target.bars, when)
    with durable.written_aside(to) as (aside,):
        rows, first, last = write(aside, target, manifest, when)
        sha256 = tables.sha256_of_file(aside)
    return {
        "series": target.series.name,
        "as_of": None if when is None else when.isoformat(),
        "rows": rows,
        "first": first,
        "last": last,
        "file": str(to),
        "sha256": sha256,
        "import": None if target.series.simulated else _import(target, to),
    }


_Held = tuple[int, str, str]  # rows, first and last stamp
_Write = Callable[[Path, Workspace, Manifest, pd.Timestamp | None], _Held]


def _writer(to: Path, target: Workspace, force: bool) -> _Write:
    """Return the function that writes what the suffix of `to` asks for; UsageError where it must not be written."""
    write = _WRITERS.get(to.suffix.lower())
    if write is None:
        near = nearest(to.suffix, _WRITERS)
        raise UsageError(f"--to {to}: wanted a file whose name ends in {' or '.join(_WRITERS)}.{near}")
    if to.is_dir() or (to.parent.exists() and not to.parent.is_dir()):
        raise UsageError(f"{to} cannot be a file: {to if to.is_dir() else to.parent} says otherwise. Name another one.")
    if to.resolve().is_relative_to(target.home.resolve()):
        raise UsageError(f"{to} is among the files that Assay keeps for itself: name one outside {target.home}.")
    if to.exists() and not force:
        raise UsageError(f"{to} is there already: name another file, or say --force to write over it.")
    return write


def _parquet(aside: Path, target: Workspace, manifest: Manifest, when: pd.Timestamp | None) -> _Held:
    if when is not None:
        bars = pd.concat(list(versions.windows_as_of(target.bars, when)))
        bars.reset_index().to_parquet(aside, index=False, compression="zstd")
        return len(bars), bars.index[0].isoformat(), bars.index[-1].isoformat()
    shutil.copyfile(target.bars, aside)
    if tables.sha256_of_file(aside) != manifest.sha256:
        raise DataError(f"{target.bars} was changed while it was copied: run the same command again.")
    return manifest.rows, str(manifest.first), str(manifest.last)


def _csv(aside: Path, target: Workspace, _: Manifest, when: pd.Timestamp | None) -> _Held:
    rows, first, last = 0, "", ""
    with aside.open("w", encoding="utf-8", newline="") as stream:
        for bars in _with_any(versions.windows_as_of(target.bars, when)):
            stamps = pd.DatetimeIndex(bars.index).as_unit("us").asi8.astype("M8[us]")
            named = bars.set_axis(pd.Index(np.datetime_as_string(stamps, unit="s", timezone="UTC"), name="ts"))
            named.to_csv(stream, header=not rows, lineterminator="\n")
            rows, first, last = rows + len(bars), first or bars.index[0].isoformat(), bars.index[-1].isoformat()
    return rows, first, last


def _with_any(windows: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    return (window for window in windows if len(window))


_WRITERS: dict[str, _Write] = {".parquet": _parquet, ".csv": _csv}


def _import(target: Workspace, to: Path) -> str:
    symbol, timeframe = target.series.symbol, target.series.timeframe.name
    return f"assay import {shlex.quote(str(to))} --symbol {symbol} --timeframe {timeframe} --stamp close"
