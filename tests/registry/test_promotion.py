"""Only READY is promoted, in an order that a crash leaves harmless, and doing it again changes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from market.durable import write_json
from market.errors import DataError, GateError, UsageError
from registry import promotion, signing, tracking
from registry.bundle import write_bundle
from registry.card import Card
from registry.promotion import production, production_path, promote
from registry.record import trusted
from tests.registry.cards import GOOD, gate, make_card

GOLD = "XAUUSD_15T"


def trained(home: Path, name: str = "first", **changes: Any) -> tuple[Card, Path]:
    """Return a logged card and the bundle of the run `name`."""
    folder = home / "bundles" / name
    digest = write_bundle(folder, {"xgboost.ubj": name.encode()}, {"series": GOLD})
    card = make_card(bundle_sha256=digest, **changes)
    run_id = tracking.log_run(home, card, "# Card", {}, {})
    return card.model_copy(update={"run_id": run_id}), folder


def test_ready_is_promoted_with_version_record_and_alias(home: Path) -> None:
    card, folder = trained(home)
    record = promote(home, card, folder)
    assert production(home) == {GOLD: record}
    assert tracking.aliases(home, GOLD) == {"champion": record["version"]}
    evidence = {"run_id": card.run_id, "bundle_sha256": card.bundle_sha256, "bars_sha256": card.bars_sha256}
    assert evidence.items() <= record.items()
    assert record["metrics"]["win_rate"] == GOOD["win_rate"] and record["bundle"] == "bundles/first"
    assert record["previous"] is None


def test_promoting_again_changes_nothing(home: Path) -> None:
    card, folder = trained(home)
    record, written = promote(home, card, folder), production_path(home).read_bytes()
    assert promote(home, card, folder) == record
    assert production_path(home).read_bytes() == written
    assert tracking.aliases(home, GOLD) == {"champion": "1"}


def test_a_successor_remembers_whom_it_replaced(home: Path) -> None:
    first = promote(home, *trained(home, "first"))
    second = promote(home, *trained(home, "second"))
    assert second["previous"] == {name: first[name] for name in ("version", "run_id", "bundle_sha256", "when")}
    assert tracking.aliases(home, GOLD) == {"champion": "2", "previous": "1"}


def test_records_are_signed_and_their_serials_rise_over_all_series(home: Path) -> None:
    promote(home, *trained(home, "first"))
    promote(home, *trained(home, "euro", series="EURUSD_1H"))
    promote(home, *trained(home, "second"))
    assert {name: record["serial"] for name, record in production(home).items()} == {"EURUSD_1H": 2, GOLD: 3}
    assert all(trusted(home, name) == record for name, record in production(home).items())


def test_a_record_from_before_there_were_signatures_is_signed_by_promoting_again(home: Path) -> None:
    card, folder = trained(home)
    record = promote(home, card, folder)
    write_json(
        production_path(home), {GOLD: {name: record[name] for name in record if name not in ("signature", "key")}}
    )
    assert promote(home, card, folder)["serial"] == 2
    assert trusted(home, GOLD)["run_id"] == card.run_id


def test_without_a_usable_key_nothing_is_registered(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_KEYS", str(tmp_path / "keys"))
    signing.private_key()
    signing.private_path().chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        promote(home, *trained(home))
    assert production(home) == {} and tracking.aliases(home, GOLD) == {}


def test_other_series_stay_as_they_are(home: Path) -> None:
    gold = promote(home, *trained(home, "first"))
    promote(home, *trained(home, "euro", series="EURUSD_1H"))
    assert set(production(home)) == {GOLD, "EURUSD_1H"} and production(home)[GOLD] == gold


@pytest.mark.parametrize("name", list(GOOD))
def test_one_failed_benchmark_is_enough_to_be_refused(home: Path, name: str) -> None:
    gates = [gate(one, None if one == name else got) for one, got in GOOD.items()]
    card, folder = trained(home, gates=gates)
    with pytest.raises(GateError, match=f"failed {name}: only READY is promoted"):
        promote(home, card, folder)
    assert production(home) == {} and tracking.aliases(home, GOLD) == {}


def test_a_card_whose_verdict_was_forged_in_memory_is_refused(home: Path) -> None:
    card, folder = trained(home, gates=[gate(one, got) for one, got in (GOOD | {"trades": 10}).items()])
    with pytest.raises(GateError, match="failed trades"):
        promote(home, card.model_copy(update={"status": "READY"}), folder)
    with pytest.raises(GateError, match="was not judged by every gate"):
        promote(home, card.model_copy(update={"status": "READY", "gates": card.gates[:2]}), folder)


def test_a_card_without_a_run_is_no_evidence(home: Path) -> None:
    card, folder = trained(home)
    with pytest.raises(GateError, match="names no run"):
        promote(home, card.model_copy(update={"run_id": ""}), folder)


def test_a_bundle_of_other_bytes_is_refused(home: Path) -> None:
    card, folder = trained(home)
    (folder / "xgboost.ubj").write_bytes(b"other")
    with pytest.raises(DataError, match=r"xgboost\.ubj was altered"):
        promote(home, card, folder)
    assert production(home) == {}


@pytest.mark.parametrize("step", ["register", "set_champion"])
def test_after_a_crash_at_any_step_doing_it_again_finishes_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    card, folder = trained(home)
    real = getattr(tracking, step)

    def crashes(*arguments: str) -> None:
        if step == "register":
            real(*arguments)
        raise OSError("power cut")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="power cut"):
        patch.setattr(tracking, step, crashes)
        promote(home, card, folder)
    assert tracking.aliases(home, GOLD) == {}, "no alias before the record"
    record = promote(home, card, folder)
    assert record["version"] == "1" and production(home) == {GOLD: record}
    assert tracking.aliases(home, GOLD) == {"champion": "1"}


def test_a_crash_while_the_record_is_written_leaves_the_old_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    promote(home, *trained(home, "first"))
    before = production_path(home).read_bytes()

    def dies(path: Path, value: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(promotion, "write_json", dies)
    with pytest.raises(OSError, match="disk full"):
        promote(home, *trained(home, "second"))
    assert production_path(home).read_bytes() == before
    assert tracking.aliases(home, GOLD) == {"champion": "1"}


@pytest.mark.parametrize("damage", ["", "{", "[]", json.dumps({GOLD: 1})])
def test_a_damaged_record_is_refused(home: Path, damage: str) -> None:
    production_path(home).write_text(damage)
    with pytest.raises(DataError, match="not a record of promotions"):
        production(home)
