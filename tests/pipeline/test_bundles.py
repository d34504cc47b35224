"""Models on the command line: carried to another machine and traded there, and compared with each other."""

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from live import runner
from live.journal import Decision, Journal
from market import durable, tables
from registry import runs, signing
from registry.bundle import write_bundle
from registry.card import Card, to_json
from registry.record import production_path, signed
from tests.markets import random_bars
from tests.pipeline.conftest import CommandLine, Ended
from tests.registry.cards import GOOD, gate, make_card
from tests.registry.models import GOLD, Made, make_bundle

WINDOW = {
    "history_start": "2025-10-01",
    "oos_start": "2025-10-21T00:00:00+00:00",
    "cut_off": "2025-10-22T00:00:00+00:00",
}
FAILED = [gate(name, 0.4 if name == "win_rate" else got) for name, got in GOOD.items()]


class Desk(NamedTuple):
    """The machine that promotes: its command line, and the runs of gold that it has judged, by what they are."""

    assay: CommandLine
    first: Card
    second: Card
    failed: Card


@pytest.fixture(scope="session")
def model() -> Made:
    """Return the content of a small real bundle; do not change it."""
    return make_bundle()


@pytest.fixture
def desk(tmp_path: Path, model: Made) -> Desk:
    """Return a home without a registry database, in which one model of gold has followed another; with bars."""
    assay = CommandLine(tmp_path / "desk")
    bars = random_bars(3, 1250, "2025-10-10 00:15")
    path = assay.home / "bars" / f"{GOLD}.parquet"
    tables.write_table(path, bars, tables.BARS, inputs={}, config_sha256="", code_sha256="", facts={})
    first = judged(assay.home, model, "a" * 32, 0.55, members={"xgboost": 1.0})
    second = judged(assay.home, model, "b" * 32, 0.52)
    failed = judged(assay.home, model, "c" * 32, 0.51, gates=FAILED)
    before = record_of(first, 1, None)
    durable.write_json(production_path(assay.home), {GOLD: record_of(second, 2, before)})
    return Desk(assay, first, second, failed)


def judged(home: Path, model: Made, run_id: str, threshold: float, **changes: Any) -> Card:
    """Write a bundle with this threshold and its card into `home`."""
    policy = model.meta["policy"] | {"long_threshold": threshold, "short_threshold": round(1 - threshold, 2)}
    digest = write_bundle(home / "new", model.files, model.meta | {"policy": policy})
    (home / "bundles" / GOLD).mkdir(parents=True, exist_ok=True)
    (home / "new").rename(home / "bundles" / GOLD / digest[:16])
    features = changes.pop("features", model.meta["features"])
    card = make_card(bundle_sha256=digest, run_id=run_id, features=features, window=WINDOW, **changes)
    runs.keep_card(home, card)
    return card


def record_of(card: Card, serial: int, previous: dict[str, Any] | None) -> dict[str, Any]:
    fields = {
        "version": str(serial),
        "run_id": card.run_id,
        "bundle_sha256": card.bundle_sha256,
        "serial": serial,
        "bundle": f"bundles/{GOLD}/{card.bundle_sha256[:16]}",
        "simulated": False,
        "when": "2025-10-23T00:00:00+00:00",
        "previous": previous,
    }
    return signed(GOLD, fields)


def carried(desk: Desk, *more: str) -> Path:
    """Export the champion, or what `more` says, and return the folder."""
    folder = desk.assay.folder / "-".join(["carried", *more]).replace("--", "")
    ended = desk.assay("export", GOLD, str(folder), *more)
    assert ended.code == 0, ended.err
    return folder


@pytest.fixture
def floor(tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return another machine: bars, and of the keys the public one alone."""
    there = CommandLine(tmp_path / "floor")
    shutil.copytree(desk.assay.home / "bars", there.home / "bars")
    public = tmp_path / "public" / "production.pub"
    public.parent.mkdir()
    shutil.copyfile(signing.public_path(), public)
    return there


def live(where: CommandLine, *arguments: str, **environment: str) -> Ended:
    """Run the runner on the machine `where`, in paper mode."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (where.environment | environment).items():
            patch.setenv(name, value)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
            runner.main(["--mode", "paper", *arguments])
    return Ended(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def public_only(floor: CommandLine) -> dict[str, str]:
    return {"ASSAY_KEYS": str(floor.folder.parent / "public")}


def decisions(where: CommandLine) -> list[Decision]:
    with contextlib.closing(Journal.read(where.home / "journal.db")) as journal:
        return list(journal.decisions(GOLD))


def test_a_carried_champion_decides_elsewhere_as_at_home(desk: Desk, floor: CommandLine) -> None:
    folder = carried(desk)
    assert live(desk.assay, "--once").code == 0
    ended = live(floor, "--once", "--bundle", str(folder), **public_only(floor))
    assert ended.code == 0, ended.err
    assert f"champion of run {desk.second.run_id}" in ended.err
    ours, theirs = decisions(desk.assay), decisions(floor)
    assert ours == theirs
    assert sum(one.side != 0 for one in theirs) > 5
    assert not (floor.home / "production.json").exists()


def test_a_carried_champion_is_halted_like_any_other(desk: Desk, floor: CommandLine) -> None:
    folder = carried(desk)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        patch.setenv("ASSAY_HOME", str(floor.home))
        runner.main(["--halt", "--why", "a holiday"])
    ended = live(floor, "--once", "--bundle", str(folder))
    assert (ended.code, "a holiday" in ended.err) == (5, True)
    made = decisions(floor)
    assert made
    assert [one for one in made if one.side != 0] == []


def test_what_a_carried_champion_decided_can_be_explained_where_it_did(desk: Desk, floor: CommandLine) -> None:
    assert live(floor, "--once", "--bundle", str(carried(desk))).code == 0
    ordered = next(one for one in decisions(floor) if one.side != 0)
    told = json.loads(floor("explain", ordered.signal_id, "--json").out)
    assert told["again"]["same"] is True
    assert told["model"]["run_id"] == desk.second.run_id


def test_after_a_session_with_a_folder_the_copy_that_was_kept_trades_without_it(desk: Desk, floor: CommandLine) -> None:
    folder = carried(desk)
    assert live(floor, "--once", "--bundle", str(folder)).code == 0
    shutil.rmtree(folder)
    ended = live(floor, "--once")
    assert ended.code == 0, ended.err
    assert "Trading the last known good" in ended.err


def test_a_run_that_failed_is_carried_for_replays_alone(desk: Desk, floor: CommandLine) -> None:
    folder = carried(desk, "--run", desk.failed.run_id[:8])
    assert "NOT FOR TRADING" in (folder / "README.txt").read_text()
    refused = live(floor, "--once", "--bundle", str(folder))
    assert refused.code == 3
    assert f"not for trading: replay it with --run {desk.failed.run_id}" in refused.err
    assert not (floor.home / "journal.db").exists() or decisions(floor) == []
    played = live(floor, "--bundle", str(folder), "--run", desk.failed.run_id, "--json")
    assert played.code == 0, played.err
    told = json.loads(played.out)
    assert (told["mode"], told["status"], told["series"]) == ("REPLAY", "FAILED", GOLD)
    assert told["bars"] == 96


def spoil(folder: Path) -> None:
    path = folder / "bundle" / "xgboost.ubj"
    path.write_bytes(path.read_bytes()[:-1] + b"!")


WRONG: dict[str, tuple[Callable[[Path], Any], str, int, str]] = {
    "a changed byte": (spoil, "--once --bundle DIR", 4, "xgboost.ubj was altered"),
    "no folder": (shutil.rmtree, "--once --bundle DIR", 2, "No folder"),
    "two of a series": (lambda _: None, "--once --bundle DIR --bundle DIR", 2, "give one of a series"),
    "--models too": (lambda _: None, f"--once --bundle DIR --models {GOLD}", 2, "give one of them"),
    "another run": (lambda _: None, "--bundle DIR --run ffffffff", 2, "is run bbbbbb"),
    "two to replay": (lambda _: None, "--bundle DIR --bundle DIR --run bbbbbbbb", 2, "one is replayed at a time"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_traded_is_one_line(desk: Desk, floor: CommandLine, name: str) -> None:
    change, words, code, told = WRONG[name]
    folder = carried(desk)
    change(folder)
    ended = live(floor, *words.replace("DIR", str(folder)).split())
    assert (ended.code, told in ended.err) == (code, True), ended.err
    assert ended.err.strip().splitlines()[-1].startswith("error: ")


def test_a_key_that_is_not_trusted_is_refused(desk: Desk, floor: CommandLine, tmp_path: Path) -> None:
    folder = carried(desk)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_KEYS", str(tmp_path / "foreign"))
        signing.private_key()
    ended = live(floor, "--once", "--bundle", str(folder), ASSAY_KEYS=str(tmp_path / "foreign"))
    assert (ended.code, "trusted is" in ended.err) == (3, True)


def test_a_series_that_is_not_enabled_is_not_traded(desk: Desk, floor: CommandLine) -> None:
    floor.replace("live", "", f"[{GOLD}]\nenabled = false")
    ended = live(floor, "--once", "--bundle", str(carried(desk)))
    assert (ended.code, "is not enabled in config/live.toml" in ended.err) == (6, True)


def test_the_report_of_a_run_goes_along(desk: Desk) -> None:
    last = desk.assay.home / "runs" / GOLD
    (last / "card.json").write_text(to_json(desk.second))
    (last / "report.html").write_text("<p>the second</p>")
    with_it, without = carried(desk), carried(desk, "--run", desk.first.run_id)
    assert (with_it / "report.html").read_text() == "<p>the second</p>"
    assert "report.html" in (with_it / "README.txt").read_text()
    assert "report.html" in (with_it / "SHA256SUMS").read_text()
    assert not (without / "report.html").exists()
    assert "report.html" not in (without / "README.txt").read_text()


def test_export_says_what_it_wrote(desk: Desk) -> None:
    told = json.loads(desk.assay("export", GOLD, str(desk.assay.folder / "a"), "--json").out)
    assert (told["series"], told["run_id"], told["for_trading"]) == (GOLD, desk.second.run_id, True)
    assert told["key"] == signing.fingerprint(signing.public_key())
    assert {"README.txt", "record.json", "bundle/MANIFEST.json"} < set(told["files"])
    assert "NOT FOR TRADING" in desk.assay("export", GOLD, str(desk.assay.folder / "b"), "--run", "cccccc").out


NOT_EXPORTED = {
    f"{GOLD} DIR --run dddddd": (2, "No run 'dddddd'"),
    "EURUSD_15T DIR": (6, "No champion of EURUSD_15T"),
    "EURUSD_15T DIR --run cccccc": (2, "name its own series"),
    f"{GOLD} HOME": (2, "among the files that Assay keeps for itself"),
    f"{GOLD} TAKEN": (2, "is there already and not an empty folder"),
    f"{GOLD} DIR --force": (2, "are of bars"),
    "XAUUSD 15T": (2, "add --to FILE"),
    "XAUUSD 15T --to x.csv --run cccccc": (2, "give one of them"),
}


@pytest.mark.parametrize("words", NOT_EXPORTED)
def test_what_cannot_be_exported_is_one_line_and_writes_nothing(desk: Desk, words: str) -> None:
    code, told = NOT_EXPORTED[words]
    taken, folder = desk.assay.folder / "taken", desk.assay.folder / "out"
    taken.mkdir()
    (taken / "notes.txt").touch()
    places = {"DIR": str(folder), "HOME": str(desk.assay.home / "x"), "TAKEN": str(taken)}
    ended = desk.assay("export", *(places.get(word, word) for word in words.split()))
    assert (ended.code, told in ended.err) == (code, True), ended.err
    assert not folder.exists()
    assert [path.name for path in taken.iterdir()] == ["notes.txt"]


def difference(desk: Desk, a: str, b: str) -> dict[str, Any]:
    ended = desk.assay("models", "diff", a, b, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def changed(told: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        f"{section}.{one['name']}": (one["a"], one["b"])
        for section, values in told["changed"].items()
        for one in values
    }


def test_a_model_does_not_differ_from_itself(desk: Desk) -> None:
    told = difference(desk, f"{GOLD}@champion", "bbbbbb")
    assert told["same"] is True
    assert (told["changed"], told["features"]["added"], told["notes"]) == ({}, [], [])
    assert "byte for byte" in desk.assay("models", "diff", "bbbbbb", "bbbbbb").out


def test_a_champion_is_compared_with_the_one_before_it(desk: Desk) -> None:
    told = difference(desk, f"{GOLD}@previous", "XAU_M15@champion")
    assert (told["a"]["run_id"], told["b"]["run_id"]) == (desk.first.run_id, desk.second.run_id)
    assert changed(told) == {
        "members.weights.xgboost": (1.0, 0.4),
        "members.weights.lightgbm": (None, 0.4),
        "members.weights.logistic": (None, 0.2),
        "policy.long_threshold": (0.55, 0.52),
        "policy.short_threshold": (0.45, 0.48),
    }


def test_gates_stand_side_by_side(desk: Desk) -> None:
    told = difference(desk, "bbbbbb", "cccccc")
    (one,) = [gate for gate in told["gates"] if gate["name"] == "win_rate"]
    assert (one["a"]["passed"], one["b"]["passed"], one["b"]["got"]) == (True, False, 0.4)
    shown = desk.assay("models", "diff", "bbbbbb", "cccccc").out
    assert "57.0 % pass" in shown
    assert "40.0 % FAIL" in shown
    assert "long_threshold" in shown


def test_features_bars_costs_and_libraries_that_differ_are_told(desk: Desk, model: Made) -> None:
    features = [*model.meta["features"][1:], "trend__adx_14"]
    meta = model.meta | {"costs": model.meta["costs"] | {"commission": 9.0}, "exits": model.meta["exits"] | {"bars": 7}}
    versions = {"numpy": "2.4.6", "xgboost": "9.9.9"}
    other = model._replace(meta=meta)
    judged(desk.assay.home, other, "e" * 32, 0.52, features=features, versions=versions, bars_sha256="f" * 64)
    told = difference(desk, "bbbbbb", "eeeeee")
    assert told["features"] == {"added": ["trend__adx_14"], "removed": [model.meta["features"][0]], "common": 11}
    assert changed(told) == {
        "exits.bars": (50, 7),
        "costs.commission": (3.5, 9.0),
        "data.bars_sha256": ("a" * 64, "f" * 64),
        "versions.xgboost": ("3.2.0", "9.9.9"),
    }
    assert told["notes"] == [
        "They were judged on other data (bars_sha256 differ): a better figure of one is not a better model."
    ]


NO_MODELS = {
    f"{GOLD}@champon bbbbbb": (2, "Did you mean champion?"),
    "EURUSD_15T@champion bbbbbb": (6, "No champion of EURUSD_15T"),
    "NOSUCH_15T@champion bbbbbb": (2, "NOSUCH"),
    "bbbbbb 123456": (2, "No run '123456'"),
    "bbbbbb": (2, "Missing argument"),
}


@pytest.mark.parametrize("words", NO_MODELS)
def test_what_is_no_model_is_one_line(desk: Desk, words: str) -> None:
    code, told = NO_MODELS[words]
    ended = desk.assay("models", "diff", *words.split())
    assert (ended.code, told in ended.err) == (code, True), ended.err


def test_one_champion_has_no_previous(desk: Desk) -> None:
    durable.write_json(production_path(desk.assay.home), {GOLD: record_of(desk.second, 1, None)})
    ended = desk.assay("models", "diff", f"{GOLD}@previous", "bbbbbb")
    assert (ended.code, "has had one champion only" in ended.err) == (6, True)


def test_a_bundle_that_was_changed_is_not_compared(desk: Desk) -> None:
    spoil_at = desk.assay.home / "bundles" / GOLD / desk.second.bundle_sha256[:16] / "meta.json"
    spoil_at.write_text(spoil_at.read_text().replace("0.52", "0.99"))
    ended = desk.assay("models", "diff", "aaaaaa", "bbbbbb")
    assert (ended.code, "meta.json was altered" in ended.err) == (4, True)


def test_models_alone_says_what_is_in_production_as_before(desk: Desk) -> None:
    assert f"run {desk.second.run_id}" in desk.assay("models").out
    now, before = json.loads(desk.assay("models", "--json").out)
    assert (now["series"], now["version"], before["version"]) == (GOLD, "2", "1")
    assert json.loads(desk.assay("models", "--json", "diff", "aaaaaa", "bbbbbb").out)["same"] is False
    assert "Did you mean diff?" in desk.assay("models", "dif").err
