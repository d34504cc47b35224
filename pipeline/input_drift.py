"""How far each feature of a judged model lies in its judged window from all before, kept beside the run."""

from contextlib import suppress
from typing import Any

import pandas as pd

from market import durable, tables
from market.errors import DataError
from pipeline import doctor_drift, run_tables, workspace
from pipeline.workspace import Workspace
from registry.card import Card
from registry.report.shown import Drift

FILE = "drift.json"


def of(target: Workspace, made: Card) -> dict[str, Drift]:
    """Return the drift of each feature of `made`, the last run of its series (`doctor_drift.shift`).

    It is read where it was measured before. Raises DataError where the features stored today are not those of the run,
    or fewer than four windows came before the judged one.
    """
    path = target.run / FILE
    asked = tables.sha256_of([made.features_sha256, made.window, made.features])
    known = _kept(target)
    if known.get("made_from") != asked:
        measured = {name: one._asdict() for name, one in _measured(target, made).items()}
        known = {"made_from": asked, "features": measured}
        with suppress(OSError):  # a home that can only be read is measured again
            durable.write_json(path, known)
    return {name: Drift(**known["features"][name]) for name in made.features if name in known["features"]}


def _kept(target: Workspace) -> dict[str, Any]:
    with suppress(FileNotFoundError, DataError):
        return workspace.read_json(target.run / FILE)
    return {}


def _measured(target: Workspace, made: Card) -> dict[str, Drift]:
    X = run_tables.read(target.features, tables.FEATURES, made.features_sha256, [*made.features])
    begin, end, start = (pd.Timestamp(made.window[name]) for name in ("oos_start", "cut_off", "history_start"))
    X = X.loc[X.index > start]
    window = doctor_drift.windows_before(pd.DatetimeIndex(X.index), begin, end)
    found = {name: doctor_drift.shift(X[[name]], window) for name in made.features}
    told = {name: Drift(one.judged, one.least, one.largest, one.windows) for name, one in found.items() if one}
    if not told:
        raise DataError(f"fewer than {doctor_drift.FEWEST} windows of the judged one's length came before it")
    return told
