"""Rollback: the champion before this one is the champion again, from local files, whether or not the registry answers.

MLflow is not imported: the record is signed and written first, which is what a runner trusts, then the aliases are set
in the registry's database. Where that cannot be done now, `promotion.mend_alias` does it later.
"""

from pathlib import Path
from typing import Any, NamedTuple

from market.errors import AssayError, UnavailableError, UsageError, nearest
from registry import alias, expiry, history, known_good
from registry import record as records
from registry.bundle import READ, read_bundle


class Rolled(NamedTuple):
    """The record that is in production now, whether it was written just now, and what is left to do, or ""."""

    record: dict[str, Any]
    new: bool
    left: str


def rollback(home: Path, series: str, why: str) -> Rolled:
    """Bring back whom the champion of `series` replaced, and keep both: rolled back again, the other one returns.

    The same person with the same `why` again finishes what was begun, and rolls back no further. Raises UsageError
    without a reason; UnavailableError where nothing is in production or was before; GateError where the model before
    has expired and settings refuse such a one; DataError where a byte of it differs; as `record.verify` for the record.
    """
    if not why.strip():
        raise UsageError('A rollback is told to whoever comes after: give --why "…".')
    with history.held(home):
        current = _current(home, series)
        asked = history.by_whom()
        done = current.get("action") == "rollback" and (current["who"], current["why"]) == (asked["who"], why)
        record = current if done else _rolled_back(home, series, current, asked | {"why": why})
        left = _aliases(home, series, record)
    return Rolled(record, not done, left)


def _current(home: Path, series: str) -> dict[str, Any]:
    record = records.trusted(home, series)
    if record is None:
        known = sorted(records.production(home))
        there = ", ".join(known) or "none"
        raise UnavailableError(f"No champion of {series} in {home}: there are {there}.{nearest(series, known)}")
    return record


def _rolled_back(home: Path, series: str, current: dict[str, Any], asked: dict[str, str]) -> dict[str, Any]:
    before = current["previous"]
    if before is None:
        raise UnavailableError(
            f"{series}: version {current['version']} replaced nobody, so there is nothing to roll back to. To stop "
            "trading: python -m live.runner --halt."
        )
    if "bundle" not in before:
        raise UnavailableError(
            f"{series}: version {before['version']} was replaced by an older version of Assay, which did not keep its "
            f"record: promote it again with `assay promote {series} --run {before['run_id']}`."
        )
    expiry.check(series, before)
    files, meta = read_bundle(home / before["bundle"], before["bundle_sha256"])
    if meta.get("schema") not in READ:
        raise UnavailableError(f"{series}: this version does not read bundles of schema {meta.get('schema')!r}.")
    fields = before | asked | {"action": "rollback", "restores": before["serial"]}
    record = history.enter(home, series, fields | {"previous": history.replaced(current)})
    known_good.keep(home, series, record, files, meta)
    return record


def _aliases(home: Path, series: str, record: dict[str, Any]) -> str:
    """Set the registry's aliases; return "" or why they have to be mended later."""
    try:
        alias.point(home, series, champion=record["version"], previous=record["previous"]["version"])
        alias.check(home, series, record)
    except AssayError as error:
        return f"{error} `assay registry sweep` mends the alias once the registry answers."
    return ""
