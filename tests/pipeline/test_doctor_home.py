"""`assay doctor --home`: a sound home has no finding, each fault is found, and nothing is written."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from market import tables
from market.durable import write_json
from pipeline import doctor_installation as installation
from pipeline import placebo_record, receipts, screen, screen_doctor
from pipeline.doctor_findings import SEVERITIES, examine, exit_code
from pipeline.doctor_home import CHECKS
from registry import ledger
from registry.bundle import MANIFEST
from tests.markets import random_bars
from tests.pipeline.conftest import PROJECT, CommandLine
from tests.pipeline.measured_gates import measured
from tests.registry.conftest import database, made, promoted_once, traded  # noqa: F401

SERIES = "XAUUSD_15T"
NAMES = [check.name for check in CHECKS]


@pytest.fixture
def sound(tmp_path: Path, traded: Path) -> CommandLine:  # noqa: F811
    """Return a home with a champion, bars, a run's table with its receipt, and a ledger."""
    assay = CommandLine(tmp_path)
    assay.home = traded
    measured(assay.environment)
    with closing(sqlite3.connect(traded / "mlflow.db")) as registry, registry:  # it was made elsewhere and copied here
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            registry.execute(f"UPDATE {table} SET {column} = 'file://{traded.resolve()}/mlartifacts/' || rowid")
    nothing = {"inputs": {}, "config_sha256": "", "code_sha256": ""}
    tables.write_table(traded / "bars" / f"{SERIES}.parquet", random_bars(1, 300), tables.BARS, **nothing)
    run = traded / "runs" / SERIES
    score = random_bars(2, 50)[["open"]].rename(columns={"open": "score"})
    score = score.assign(expected_r_long=0.0, expected_r_short=0.0, confidence=0.5)
    tables.write_table(run / "score.parquet", score, tables.SCORE, **nothing)
    written = {"score.parquet": tables.sha256_of_file(run / "score.parquet")}
    receipt = receipts.Receipt(
        stage="train", inputs={}, config_sha256="", code_sha256="", outputs=written, facts={}, seconds=1.0
    )
    write_json(run / "train.receipt.json", receipt.model_dump())
    ledger.record(traded, SERIES, bars_sha256="a", config_sha256="b", oos_start="2025-04-22", cut_off="2025-10-22")
    return assay


def examined(assay: CommandLine) -> dict:
    """Return what is found, with one package instead of all that Assay imports."""
    with looking(assay) as home:
        return examine(CHECKS, home)


def evidence(assay: CommandLine, name: str) -> str:
    (check,) = (one for one in CHECKS if one.name == name)
    with looking(assay) as home:
        return check.find(home) or ""


@contextmanager
def looking(assay: CommandLine) -> Iterator[installation.Home]:
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in assay.environment.items():
            patch.setenv(variable, value)
        home = installation.at(assay.home, ["json"])
        yield home
        home.importing.communicate()


def test_a_sound_home_has_no_finding_and_is_not_touched(sound):
    before = sound.clock()
    ended = sound("doctor", "--home", "--json")
    told = json.loads(ended.out)
    found = {one["check"] for one in told.pop("findings")}
    assert ended.code == 0 and found <= {"port"}  # whatever else listens on this machine
    assert told == {"home": str(sound.home.resolve()), "not_asked": [], "checks": len(CHECKS)}
    assert sound.clock() == before


def test_an_empty_home_is_no_fault_and_is_not_made(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_KEYS", str(tmp_path / "keys"))
    assay = CommandLine(tmp_path)
    answer = examined(assay)
    assert {one["check"] for one in answer["findings"]} <= {"port", "gate"}  # a gate that nobody measured
    unasked = {name for one in answer["not_asked"] for name in one["checks"]}
    assert unasked >= {"tables", "receipts", "ledger", "database", "running", "moved", "production", "keys"}
    assert not assay.home.exists() and not (tmp_path / "keys").exists()


def test_a_person_is_told_plainly_that_nothing_was_found(sound, capsys):
    screen.show({"home": "data"} | examined(sound) | {"findings": []}, False, screen_doctor.examined)
    assert capsys.readouterr().out.splitlines() == ["data", f"Nothing found in {len(CHECKS)} checks."]


def test_a_gate_that_nobody_measured_or_that_failed_is_told(sound, monkeypatch, tmp_path):
    monkeypatch.setattr(placebo_record, "_SHIPPED", tmp_path)
    assert evidence(sound, "gate") == ""
    measured(sound.environment, status="FAILED")
    assert "do not believe this gate" in evidence(sound, "gate")
    shutil.rmtree(sound.home / "placebo")
    assert "Nobody has measured" in evidence(sound, "gate")


def bars(home: Path) -> Path:
    return home / "bars" / f"{SERIES}.parquet"


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def in_registry(*statements: str) -> Callable[[Path], None]:
    def change(home: Path) -> None:
        with closing(sqlite3.connect(home / "mlflow.db")) as registry, registry:
            for statement in statements:
                registry.execute(statement)

    return change


def wrong_schema(home: Path) -> None:
    path = home / "bars" / "EURUSD_15T.parquet"
    shutil.copyfile(home / "runs" / SERIES / "score.parquet", path)
    shutil.copyfile(home / "runs" / SERIES / "score.manifest.json", tables.manifest_path(path))


def gone(home: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (home / "bars" / f".{SERIES}.parquet.{ended.pid}.tmp").write_bytes(b"half")


def champion(home: Path) -> Path:
    return home / json.loads((home / "production.json").read_bytes())[SERIES]["bundle"]


def raised_threshold(home: Path) -> None:
    records = json.loads((home / "production.json").read_bytes())
    records[SERIES]["bars_sha256"] = "0" * 64
    write_json(home / "production.json", records)


FAULTS: list[tuple[str, Callable[[Path], object], str]] = [
    ("tables", lambda home: flip(bars(home)), "was changed after it was written"),
    ("tables", wrong_schema, "cannot be read as a bars table"),
    ("receipts", lambda home: flip(home / "runs" / SERIES / "score.parquet"), "score.parquet was changed"),
    ("receipts", lambda home: (home / "runs" / SERIES / "score.parquet").unlink(), "score.parquet is missing"),
    ("receipts", lambda home: (home / "runs" / SERIES / "train.receipt.json").write_text("{"), "cannot be read"),
    ("leftovers", gone, f".{SERIES}.parquet."),
    ("leftovers", lambda home: (home / "bars" / f"{SERIES}.manifest.json").unlink(), f"{SERIES}.parquet"),
    ("leftovers", lambda home: (home / "bundles" / SERIES / ".new-x").mkdir(parents=True), ".new-x"),
    ("ledger", lambda home: (home / "ledger.jsonl").write_text("{}\n"), "is not a ledger entry"),
    ("ledger", lambda home: (home / "ledger.jsonl").open("a").write('{"name'), "torn by a crash"),
    ("database", lambda home: (home / "mlflow.db").write_bytes(b"no database" * 500), "cannot be read"),
    ("running", in_registry("UPDATE runs SET status = 'RUNNING'"), "left by a crash"),
    ("moved", in_registry("UPDATE runs SET artifact_uri = 'file:///elsewhere/x'"), "file:///elsewhere/x"),
    ("production", raised_threshold, "does not match its signature"),
    ("production", lambda home: flip(champion(home) / MANIFEST), "was altered"),
    ("production", lambda home: shutil.rmtree(champion(home)), "is missing"),
    ("production", in_registry("UPDATE registered_model_aliases SET version = 1"), "points at version 1"),
    ("production", in_registry("DELETE FROM registered_model_aliases"), "no alias champion"),
    ("production", lambda home: write_json(home / "production.json", {}), "no signed record"),
    ("production", lambda home: (home / "production.json").write_text("{"), "is not a record of promotions"),
    ("settings", lambda home: (home.parent / "config" / "gates.toml").write_text("six = 1"), "gates.toml"),
]


@pytest.mark.parametrize(("name", "spoil", "said"), FAULTS, ids=[f"{name} {said}" for name, _, said in FAULTS])
def test_each_fault_is_found_and_told_with_its_file(sound, name, spoil, said):
    spoil(sound.home)
    assert said in evidence(sound, name)


def test_what_a_living_process_writes_is_no_leftover(sound):
    (sound.home / "bars" / f".{SERIES}.parquet.{os.getpid()}.tmp").write_bytes(b"half")
    assert evidence(sound, "leftovers") == ""


def test_a_demo_home_is_looked_at_too(sound):
    shutil.copytree(sound.home / "bars", sound.home / "demo" / "bars")
    flip(sound.home / "demo" / "bars" / f"{SERIES}.parquet")
    assert "1 of 3 tables" in evidence(sound, "tables") and "demo" in evidence(sound, "tables")


def test_what_is_critical_exits_3_and_is_told_first(sound):
    flip(bars(sound.home))
    gone(sound.home)
    answer = examined(sound)
    assert exit_code(answer) == 3
    found = [(one["severity"], one["check"]) for one in answer["findings"] if one["check"] != "port"]
    assert found == [("critical", "tables"), ("note", "leftovers")]


@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_a_private_key_that_others_may_read_is_found(sound, tmp_path, monkeypatch, mode):
    keys = Path(shutil.copytree(os.environ["ASSAY_KEYS"], tmp_path / "keys"))
    keys.chmod(0o700)
    monkeypatch.setenv("ASSAY_KEYS", str(keys))
    assert evidence(sound, "keys") == ""
    (keys / "production.key").chmod(mode)
    assert f"mode {mode:o}" in evidence(sound, "keys")
    (keys / "production.key").chmod(0o600)
    (keys / "production.pub").write_text("no key")
    assert "is not an Ed25519 public key" in evidence(sound, "keys")
    (keys / "production.pub").unlink()
    assert "is missing beside" in evidence(sound, "keys")


def test_keys_inside_of_the_home_are_found(sound, monkeypatch):
    monkeypatch.setenv("ASSAY_KEYS", str(sound.home / "keys"))
    assert "inside ASSAY_HOME" in evidence(sound, "keys")


def test_packages_are_compared_with_the_lock_and_imported_aside(tmp_path):
    lock = (PROJECT / "requirements.lock").read_text()
    assert installation.differing(lock) is None
    other = installation.differing(lock.replace("\nnumpy==", "\nnumpy==9") + "nothing-like-it==1.0 \\\n")
    assert other.startswith("2 of ") and "nothing-like-it 1.0 locked, none here" in other
    home = installation.at(tmp_path, ["json", "no_such_package"])
    assert installation.imports(home).startswith("1 cannot be imported: no_such_package (ModuleNotFoundError")


def test_every_check_has_a_name_of_its_own_and_a_line_in_the_manual():
    assert len(set(NAMES)) == len(NAMES)
    manual = Path("docs/doctor.md").read_text()
    for check in CHECKS:
        assert check.severity in SEVERITIES and check.fix.endswith(".")
        assert f"| `{check.name}` | {check.severity} |" in manual
