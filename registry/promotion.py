"""Promotion: what passed every gate becomes the champion, in an order that a crash at any point leaves harmless.

First the registered version with its digest, then the signed record in `production.json`, then the aliases. The record
is what a runner trusts; the alias alone makes no model tradable. Doing it again finishes what a crash left undone.
"""

import hashlib
from pathlib import Path
from typing import Any

from market import promotion_settings
from market.errors import GateError, UnavailableError
from registry import alias, expiry, history, permission, signing, tracking
from registry import card as cards
from registry import record as records
from registry.bundle import read_bundle
from registry.card import Card
from registry.gates import status
from registry.incumbent import Comparison
from registry.plain_values import plain
from registry.record import production, production_path, trusted

__all__ = ["mend_alias", "production", "production_path", "promote", "require_ready", "to_beat"]


def promote(
    home: Path,
    card: Card,
    bundle_folder: Path,
    comparison: Comparison | None = None,
    why: str = "",
    unproven: bool = False,
) -> dict[str, Any]:
    """Make the judged model of `card` the champion of its series and return its record in `production.json`.

    Over an incumbent (`to_beat`) only with a `comparison` against it that says better, or one that cannot tell and a
    reason, `why`; a reason is also what brings back a model that was rolled back. `unproven` waives the measured error
    rate of the gate (`registry.permission`). Raises GateError for anything but READY or where the incumbent stays,
    DataError where the bundle's bytes are not those of the card, the card is not the one that was logged with its run,
    or the run is another series', UsageError or
    UnavailableError where the key cannot be used, UnavailableError where another promotion came first. Idempotent: the
    same card promoted again adopts its version and keeps its record, unless that is not signed by today's key, or has
    expired and there is a reason to renew it.
    """
    require_ready(card)
    records.check_world(home, card.series, card.simulated, f"The card of {card.series}")
    read_bundle(bundle_folder, card.bundle_sha256)
    signing.private_key()
    with history.held(home):
        incumbent = production(home).get(card.series)
        believed = incumbent if incumbent and history.is_trusted(home, card.series, incumbent) else None
        stands = _stands(card, believed, why)
        allowed = believed["error_rate"] if believed and stands else permission.of(card, unproven)
        _refuse_replacement(home, card, comparison, why)
        tracking.require_logged(home, card)
        version = tracking.register(home, card.series, card.run_id, card.bundle_sha256)
        if believed and stands and believed["version"] == version:
            record = believed
        else:
            told = plain({"why": why or _reason(card, comparison), "comparison": comparison, "error_rate": allowed})
            fields = _fields(home, card, version, bundle_folder) | told | {"previous": _previous(card, believed)}
            record = history.enter(home, card.series, fields)
        tracking.set_champion(home, card.series, version, _version(record["previous"]))
    return record


def require_ready(card: Card) -> None:
    """Raise GateError for a card that is not READY by every gate of its profile, or names no run."""
    failed = [gate.name for gate in card.gates if not gate.passed]
    if card.status != "READY" or status(card.gates, card.profile) != "READY":
        what = f"failed {', '.join(failed)}" if failed else "was not judged by every gate"
        raise GateError(f"{card.series} run {card.run_id} {what}: only READY is promoted. Its card says what it lacks.")
    if not card.run_id:
        raise GateError(f"{card.series}: the card names no run, so there is no evidence to promote. Log the run first.")


def to_beat(home: Path, card: Card) -> dict[str, Any] | None:
    """Return the record of the incumbent that the model of `card` has to beat, or None.

    There is none where nothing is in production, where it is the same bundle, which is judged anew, and where the
    incumbent has expired, by a record that can be trusted, and settings refuse such a one.
    """
    incumbent = production(home).get(card.series)
    if incumbent is None or incumbent.get("bundle_sha256") == card.bundle_sha256:
        return None
    gone = history.is_trusted(home, card.series, incumbent) and expiry.refused(incumbent)
    return None if gone else incumbent


def mend_alias(home: Path, series: str) -> str:
    """Let the registry's aliases of `series` point where the signed record says; return what was mended, or "".

    For after a rollback that the registry could not be told of, and a promotion that was killed before its end. Raises
    as `record.trusted` for a record that cannot be trusted, UnavailableError where the registry refuses.
    """
    with history.held(home):
        record = trusted(home, series)
        if record is None:
            return ""
        before, wanted = alias.champion(home, series), str(record["version"])
        tracking.set_champion(home, series, wanted, _version(record["previous"]))
    if before is not None and before.version == wanted:
        return ""
    pointed = "at nothing" if before is None else f"at version {before.version}"
    return f"{series}: the alias champion pointed {pointed}, the signed record says version {wanted}: moved there."


def _refuse_replacement(home: Path, card: Card, comparison: Comparison | None, why: str) -> None:
    """Raise unless the model of `card` may take the place of whatever is in production."""
    named = f"{card.series}: run {card.run_id}"
    if not why and (back := history.withdrawn(home, card.series, card.bundle_sha256)):
        raise GateError(
            f"{named} was rolled back by {back['who']} on {back['when'][:10]} ({back['why']}): give --why to promote "
            "it again."
        )
    incumbent = to_beat(home, card)
    if incumbent is None:
        return
    rival = f"version {incumbent.get('version')} (run {incumbent.get('run_id')})"
    if comparison is None or comparison.serial != incumbent.get("serial", 0):
        raise UnavailableError(
            f"{named} was not compared with {rival}, which is the champion now: run the same command again."
        )
    if comparison.verdict == "better" or (why and comparison.verdict != "worse"):
        return
    if comparison.verdict == "worse":
        where = "" if comparison.on is None else comparison.on.told
        raise GateError(f"{named} is not better than {rival}{where}: {comparison.told}. The champion stays.")
    raise GateError(
        f"{named} cannot be compared with {rival}: {comparison.told}. The champion stays, unless a person says --why."
    )


def _stands(card: Card, incumbent: dict[str, Any] | None, why: str) -> bool:
    """Return whether the record of before is of this very run and says all that a record says.

    One that names no evidence was written by an older version, and one that has expired is renewed with a reason.
    """
    if incumbent is None or "evidence" not in incumbent or (expiry.expired(incumbent) and why):
        return False
    return (incumbent["run_id"], incumbent["bundle_sha256"]) == (card.run_id, card.bundle_sha256)


def _fields(home: Path, card: Card, version: str, bundle_folder: Path) -> dict[str, Any]:
    asked = history.by_whom()
    return asked | {
        "action": "promote",
        "version": version,
        "run_id": card.run_id,
        "bundle_sha256": card.bundle_sha256,
        "bars_sha256": card.bars_sha256,
        "evidence": _evidence(card),
        "bundle": _within(home, bundle_folder),
        "recipe": card.recipe,
        "simulated": card.simulated,
        "cut_off": str(card.window.get("cut_off", "")),
        "metrics": dict(card.oos),
        "profile": card.profile,
        "gates": [gate.model_dump(mode="json") for gate in card.gates],
        "expires": expiry.after(asked["when"], promotion_settings.promotion().months),
    }


def _evidence(card: Card) -> dict[str, str]:
    """Return the SHA-256 of everything that the promotion rests on; that of the card is of its JSON file."""
    digests = {name: getattr(card, f"{name}_sha256") for name in ("bundle", "bars", "features", "labels")}
    return {"card": hashlib.sha256(cards.to_json(card).encode()).hexdigest()} | digests


def _reason(card: Card, comparison: Comparison | None) -> str:
    passed = f"READY: passed every benchmark of profile {card.profile}"
    return passed if comparison is None else f"{passed}; {comparison.verdict} than the champion"


def _previous(card: Card, incumbent: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return whom a rollback would bring back: the incumbent or, where that is the same bundle, whom it replaced."""
    if incumbent is None:
        return None
    same = incumbent["bundle_sha256"] == card.bundle_sha256
    return incumbent["previous"] if same else history.replaced(incumbent)


def _version(previous: dict[str, Any] | None) -> str | None:
    return None if previous is None else str(previous["version"])


def _within(home: Path, folder: Path) -> str:
    absolute, root = folder.resolve(), home.resolve()
    return str(absolute.relative_to(root)) if absolute.is_relative_to(root) else str(absolute)
