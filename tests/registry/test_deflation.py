"""What trials and looks cost: every one counted, whatever became of it, and no more than the different ones."""

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from registry import deflation, ledger, trials
from registry.ledger import Entry
from tests.oracles import multiplicity as oracle

GOLD = "XAUUSD_15T"
DAYS = pd.date_range("2024-01-02", periods=300, freq="B", tz="UTC").as_unit("us").rename("day")


def entry(part: str, leaves: int, daily: pd.Series | None = None, **more: Any) -> Entry:
    """Return a trial of tuning with `leaves`."""
    fields = {"bars_sha256": "a", "config_sha256": "c", "oos_start": "2025-04-22", "cut_off": "2025-10-22"}
    digest = "" if daily is None else trials.digest(daily)
    named = {"part": part, "member": "lightgbm", "parameters": {"leaves": leaves}, "daily_sha256": digest}
    return ledger.entry(GOLD, **(fields | named | more))


def wrote(home: Path, tried: Sequence[tuple[Entry, pd.Series | None]]) -> deflation.Deflation:
    """Write trials with what is kept of them, and return what they cost."""
    trials.keep_all(home, GOLD, {one.name: daily for one, daily in tried if daily is not None})
    ledger.record_all(home, [one for one, _ in tried])
    return deflation.of(home, GOLD)


def series(values: np.ndarray) -> pd.Series:
    return pd.Series(values, index=DAYS[: len(values)], name="r")


def test_a_fresh_home_has_tried_nothing(tmp_path: Path) -> None:
    found = deflation.of(tmp_path, GOLD)
    assert (found.trials, found.configurations, found.effective_trials, found.looks) == (0, 0, 0.0, 0)
    assert (found.expected_best_z, found.chance_of_a_pass, found.mean_correlation) == (0.0, 0.0, None)
    assert found.by_state == found.by_command == {} and found.warnings == []
    assert list(tmp_path.iterdir()) == []


def test_copies_under_many_parameters_are_one_trial(tmp_path: Path) -> None:
    one = series(np.random.default_rng(1).normal(size=300))
    found = wrote(tmp_path, [(entry("fold 1", leaves, one), one) for leaves in range(20)])
    assert (found.trials, found.configurations, found.compared) == (20, 20, 20)
    assert (found.effective_trials, found.mean_correlation, found.expected_best_z) == (1.0, 1.0, 0.0)


def test_a_configuration_counts_once_by_the_mean_of_its_parts(tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    market = draw.normal(size=300)
    tried, by_day = [], []
    for leaves in range(6):
        early, late = (market[:days] + draw.normal(size=days) for days in (200, 300))
        tried += [(entry(part, leaves, series(one)), series(one)) for part, one in (("f 1", early), ("f 2", late))]
        by_day.append([*((early + late[:200]) / 2), *late[200:]])
    found = wrote(tmp_path, tried)
    assert (found.trials, found.configurations, found.compared) == (12, 6, 6)
    assert found.effective_trials == pytest.approx(oracle.effective_trials(by_day), abs=1e-4)
    assert found.effective_trials < 5


def test_trials_without_results_count_fully(tmp_path: Path) -> None:
    one = series(np.random.default_rng(3).normal(size=300))
    kept = [(entry("fold 1", leaves, one), one) for leaves in range(4)]
    lost = [(entry("fold 1", 10, state="failed"), None), (entry("fold 1", 11, state="pruned"), None)]
    rule = [(entry("rule", 0, member="", parameters={}, command="backtest"), None)]
    found = wrote(tmp_path, [*kept, *lost, *rule])
    assert (found.configurations, found.compared, found.effective_trials) == (7, 4, 1.0 + 3)
    assert found.by_state == {"complete": 5, "failed": 1, "pruned": 1}
    assert found.by_command == {"train": 6, "backtest": 1}


def test_the_best_of_many_is_told_as_a_sharpe_ratio_of_200_trades(tmp_path: Path) -> None:
    found = wrote(tmp_path, [(entry("fold 1", leaves), None) for leaves in range(100)])
    assert found.effective_trials == 100.0
    assert found.expected_best_z == pytest.approx(oracle.expected_maximum(100), rel=0.01)
    assert found.expected_best_sharpe_200 == pytest.approx(found.expected_best_z / math.sqrt(199))


def test_looks_are_told_by_the_chance_of_a_pass(tmp_path: Path) -> None:
    looks = [
        (entry("run", 0, member="", parameters={}, kind="look", cut_off=f"2025-10-{day}"), None) for day in (22, 23)
    ]
    found = wrote(tmp_path, looks)
    assert (found.trials, found.looks) == (0, 2)
    assert found.chance_of_a_pass == pytest.approx(1 - 0.95**2)
    assert found.next_look_may_spend == pytest.approx(6 * 0.05 / (math.pi**2 * 9))


def test_results_that_are_gone_or_changed_are_told_and_count_fully(tmp_path: Path) -> None:
    one, other = (series(np.random.default_rng(seed).normal(size=300)) for seed in (1, 2))
    tried = [(entry("fold 1", leaves, one), one) for leaves in range(3)]
    wrote(tmp_path, tried)
    found = wrote(tmp_path, [(entry("fold 1", 7, other), one)])
    assert (found.compared, found.effective_trials) == (3, 2.0)
    assert any("1 trial are gone or were changed" in warning for warning in found.warnings)
    for path in tmp_path.rglob("*.parquet"):
        path.write_bytes(b"")
    damaged = deflation.of(tmp_path, GOLD)
    assert (damaged.compared, damaged.effective_trials, len(damaged.warnings)) == (0, 4.0, 3)


def of_states() -> list[Entry]:
    """Return trials of every state in several parts, some of them twice."""
    states = ("complete", "pruned", "failed", "complete", "failed")
    parts = [f"fold {number}" for number in (1, 2, 3)]
    once = [entry(part, leaves, state=state) for part in parts for leaves, state in enumerate(states)]
    return [*once, *once[::4]]


def counted_by_hand(tried: Sequence[Entry]) -> Counter[str]:
    """Count what was tried by what it was, without asking the ledger."""
    different = {(one.part, json.dumps(one.parameters), one.state) for one in tried}
    return Counter(state for _, _, state in different)


def forgets_nothing(home: Path, record_all: Callable[[Path, Sequence[Entry]], Any]) -> bool:
    """Return whether a ledger written by `record_all` counts every trial by its state, as a count by hand does."""
    record_all(home, of_states())
    found, expected = deflation.of(home, GOLD), counted_by_hand(of_states())
    return (found.trials, found.by_state) == (expected.total(), dict(expected))


def forgets_failures(home: Path, entries: Sequence[Entry]) -> None:
    ledger.record_all(home, [one for one in entries if one.state != "failed"])


def forgets_what_was_pruned(home: Path, entries: Sequence[Entry]) -> None:
    ledger.record_all(home, [one for one in entries if one.state != "pruned"])


def counts_each_again(home: Path, entries: Sequence[Entry]) -> None:
    ledger.record_all(home, [one.model_copy(update={"name": f"{at}"}) for at, one in enumerate(entries)])


def test_every_trial_is_counted_whatever_became_of_it(tmp_path: Path) -> None:
    assert forgets_nothing(tmp_path, ledger.record_all)


@pytest.mark.parametrize("broken", [forgets_failures, forgets_what_was_pruned, counts_each_again])
def test_a_ledger_that_forgets_or_repeats_is_caught(tmp_path: Path, broken: Any) -> None:
    assert not forgets_nothing(tmp_path, broken)
