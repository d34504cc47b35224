"""One command brings back the champion before, from local files, in a moment, and says who did it and why."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from market.durable import write_json
from market.errors import DataError, GateError, UnavailableError, UsageError
from registry import alias, expiry, history, promotion, tracking
from registry.champion import load_champion, load_champion_or_last_good
from registry.record import production, production_path, signed, trusted
from registry.rollback import rollback
from tests.registry.models import GOLD, Made, better, logged

WHY = "it lost for three weeks"


def resign(home: Path, **changes: object) -> None:
    """Change fields of the record as only the owner of the key can."""
    record = {name: value for name, value in production(home)[GOLD].items() if name != "signature"}
    write_json(production_path(home), {GOLD: signed(GOLD, record | changes)})


def test_the_champion_before_is_the_champion_again(traded: Path) -> None:
    before = production(traded)[GOLD]
    done = rollback(traded, GOLD, WHY)
    record = trusted(traded, GOLD)
    assert done.new and done.left == "" and record == done.record
    assert (record["version"], record["serial"], record["action"], record["why"]) == ("1", 3, "rollback", WHY)
    assert record["previous"] == history.replaced(before) and record["restores"] == 1
    assert tracking.aliases(traded, GOLD) == {"champion": "1", "previous": "2"}
    found = load_champion(GOLD, traded)
    assert found.sha256 == before["previous"]["bundle_sha256"] and found.policy.long_threshold == 0.62
    assert [one["action"] for one in history.of(traded, GOLD)] == ["promote", "promote", "rollback"]


def test_it_is_no_younger_than_it_was(traded: Path) -> None:
    expires = production(traded)[GOLD]["previous"]["expires"]
    assert rollback(traded, GOLD, WHY).record["expires"] == expires


def test_the_same_again_finishes_what_was_begun_and_another_reason_goes_to_and_fro(traded: Path) -> None:
    first = rollback(traded, GOLD, WHY)
    alias.point(traded, GOLD, champion="2", previous="1")  # as a kill before the aliases leaves them
    again = rollback(traded, GOLD, WHY)
    assert (again.new, again.record) == (False, first.record)
    assert tracking.aliases(traded, GOLD) == {"champion": "1", "previous": "2"}
    back = rollback(traded, GOLD, "it was the broker")
    assert (back.record["version"], back.record["serial"]) == ("2", 4)
    assert rollback(traded, GOLD, WHY).record["version"] == "1", "never further back than the two"


def test_a_reason_is_needed(traded: Path) -> None:
    with pytest.raises(UsageError, match="--why"):
        rollback(traded, GOLD, "  ")


def test_without_a_champion_or_one_before_there_is_nothing_to_do(traded: Path) -> None:
    with pytest.raises(UnavailableError, match=r"No champion of XAUUSD_1H .* XAUUSD_15T\. Did you mean XAUUSD_15T"):
        rollback(traded, "XAUUSD_1H", WHY)
    write_json(production_path(traded), {})
    with pytest.raises(UnavailableError, match=r"there are none\.$"):
        rollback(traded, GOLD, WHY)
    (traded / "production.first.json").rename(production_path(traded))
    with pytest.raises(UnavailableError, match="version 1 replaced nobody, so there is nothing to roll back to"):
        rollback(traded, GOLD, WHY)


def test_a_bundle_that_does_not_verify_is_not_rolled_back_to(traded: Path) -> None:
    before = production_path(traded).read_bytes()
    path = traded / production(traded)[GOLD]["previous"]["bundle"] / "lightgbm.txt"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DataError, match=r"lightgbm\.txt was altered"):
        rollback(traded, GOLD, WHY)
    assert production_path(traded).read_bytes() == before
    assert tracking.aliases(traded, GOLD) == {"champion": "2", "previous": "1"}


def test_a_record_that_was_altered_is_not_rolled_back(traded: Path) -> None:
    record = production(traded)[GOLD]
    write_json(production_path(traded), {GOLD: record | {"previous": record["previous"] | {"bundle": "/tmp"}}})
    with pytest.raises(DataError, match="does not match its signature"):
        rollback(traded, GOLD, WHY)


def test_an_expired_model_does_not_come_back(traded: Path) -> None:
    before = production(traded)[GOLD]["previous"]
    resign(traded, previous=before | {"expires": "2020-01-01T00:00:00+00:00"})
    with pytest.raises(GateError, match="version 1 expired on 2020-01-01: nobody vouches"):
        rollback(traded, GOLD, WHY)


# While the registry is down.


def test_it_works_without_a_registry_and_what_is_rolled_back_is_not_traded_meanwhile(traded: Path) -> None:
    assert load_champion(GOLD, traded).record["version"] == "2"
    path = traded / "mlflow.db"
    content = path.read_bytes()
    path.write_bytes(b"no database" * 1000)
    done = rollback(traded, GOLD, WHY)
    assert "cannot be written" in done.left and "`assay registry sweep` mends the alias" in done.left
    served, reason = load_champion_or_last_good(GOLD, traded)
    assert served.record["version"] == "1" and "cannot be read" in reason
    path.write_bytes(content)
    with pytest.raises(GateError, match="points at version 2, the signed record is of version 1"):
        load_champion(GOLD, traded)
    told = promotion.mend_alias(traded, GOLD)
    assert told == f"{GOLD}: the alias champion pointed at version 2, the signed record says version 1: moved there."
    assert load_champion(GOLD, traded).record["version"] == "1" and promotion.mend_alias(traded, GOLD) == ""
    assert promotion.mend_alias(traded, "XAUUSD_1H") == ""


def test_it_takes_less_than_two_seconds_and_no_mlflow(traded: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from registry.rollback import rollback; "
        "rollback(Path(sys.argv[1]), 'XAUUSD_15T', 'why'); sys.exit(bool({'mlflow', 'xgboost'} & set(sys.modules)))"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run([sys.executable, "-c", code, str(traded)], check=False, capture_output=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert production(traded)[GOLD]["version"] == "1"
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2.0


# What was rolled back stays so.


def test_a_model_that_was_rolled_back_is_not_promoted_again_without_a_reason(home: Path, made: Made) -> None:
    first = logged(home, made.files, made.meta)
    second = logged(home, made.files, made.meta | {"policy": made.meta["policy"] | {"long_threshold": 0.64}})
    promotion.promote(home, *first)
    promotion.promote(home, *second, better(home, GOLD))
    rollback(home, GOLD, WHY)
    with pytest.raises(GateError, match=rf"was rolled back by .* \({WHY}\): give --why"):
        promotion.promote(home, *second, better(home, GOLD))
    record = promotion.promote(home, *second, better(home, GOLD), "the cause was found")
    assert (record["serial"], record["version"]) == (4, "2")
    assert history.withdrawn(home, GOLD, record["bundle_sha256"]) is None


# How long a champion is vouched for.


@pytest.mark.parametrize("load", [load_champion, load_champion_or_last_good])
def test_an_expired_champion_is_refused(traded: Path, load: object) -> None:
    resign(traded, expires="2020-01-01T00:00:00+00:00")
    with pytest.raises(GateError, match=r"version 2 expired on 2020-01-01: .*Train again on newer bars"):
        load(GOLD, traded)  # type: ignore[operator]


def test_or_it_is_used_with_a_warning_where_settings_say_so(traded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resign(traded, expires="2020-01-01T00:00:00+00:00")
    lenient = expiry.promotion_settings.promotion().model_copy(update={"expired": "warn"})
    monkeypatch.setattr(expiry.promotion_settings, "promotion", lambda: lenient)
    (note,) = load_champion(GOLD, traded).notes
    assert note.startswith("XAUUSD_15T: version 2 expired on 2020-01-01, and is used because")


def test_a_record_of_before_has_no_date_and_does_not_expire(traded: Path) -> None:
    resign(traded, expires=None)
    assert load_champion(GOLD, traded).notes == ()


def test_months_end_with_the_month() -> None:
    assert expiry.after("2025-08-31T10:00:00+00:00", 6) == "2026-02-28T10:00:00+00:00"
