"""`assay ledger`: everything that was ever judged on a series, by whatever command, and what it costs."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from market import instruments, tables
from pipeline import job, trial_records
from pipeline.job import Job
from registry import ledger, trials
from tests.pipeline.conftest import CommandLine
from training.journals import Journals
from training.members import MEMBERS
from training.trials import Trial

SERIES = "XAUUSD_15T"


def told(assay: CommandLine, *arguments: str) -> dict[str, Any]:
    ended = assay("ledger", SERIES, *arguments, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def rule(assay: CommandLine) -> str:
    """Write a rule that follows the mean of 20 closes, and return where."""
    close = tables.read_table(assay.home / "bars" / f"{SERIES}.parquet", tables.BARS)["close"]
    score = (0.5 + 0.5 * np.sign(close - close.rolling(20).mean()))[20:]
    path = assay.folder / "mean.parquet"
    score.rename("score").reset_index().to_parquet(path)
    return str(path)


def work_on(assay: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Job:
    for name, value in assay.environment.items():
        monkeypatch.setenv(name, value)
    return job.prepare(instruments.series_named(SERIES))


def tuned(part: str, leaves: int, **more: Any) -> Trial:
    """Return a complete trial that found something on every working day of its part."""
    days = pd.date_range("2024-01-02", periods=40, freq="B", tz="UTC").as_unit("us").rename("day")
    earned = pd.Series(np.random.default_rng(leaves).normal(size=40), index=days, name="r")
    fields = {"number": leaves, "parameters": {"num_leaves": np.int64(leaves), "learning_rate": 0.05}}
    fields |= {"state": "complete", "objective": "log_loss", "running": (1.0, 0.9), "daily": earned}
    return Trial(part=part, member="lightgbm", **(fields | more))


def a_search() -> list[Trial]:
    """Return what tuning in two folds tried: complete, pruned and failed trials."""
    nothing = tuned("fold 1", 0).daily[:0]
    return [
        *(tuned(part, leaves) for part in ("fold 1", "fold 2") for leaves in (7, 15, 31)),
        tuned("fold 1", 63, state="pruned", running=(1.1,)),
        tuned("fold 2", 127, state="failed", running=(), daily=nothing, message="out of memory"),
        tuned("fold 2", 255, running=(float("nan"),)),
    ]


def test_a_rule_is_a_trial_on_any_bars_and_counts_once(gold):
    first = rule(gold)
    for _ in range(2):
        shown = json.loads(gold("backtest", SERIES, "--rule", first, "--json").out)
    found = told(gold)
    assert (found["trials"], found["configurations"], found["looks"]) == (1, 1, 0)
    (entry,) = found["entries"]
    assert (entry["kind"], entry["part"], entry["command"], entry["state"]) == ("trial", "rule", "backtest", "complete")
    assert entry["parameters"] == {"long_threshold": 0.6, "short_threshold": 0.4}
    assert entry["value"] == pytest.approx(shown["figures"]["sharpe_per_trade"])
    assert gold("backtest", SERIES, "--rule", first, "--long", "0.7").code == 0
    assert gold("backtest", SERIES, "--rule", first, "--to", "2024-01-20").code == 0
    found = told(gold)
    assert (found["trials"], found["effective_trials"], found["by_command"]) == (3, 3.0, {"backtest": 3})


def test_instruments_that_were_chosen_after_a_look_are_told(gold, monkeypatch):
    work_on(gold, monkeypatch)
    window = {"oos_start": "2024-01-20", "cut_off": "2024-02-06"}
    for series in (SERIES, "USDCHF_1H"):
        ledger.record(gold.home, series, "look", bars_sha256="a", config_sha256="c", **window)
    assert told(gold)["warnings"] == []
    gold.replace("instruments", "[USDCHF]", "[USDSEK]")
    changed, dropped = told(gold)["warnings"]
    assert f"was changed after the first look ({SERIES}, " in changed
    assert "configured no longer: USDCHF_1H" in dropped


def test_what_proves_nothing_about_profit_is_no_trial(gold):
    assert gold("causality", "XAUUSD", "15T", "--cuts", "4").code == 0
    assert gold("enrich", SERIES).code == 0
    assert told(gold)["trials"] == told(gold)["looks"] == 0
    assert not (gold.home / "ledger.jsonl").exists()


def test_a_search_is_recorded_whole_and_once(gold, monkeypatch):
    work, tried = work_on(gold, monkeypatch), a_search()
    assert trial_records.record(work, tried[:4]) == 4
    assert trial_records.record(work, tried) == len(tried) - 4, "a training that goes on writes nothing twice"
    assert trial_records.record(work, tried) == 0
    found = told(gold)
    assert found["by_state"] == dict(Counter(one.state for one in tried))
    assert (found["trials"], found["configurations"], found["compared"]) == (9, 6, 5)
    assert 1 < found["effective_trials"] <= 6 and found["warnings"] == []
    values = [entry["value"] for entry in found["entries"]]
    assert values == [0.9] * 6 + [1.1, None, None]
    kept = trials.matrix(gold.home, SERIES)
    assert kept.shape == (40, 8)
    for entry, one in zip(found["entries"], tried, strict=True):
        assert entry["parameters"] == {"num_leaves": one.parameters["num_leaves"], "learning_rate": 0.05}
        assert (entry["name"] in kept) == bool(len(one.daily))


def test_trials_of_an_interrupted_training_are_settled_whatever_is_trained_next(gold, monkeypatch, tmp_path):
    """It was killed within a fold: no fold was handed on, but its journal holds what was tried."""
    work, member = work_on(gold, monkeypatch), MEMBERS["lightgbm"]
    whole = {name: member.parameters[name] for name in member.ranges}
    tried = [
        tuned("fold 3", leaves, number=at, parameters=whole | {"num_leaves": leaves})
        for at, leaves in enumerate((7, 15))
    ]
    assert trial_records.settle(work, tmp_path) == 0
    trial_records.begin(work, tmp_path, "one training")
    journal = Journals(tmp_path, "one training").open("fold 3", "lightgbm", "log_loss")
    for trial in tried:
        journal.add(trial, 1.0, member.ranges)
    with (tmp_path / "fold_3_lightgbm.journal").open("a") as torn:
        torn.write('{"op_code": 4, "wor')
    assert trial_records.settle(work, tmp_path) == 2
    assert trial_records.settle(work, tmp_path) == 0
    assert trial_records.record(work, tried) == 0, "it is what would have been recorded at the end of the fold"
    trial_records.begin(work, tmp_path, "another training")
    assert trial_records.settle(work, tmp_path) == 0, "the journals are of the first"
    assert told(gold)["by_state"] == {"complete": 2}


def test_other_labels_make_other_trials_and_more_trials_of_tuning_do_not(gold, monkeypatch):
    assert trial_records.record(work_on(gold, monkeypatch), a_search()) == 9
    gold.replace("tuning", "trials = 0", "trials = 50")
    assert trial_records.record(work_on(gold, monkeypatch), a_search()) == 0
    gold.replace("labels", "take_profit = 1.4", "take_profit = 1.5")
    assert gold("label", "XAUUSD", "15T").code == 0
    assert trial_records.record(work_on(gold, monkeypatch), a_search()) == 9


def test_the_screen_says_in_words_what_trials_and_looks_cost(gold, monkeypatch):
    trial_records.record(work_on(gold, monkeypatch), [tuned("fold 1", leaves) for leaves in range(30)])
    gold.replace("research", "cut_off = 2025-10-22", "cut_off = 2024-07-20")
    assert gold("backtest", SERIES, "--rule", rule(gold)).code == 0
    found, said = told(gold), gold("ledger", SERIES).out
    luck = found["expected_best_sharpe_200"]
    assert f"{SERIES}: 31 trials, 1 look" in said
    assert f"of {found['effective_trials']:.1f} trials without any edge is expected to show a Sharpe per trade" in said
    assert f"of {luck:.2f} by luck alone (benchmark: 0.25)" in said and 0.1 < luck < 0.2
    assert "passes with a chance of up to 5.0 %" in said and "look 2 may spend 0.8 %" in said
    assert "12 earlier: --all shows every one." in said
    rows = [line for line in said.splitlines() if line.startswith("20")]
    assert len(rows) == 20
    everything = gold("ledger", SERIES, "--all").out
    assert len([line for line in everything.splitlines() if line.startswith("20")]) == len(found["entries"]) == 32


def test_a_damaged_table_of_trials_is_told_and_the_rest_is_shown(gold, monkeypatch):
    trial_records.record(work_on(gold, monkeypatch), a_search())
    (path,) = (gold.home / "trials" / SERIES).glob("*.parquet")
    path.write_bytes(path.read_bytes()[:-1])
    found = told(gold)
    assert (found["trials"], found["compared"], found["effective_trials"]) == (9, 0, 6.0)
    assert path.name in found["warnings"][0]
    ended = gold("ledger", SERIES)
    assert ended.code == 0 and "Warning" in ended.out and path.name in ended.out.replace("\n", "")


def test_a_torn_line_is_told_and_a_damaged_one_is_refused(gold, monkeypatch):
    trial_records.record(work_on(gold, monkeypatch), a_search())
    path = ledger.ledger_path(gold.home)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert (told(gold)["trials"], len(told(gold)["warnings"])) == (8, 1)
    path.write_bytes(b"{}\n" + whole)
    ended = gold("ledger", SERIES)
    assert ended.code == 4 and "ledger.jsonl line 1" in ended.err


@pytest.mark.parametrize("arguments", [(), ("--all",), ("--json",)])
def test_a_fresh_home_has_an_empty_ledger_and_stays_fresh(assay, arguments):
    ended = assay("ledger", SERIES, *arguments)
    assert ended.code == 0
    assert "expected_best_z" in ended.out if arguments == ("--json",) else "0 trials, 0 looks" in ended.out
    assert not Path(assay.home).exists()
