"""Promotion: what passed every gate becomes the champion, in an order that a crash at any point leaves harmless.

First the registered version with its digest, then the signed record in `production.json`, then the alias. The record is
what a runner trusts; the alias alone makes no model tradable. Doing it again finishes what a crash left undone.
"""

import datetime as dt
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from market.durable import write_json
from market.errors import DataError, GateError, UnavailableError
from registry import known_good, signing, tracking
from registry import record as records
from registry.bundle import read_bundle
from registry.card import Card
from registry.gates import status
from registry.record import production, production_path

PATIENCE = 300.0
_KEPT = ("version", "run_id", "bundle_sha256", "when")


def promote(home: Path, card: Card, bundle_folder: Path) -> dict[str, Any]:
    """Make the judged model of `card` the champion of its series and return its record in `production.json`.

    Raises GateError for anything but READY, DataError where the bundle's bytes are not those of the card or the run is
    another series', UsageError or UnavailableError where the key cannot be used. Idempotent: the same card promoted
    again adopts its version and keeps its record, unless that is not signed by today's key.
    """
    _refuse_unless_ready(card)
    records.check_world(home, card.series, card.simulated, f"The card of {card.series}")
    read_bundle(bundle_folder, card.bundle_sha256)
    signing.private_key()
    home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(home / "production.lock", timeout=PATIENCE):
            version = tracking.register(home, card.series, card.run_id, card.bundle_sha256)
            record = _recorded(home, card, version, bundle_folder)
            tracking.set_champion(home, card.series, version)
    except Timeout:
        raise UnavailableError(f"{production_path(home)} is locked by another command: wait for it.") from None
    return record


def _refuse_unless_ready(card: Card) -> None:
    failed = [gate.name for gate in card.gates if not gate.passed]
    if card.status != "READY" or status(card.gates, card.profile) != "READY":
        what = f"failed {', '.join(failed)}" if failed else "was not judged by every gate"
        raise GateError(f"{card.series} run {card.run_id} {what}: only READY is promoted. Its card says what it lacks.")
    if not card.run_id:
        raise GateError(f"{card.series}: the card names no run, so there is no evidence to promote. Log the run first.")


def _recorded(home: Path, card: Card, version: str, bundle_folder: Path) -> dict[str, Any]:
    before = production(home)
    incumbent = before.get(card.series)
    identity = {"version": version, "run_id": card.run_id, "bundle_sha256": card.bundle_sha256}
    if incumbent is not None and identity.items() <= incumbent.items() and _is_trusted(home, card.series, incumbent):
        return incumbent
    record = identity | {
        "serial": 1 + max(_serials(before) + known_good.serials(home), default=0),
        "bars_sha256": card.bars_sha256,
        "bundle": _within(home, bundle_folder),
        "recipe": card.recipe,
        "simulated": card.simulated,
        "cut_off": str(card.window.get("cut_off", "")),
        "when": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "metrics": dict(card.oos),
        "profile": card.profile,
        "gates": [gate.model_dump(mode="json") for gate in card.gates],
        "previous": None if incumbent is None else {name: incumbent.get(name) for name in _KEPT},
    }
    record = records.signed(card.series, record)
    write_json(production_path(home), before | {card.series: record})
    return record


def _is_trusted(home: Path, series: str, record: dict[str, Any]) -> bool:
    try:
        records.verify(home, series, record, str(production_path(home)))
        known_good.refuse_older(home, series, record)
    except (GateError, DataError):
        return False
    return True


def _serials(before: dict[str, dict[str, Any]]) -> list[int]:
    return [record["serial"] for record in before.values() if type(record.get("serial")) is int]


def _within(home: Path, folder: Path) -> str:
    absolute, root = folder.resolve(), home.resolve()
    return str(absolute.relative_to(root)) if absolute.is_relative_to(root) else str(absolute)
