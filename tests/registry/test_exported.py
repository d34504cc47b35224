"""An exported model is carried whole: whoever has the public key can tell, and only a promoted one is traded."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from market.errors import AssayError, DataError, GateError, UnavailableError, UsageError
from registry import champion, exported, signing
from registry.champion import load_bundle, load_champion, load_exported
from registry.record import production
from tests.registry.cards import make_card
from tests.registry.models import GOLD, Made

CHAMPION_FILES = {"README.txt", "SHA256SUMS", "SHA256SUMS.sig", "card.json", "card.md", "export.json", "record.json"}


def carried_from(home: Path, folder: Path, with_record: bool = True, **changes: Any) -> Path:
    """Export the champion of `home`, as it is promoted or as a run like any other."""
    record = production(home)[GOLD]
    card = make_card(series=GOLD, bundle_sha256=record["bundle_sha256"], run_id=record["run_id"], **changes)
    exported.write(folder, home / record["bundle"], card, record if with_record else None)
    return folder


@pytest.fixture
def carried(traded: Path, tmp_path: Path) -> Path:
    """Return the folder of an exported champion, which has serial 2."""
    return carried_from(traded, tmp_path / "carried")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return a home without a registry, without `production.json`, without anything."""
    return tmp_path / "elsewhere"


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let another pair of keys be the trusted one."""
    monkeypatch.setenv("ASSAY_KEYS", str(tmp_path / "foreign"))
    signing.private_key()


def test_predictions_are_the_same_bits_before_and_after(
    traded: Path, carried: Path, elsewhere: Path, made: Made
) -> None:
    here, there = load_champion(GOLD, traded), load_exported(carried, elsewhere)
    ours, theirs = (one.predict(made.features).to_numpy() for one in (here, there))
    assert np.array_equal(ours.view(np.int64), theirs.view(np.int64))
    assert np.isfinite(ours).all()
    assert len(np.unique(ours[:, 0])) > 50
    same = ("series", "run_id", "sha256", "policy", "risk", "exits", "costs", "meta", "record", "sampling", "lookback")
    assert [name for name in same if getattr(here, name) != getattr(there, name)] == []


def test_it_needs_neither_mlflow_nor_a_registry(carried: Path, elsewhere: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from registry.champion import load_exported; "
        "load_exported(*map(Path, sys.argv[1:])); sys.exit('mlflow' in sys.modules)"
    )
    words = [sys.executable, "-c", code, str(carried), str(elsewhere)]
    ended = subprocess.run(words, check=False, capture_output=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert [path.name for path in elsewhere.iterdir()] == ["known_good"]


def test_the_folder_holds_what_it_says_and_nothing_temporary_stays_beside_it(carried: Path) -> None:
    assert {path.name for path in carried.iterdir()} == CHAMPION_FILES | {"bundle"}
    assert not [path for path in carried.parent.iterdir() if path.name.startswith(".")]
    facts = json.loads((carried / "export.json").read_bytes())
    assert facts["key"] == signing.fingerprint(signing.public_key())
    assert facts["for_trading"] is True
    told = (carried / "README.txt").read_text()
    assert facts["key"] in told
    assert "NOT FOR TRADING" not in told


def test_the_same_model_gives_the_same_bytes(traded: Path, carried: Path, tmp_path: Path) -> None:
    again = carried_from(traded, tmp_path / "again")
    assert {path.name: path.read_bytes() for path in again.glob("*.*")} == {
        path.name: path.read_bytes() for path in carried.glob("*.*")
    }


@pytest.mark.skipif(not (shutil.which("openssl") and shutil.which("sha256sum")), reason="no openssl or sha256sum here")
def test_it_can_be_checked_with_what_every_machine_has(carried: Path) -> None:
    """By the very commands of README.txt, which share no code with ours."""
    (carried.parent / "production.pub").write_bytes(signing.public_path().read_bytes())
    verify, check = (
        line.strip().partition("    ")[0].replace("production.pub", "../production.pub").split()
        for line in (carried / "README.txt").read_text().splitlines()
        if line.strip().startswith(("openssl pkeyutl", "sha256sum"))
    )
    assert subprocess.run(verify, cwd=carried, check=False, capture_output=True).returncode == 0
    assert subprocess.run(check, cwd=carried, check=False, capture_output=True).returncode == 0
    (carried / "card.md").write_text("a better one")
    assert subprocess.run(check, cwd=carried, check=False, capture_output=True).returncode == 1
    with (carried / "SHA256SUMS").open("a") as stream:
        stream.write("\n")
    assert subprocess.run(verify, cwd=carried, check=False, capture_output=True).returncode == 1


def test_a_run_without_a_record_says_so_and_is_not_traded(traded: Path, tmp_path: Path, elsewhere: Path) -> None:
    folder = carried_from(traded, tmp_path / "run", with_record=False)
    assert "NOT FOR TRADING" in (folder / "README.txt").read_text()
    assert not (folder / "record.json").exists()
    with pytest.raises(
        GateError, match="without a record of promotion, so it is not for trading: replay it with --run"
    ):
        load_exported(folder, elsewhere)
    found = exported.read(folder)
    assert load_bundle(found.bundle, found.bundle_sha256, found.run_id).record is None


def test_a_record_that_was_put_into_a_run_makes_it_no_champion(
    traded: Path, carried: Path, tmp_path: Path, elsewhere: Path
) -> None:
    folder = carried_from(traded, tmp_path / "run", with_record=False)
    shutil.copyfile(carried / "record.json", folder / "record.json")
    with pytest.raises(DataError, match=r"there but not in SHA256SUMS: record\.json"):
        load_exported(folder, elsewhere)


def test_files_and_sums_that_an_attacker_made_agree_are_refused_by_the_signature(carried: Path) -> None:
    meta = carried / "bundle" / "meta.json"
    meta.write_bytes(meta.read_bytes().replace(b'"long_threshold": 0.64', b'"long_threshold": 0.51'))
    manifest = carried / "bundle" / "MANIFEST.json"
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in manifest.parent.iterdir()}
    del files["MANIFEST.json"]
    text = json.dumps({"files": files}, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    manifest.write_text(text)
    sums = carried / "SHA256SUMS"
    names = [line.split("  ")[1] for line in sums.read_text().splitlines()]
    sums.write_text("".join(f"{hashlib.sha256((carried / one).read_bytes()).hexdigest()}  {one}\n" for one in names))
    with pytest.raises(DataError, match="SHA256SUMS does not match its signature by key"):
        exported.read(carried)


def test_a_folder_of_another_key_is_refused_naming_both(carried: Path, elsewhere: Path, foreign: None) -> None:
    claimed = json.loads((carried / "export.json").read_bytes())["key"]
    trusted = signing.fingerprint(signing.public_key())
    assert claimed != trusted
    with pytest.raises(GateError, match=f"signed by key {claimed}, trusted is {trusted}"):
        load_exported(carried, elsewhere)


def test_a_folder_signed_anew_by_another_key_cannot_bring_its_record_along(
    traded: Path, carried: Path, elsewhere: Path, foreign: None
) -> None:
    """Sums of the trusted key around a record of another one: the record has a signature of its own to answer for."""
    again = carried_from(traded, carried.with_name("again"))
    with pytest.raises(GateError, match=r"record\.json: the record of XAUUSD_15T is signed by key"):
        load_exported(again, elsewhere)


def test_neither_signature_passes_for_the_other(carried: Path) -> None:
    """What a promotion signs and what an export signs never begin alike."""
    assert (carried / "SHA256SUMS").read_bytes()[:1] in b"0123456789abcdef"
    record = json.loads((carried / "record.json").read_bytes())
    (carried / "SHA256SUMS.sig").write_bytes(bytes.fromhex(record["signature"]))
    with pytest.raises(DataError, match="does not match its signature"):
        exported.read(carried)


SPOILED = {
    "a changed byte of the model": (lambda at: flip(at / "bundle" / "lightgbm.txt"), r"lightgbm\.txt was altered"),
    "a changed byte of the card": (lambda at: flip(at / "card.json"), r"card\.json was altered: sha256"),
    "a changed byte of the record": (lambda at: flip(at / "record.json"), r"record\.json was altered"),
    "a changed byte of the signature": (lambda at: flip(at / "SHA256SUMS.sig"), "does not match its signature"),
    "a changed byte of the sums": (lambda at: flip(at / "SHA256SUMS"), "does not match its signature"),
    "a signature cut short": (lambda at: (at / "SHA256SUMS.sig").write_bytes(b"x"), "does not match its signature"),
    "no signature": (lambda at: (at / "SHA256SUMS.sig").unlink(), r"SHA256SUMS\.sig is missing"),
    "no sums": (lambda at: (at / "SHA256SUMS").unlink(), "SHA256SUMS is missing"),
    "no record": (lambda at: (at / "record.json").unlink(), r"missing: record\.json"),
    "no bundle": (lambda at: shutil.rmtree(at / "bundle"), "bundle is not a folder"),
    "a bundle that is a link": (lambda at: linked(at / "bundle"), "bundle is not a folder"),
    "a file that is a link": (lambda at: linked(at / "card.md"), r"card\.md cannot be read, or is a symbolic link"),
    "sums that are a link": (lambda at: linked(at / "SHA256SUMS"), "SHA256SUMS cannot be read, or is a symbolic link"),
    "a file too much": (lambda at: (at / "MLmodel").write_text("x"), "there but not in SHA256SUMS: MLmodel"),
    "code": (lambda at: (at / "code").mkdir(), "there but not in SHA256SUMS: code"),
    "a pickle": (lambda at: (at / "bundle" / "model.pkl").write_bytes(b"x"), r"SHA256SUMS: bundle/model\.pkl"),
    "a pipe": (lambda at: piped(at / "card.md"), r"card\.md is not a regular file"),
}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def linked(path: Path) -> None:
    other = path.parent.parent / f"other-{path.name}"
    path.rename(other)
    path.symlink_to(other)


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_folder_is_refused_in_one_sentence(carried: Path, elsewhere: Path, name: str) -> None:
    SPOILED[name][0](carried)
    with pytest.raises(DataError, match=SPOILED[name][1]) as refusal:
        load_exported(carried, elsewhere)
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).endswith(".")
    assert not (elsewhere / "known_good").exists()


def signed_anew(folder: Path) -> None:
    """Sign what is in a folder, as only the owner of the key can."""
    sums = (folder / "SHA256SUMS").read_bytes()
    (folder / "SHA256SUMS.sig").write_bytes(signing.private_key().sign(sums))


@pytest.mark.parametrize("line", ["00  card.json", f"{'0' * 64}  ../../etc/passwd", f"{'0' * 64}  bundle/a/b", "x"])
def test_sums_of_other_names_are_refused_though_they_are_signed(carried: Path, line: str) -> None:
    with (carried / "SHA256SUMS").open("a") as stream:
        stream.write(f"{line}\n")
    signed_anew(carried)
    with pytest.raises(DataError, match="is not the list of an exported model"):
        exported.read(carried)


def test_a_later_form_of_the_folder_is_refused_by_its_number(carried: Path) -> None:
    path, sums = carried / "export.json", carried / "SHA256SUMS"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 2'))
    sums.write_text(sums.read_text().replace(before, hashlib.sha256(path.read_bytes()).hexdigest()))
    signed_anew(carried)
    with pytest.raises(DataError, match="has schema 2, this version reads 1"):
        exported.read(carried)


def test_without_the_public_key_nothing_can_be_verified(carried: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("ASSAY_KEYS", str(tmp_path / "none"))
    with pytest.raises(UnavailableError, match="No public key at"):
        exported.read(carried)


def test_where_there_is_no_folder_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No folder .*nowhere: give one that `assay export` wrote"):
        exported.read(tmp_path / "nowhere")


def test_an_older_export_does_not_come_back_after_a_newer_one(traded: Path, carried: Path, elsewhere: Path) -> None:
    older = production(traded)[GOLD]["serial"]
    load_exported(carried, elsewhere)
    (kept,) = (elsewhere / "known_good" / GOLD).glob("0*")
    kept.rename(kept.with_name(f"{older + 1:08d}"))
    resigned = production(traded)[GOLD] | {"serial": older + 1}
    del resigned["signature"]
    newer = champion.records.signed(GOLD, resigned)
    (kept.with_name(f"{older + 1:08d}") / "record.json").write_text(json.dumps(newer))
    with pytest.raises(GateError, match=rf"record\.json has serial {older}, one with serial {older + 1} was trusted"):
        load_exported(carried, elsewhere)


def test_the_home_that_promoted_a_newer_one_refuses_the_older_export(traded: Path, tmp_path: Path) -> None:
    """Gold's first champion was exported, then the second took its place."""
    older = json.loads((traded / "production.first.json").read_bytes())[GOLD]
    card = make_card(series=GOLD, bundle_sha256=older["bundle_sha256"], run_id=older["run_id"])
    exported.write(tmp_path / "older", traded / older["bundle"], card, older)
    with pytest.raises(GateError, match=r"its serial is 1, .* has put version 2 into production since"):
        load_exported(tmp_path / "older", traded)
    assert load_exported(tmp_path / "older", tmp_path / "elsewhere").record["serial"] == 1


def test_a_simulated_model_is_traded_in_a_demo_home_alone(traded: Path, tmp_path: Path, elsewhere: Path) -> None:
    record = production(traded)[GOLD] | {"simulated": True}
    del record["signature"]
    card = make_card(series=GOLD, bundle_sha256=record["bundle_sha256"], run_id=record["run_id"])
    signed = champion.records.signed(GOLD, record)
    exported.write(tmp_path / "simulated", traded / record["bundle"], card, signed)
    with pytest.raises(GateError, match="simulated series are those named SIM_"):
        load_exported(tmp_path / "simulated", elsewhere)


def test_a_record_of_another_bundle_is_not_exported(traded: Path, tmp_path: Path) -> None:
    first = json.loads((traded / "production.first.json").read_bytes())[GOLD]
    record = production(traded)[GOLD]
    card = make_card(series=GOLD, bundle_sha256=record["bundle_sha256"])
    with pytest.raises(DataError, match="its card of another"):
        exported.write(tmp_path / "x", traded / record["bundle"], card, first)


def test_a_folder_that_is_there_is_left_alone_and_an_empty_one_is_used(traded: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    carried_from(traded, tmp_path / "taken")
    before = (tmp_path / "taken" / "card.md").stat().st_mtime_ns
    with pytest.raises(UsageError, match="is there already and not an empty folder"):
        carried_from(traded, tmp_path / "taken")
    assert (tmp_path / "taken" / "card.md").stat().st_mtime_ns == before
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is there already"):
        carried_from(traded, tmp_path / "file")


def test_an_export_that_dies_leaves_nothing(traded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(exported, "write_file", dies)
    with pytest.raises(OSError, match="disk full"):
        carried_from(traded, tmp_path / "x" / "out")
    assert list((tmp_path / "x").iterdir()) == []


def test_a_machine_that_only_verifies_cannot_export(traded: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "public").mkdir()
    shutil.copyfile(signing.public_path(), tmp_path / "public" / "production.pub")
    carried = carried_from(traded, tmp_path / "carried")
    monkeypatch.setenv("ASSAY_KEYS", str(tmp_path / "public"))
    assert load_exported(carried, tmp_path / "elsewhere").series == GOLD
    with pytest.raises(UsageError, match="this machine only verifies"):
        carried_from(traded, tmp_path / "again")


def test_every_refusal_is_an_error_for_people(carried: Path, elsewhere: Path) -> None:
    (carried / "export.json").write_text("[" * 100_000)
    with pytest.raises(AssayError):
        load_exported(carried, elsewhere)
