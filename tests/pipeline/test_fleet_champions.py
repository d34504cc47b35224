"""The champions of a fleet are told by their records: ages, expiry and stage, and why one would be refused."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

from pipeline import fleet_champions
from registry import record as records
from registry import runs
from registry.record import production_path
from tests.registry.cards import make_card

RUN = "a" * 32
TRAINED = "2025-04-22T00:00:00+00:00"


def promoted(home: Path, series: str, months: int = 6, **changes: Any) -> None:
    """Put a signed record of `series` into production that expires in so many months (before now: below 0)."""
    now = dt.datetime.now(dt.UTC)
    record = {
        "version": "3",
        "run_id": RUN,
        "when": "2025-10-22T10:00:00+00:00",
        "who": "somebody",
        "cut_off": "2025-10-22T00:00:00+00:00",
        "expires": (now + dt.timedelta(days=30 * months)).isoformat(),
        "error_rate": {"allows": "live"},
        "simulated": False,
    }
    known = records.production(home)
    known[series] = records.signed(series, record) | changes
    production_path(home).write_text(json.dumps(known))


def test_a_champion_is_told_with_its_dates_and_stage(tmp_path):
    window = {"history_start": "2019-01-02", "oos_start": TRAINED, "cut_off": "2025-10-22"}
    runs.keep_card(tmp_path, make_card(series="XAUUSD_15T", run_id=RUN, window=window))
    promoted(tmp_path, "XAUUSD_15T")
    promoted(tmp_path, "EURUSD_1H")
    (told,) = fleet_champions.of(tmp_path, {"XAUUSD_15T", "XAUUSD_1H"})
    assert (told["series"], told["version"], told["stage"]) == ("XAUUSD_15T", "3", "live")
    assert (told["trained_until"], told["promoted"]) == (TRAINED, "2025-10-22T10:00:00+00:00")
    assert (told["expired"], told["problem"]) == (False, "")


def test_what_has_expired_is_told_and_what_was_altered_is_not_believed(tmp_path):
    promoted(tmp_path, "XAUUSD_15T", -1)
    promoted(tmp_path, "EURUSD_1H", expires="2099-01-01T00:00:00+00:00")
    gone, altered = fleet_champions.of(tmp_path, {"XAUUSD_15T", "EURUSD_1H"})
    assert (gone["expired"], gone["problem"], gone["trained_until"]) == (True, "", None)
    assert "does not match its signature" in altered["problem"]


def test_a_record_of_before_has_no_expiry_and_no_stage(tmp_path):
    production_path(tmp_path).write_text(json.dumps({"XAUUSD_15T": {"version": "1", "run_id": RUN}}))
    (told,) = fleet_champions.of(tmp_path, {"XAUUSD_15T"})
    assert (told["expires"], told["stage"], told["promoted"], told["expired"]) == (None, None, None, False)
    assert "is not signed" in told["problem"]
    assert fleet_champions.of(tmp_path / "new", {"XAUUSD_15T"}) == []
