"""Only READY is promoted, in an order that a crash leaves harmless, and doing it again changes nothing."""

import datetime as dt
import getpass
import hashlib
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from market.durable import write_json
from market.errors import DataError, GateError, UnavailableError, UsageError
from registry import expiry, history, promotion, runs, signing, tracking
from registry.bundle import write_bundle
from registry.card import Card
from registry.incumbent import Comparison
from registry.promotion import production, production_path, promote
from registry.record import trusted
from tests.registry.cards import GOOD, gate, make_card
from tests.registry.models import better

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


def test_the_record_says_who_when_why_and_on_what_evidence(home: Path) -> None:
    card, folder = trained(home)
    record = promote(home, card, folder, why="the desk agreed")
    assert record["who"] == f"{getpass.getuser()}@{socket.gethostname()}" and record["why"] == "the desk agreed"
    assert dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(record["when"]) < dt.timedelta(minutes=5)
    runs.keep_card(home, card)
    kept = home / "runs" / GOLD / "cards" / f"{card.run_id}.json"
    assert record["evidence"] == {
        "card": hashlib.sha256(kept.read_bytes()).hexdigest(),
        "bundle": hashlib.sha256((folder / "MANIFEST.json").read_bytes()).hexdigest(),
        "bars": "a" * 64,
        "features": "b" * 64,
        "labels": "c" * 64,
    }
    assert record["error_rate"]["allows"] == "live" and record["profile"] == "six" and len(record["gates"]) == 6
    months = (dt.datetime.fromisoformat(record["expires"]) - dt.datetime.fromisoformat(record["when"])).days / 30.4
    assert 5.9 < months < 6.2


def test_every_record_is_kept_also_when_it_is_replaced(home: Path) -> None:
    first = promote(home, *trained(home, "first"))
    second = promote(home, *trained(home, "second"), better(home, GOLD))
    assert history.of(home, GOLD) == [first, second]
    (home / "promotions" / "00000001.json").write_text("{")
    assert history.of(home, GOLD) == [second], "what is not signed as it stands tells nothing"
    (home / "promotions" / "00000002.json").unlink()
    assert history.of(home, GOLD) == [second]


def test_a_gate_whose_error_rate_nobody_measured_promotes_nothing_unless_that_is_waived(home: Path) -> None:
    card, folder = trained(home, placebo={"why": "Nobody has measured it."})
    with pytest.raises(GateError, match="Nobody has measured it"):
        promote(home, card, folder)
    assert production(home) == {} and tracking.aliases(home, GOLD) == {}
    record = promote(home, card, folder, unproven=True)
    assert record["error_rate"]["allows"] == "paper"
    assert promote(home, card, folder) == record, "what stands already is asked no more"


# Over an incumbent.


def against(home: Path, verdict: str) -> Comparison:
    told = "Sharpe per trade 0.100 over 80 trades, wanted 0.315"
    return better(home, GOLD)._replace(verdict=verdict, told=told)  # type: ignore[arg-type]


def test_a_worse_candidate_is_refused_by_name_with_numbers_whatever_anybody_says(home: Path) -> None:
    first, second = promote(home, *trained(home, "first")), trained(home, "second")
    for why in ("", "I like it"):
        with pytest.raises(GateError, match=r"is not better than version 1 .*: Sharpe per trade 0\.100 .* stays\."):
            promote(home, *second, against(home, "worse"), why)
    assert production(home) == {GOLD: first} and tracking.aliases(home, GOLD) == {"champion": "1"}


@pytest.mark.parametrize("verdict", ["too few trades", "not comparable"])
def test_what_cannot_be_compared_takes_a_reason(home: Path, verdict: str) -> None:
    promote(home, *trained(home, "first"))
    second = trained(home, "second")
    with pytest.raises(GateError, match=r"cannot be compared with version 1 .*unless a person says --why"):
        promote(home, *second, against(home, verdict))
    record = promote(home, *second, against(home, verdict), "new costs of the broker")
    assert (record["why"], record["comparison"]["verdict"]) == ("new costs of the broker", verdict)


def test_what_was_compared_with_another_champion_is_not_promoted(home: Path) -> None:
    with_nobody = trained(home, "second")
    promote(home, *trained(home, "first"))
    for comparison in (None, better(home, GOLD)._replace(serial=7)):
        with pytest.raises(UnavailableError, match="was not compared with version 1"):
            promote(home, *with_nobody, comparison)
    assert production(home)[GOLD]["version"] == "1"


def test_the_same_bundle_judged_anew_is_no_replacement_and_a_rollback_goes_past_it(home: Path) -> None:
    first = promote(home, *trained(home, "first"))
    promote(home, *trained(home, "second"), better(home, GOLD))
    card, folder = trained(home, "second", looks=2)
    again = promote(home, card, folder)
    assert (again["version"], again["run_id"]) == ("3", card.run_id)
    assert again["previous"]["bundle_sha256"] == first["bundle_sha256"]
    assert tracking.aliases(home, GOLD) == {"champion": "3", "previous": "1"}


def test_an_expired_champion_has_to_be_beaten_by_nobody(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card, folder = trained(home, "first")
    promote(home, card, folder)
    second = trained(home, "second")
    monkeypatch.setattr(expiry, "expired", lambda record, now=None: record["version"] == "1")
    assert promotion.to_beat(home, second[0]) is None
    renewed = promote(home, card, folder, why="reviewed, still sound")
    assert (renewed["serial"], renewed["version"]) == (2, "1"), "with a reason the same run is vouched for anew"
    assert promote(home, *second)["version"] == "2"


def test_a_forged_expiry_does_not_remove_an_incumbent(home: Path) -> None:
    record = promote(home, *trained(home, "first"))
    write_json(production_path(home), {GOLD: record | {"expires": "2001-01-01T00:00:00+00:00"}})
    assert promotion.to_beat(home, trained(home, "second")[0]) is not None


def test_an_incumbent_that_is_not_signed_is_nobody_to_roll_back_to(home: Path) -> None:
    record = promote(home, *trained(home, "first"))
    write_json(production_path(home), {GOLD: record | {"bundle": "/tmp"}})
    second = promote(home, *trained(home, "second"), against(home, "not comparable"), "its record was altered")
    assert second["previous"] is None


def test_promoting_again_changes_nothing(home: Path) -> None:
    card, folder = trained(home)
    record, written = promote(home, card, folder), production_path(home).read_bytes()
    assert promote(home, card, folder) == record
    assert production_path(home).read_bytes() == written
    assert tracking.aliases(home, GOLD) == {"champion": "1"}


def test_a_successor_remembers_whom_it_replaced(home: Path) -> None:
    first = promote(home, *trained(home, "first"))
    second = promote(home, *trained(home, "second"), better(home, GOLD))
    assert second["previous"] == {name: first[name] for name in first if name not in ("previous", "signature", "key")}
    assert tracking.aliases(home, GOLD) == {"champion": "2", "previous": "1"}


def test_records_are_signed_and_their_serials_rise_over_all_series(home: Path) -> None:
    promote(home, *trained(home, "first"))
    promote(home, *trained(home, "euro", series="EURUSD_1H"))
    promote(home, *trained(home, "second"), better(home, GOLD))
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

    second = (*trained(home, "second"), better(home, GOLD))
    monkeypatch.setattr(history, "write_json", dies)
    with pytest.raises(OSError, match="disk full"):
        promote(home, *second)
    assert production_path(home).read_bytes() == before
    assert tracking.aliases(home, GOLD) == {"champion": "1"}


@pytest.mark.parametrize("damage", ["", "{", "[]", json.dumps({GOLD: 1})])
def test_a_damaged_record_is_refused(home: Path, damage: str) -> None:
    production_path(home).write_text(damage)
    with pytest.raises(DataError, match="not a record of promotions"):
        production(home)


@pytest.mark.parametrize("changed", [{"looks": 7}, {"warnings": []}, {"oos": {"trades": 312, "profit_factor": 9.0}}])
def test_a_card_that_is_not_the_one_that_was_logged_promotes_nothing(home, changed):
    card, folder = trained(home)
    before = production_path(home).exists()
    with pytest.raises(DataError, match="is not the one that was logged with the run"):
        promote(home, card.model_copy(update=changed), folder)
    assert production_path(home).exists() == before
    assert promote(home, card, folder)["run_id"] == card.run_id
