"""A model that is carried: a folder with its bundle, the signed record of its promotion, its card and how to check it.

`SHA256SUMS` names every file, as `sha256sum -c` reads it; `SHA256SUMS.sig` is the Ed25519 signature of its bytes, as
`openssl pkeyutl` reads it: who has the public key needs nothing of ours to check a folder. The text that a promotion
signs begins with a brace, this one with a digit or letter of a digest, so neither signature can pass for the other.
"""

import contextlib
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from market.durable import as_json, make_durable
from market.errors import DataError, GateError, UsageError
from registry import card as cards
from registry import export_readme, signing
from registry.bundle import MANIFEST, read_bundle, read_file, write_bundle, write_file
from registry.card import Card
from registry.report import NAME as REPORT

SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"
FACTS, RECORD, CARD, PAGE, README, BUNDLE = (
    *("export.json", "record.json", "card.json", "card.md", "README.txt", "bundle"),
)
SCHEMA = 1
_LINE = re.compile(r"([0-9a-f]{64})  ((?:bundle/)?[A-Za-z0-9][A-Za-z0-9_.-]*)")
_NAMED = ("Exported model", "export it again")


class Exported(NamedTuple):
    """An exported model whose every byte is what was signed; `record` is None where it was exported for no trading.

    `card` is the content of `card.json`, which only a replay has to understand.
    """

    folder: Path
    series: str
    run_id: str
    bundle_sha256: str
    card: bytes
    record: dict[str, Any] | None

    @property
    def bundle(self) -> Path:
        """Return the folder of its bundle."""
        return self.folder / BUNDLE


def write(
    folder: Path, bundle: Path, card: Card, record: Mapping[str, Any] | None, report: bytes | None = None
) -> dict[str, Any]:
    """Write the model of `card`, whose bundle is at `bundle`, to a new `folder` and return what `export.json` says.

    With the signed `record` of its promotion it may be traded elsewhere, without one only be replayed. The same model
    gives the same bytes. The folder appears whole or not at all. Raises UsageError where something is at `folder` or
    this machine has no private key, DataError where the bundle is not that of the card or of the record.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise UsageError(f"{folder} is there already and not an empty folder: name a new one.")
    if record is not None and record["bundle_sha256"] != card.bundle_sha256:
        raise DataError(f"The record of {card.series} is of bundle {record['bundle_sha256']}, its card of another.")
    held = read_bundle(bundle, card.bundle_sha256)
    key = signing.private_key()
    facts = _facts(card, record, signing.fingerprint(key.public_key()))
    texts = _texts(card, record, facts, report)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}. Name a folder that can.") from None
    try:
        write_bundle(aside / BUNDLE, *held)
        names = sorted(f"{BUNDLE}/{path.name}" for path in (aside / BUNDLE).iterdir())
        sums = _sums(texts | {name: (aside / name).read_bytes() for name in names})
        for name, content in (texts | {SUMS: sums, SIGNATURE: key.sign(sums)}).items():
            write_file(aside / name, content)
        for made in (aside / BUNDLE, aside):
            made.chmod(0o755)
            make_durable(made)
        aside.rename(folder)
        make_durable(folder.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return facts


def read(folder: Path) -> Exported:
    """Return the exported model in `folder`, each file verified before anything parses it.

    Raises UsageError where there is no such folder, GateError where another key signed it, DataError where a byte was
    changed, a file is missing, there too much or no regular file, or a later version wrote it; UnavailableError where
    there is no public key to verify with.
    """
    if not folder.is_dir():
        raise UsageError(f"No folder {folder}: give one that `assay export` wrote.")
    sums = read_file(folder, SUMS, *_NAMED)
    _check_signature(folder, sums)
    digests = _digests(folder, sums)
    _check_names(folder, set(digests))
    contents = {name: _verified(folder, name, digest) for name, digest in digests.items()}
    facts = json.loads(contents[FACTS])
    if facts.get("schema") != SCHEMA:
        raise DataError(f"{folder} has schema {facts.get('schema')!r}, this version reads {SCHEMA}: export it again.")
    record = json.loads(contents[RECORD]) if RECORD in contents else None
    return Exported(folder, facts["series"], facts["run_id"], facts["bundle_sha256"], contents[CARD], record)


def _facts(card: Card, record: Mapping[str, Any] | None, key: str) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "series": card.series,
        "run_id": card.run_id,
        "status": card.status,
        "simulated": card.simulated,
        "for_trading": record is not None,
        "bundle_sha256": card.bundle_sha256,
        "key": key,
    }


def _texts(
    card: Card, record: Mapping[str, Any] | None, facts: Mapping[str, Any], report: bytes | None
) -> dict[str, bytes]:
    texts = {
        FACTS: as_json(facts),
        CARD: cards.to_json(card),
        PAGE: cards.to_markdown(card),
        README: export_readme.text(facts, report is not None),
    }
    if record is not None:
        texts[RECORD] = as_json(dict(record))
    more = {} if report is None else {REPORT: report}
    return {name: text.encode() for name, text in texts.items()} | more


def _sums(contents: Mapping[str, bytes]) -> bytes:
    return "".join(f"{_sha256(content)}  {name}\n" for name, content in sorted(contents.items())).encode()


def _check_signature(folder: Path, sums: bytes) -> None:
    """Raise GateError where the folder says that another key signed it, DataError where the trusted one did not."""
    signature, key = read_file(folder, SIGNATURE, *_NAMED), signing.public_key()
    claimed, trusted = _claimed_key(read_file(folder, FACTS, *_NAMED)), signing.fingerprint(key)
    if claimed not in {"", trusted}:
        raise GateError(
            f"{folder} is signed by key {claimed}, trusted is {trusted} ({signing.public_path()}): trade what your own "
            "machine exported, or copy production.pub from the one that did, if you trust it."
        )
    if not signing.holds(key, signature.hex(), sums):
        raise DataError(f"{folder}: {SUMS} does not match its signature by key {trusted}. Refused; export it again.")


def _claimed_key(content: bytes) -> str:
    """Return the fingerprint that a folder, not verified yet, says that it was signed with; "" where it says none."""
    with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
        return str(json.loads(content)["key"])[:40]
    return ""


def _digests(folder: Path, sums: bytes) -> dict[str, str]:
    lines = [_LINE.fullmatch(line) for line in sums.decode(errors="replace").splitlines()]
    digests = {line[2]: line[1] for line in lines if line}
    if len(digests) != len(lines) or not {FACTS, CARD, f"{BUNDLE}/{MANIFEST}"} <= digests.keys():
        raise DataError(f"{folder}: {SUMS} is not the list of an exported model. Refused; export it again.")
    return digests


def _check_names(folder: Path, wanted: set[str]) -> None:
    """Raise DataError unless exactly the files of `SHA256SUMS` are there, in the folder and in its folder `bundle`."""
    if (folder / BUNDLE).is_symlink() or not (folder / BUNDLE).is_dir():
        raise DataError(f"{folder}: {BUNDLE} is not a folder. Refused; export it again.")
    found = {path.name for path in folder.iterdir()} - {BUNDLE, SUMS, SIGNATURE}
    found |= {f"{BUNDLE}/{path.name}" for path in (folder / BUNDLE).iterdir()}
    for what, which in (("missing", wanted - found), (f"there but not in {SUMS}", found - wanted)):
        if which:
            raise DataError(f"{folder}: {what}: {', '.join(sorted(which))}. Refused; export it again.")


def _verified(folder: Path, name: str, digest: str) -> bytes:
    content = read_file(folder, name, *_NAMED)
    if (found := _sha256(content)) != digest:
        raise DataError(f"{folder}: {name} was altered: sha256 {found}, wanted {digest}. Refused; export it again.")
    return content


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
