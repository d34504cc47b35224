"""Every judged run is found by its id, FAILED and simulated ones too."""

from pathlib import Path

import pytest

from market.errors import DataError, UsageError
from registry import runs
from registry.card import Card
from registry.runs import bundle_folder, find_run, keep_card
from tests.registry.cards import GOOD, gate, make_card

READY, FAILED, SIMULATED = "0123456789abcdef" * 2, "0123459999abcdef" * 2, "fedcba9876543210" * 2


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home with a READY run, a later FAILED one and a simulated one."""
    gates = [gate(one, got) for one, got in (GOOD | {"trades": 10}).items()]
    keep_card(tmp_path, make_card(run_id=READY))
    keep_card(tmp_path, make_card(run_id=FAILED, gates=gates, made_at="2025-12-01T10:00:00+00:00"))
    keep_card(tmp_path / "demo", make_card(run_id=SIMULATED, series="SIM_XAUUSD_15T", simulated=True))
    return tmp_path


@pytest.mark.parametrize("typed", [READY, READY[:8], FAILED[:7], SIMULATED[:6]])
def test_a_run_is_found_by_its_id_or_the_start_of_it(home: Path, typed: str) -> None:
    found = find_run(home, typed)
    assert isinstance(found, Card) and found.run_id.startswith(typed)


def test_its_bundle_is_where_its_series_is(home: Path) -> None:
    assert bundle_folder(home, find_run(home, FAILED)) == home / "bundles" / "XAUUSD_15T" / ("d" * 16)
    assert bundle_folder(home, find_run(home, SIMULATED)) == home / "demo" / "bundles" / "SIM_XAUUSD_15T" / ("d" * 16)


REFUSED = {
    "012345": r"2 runs start with '012345': 0123456789.*, 0123459999.*Give more digits",
    "01234": r"'01234' is too short for a run id: the latest are 0123459999\w+ \(XAUUSD_15T FAILED 2025-12-01T10:00\)",
    "": "'' is too short",
    "abcdef123": rf"No run 'abcdef123': the latest are {FAILED}",
    READY[:-1] + "0": rf"No run .* Did you mean {READY}\?",
    "../../card": "No run",
    "*": "too short",
}


@pytest.mark.parametrize("typed", REFUSED)
def test_an_id_that_names_no_single_run_is_refused_with_those_there_are(home: Path, typed: str) -> None:
    with pytest.raises(UsageError, match=REFUSED[typed]):
        find_run(home, typed)


def test_a_home_without_runs_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no run has been judged in .* yet, `assay train"):
        find_run(tmp_path, READY)


def test_a_damaged_card_is_refused(home: Path) -> None:
    path = home / "runs" / "XAUUSD_15T" / "cards" / f"{READY}.json"
    path.write_text("{")
    with pytest.raises(DataError, match="not a model card"):
        find_run(home, READY)


def test_keeping_a_card_again_changes_nothing(home: Path) -> None:
    keep_card(home, find_run(home, READY))
    assert len(list(home.glob("runs/*/cards/*"))) == 2 and runs.find_run(home, READY).status == "READY"
