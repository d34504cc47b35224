"""Which configurations a run is compared with: those that saw its days, on the days that all of them saw."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from registry import comparable, deflation, ledger, trials
from registry.comparable import Tried
from registry.ledger import Entry
from tests.registry.test_deflation import DAYS, GOLD, entry

BUNDLE = "b" * 64


def results(first: int, last: int, seed: int) -> pd.Series:
    """Return daily results of the days from `first` to `last`, not included."""
    return pd.Series(np.random.default_rng(seed).normal(size=last - first), index=DAYS[first:last], name="r")


def the_run(daily: pd.Series, **more: Any) -> tuple[Entry, pd.Series]:
    named = {"member": "", "parameters": {}, "model": BUNDLE} | more
    return entry("run", 0, daily, **named), daily


def tuned(part: str, leaves: int, daily: pd.Series) -> tuple[Entry, pd.Series]:
    return entry(part, leaves, daily), daily


def found(home: Path, *tried: tuple[Entry, pd.Series]) -> Tried:
    trials.keep_all(home, GOLD, {one.name: daily for one, daily in tried})
    ledger.record_all(home, [one for one, _ in tried])
    entries, kept = ledger.of(home, GOLD), trials.kept(home, GOLD)
    return comparable.tried(entries, kept.daily, BUNDLE, deflation.measure(entries, kept))


def test_the_first_run_stands_alone(tmp_path: Path) -> None:
    mine = results(30, 300, 1)
    told = found(tmp_path, the_run(mine))
    assert (told.configurations, told.effective, told.daily.shape) == (1, 1.0, (270, 1))
    assert told.daily.iloc[:, 0].tolist() == mine.tolist()


def test_tuning_that_reaches_four_fifths_of_the_runs_days_is_compared_and_earlier_folds_are_not(tmp_path: Path) -> None:
    early, reaching, final = results(0, 120, 2), results(0, 250, 3), results(0, 300, 4)
    told = found(
        tmp_path,
        the_run(results(30, 300, 1)),
        tuned("fold 2", 1, early),
        tuned("fold 9", 2, reaching),
        tuned("final model", 3, final),
    )
    assert told.configurations == 4 and told.daily.shape == (220, 3)
    assert (told.daily.index[0], told.daily.index[-1]) == (DAYS[30], DAYS[249])
    assert not told.daily.isna().any().any()


def test_another_run_on_the_same_days_is_compared_and_a_run_that_is_not_in_the_ledger_has_nothing(
    tmp_path: Path,
) -> None:
    other = the_run(results(30, 300, 5), model="o" * 64)
    assert found(tmp_path / "both", the_run(results(30, 300, 1)), other).daily.shape == (270, 2)
    alone = found(tmp_path / "lost", other)
    assert (alone.configurations, len(alone.daily)) == (1, 0)
