"""Finished folds of a training that is not finished yet, so that an interrupted one goes on where it stopped."""

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from market import tables
from market.errors import DataError
from training.ensemble import PROBABILITIES
from training.judging import Judged

_FOLD = tables.Schema("fold", "ts", {}, open=True)


class FoldStore(NamedTuple):
    """A folder that belongs to one training: `key` names its inputs, settings and code."""

    folder: Path
    key: str

    def keep(self, judged: Judged) -> None:
        """Write a judged fold; it is there whole or not at all."""
        frame = judged.predictions[list(PROBABILITIES)].copy()
        for member, p in judged.raw.items():
            frame[[f"{member}.{name}" for name in PROBABILITIES]] = p
        facts = {"figures": judged.figures, "rounds": judged.rounds, "members": list(judged.raw)}
        path = self.folder / f"fold_{judged.figures['fold']}.parquet"
        tables.write_table(path, frame, _FOLD, inputs={}, config_sha256=self.key, code_sha256="", facts=facts)

    def finished(self) -> dict[int, Judged]:
        """Return the folds of this very training that were kept, by number; what cannot be read is judged again."""
        found = {}
        for path in sorted(self.folder.glob("fold_*.parquet")):
            try:
                manifest, frame = tables.read_manifest(path), tables.read_table(path, _FOLD)
            except DataError:
                continue
            if manifest is not None and manifest.config_sha256 == self.key:
                judged = _judged(frame, manifest.facts)
                found[judged.figures["fold"]] = judged
        return found

    def clear(self) -> None:
        """Remove every kept fold."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _judged(frame: pd.DataFrame, facts: dict) -> Judged:
    predictions = frame[list(PROBABILITIES)].assign(fold=facts["figures"]["fold"])
    raw = {
        member: np.ascontiguousarray(frame[[f"{member}.{name}" for name in PROBABILITIES]].to_numpy())
        for member in facts["members"]
    }
    return Judged(facts["figures"], predictions, raw, facts["rounds"], trials=[])
