"""What a doctor looks at: a finished run with its tables, as far as they are still those of the run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from market import tables
from market.errors import DataError
from pipeline import receipts, workspace
from pipeline.workspace import Workspace
from registry import deflation, ledger, trials
from registry.card import Card
from registry.deflation import Deflation
from registry.ledger import Counts

ANOTHER = "only the tables of the last run are kept, and it is not the last"
CHANGED = "the files of the run are incomplete or were changed since"
NO_TRADE = "no trade was closed"
UNTOLD = "the card does not tell it"

_STAGES = ("train", "backtest", "gate")
_KEPT = {
    "trades": tables.TRADES,
    "equity": tables.EQUITY,
    "predictions": tables.PREDICTIONS,
    "oos_predictions": tables.PREDICTIONS,
}


class NotAskedError(Exception):
    """A question that cannot be put to a run; the message says why."""


class Run(NamedTuple):
    """A judged run: its card, what its series has been tried and looked at until now, and what stands on the disk.

    `training` and `backtest` are what those stages wrote, empty where that is no longer known. `found` are tables by
    name: trades, equity, predictions (out of fold), oos_predictions, bars, labels and features (the model's own).
    `lacking` says why a table is not among them. `stored` is the SHA-256 of the bars that are stored today, "" for
    none; `today` the instant of asking.
    """

    card: Card
    cost: Deflation
    counts: Counts
    today: pd.Timestamp
    stored: str
    training: Mapping[str, Any]
    backtest: Mapping[str, Any]
    found: Mapping[str, pd.DataFrame]
    lacking: Mapping[str, str]

    def table(self, name: str) -> pd.DataFrame:
        """Return the table `name`; raises NotAskedError with the reason where it is not there."""
        if name not in self.found:
            raise NotAskedError(self.lacking[name])
        return self.found[name]

    def trades(self) -> pd.DataFrame:
        """Return the closed trades, one at least; raises NotAskedError where there is none or they are not known."""
        if self.card.oos.get("trades") == 0:
            raise NotAskedError(NO_TRADE)
        return self.table("trades")


def told(values: Mapping[str, Any], name: str) -> Any:
    """Return the entry `name` of a part of the card; raises NotAskedError where an older card has none."""
    if values.get(name) is None:
        raise NotAskedError(UNTOLD)
    return values[name]


def instant(values: Mapping[str, Any], name: str) -> pd.Timestamp:
    """Return a stamp of the card in UTC; raises NotAskedError as `told` does."""
    found = pd.Timestamp(told(values, name))
    return found.tz_convert("UTC") if found.tzinfo else found.tz_localize("UTC")


def read(target: Workspace, card: Card) -> Run:
    """Return the run of `card` as it stands on the disk of its series; nothing is written."""
    entries = ledger.of(target.home, card.series)
    counts = ledger.count_of(entries, card.window["oos_start"], card.window["cut_off"])
    cost = deflation.measure(entries, trials.kept(target.home, card.series))
    manifest = tables.read_manifest(target.bars)
    why = _why_not(target, card)
    found, lacking = ({}, dict.fromkeys((*_KEPT, "bars", "labels", "features"), why)) if why else _tables(target, card)
    training, traded = ({}, {}) if why else (_json(target, "training"), _json(target, "backtest"))
    stored = manifest.sha256 if manifest else ""
    return Run(card, cost, counts, pd.Timestamp.now("UTC"), stored, training, traded, found, lacking)


def _why_not(target: Workspace, card: Card) -> str:
    """Return why the files of the series are not those of the run, "" where they are."""
    written = [receipts.read(target.receipt(stage)) for stage in _STAGES]
    judged = written[-1]
    if judged is not None and judged.facts.get("run_id") != card.run_id:
        return ANOTHER
    if judged is None or not _holds(target.run, judged.inputs):
        return CHANGED
    return "" if all(one is not None and _holds(target.run, one.outputs) for one in written) else CHANGED


def _holds(folder: Path, digests: Mapping[str, str]) -> bool:
    files = {folder / name: digest for name, digest in digests.items()}
    return all(path.exists() and tables.sha256_of_file(path) == digest for path, digest in files.items())


def _tables(target: Workspace, card: Card) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    found, lacking = {}, {}
    for name, schema in _KEPT.items():
        found[name] = tables.read_table(target.run / f"{name}.parquet", schema)
    made_from = {
        "bars": (target.bars, tables.BARS, card.bars_sha256, ["open", "high", "low", "close", "spread"]),
        "labels": (target.labels, tables.LABELS, card.labels_sha256, ["y"]),
        "features": (target.features, tables.FEATURES, card.features_sha256, [*card.features]),
    }
    for name, (path, schema, digest, columns) in made_from.items():
        try:
            whole = tables.read_manifest(path)
            if whole is None or whole.sha256 != digest:
                raise DataError(f"the {name} stored today are not those of the run")
            found[name] = tables.read_table(path, schema, columns)
        except DataError as error:
            lacking[name] = str(error)
    return found, lacking


def _json(target: Workspace, stage: str) -> dict[str, Any]:
    return workspace.read_json(target.run / f"{stage}.json")
