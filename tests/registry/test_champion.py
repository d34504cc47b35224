"""A champion was promoted, is unaltered and behaves here as it did at training; everything else is refused."""

import json
import math
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import registry
from labels.sampling import EVERY_BAR, Sampling, sampled, stored
from market.durable import write_json
from market.errors import AssayError, DataError, GateError, UnavailableError, UsageError
from registry import alias, champion, golden, known_good, promotion, signing, tracking
from registry.bundle import read_bundle, write_bundle
from registry.champion import load_bundle, load_champion, load_champion_or_last_good
from registry.record import production, production_path, signed
from tests.registry.models import GOLD, Made, logged, promoted


def edit(home: Path, **changes: Any) -> None:
    """Change fields of the record by hand, as anybody with an editor could."""
    write_json(production_path(home), {GOLD: production(home)[GOLD] | changes})


def resign(home: Path, **changes: Any) -> None:
    """Change fields of the record as only the owner of the key can."""
    record = {name: value for name, value in production(home)[GOLD].items() if name != "signature"}
    write_json(production_path(home), {GOLD: signed(GOLD, record | changes)})


def bundle_of(home: Path) -> Path:
    return home / production(home)[GOLD]["bundle"]


def point_alias(home: Path, version: str) -> None:
    tracking.set_champion(home, GOLD, version)


def change_database(home: Path, statement: str) -> None:
    with closing(sqlite3.connect(home / "mlflow.db")) as connection, connection:
        connection.execute(statement)


def test_the_champion_is_what_was_promoted(traded: Path, made: Made) -> None:
    found, record = load_champion(GOLD, traded), production(traded)[GOLD]
    assert (found.series, found.run_id, found.sha256) == (GOLD, record["run_id"], record["bundle_sha256"])
    assert found.record == record and found.notes == ()
    assert found.policy.long_threshold == 0.64 and found.costs._asdict() == made.meta["costs"]
    assert found.predict(made.features.iloc[:50, ::-1]).equals(made.model.predict(made.features.iloc[:50]))


def test_a_row_alone_is_predicted_as_in_the_batch(traded: Path, made: Made) -> None:
    found = load_champion(GOLD, traded)
    batch = found.predict(made.features.iloc[:20])
    assert all(found.predict(made.features.iloc[[at]]).equals(batch.iloc[[at]]) for at in range(20))


def test_loading_imports_no_mlflow(traded: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import registry.champion as c; lean = 'mlflow' in sys.modules; "
        "c.load_champion('XAUUSD_15T', Path(sys.argv[1])); sys.exit(lean or 'mlflow' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(traded)], check=False, capture_output=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_the_short_way_loads_the_same(traded: Path) -> None:
    assert registry.load_champion(GOLD, traded).sha256 == load_champion(GOLD, traded).sha256


def test_nothing_in_production_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="No champion of XAUUSD_15T"):
        load_champion(GOLD, tmp_path)


REFUSED_RECORDS = {
    "no signature": (lambda home: edit(home, signature=None), GateError, "is not signed"),
    "a number for a signature": (lambda home: edit(home, signature=7), GateError, "is not signed"),
    "no key": (lambda home: edit(home, key=None), GateError, "is not signed"),
    "another key's name": (lambda home: edit(home, key="0" * 16), GateError, "signed by key 0000000000000000, trusted"),
    "a signature that is no hexadecimal": (
        lambda home: edit(home, signature="zz"),
        DataError,
        "does not match its sig",
    ),
    "a changed digest": (lambda home: edit(home, bundle_sha256="0" * 64), DataError, "does not match its signature"),
    "a changed folder": (lambda home: edit(home, bundle="/tmp"), DataError, "does not match its signature"),
    "a raised serial": (lambda home: edit(home, serial=99), DataError, "does not match its signature"),
    "an added field": (lambda home: edit(home, more=1), DataError, "does not match its signature"),
    "a gate made to pass": (lambda home: edit(home, gates=[]), DataError, "does not match its signature"),
    "a number that JSON does not know": (lambda home: edit_nan(home), DataError, "does not match its signature"),
    "text that is no text": (lambda home: edit(home, more="\ud800"), DataError, "does not match its signature"),
    "simulated, by its owner": (lambda home: resign(home, simulated=True), GateError, "says simulated=True"),
}


def edit_nan(home: Path) -> None:
    path = production_path(home)
    path.write_text(path.read_text().replace('"serial": 2', '"serial": NaN'))


@pytest.mark.parametrize("name", REFUSED_RECORDS)
def test_a_record_that_was_not_signed_as_it_stands_is_refused(traded: Path, name: str) -> None:
    if name == "text that is no text":
        path = production_path(traded)
        path.write_text(path.read_text().replace('"serial": 2', '"more": "\\ud800", "serial": 2'))
    else:
        REFUSED_RECORDS[name][0](traded)
    for load in (load_champion, load_champion_or_last_good):
        with pytest.raises(REFUSED_RECORDS[name][1], match=REFUSED_RECORDS[name][2]):
            load(GOLD, traded)


def test_another_series_record_under_this_name_is_refused(traded: Path) -> None:
    write_json(production_path(traded), {"EURUSD_1H": production(traded)[GOLD]})
    with pytest.raises(
        DataError, match=r"the record of EURUSD_1H does not match its signature.*another series' record"
    ):
        load_champion("EURUSD_1H", traded)


def test_a_bundle_of_another_series_is_refused_though_its_record_is_signed(traded: Path, made: Made) -> None:
    folder = traded / "bundles" / "other"
    digest = write_bundle(folder, made.files, made.meta | {"series": "EURUSD_1H"})
    resign(traded, bundle="bundles/other", bundle_sha256=digest)
    change_database(traded, f"UPDATE model_version_tags SET value = '{digest}' WHERE version = 2")
    with pytest.raises(DataError, match=r"is of EURUSD_1H, its record is of XAUUSD_15T"):
        load_champion(GOLD, traded)


def test_simulated_models_are_champions_in_a_demo_home_only(home: Path, made: Made, monkeypatch) -> None:
    demo = Path(shutil.copytree(home, home / "demo"))
    name = f"SIM_{GOLD}"
    promoted(demo, made.files, made.meta | {"series": name}, simulated=True)
    monkeypatch.setenv("ASSAY_HOME", str(home))
    assert load_champion(name).series == name
    assert load_champion(name, demo).record["simulated"]
    for path in ("production.json", "bundles"):
        (demo / path).rename(home / path)
    with pytest.raises(GateError, match=r"is of a simulated market, and .* is no demo home"):
        load_champion(name, home)


def test_a_simulated_model_is_not_promoted_among_the_real_ones(home: Path, made: Made) -> None:
    with pytest.raises(GateError, match="no demo home"):
        promoted(home, made.files, made.meta | {"series": f"SIM_{GOLD}"}, simulated=True)
    assert production(home) == {}


def test_without_the_public_key_nothing_is_trusted(traded: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("ASSAY_KEYS", str(tmp_path / "nowhere"))
    with pytest.raises(UnavailableError, match=r"No public key at .*production\.pub .*copy production\.pub"):
        load_champion(GOLD, traded)


def test_the_public_key_alone_is_enough(traded: Path, tmp_path: Path, monkeypatch) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(signing.public_path(), alone)
    monkeypatch.setenv("ASSAY_KEYS", str(alone))
    assert load_champion(GOLD, traded).record["version"] == "2"
    assert [path.name for path in alone.iterdir()] == ["production.pub"]


def test_records_of_another_key_are_refused_until_they_are_promoted_again(
    home: Path, made: Made, tmp_path: Path, monkeypatch
) -> None:
    card, folder = logged(home, made.files, made.meta)
    promotion.promote(home, card, folder)
    load_champion(GOLD, home)
    monkeypatch.setenv("ASSAY_KEYS", str(tmp_path / "other"))
    signing.private_key()
    with pytest.raises(GateError, match="is signed by key"):
        load_champion(GOLD, home)
    assert promotion.promote(home, card, folder)["serial"] == 2
    assert load_champion_or_last_good(GOLD, home)[0].record["serial"] == 2


def test_an_alias_that_was_moved_by_hand_is_refused(traded: Path) -> None:
    point_alias(traded, "1")
    for load in (load_champion, load_champion_or_last_good):
        with pytest.raises(GateError, match=r"alias champion points at version 1, the signed record is of version 2"):
            load(GOLD, traded)


def test_an_alias_without_any_record_is_refused(traded: Path) -> None:
    write_json(production_path(traded), {})
    with pytest.raises(GateError, match="points at version 2, but no signed record of XAUUSD_15T is in production"):
        load_champion(GOLD, traded)


def test_a_changed_digest_in_the_registry_is_refused_with_both(traded: Path) -> None:
    change_database(traded, "UPDATE model_version_tags SET value = 'e' WHERE version = 2")
    with pytest.raises(
        GateError, match=f"bundle_sha256 e in the registry, .*{production(traded)[GOLD]['bundle_sha256']}"
    ):
        load_champion(GOLD, traded)


def test_without_a_registry_the_alias_is_not_checked_and_that_is_said(traded: Path) -> None:
    alias.database_path(traded).unlink()
    (note,) = load_champion(GOLD, traded).notes
    assert note.startswith("No registry at") and note.endswith("the alias was not checked.")


def test_a_locked_registry_is_unavailable(traded: Path, monkeypatch) -> None:
    monkeypatch.setattr(alias.addresses, "PATIENCE", 0.01)
    with closing(sqlite3.connect(traded / "mlflow.db")) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UnavailableError, match="cannot be read: database is locked"):
            load_champion(GOLD, traded)


@pytest.mark.parametrize("content", [b"", b"no database" * 1000, b"SQLite format 3\x00" + 5000 * b"x"])
def test_a_damaged_registry_is_unavailable(traded: Path, content: bytes) -> None:
    (traded / "mlflow.db").write_bytes(content)
    with pytest.raises(UnavailableError, match="cannot be read: "):
        load_champion(GOLD, traded)


def test_a_deleted_alias_or_version_is_unavailable(traded: Path) -> None:
    change_database(traded, "UPDATE model_versions SET current_stage = 'Deleted_Internal' WHERE version = 2")
    with pytest.raises(UnavailableError, match="version 2 was deleted from the registry"):
        load_champion(GOLD, traded)
    change_database(traded, "DELETE FROM registered_model_aliases")
    with pytest.raises(UnavailableError, match="no alias champion, the signed record is of version 2"):
        load_champion(GOLD, traded)


def test_an_altered_byte_is_refused(traded: Path) -> None:
    path = bundle_of(traded) / "lightgbm.txt"
    path.write_bytes(path.read_bytes().replace(b"7", b"8", 1))
    for load in (load_champion, load_champion_or_last_good):
        with pytest.raises(DataError, match=r"lightgbm\.txt was altered"):
            load(GOLD, traded)


# What a bundle says of itself: every change below is verified bytes under a digest of its own.


def spoiled(folder: Path, made: Made, files: dict[str, bytes | None] | None = None, **meta: Any) -> str:
    contents = {name: content for name, content in (made.files | (files or {})).items() if content is not None}
    return write_bundle(folder, contents, made.meta | meta)


def evidence(made: Made, **changes: Any) -> dict[str, bytes]:
    return {golden.FILE: json.dumps(json.loads(made.files[golden.FILE]) | changes).encode()}


REFUSED_BUNDLES = {
    "schema 1": (lambda made: ({}, {"schema": 1}), "has schema 1, this version reads 2 and 3: train again"),
    "schema 3 without a rule": (lambda made: ({}, {"sampling": None}), "not a bundle .*TypeError"),
    "a rule of a later version": (
        lambda made: ({}, {"sampling": {"rule": "volume_bars"}}),
        "not a bundle .*'volume_bars': this version knows every_bar and daily_cusum",
    ),
    "a rule that finds other events": (
        lambda made: ({}, {"sampling": {"rule": "daily_cusum", "threshold": 1.0, "atr_period": 14}}),
        r"golden bars are events \(daily CUSUM of 1 ATR\(14\)\) either here or at training, not both: 2024",
    ),
    "no schema": (lambda made: ({}, {"schema": None}), "has schema None"),
    "no evidence": (lambda made: ({golden.FILE: None}, {}), r"not a bundle .*KeyError: 'golden\.json'"),
    "evidence that is no JSON": (lambda made: ({golden.FILE: b"{"}, {}), "not a bundle .*JSONDecodeError"),
    "no versions": (lambda made: ({}, {"versions": None}), "not a bundle .*TypeError"),
    "no member": (lambda made: ({"logistic.json": None}, {}), r"not a bundle .*KeyError: 'logistic\.json'"),
    "a policy of another version": (lambda made: ({}, {"policy": {}}), "not a bundle .*KeyError"),
    "a member that does not parse": (lambda made: ({"xgboost.ubj": b"{L"}, {}), "not a bundle .*train again"),
    "features of another store": (
        lambda made: (renamed(made), {}),
        "3 features unknown: momentum__a, momentum__b, nosuch__c. Train again",
    ),
    "other probabilities": (
        lambda made: (other_probabilities(made), {}),
        r"2 of 256 golden rows are predicted otherwise than at training, by up to 0\.25\.",
    ),
    "other features of the bars": (lambda made: (other_last(made), {}), "1 of 12 features of the golden bars differ: "),
    "features of another model": (
        lambda made: (of_another_model(made), {}),
        "its golden evidence is of other features than its model",
    ),
}


def of_another_model(made: Made) -> dict[str, bytes]:
    stored = json.loads(made.files["ensemble.json"]) | {"features": [*made.meta["features"][:-1], "calendar__x"]}
    return {"ensemble.json": json.dumps(stored).encode()}


def renamed(made: Made) -> dict[str, bytes]:
    names = ["momentum__a", "momentum__b", "nosuch__c", *made.meta["features"][3:]]
    return evidence(made, features=names)


def other_probabilities(made: Made) -> dict[str, bytes]:
    stored = json.loads(made.files[golden.FILE])["probabilities"]
    stored[3][0] += 0.25
    stored[9][1] += 1e-6
    return evidence(made, probabilities=stored)


def other_last(made: Made) -> dict[str, bytes]:
    last = json.loads(made.files[golden.FILE])["last"]
    step = np.nextafter(np.float32(last[4]), np.float32(np.inf))
    last[4] = float(np.nextafter(step, np.float32(np.inf)))
    return evidence(made, last=last)


@pytest.mark.parametrize("name", REFUSED_BUNDLES)
def test_a_sound_bundle_that_this_machine_cannot_serve_is_refused(tmp_path: Path, made: Made, name: str) -> None:
    files, meta = REFUSED_BUNDLES[name][0](made)
    digest = spoiled(tmp_path / "x", made, files, **meta)
    with pytest.raises(DataError, match=REFUSED_BUNDLES[name][1]) as refusal:
        load_bundle(tmp_path / "x", digest)
    assert "\n" not in str(refusal.value)


def test_a_bundle_that_says_nothing_of_events_is_asked_at_every_bar(tmp_path: Path, made: Made) -> None:
    older = {name: value for name, value in made.meta.items() if name != "sampling"} | {"schema": 2}
    digest = write_bundle(tmp_path / "older", made.files, older)
    assert load_bundle(tmp_path / "older", digest).sampling == EVERY_BAR == load_bundle_of(tmp_path, made).sampling


def load_bundle_of(folder: Path, made: Made) -> champion.Bundle:
    return load_bundle(folder / "newer", write_bundle(folder / "newer", made.files, made.meta))


def test_a_bundle_keeps_its_events_and_proves_them_on_its_golden_bars(tmp_path: Path, made: Made) -> None:
    asked = Sampling(1.0, 14)
    bars = made.bars.iloc[-made.meta["lookback"] :]
    files = made.files | {golden.FILE: golden.evidence(made.model, made.features, bars, sampling=asked)}
    events = golden.parse(files[golden.FILE]).events
    assert events.equals(sampled(bars, asked)) and 5 < len(events) < len(bars) / 2
    digest = write_bundle(tmp_path / "x", files, made.meta | {"sampling": stored(asked)})
    assert load_bundle(tmp_path / "x", digest).sampling == asked


def test_one_float32_step_is_not_a_difference(tmp_path: Path, made: Made) -> None:
    last = json.loads(made.files[golden.FILE])["last"]
    stepped = [float(np.nextafter(np.float32(value), np.float32(np.inf))) for value in last]
    digest = spoiled(tmp_path / "x", made, evidence(made, last=stepped))
    assert load_bundle(tmp_path / "x", digest).sha256 == digest


def test_libraries_that_differ_are_named_where_predictions_are_identical(tmp_path: Path, made: Made) -> None:
    versions = made.meta["versions"] | {"numpy": "1.0.0", "nosuchlibrary": "2"}
    digest = spoiled(tmp_path / "x", made, versions=versions)
    (note,) = load_bundle(tmp_path / "x", digest).notes
    assert note.startswith("Predictions are identical; libraries differ: nosuchlibrary 2 then, none here, numpy 1.0.0")


def test_libraries_that_differ_are_named_where_predictions_are_not_identical(tmp_path: Path, made: Made) -> None:
    versions = made.meta["versions"] | {"xgboost-cpu": "1.0.0"}
    digest = spoiled(tmp_path / "x", made, other_probabilities(made), versions=versions)
    with pytest.raises(DataError, match=r"by up to 0\.25; libraries differ: xgboost-cpu 1\.0\.0 then, .* here\. Serve"):
        load_bundle(tmp_path / "x", digest)


def test_a_bundle_without_a_record_is_for_replays(traded: Path) -> None:
    found = load_bundle(bundle_of(traded), production(traded)[GOLD]["bundle_sha256"], run_id="abc")
    assert (found.record, found.run_id, found.series) == (None, "abc", GOLD)
    assert not (traded / "known_good").exists()
    with pytest.raises(DataError, match="wanted 0000"):
        load_bundle(bundle_of(traded), "0" * 64)


def test_no_trade_comes_back_as_thresholds_that_are_never_reached(tmp_path: Path, made: Made) -> None:
    policy = made.meta["policy"] | {"long_threshold": None, "short_threshold": None}
    digest = spoiled(tmp_path / "x", made, policy=policy)
    found = load_bundle(tmp_path / "x", digest).policy
    assert (found.long_threshold, found.short_threshold) == (math.inf, -math.inf)


def test_feature_groups_of_the_owners_that_are_not_here_are_refused(tmp_path: Path, made: Made) -> None:
    digest = spoiled(tmp_path / "x", made, own_groups={"carry": "ab" * 32})
    with pytest.raises(UsageError, match=r"feature groups carry \(sha256 abababababababab…\).*put those files there"):
        load_bundle(tmp_path / "x", digest)


def test_a_bundle_of_a_time_without_the_clamp_of_volatility_loads_without_it(tmp_path: Path, made: Made) -> None:
    older = {name: value for name, value in made.meta["policy"].items() if not name.endswith("_volatility")}
    assert len(older) == len(made.meta["policy"]) - 2
    found = load_bundle(tmp_path / "x", spoiled(tmp_path / "x", made, policy=older)).policy
    assert (found.max_volatility, found.min_volatility, found.clamped) == (math.inf, 0.0, False)


def test_bounds_of_volatility_come_back_as_they_were_judged(tmp_path: Path, made: Made) -> None:
    for name, bounds in (("none", (None, 0.0)), ("both", (2.5, 0.5)), ("the lower", (None, 0.5))):
        policy = made.meta["policy"] | dict(zip(("max_volatility", "min_volatility"), bounds, strict=True))
        found = load_bundle(tmp_path / name, spoiled(tmp_path / name, made, policy=policy)).policy
        assert (found.max_volatility, found.min_volatility) == (bounds[0] or math.inf, bounds[1])


def test_hours_that_were_changed_since_are_refused(tmp_path: Path, made: Made) -> None:
    digest = spoiled(tmp_path / "x", made, hours=made.meta["hours"] | {"break_minutes": 45})
    with pytest.raises(UsageError, match=r"other hours of the metal market .*break_minutes 45 → 60.*train again"):
        load_bundle(tmp_path / "x", digest)


def test_a_promotion_under_way_is_waited_for(traded: Path, monkeypatch) -> None:
    """Between record and alias a promotion leaves them apart; who holds the lock is given time to finish."""
    point_alias(traded, "1")
    real = champion._record
    seen = []

    def finished_meanwhile(root: Path, series: str) -> tuple[dict, str]:
        seen.append(series)
        if len(seen) == 2:
            change_database(traded, "UPDATE registered_model_aliases SET version = 2 WHERE alias = 'champion'")
        return real(root, series)

    monkeypatch.setattr(champion, "_record", finished_meanwhile)
    assert load_champion(GOLD, traded).record["version"] == "2" and len(seen) == 2


# The last known good.


def lose_record(home: Path) -> None:
    production_path(home).unlink()


def lose_bundle(home: Path) -> None:
    shutil.rmtree(bundle_of(home))


def lose_alias(home: Path) -> None:
    change_database(home, "DELETE FROM registered_model_aliases")


def damage_registry(home: Path) -> None:
    (home / "mlflow.db").write_bytes(b"no database" * 1000)


UNAVAILABLE = {
    lose_record: "what is in production is not known",
    lose_bundle: "is missing: restore it",
    lose_alias: "no alias champion",
    damage_registry: "cannot be read",
}


@pytest.mark.parametrize("lost", UNAVAILABLE, ids=lambda lost: lost.__name__)
def test_where_the_registry_is_unavailable_the_last_good_one_goes_on(traded: Path, lost: Any) -> None:
    first, reason = load_champion_or_last_good(GOLD, traded)
    assert reason is None
    lost(traded)
    again, reason = load_champion_or_last_good(GOLD, traded)
    assert UNAVAILABLE[lost] in reason
    assert (again.sha256, again.record, again.policy) == (first.sha256, first.record, first.policy)


@pytest.mark.parametrize("lost", UNAVAILABLE, ids=lambda lost: lost.__name__)
def test_a_cold_start_has_no_last_good_one(traded: Path, lost: Any) -> None:
    lost(traded)
    wanted = GateError if lost is lose_record else UnavailableError
    with pytest.raises(wanted):
        load_champion_or_last_good(GOLD, traded)


def test_without_a_record_the_last_good_one_must_still_be_what_the_alias_says(traded: Path) -> None:
    load_champion(GOLD, traded)
    lose_record(traded)
    point_alias(traded, "1")
    with pytest.raises(GateError, match="points at version 1, the signed record is of version 2"):
        load_champion_or_last_good(GOLD, traded)


def test_a_series_that_was_withdrawn_is_not_traded_by_its_last_good_copy(traded: Path) -> None:
    load_champion(GOLD, traded)
    write_json(production_path(traded), {})
    lose_alias(traded)
    with pytest.raises(UnavailableError, match="No champion of XAUUSD_15T"):
        load_champion_or_last_good(GOLD, traded)


def test_an_altered_copy_is_not_used_either(traded: Path) -> None:
    load_champion(GOLD, traded)
    lose_record(traded)
    (copy,) = traded.glob("known_good/*/*/bundle/logistic.json")
    copy.write_bytes(copy.read_bytes() + b" ")
    with pytest.raises(DataError, match=r"logistic\.json was altered"):
        load_champion_or_last_good(GOLD, traded)
    (record,) = traded.glob("known_good/*/*/record.json")
    record.write_text(record.read_text().replace('"serial": 2', '"serial": 3'))
    with pytest.raises(DataError, match="does not match its signature"):
        load_champion_or_last_good(GOLD, traded)


def test_a_damaged_copy_is_replaced_at_the_next_load(traded: Path) -> None:
    load_champion(GOLD, traded)
    (copy,) = traded.glob("known_good/*/*/bundle/logistic.json")
    copy.unlink()
    (copy.parents[1] / "record.json").write_text("{")
    load_champion(GOLD, traded)
    read_bundle(copy.parent, production(traded)[GOLD]["bundle_sha256"])


def test_an_old_record_that_was_put_back_is_refused(traded: Path) -> None:
    load_champion(GOLD, traded)
    shutil.copyfile(traded / "production.first.json", production_path(traded))
    point_alias(traded, "1")
    with pytest.raises(GateError, match="has serial 1, one with serial 2 was trusted before"):
        load_champion_or_last_good(GOLD, traded)


def test_a_promotion_after_the_records_were_lost_rises_above_what_was_trusted(home: Path, made: Made) -> None:
    card, folder = logged(home, made.files, made.meta)
    assert promotion.promote(home, card, folder)["serial"] == 1
    load_champion(GOLD, home)
    lose_record(home)
    assert promotion.promote(home, card, folder)["serial"] == 2
    assert load_champion(GOLD, home).record["serial"] == 2


def test_the_last_two_are_kept(traded: Path) -> None:
    for serial in (3, 4, 5):
        resign(traded, serial=serial)
        load_champion(GOLD, traded)
    names = sorted(path.name for path in (traded / "known_good" / GOLD).iterdir() if path.is_dir())
    assert names == ["00000004", "00000005"]


def test_loading_again_writes_nothing(traded: Path) -> None:
    load_champion(GOLD, traded)
    before = {path: path.stat().st_mtime_ns for path in traded.rglob("*") if path.name != ".lock"}
    load_champion(GOLD, traded)
    assert {path: path.stat().st_mtime_ns for path in traded.rglob("*") if path.name != ".lock"} == before


def test_a_copy_that_cannot_be_kept_is_said(traded: Path) -> None:
    (traded / "known_good").write_text("a file in the way")
    with pytest.raises(UnavailableError, match="could not be kept"):
        load_champion(GOLD, traded)


def test_a_kill_while_a_copy_is_made_leaves_none(traded: Path, monkeypatch) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(known_good, "write_json", dies)
        load_champion(GOLD, traded)
    assert known_good.newest(traded, GOLD) is None
    (traded / "known_good" / GOLD / ".new-left").mkdir()
    load_champion(GOLD, traded)
    assert {path.name for path in (traded / "known_good" / GOLD).iterdir()} - {".lock"} == {"00000002"}


def test_every_refusal_is_one_sentence_for_people(traded: Path) -> None:
    edit(traded, signature="00")
    with pytest.raises(AssayError) as refusal:
        load_champion(GOLD, traded)
    assert "\n" not in str(refusal.value) and str(refusal.value).endswith(".")
