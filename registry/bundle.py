"""Model bundles: native model files, `meta.json` and a manifest of digests, verified before anything parses them.

There is no pickle. A bundle is a flat folder whose set of names is closed; it appears whole or not at all.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from market.durable import make_durable
from market.errors import DataError, UsageError

META, MANIFEST = "meta.json", "MANIFEST.json"
SCHEMA = 3
READ = (2, SCHEMA)  # a bundle of schema 2 does not say at which bars it is asked, which is at every one
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def write_bundle(folder: Path, files: Mapping[str, bytes], meta: Mapping[str, Any]) -> str:
    """Write a bundle at `folder` and return the SHA-256 of its manifest, which stands for the whole bundle.

    The same files and meta give the same digest; writing the same bundle again changes nothing. Raises UsageError for a
    name that is not a plain file name, DataError where another bundle or anything else is at `folder` already.
    """
    for name in files:
        if not _NAME.fullmatch(name) or name in {META, MANIFEST}:
            raise UsageError(f"Bundle file name {name!r} is not a plain name, or is reserved ({META}, {MANIFEST}).")
    contents = dict(files) | {META: _canonical(dict(meta))}
    manifest = _canonical({"files": {name: _sha256(content) for name, content in contents.items()}})
    digest = _sha256(manifest)
    if os.path.lexists(folder):
        read_bundle(folder, digest)
        return digest
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, content in (contents | {MANIFEST: manifest}).items():
            write_file(aside / name, content)
        make_durable(aside)
        aside.rename(folder)
        make_durable(folder.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return digest


def read_bundle(folder: Path, expected_sha256: str | None = None) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return the native files' bytes and the meta of the bundle at `folder`, all verified.

    Each file is read once and the same bytes are hashed and returned, before anything parses them. With
    `expected_sha256` (of the manifest) even the manifest is verified before it is parsed. Raises DataError naming the
    file that is missing, extra, no regular file, or altered, with both digests.
    """
    raw = read_file(folder, MANIFEST)
    _verify(folder, MANIFEST, raw, expected_sha256 or _sha256(raw))
    digests = _digests(folder, raw)
    names = _names(folder) - {MANIFEST}
    for what, which in (("missing", set(digests) - names), ("there but not in its manifest", names - set(digests))):
        if which:
            raise DataError(f"Bundle {folder}: {what}: {', '.join(sorted(which))}. Refused; train again.")
    contents = {}
    for name, digest in digests.items():
        contents[name] = read_file(folder, name)
        _verify(folder, name, contents[name], digest)
    return contents, _meta(folder, contents.pop(META))


def _names(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir()}
    except OSError as error:
        raise DataError(f"Bundle {folder} cannot be listed: {error.strerror}. Refused.") from None


def _meta(folder: Path, content: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        if isinstance(meta := json.loads(content), dict):
            return meta
    raise DataError(f"Bundle {folder}: {META} is not a JSON object. Refused; train again.")


def _digests(folder: Path, raw: bytes) -> dict[str, str]:
    with contextlib.suppress(ValueError, TypeError, KeyError):
        digests = {str(name): str(digest) for name, digest in dict(json.loads(raw)["files"]).items()}
        named = META in digests and all(_NAME.fullmatch(name) for name in digests)
        if named and _canonical({"files": digests}) == raw:
            return digests
    raise DataError(f"Bundle {folder}: {MANIFEST} is not a bundle manifest (sha256 {_sha256(raw)}). Refused.")


def _verify(folder: Path, name: str, content: bytes, wanted: str) -> None:
    found = _sha256(content)
    if found != wanted:
        raise DataError(f"Bundle {folder}: {name} was altered: sha256 {found}, wanted {wanted}. Refused.")


def read_file(folder: Path, name: str, what: str = "Bundle", remedy: str = "train again") -> bytes:
    """Return the bytes of a regular file of `folder`, not followed where it is a link; raises DataError for any other.

    `what` says what the folder is, `remedy` what to do where a file is missing.
    """
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        why = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read, or is a symbolic link"
        raise DataError(f"{what} {folder}: {name} {why}. Refused; {remedy}.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DataError(f"{what} {folder}: {name} is not a regular file. Refused.")
    try:
        with os.fdopen(descriptor, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise DataError(f"{what} {folder}: {name} cannot be read: {error.strerror}. Refused.") from None


def write_file(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, and wait until it is on the disk."""
    with path.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _canonical(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
