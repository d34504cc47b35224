"""Companions in the main job: which of those that are configured are stored, and what a model owes to each."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from feature_store.groups import companions as group
from market import tables
from market.errors import DataError, UnavailableError
from pipeline.job import Job
from pipeline.workspace import Workspace, require_bars


class Found(NamedTuple):
    """Companions of a series by symbol: where those are that are stored, and the names of the series that are not."""

    stored: dict[str, Workspace]
    absent: tuple[str, ...]

    @property
    def facts(self) -> dict[str, Any]:
        """Return the SHA-256 and the rows of each companion's bars, and what was left out."""
        used = {}
        for symbol, workspace in self.stored.items():
            manifest = tables.read_manifest(workspace.bars)
            assert manifest is not None  # `look` has seen it
            used[symbol] = {"sha256": manifest.sha256, "rows": manifest.rows}
        return {"used": used, "left_out": list(self.absent)}

    @property
    def inputs(self) -> dict[str, str]:
        """Return the SHA-256 of each companion's bars as the input of a stage."""
        return {f"bars of {symbol}": used["sha256"] for symbol, used in self.facts["used"].items()}


def look(job: Job) -> Found:
    """Return which companions of the job's series are stored at its timeframe; a simulated series has none.

    Raises DataError where bars of one were changed since they were imported.
    """
    stored, absent = {}, []
    for symbol in sorted(job.instrument.companions) if not job.series.simulated else ():
        workspace = Workspace(job.workspace.home, job.series._replace(symbol=symbol))
        if tables.read_manifest(workspace.bars) is None:
            absent.append(workspace.series.name)
            continue
        require_bars(workspace)
        stored[symbol] = workspace
    return Found(stored, tuple(absent))


def bars(found: Found) -> dict[str, pd.DataFrame]:
    """Return the bars of the stored companions by symbol."""
    return {symbol: tables.read_table(workspace.bars, tables.BARS) for symbol, workspace in found.stored.items()}


def needed(features: Iterable[str], used: Mapping[str, Any]) -> dict[str, Any]:
    """Return of the companions `used` by a features table those that the `features` of a model compare with."""
    return {symbol: used[symbol] for symbol in group.needed(features, used)}


def of_features(job: Job, features: Iterable[str]) -> dict[str, Any]:
    """Return what the features table says of companions: those that `features` compare with, and those left out."""
    manifest = tables.read_manifest(job.workspace.features)
    assert manifest is not None  # the features came from it
    told = manifest.facts["companions"]
    return {"used": needed(features, told["used"]), "left_out": told["left_out"]}


def bars_of(job: Job, used: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return the bars of the companions `used`, as the features were made from them.

    Raises UnavailableError where some are not stored any more, DataError where they are others by now.
    """
    found = look(job)
    for symbol, one in used.items():
        name = job.series._replace(symbol=symbol).name
        if symbol not in found.stored:
            raise UnavailableError(f"No bars of {name} are stored any more: import them, or run `assay train` again.")
        if found.facts["used"][symbol]["sha256"] != one["sha256"]:
            raise DataError(f"The bars of {name} have changed since the features were made: run `assay train` again.")
    return bars(Found({symbol: found.stored[symbol] for symbol in used}, ()))
