"""The ledger forgets nothing, counts nothing twice, and survives crashes and company."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from market.errors import DataError
from registry import ledger
from registry.ledger import Counts, Entry, count, read, record, record_all, unwritten

WINDOW = {"oos_start": "2025-04-22T00:00:00+00:00", "cut_off": "2025-10-22T00:00:00+00:00"}
LATER = {"oos_start": "2025-10-22T00:00:00+00:00", "cut_off": "2026-04-22T00:00:00+00:00"}
GOLD = "XAUUSD_15T"


def note(home: Path, series: str = GOLD, kind: ledger.Kind = "trial", **changes: Any) -> bool:
    fields = {"bars_sha256": "a" * 64, "config_sha256": "c" * 64, "run_id": "r1"} | WINDOW | changes
    return record(home, series, kind, **fields)


def as_asked(home: Path) -> list[Entry]:
    """Return the entries without what is added as they are written."""
    return [one.model_copy(update={"instruments_sha256": ""}) for one in read(home).entries]


def test_nothing_was_tried_at_first(tmp_path: Path) -> None:
    assert count(tmp_path, GOLD) == Counts(trials=0, looks=0)


def test_trials_and_looks_are_counted_by_series(tmp_path: Path) -> None:
    assert note(tmp_path) and note(tmp_path, config_sha256="d" * 64)
    assert note(tmp_path, kind="look") and note(tmp_path, series="EURUSD_1H")
    assert count(tmp_path, GOLD) == Counts(trials=2, looks=1)
    assert count(tmp_path, "EURUSD_1H") == Counts(trials=1, looks=0)


def test_the_same_model_version_again_is_no_new_trial_or_look(tmp_path: Path) -> None:
    assert note(tmp_path, kind="look")
    assert not note(tmp_path, kind="look", run_id="another run", command="gate")
    assert note(tmp_path), "a trial is another kind than a look"
    assert count(tmp_path, GOLD) == Counts(trials=1, looks=1)


@pytest.mark.parametrize(
    "changes", [{"bars_sha256": "b" * 64}, {"config_sha256": "d" * 64}, {"model": "m2"}, {"cut_off": "2025-09-01"}]
)
def test_any_other_bars_configuration_model_or_window_is_a_new_one(tmp_path: Path, changes: dict[str, str]) -> None:
    assert note(tmp_path, kind="look") and note(tmp_path, kind="look", **changes)
    assert count(tmp_path, GOLD).looks == 2


def test_looks_count_at_windows_that_overlap(tmp_path: Path) -> None:
    note(tmp_path, kind="look")
    note(tmp_path, kind="look", **LATER)
    note(tmp_path)
    assert count(tmp_path, GOLD).looks == 2
    assert count(tmp_path, GOLD, **WINDOW) == Counts(trials=1, looks=1)
    assert count(tmp_path, GOLD, oos_start="2025-10-01", cut_off="2026-01-01").looks == 2


def test_stamps_of_one_instant_are_one_window_however_they_are_written(tmp_path: Path) -> None:
    assert note(tmp_path, kind="look")
    assert not note(tmp_path, kind="look", oos_start="2025-04-22", cut_off="2025-10-22T02:00:00+02:00")


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_torn_last_line_is_reported_and_the_next_entry_stands_whole(tmp_path: Path, cut: int) -> None:
    note(tmp_path)
    note(tmp_path, config_sha256="d" * 64)
    path = ledger.ledger_path(tmp_path)
    path.write_bytes(path.read_bytes()[:-cut])
    torn = read(tmp_path)
    assert len(torn.entries) == 1 and "torn" in torn.warning
    assert note(tmp_path, config_sha256="e" * 64)
    after = read(tmp_path)
    assert [entry.config_sha256[0] for entry in after.entries] == ["c", "e"] and after.warning == ""
    assert path.with_suffix(".torn").read_bytes().startswith(b'{"name":"'), "nothing is thrown away"


def test_a_damaged_line_in_the_middle_is_refused_by_its_number(tmp_path: Path) -> None:
    for config in "cde":
        note(tmp_path, config_sha256=config * 64)
    path = ledger.ledger_path(tmp_path)
    path.write_text(path.read_text().replace("d" * 64, 'd"'))
    with pytest.raises(DataError, match=r"ledger\.jsonl line 2 is not a ledger entry"):
        count(tmp_path, GOLD)


def test_entries_are_only_ever_appended(tmp_path: Path) -> None:
    note(tmp_path)
    before = ledger.ledger_path(tmp_path).read_bytes()
    note(tmp_path, config_sha256="d" * 64)
    note(tmp_path)
    after = ledger.ledger_path(tmp_path).read_bytes()
    assert after.startswith(before) and after.count(b"\n") == 2
    assert json.loads(after.splitlines()[0])["when"]


OLDER = (
    '{"kind":"%s","series":"XAUUSD_15T","bars_sha256":"%s","config_sha256":"%s","model":"","oos_start":'
    '"2025-04-22T00:00:00+00:00","cut_off":"2025-10-22T00:00:00+00:00","run_id":"r0","command":"train","when":'
    '"2026-01-05T10:00:00+00:00"}\n'
)


def test_a_ledger_written_before_trials_had_parts_is_read_and_known(tmp_path: Path) -> None:
    older = "".join(OLDER % (kind, "a" * 64, "c" * 64) for kind in ("trial", "look"))
    ledger.ledger_path(tmp_path).write_text(older)
    assert count(tmp_path, GOLD) == Counts(trials=1, looks=1)
    (trial, _) = read(tmp_path).entries
    assert (trial.part, trial.state, trial.parameters, trial.value) == ("run", "complete", {}, None)
    assert not note(tmp_path) and not note(tmp_path, kind="look"), "the same as was written then"
    assert not note(tmp_path, parameters={"features": 50}, value=0.1), "told in words, its configuration is the same"
    assert note(tmp_path, config_sha256="d" * 64)
    assert ledger.ledger_path(tmp_path).read_text().startswith(older)


def tuned(part: str = "fold 1", **changes: Any) -> Entry:
    fields = {"bars_sha256": "a" * 64, "config_sha256": "c" * 64, "member": "lightgbm"} | WINDOW | changes
    return ledger.entry(GOLD, "trial", part=part, **fields)


def test_a_configuration_tried_in_two_parts_is_two_trials_of_one_configuration(tmp_path: Path) -> None:
    tried = [tuned(part, parameters={"leaves": leaves}) for part in ("fold 1", "fold 2") for leaves in (7, 31)]
    assert record_all(tmp_path, tried) == [True] * 4
    assert len({one.configuration for one in read(tmp_path).entries}) == 2
    assert record_all(tmp_path, [tuned("fold 2", parameters={"leaves": 31}, value=0.5)]) == [False]
    assert record_all(tmp_path, [tuned("fold 2", parameters={"leaves": 31}, member="xgboost")]) == [True]
    assert as_asked(tmp_path)[:4] == tried


def test_the_order_of_parameters_makes_no_other_configuration() -> None:
    assert tuned(parameters={"a": 1, "b": 0.5}).name == tuned(parameters={"b": 0.5, "a": 1}).name
    assert tuned(parameters={"a": 1}).name != tuned(parameters={"a": 1.5}).name


def test_what_failed_and_was_tried_again_is_two_trials(tmp_path: Path) -> None:
    states = ("failed", "complete", "failed", "pruned", "complete")
    assert record_all(tmp_path, [tuned(state=state) for state in states]) == [True, True, False, True, False]
    assert len({one.configuration for one in read(tmp_path).entries}) == 1


def test_many_entries_go_in_one_write_and_known_ones_are_left_out(tmp_path: Path) -> None:
    tried = [tuned(parameters={"leaves": leaves}) for leaves in range(300)]
    assert sum(record_all(tmp_path, tried[:200])) == 200
    before = ledger.ledger_path(tmp_path).read_bytes()
    assert unwritten(tmp_path, tried) == tried[200:]
    assert record_all(tmp_path, tried) == [False] * 200 + [True] * 100
    assert ledger.ledger_path(tmp_path).read_bytes().startswith(before)
    assert as_asked(tmp_path) == tried
    assert record_all(tmp_path, []) == []


@pytest.mark.parametrize("fields", [{"value": float("nan")}, {"parameters": {"rate": float("inf")}}, {"state": "lost"}])
def test_what_json_does_not_know_is_no_entry(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        tuned(**fields)


def test_a_line_that_is_being_written_is_not_torn(tmp_path: Path) -> None:
    note(tmp_path)
    path = ledger.ledger_path(tmp_path)
    line = path.read_bytes()
    with ThreadPoolExecutor() as pool, ledger.FileLock(tmp_path / "ledger.lock"):
        with path.open("ab") as stream:
            stream.write(line[:50])
        reading = pool.submit(read, tmp_path)
        with pytest.raises(TimeoutError):
            reading.result(timeout=0.2)
        with path.open("ab") as stream:
            stream.write(line[50:])
    assert (len(reading.result(10).entries), reading.result(10).warning) == (2, "")


WRITER = """
import sys
from pathlib import Path
from registry.ledger import entry, record, record_all
home, who = Path(sys.argv[1]), sys.argv[2]
for at in range(20):
    for config in (f"shared {at}", f"{who} {at}"):
        record(home, "XAUUSD_15T", bars_sha256="a", config_sha256=config, oos_start="2025-04-22", cut_off="2025-10-22")
    window = {"oos_start": "2025-04-22", "cut_off": "2025-10-22"}
    many = [f"{whose} {at} {number}" for number in range(20) for whose in (who, "shared")]
    record_all(home, [entry("EURUSD_1H", bars_sha256="a", config_sha256=one, **window) for one in many])
"""


def test_two_processes_write_at_once_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), who]) for who in ("one", "two")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert count(tmp_path, GOLD).trials == 60
    assert count(tmp_path, "EURUSD_1H").trials == 1_200
    assert read(tmp_path).warning == ""
