"""The champions among the series of a fleet: how old each is, until when it is vouched for, and what it may trade."""

from collections.abc import Container
from contextlib import suppress
from pathlib import Path
from typing import Any

from market.errors import AssayError, DataError, UsageError
from registry import record as records
from registry import runs
from registry.expiry import expired


def of(home: Path, names: Container[str]) -> list[dict[str, Any]]:
    """Return the champions of the series `names`: dates as ISO 8601, None where a record of before does not have them.

    `trained_until` is the last instant that the model learnt from; `stage` is what the promotion allows, paper or live;
    `problem` says why a runner would refuse the record, "" where it would not.
    """
    return [_told(home, name, one) for name, one in records.production(home).items() if name in names]


def _told(home: Path, series: str, record: dict[str, Any]) -> dict[str, Any]:
    return {
        "series": series,
        "version": record.get("version"),
        "run_id": record.get("run_id"),
        "trained_until": _trained_until(home, record),
        "promoted": record.get("when"),
        "by": record.get("who"),
        "expires": record.get("expires"),
        "expired": expired(record),
        "stage": record.get("error_rate", {}).get("allows"),
        "problem": _problem(home, series, record),
    }


def _trained_until(home: Path, record: dict[str, Any]) -> str | None:
    with suppress(UsageError, DataError):
        window = runs.find_run(home, str(record.get("run_id"))).window
        return str(window.get("development_end", window["oos_start"]))
    return None


def _problem(home: Path, series: str, record: dict[str, Any]) -> str:
    try:
        records.verify(home, series, record, str(records.production_path(home)))
    except AssayError as error:
        return str(error)
    return ""
