"""A choice of instruments after results were seen is noticed: the list stands in the ledger before the first result."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from registry import ledger, survivorship, universe
from registry.ledger import Entry

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the list of instruments of a configuration of one's own."""
    shutil.copytree(PROJECT / "config", tmp_path / "config")
    monkeypatch.setenv("ASSAY_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config" / "instruments.toml"


def note(home: Path, series: str, kind: ledger.Kind = "look", **more: Any) -> list[Entry]:
    window = {"oos_start": "2025-04-22", "cut_off": "2025-10-22"}
    ledger.record(home, series, kind, **({"bars_sha256": "a", "config_sha256": "c"} | window | more))
    return ledger.read(home).entries


def without(path: Path, symbol: str) -> None:
    """Take a symbol out of the list, and out of the companions of others."""
    before, _, rest = path.read_text().partition(f"[{symbol}]\n")
    _, following, after = rest.partition("\n[")
    kept = "\n".join(line for line in f"{before}{following.lstrip()}{after}".splitlines() if symbol not in line)
    path.write_text(kept)


def test_the_list_precedes_the_first_run_and_stands_in_every_entry(configured: Path, tmp_path: Path) -> None:
    first = note(tmp_path, "XAUUSD_15T", "trial")[0]
    assert first.instruments_sha256 == universe.sha256() != ""
    without(configured, "EURUSD")
    *_, later = note(tmp_path, "XAUUSD_1H", "trial")
    assert later.instruments_sha256 == universe.sha256() != first.instruments_sha256
    assert ledger.read(tmp_path).entries[0] == first, "what stands there is not written anew"


def test_a_list_that_stays_as_it_was_says_nothing(configured: Path, tmp_path: Path) -> None:
    note(tmp_path, "XAUUSD_15T")
    note(tmp_path, "SIM_XAUUSD_15T")
    configured.write_text(configured.read_text().replace("spread_floor = 0.25", "spread_floor = 0.30"))
    assert survivorship.warnings(note(tmp_path, "EURUSD_1H")) == []


def test_before_the_first_look_the_list_may_still_change(configured: Path, tmp_path: Path) -> None:
    note(tmp_path, "XAUUSD_15T", "trial")
    without(configured, "EURUSD")
    assert survivorship.warnings(note(tmp_path, "XAUUSD_15T")) == []


def test_an_instrument_that_is_dropped_after_it_was_looked_at_is_named(configured: Path, tmp_path: Path) -> None:
    note(tmp_path, "XAUUSD_15T")
    entries = note(tmp_path, "EURUSD_1H")
    without(configured, "EURUSD")
    changed, dropped = survivorship.warnings(entries)
    assert "after the first look (XAUUSD_15T, " in changed
    assert "EURUSD_1H" in dropped and "XAUUSD" not in dropped


def test_a_list_that_was_changed_and_changed_back_is_noticed(configured: Path, tmp_path: Path) -> None:
    whole = configured.read_text()
    note(tmp_path, "XAUUSD_15T")
    without(configured, "EURUSD")
    note(tmp_path, "XAUUSD_1H")
    configured.write_text(whole)
    (told,) = survivorship.warnings(note(tmp_path, "GBPUSD_1H"))
    assert "was changed after the first look" in told
    two = [one for one in ledger.read(tmp_path).entries if one.series != "XAUUSD_1H"]
    assert survivorship.warnings(two) == [], "a rule that compares only now with then would have missed it"


def test_a_ledger_from_before_the_list_was_kept_says_nothing_of_it(configured: Path, tmp_path: Path) -> None:
    older = [one.model_copy(update={"instruments_sha256": ""}) for one in note(tmp_path, "XAUUSD_15T")]
    without(configured, "EURUSD")
    assert survivorship.warnings(older) == []
    assert survivorship.warnings([*older, *note(tmp_path, "XAUUSD_1H")[1:]]) == []


def test_what_cannot_be_traded_any_more_keeps_its_symbol() -> None:
    assert [universe.symbol_of(one) for one in ("BTCUSD_1H", "SIM_US_30_15T")] == ["BTCUSD", "US_30"]
