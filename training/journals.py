"""Finished trials of a training that is not finished yet, in Optuna's journals: one a training part and member.

A trial enters whole, as one line, when it is finished. A line that was torn by a crash is cut off and that trial is
made again, to the same result; a journal of other inputs, settings or code, or one that cannot be read, begins anew.
"""

from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
from filelock import FileLock

from market.durable import make_durable
from training.members import MEMBERS
from training.proposals import direction, frozen, quiet
from training.trials import Objective, Trial

_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}


class Timed(NamedTuple):
    """A finished trial and the seconds that it took."""

    trial: Trial
    seconds: float


class Journals(NamedTuple):
    """A folder of journals that belong to one training: `key` names its inputs, settings and code."""

    folder: Path
    key: str

    def open(self, part: str, member: str, objective: Objective) -> "Journal":
        """Return the journal of `member` in the training part `part`, with what it holds of this very training."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{part}_{member}.journal".replace(" ", "_")
        _cut_torn_line(path)
        try:
            return self._opened(path, part, member, objective)
        except (ValueError, KeyError, TypeError):
            path.unlink()
            return self._opened(path, part, member, objective)

    def _opened(self, path: Path, part: str, member: str, objective: Objective) -> "Journal":
        optuna = quiet()
        backend = optuna.storages.journal.JournalFileBackend(str(path), lock_obj=cast(Any, FileLock(f"{path}.lock")))
        storage = optuna.storages.JournalStorage(backend)
        known = [study.study_name for study in storage.get_all_studies()]
        if known and known != [self.key]:
            raise ValueError(f"{path} is of another training.")
        if known:
            study = optuna.load_study(study_name=self.key, storage=storage)
        else:
            study = optuna.create_study(study_name=self.key, storage=storage, direction=direction(objective))
        make_durable(path.parent)
        return Journal([_timed(one, part, member, objective) for one in study.trials], study)


def left(folder: Path, key: str) -> list[Trial]:
    """Return the finished trials that the training `key` has left in `folder`; none of what cannot be read."""
    found: list[Trial] = []
    for path in sorted(folder.glob("*.journal")):
        member = next((name for name in MEMBERS if path.stem.endswith(f"_{name}")), None)
        if member is None:
            continue
        part = path.stem.removesuffix(f"_{member}").replace("_", " ")
        try:
            found += _read(path, key, part, member)
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _read(path: Path, key: str, part: str, member: str) -> list[Trial]:
    optuna = quiet()
    backend = optuna.storages.journal.JournalFileBackend(str(path), lock_obj=cast(Any, FileLock(f"{path}.lock")))
    storage = optuna.storages.JournalStorage(backend)
    if key not in {study.study_name for study in storage.get_all_studies()}:
        return []
    study = optuna.load_study(study_name=key, storage=storage)
    objective: Objective = "log_loss" if study.direction.name == "MINIMIZE" else "expectancy"
    return [_timed(one, part, member, objective).trial for one in study.trials]


class Journal:
    """The finished trials of one member in one training part; written as they come where there is a study to keep."""

    def __init__(self, kept: list[Timed], study: Any = None) -> None:
        self.kept = kept
        self._study = study

    @property
    def trials(self) -> list[Trial]:
        """Return the trials in their order."""
        return [one.trial for one in self.kept]

    def add(self, trial: Trial, seconds: float, ranges: Any) -> None:
        """Keep `trial`, durably where this is a file; it is there whole or not at all."""
        if self._study is not None:
            days = pd.DatetimeIndex(trial.daily.index).as_unit("s").asi8 // 86_400
            kept = {"days": days.tolist(), "r": trial.daily.tolist(), "seconds": seconds, "message": trial.message}
            self._study.add_trial(frozen(trial, ranges, **kept))
        self.kept.append(Timed(trial, seconds))


def _timed(kept: Any, part: str, member: str, objective: Objective) -> Timed:
    """Return what `Journal.add` wrote."""
    told = kept.user_attrs
    days = pd.to_datetime(np.array(told["days"], dtype=np.int64), unit="D", utc=True).as_unit("us").rename("day")
    trial = Trial(
        part,
        member,
        kept.number,
        dict(kept.params),
        cast(Any, _STATES[kept.state.name]),
        objective,
        tuple(kept.intermediate_values[step] for step in sorted(kept.intermediate_values)),
        pd.Series(np.array(told["r"], dtype=np.float64), index=days, name="r"),
        told["message"],
    )
    return Timed(trial, told["seconds"])


def _cut_torn_line(path: Path) -> None:
    if path.exists():
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with path.open("rb+") as stream:
                stream.truncate(whole)
