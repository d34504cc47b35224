"""What is in production: a signed record a series in `production.json`, which is what a runner trusts.

The signature is over the canonical JSON of the record with the name of its series in it, so that neither a field nor
the name over a record can be changed. `serial` rises with each promotion of a home.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from market import settings
from market.errors import DataError, GateError, UnavailableError
from market.instruments import SIMULATED
from registry import signing

DEMO = "demo"


def home_of(series: str) -> Path:
    """Return the configured home in whose production `series` is: simulated ones have one of their own."""
    return settings.home() / DEMO if series.startswith(SIMULATED) else settings.home()


def production_path(home: Path) -> Path:
    """Return where the record of promotions stands."""
    return home / "production.json"


def production(home: Path) -> dict[str, dict[str, Any]]:
    """Return what is in production, a record a series, as it stands there; raises DataError for a damaged file.

    Nothing is verified: this is for showing. What is traded comes from `trusted`.
    """
    path = production_path(home)
    try:
        records = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        records = None
    if not isinstance(records, dict) or not all(isinstance(record, dict) for record in records.values()):
        raise DataError(f"{path} is not a record of promotions: restore it; nothing may trade on a damaged one.")
    return records


def trusted(home: Path, series: str) -> dict[str, Any] | None:
    """Return the verified record of `series`, or None where nothing of it is in production; raises as `verify` does."""
    record = production(home).get(series)
    if record is not None:
        verify(home, series, record, str(production_path(home)))
    return record


def signed(series: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return `record` with the fingerprint of the key and a signature over all of it and over the series' name."""
    key = signing.private_key()
    named = dict(record) | {"key": signing.fingerprint(key.public_key())}
    return named | {"signature": key.sign(_content(series, named)).hex()}


def verify(home: Path, series: str, record: Mapping[str, Any], where: str) -> None:
    """Raise unless `record`, found at `where`, is what was signed for `series` and may be used in `home`.

    GateError for no signature, for one by another key and for a simulated model outside of a demo home; DataError for
    a record that was altered; UnavailableError where there is no public key to verify with.
    """
    named = f"{where}: the record of {series}"
    signature, by = record.get("signature"), record.get("key")
    if not isinstance(signature, str) or not isinstance(by, str):
        raise GateError(f"{named} is not signed, so it makes nothing tradable: promote the model again.")
    key = signing.public_key()
    if by != signing.fingerprint(key):
        raise GateError(
            f"{named} is signed by key {by[:40]}, trusted is {signing.fingerprint(key)} ({signing.public_path()}): "
            "promote it again, or copy the public key of the machine that promoted it."
        )
    try:
        content = _content(series, record)
    except (ValueError, RecursionError):
        content = b""
    if not signing.holds(key, signature, content):
        raise DataError(
            f"{named} does not match its signature: a field was changed, or it is another series' record. "
            "Refused; restore the file or promote the model again."
        )
    check_world(home, series, bool(record.get("simulated")), named)


def check_world(home: Path, series: str, simulated: bool, named: str) -> None:
    """Raise GateError where a simulated model is not named as one, or is used outside of a demo home."""
    if simulated != series.startswith(SIMULATED):
        raise GateError(
            f"{named} says simulated={simulated}, but simulated series are those named {SIMULATED}…: refused."
        )
    if simulated and home.resolve().name != DEMO:
        raise GateError(f"{named} is of a simulated market, and {home} is no demo home ({home / DEMO}): refused.")


def _content(series: str, record: Mapping[str, Any]) -> bytes:
    named = {name: value for name, value in record.items() if name != "signature"} | {"series": series}
    return json.dumps(named, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
