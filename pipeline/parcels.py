"""Files of a series as the store has them: a small object names each file with its SHA-256, and the bytes lie beside.

Bytes lie under their own SHA-256 and are never changed; the parcel that names them is written last, as one object. So
two writers, a killed one and a reader among them see one parcel or another, never a mixture. What is brought is read
aside, compared with its digest, and with its manifest where it is a table, before anything of the home is touched.
"""

import json
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from market import durable, tables
from market.errors import DataError
from pipeline.table_store import Store
from pipeline.workspace import Workspace

_MANIFEST, _RECEIPT = ".manifest.json", ".receipt.json"
_Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Local(NamedTuple):
    """A file of the home, and the SHA-256 that it is known to have."""

    path: Path
    sha256: str


class File(BaseModel):
    """A file by its path in the home, its SHA-256 and its size in bytes."""

    model_config = _STRICT

    path: str
    sha256: _Digest
    bytes: Annotated[int, Field(ge=0)]


class Parcel(BaseModel):
    """Files in the order in which they appear; `digest` is what two parcels of one part are told apart by."""

    model_config = _STRICT

    format: Literal[1] = 1
    digest: _Digest
    files: tuple[File, ...]

    @property
    def bytes(self) -> int:
        """Return the size of all files; equal ones count once."""
        return sum({one.sha256: one.bytes for one in self.files}.values())


def described(path: Path) -> Local:
    """Return a file with the SHA-256 of what is in it now."""
    return Local(path, tables.sha256_of_file(path))


def folder(series: str) -> str:
    """Return where the bytes of a series lie in a store."""
    return f"content/{series}"


def read(store: Store, name: str) -> Parcel | None:
    """Return the parcel of that name, None where there is none; raises DataError where it cannot be read."""
    content = store.read(name)
    if content is None:
        return None
    try:
        return Parcel.model_validate_json(content)
    except ValidationError:
        raise DataError(f"{store.url}/{name} is damaged, or of another version: delete it and send it again.") from None


def send(
    store: Store,
    target: Workspace,
    name: str,
    files: Iterable[Local],
    digest: str,
    there: Collection[str],
    to: str = "",
) -> int:
    """Write a parcel of files, those bytes first that are not `there` yet; return how many bytes were sent.

    Bytes go to the folder `to`, by default `folder`. Raises DataError where a file is gone or has other bytes than it
    is known to have.
    """
    to, sent, named = to or folder(target.series.name), 0, []
    known = {*there}
    for one in files:
        if not one.path.is_file():
            raise DataError(f"{one.path} is gone: make it again.")
        size = one.path.stat().st_size
        if one.sha256 not in known:
            store.send(one.path, f"{to}/{one.sha256}", one.sha256)
            known.add(one.sha256)
            sent += size
        path = one.path.relative_to(target.home).as_posix()
        named.append(File(path=path, sha256=one.sha256, bytes=size))
    parcel = Parcel(digest=digest, files=tuple(named))
    store.write(name, durable.as_json(parcel.model_dump()).encode())
    return sent


def bring(store: Store, target: Workspace, parcel: Parcel, of: str = "") -> int:
    """Write the files of a parcel to the home unless they are there; return how many bytes were brought.

    Call it while holding the series' lock. Raises DataError, and changes nothing, where a digest or a manifest does not
    fit or a file is not of this series. A kill leaves tables without manifests and no receipt: what is brought again.
    """
    incoming = target.home / "shared" / f"{target.series.name}.incoming"
    shutil.rmtree(incoming, ignore_errors=True)
    incoming.mkdir(parents=True)
    try:
        wanted = [one for one in parcel.files if not _is_there(_place(store, target, one), one)]
        for digest in {one.sha256: None for one in wanted}:
            store.bring(f"{of or folder(target.series.name)}/{digest}", incoming / digest, digest)
        _require_manifests(store, target, parcel, incoming)
        _placed(target, wanted, incoming)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    return sum({one.sha256: one.bytes for one in wanted}.values())


def _placed(target: Workspace, wanted: list[File], incoming: Path) -> None:
    """Move what was read aside into its places: what makes a file count is removed first and appears last."""
    last_first = sorted(wanted, key=_rank, reverse=True)
    for one in last_first:
        if _rank(one):
            (target.home / one.path).unlink(missing_ok=True)
    left = {digest: sum(one.sha256 == digest for one in wanted) for digest in {one.sha256 for one in wanted}}
    for one in sorted(wanted, key=_rank):
        path, aside = target.home / one.path, incoming / one.sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        left[one.sha256] -= 1
        if left[one.sha256]:
            copy = aside.with_name(f"{aside.name}.{left[one.sha256]}")
            shutil.copyfile(aside, copy)
            durable.make_durable(copy)
            aside = copy
        aside.replace(path)
    for parent in {(target.home / one.path).parent for one in wanted}:
        durable.make_durable(parent)


def _rank(one: File) -> int:
    return 2 if one.path.endswith(_RECEIPT) else int(one.path.endswith(_MANIFEST))


def _is_there(path: Path, one: File) -> bool:
    return path.is_file() and path.stat().st_size == one.bytes and tables.sha256_of_file(path) == one.sha256


def _require_manifests(store: Store, target: Workspace, parcel: Parcel, incoming: Path) -> None:
    """Raise DataError where a table is not the one that its manifest is of."""
    digests = {one.path: one.sha256 for one in parcel.files}
    for one in parcel.files:
        table = one.path.removesuffix(_MANIFEST) + ".parquet"
        if not one.path.endswith(_MANIFEST) or table not in digests:
            continue
        aside = incoming / one.sha256
        content = (aside if aside.exists() else target.home / one.path).read_bytes()
        if _sha256_in(content) != digests[table]:
            raise DataError(
                f"{store.url} has {table} with other bytes than its manifest says: nothing was brought. Send it again "
                f"from where it was made: `assay tables send --only {target.series.name}`."
            )


def _sha256_in(manifest: bytes) -> str | None:
    try:
        return str(json.loads(manifest)["sha256"])
    except (ValueError, KeyError, TypeError):
        return None


def _place(store: Store, target: Workspace, one: File) -> Path:
    """Return where a file belongs; raises DataError where that is no place of the series."""
    name, path = target.series.name, PurePosixPath(one.path)
    folders = ("bars", "features", "labels", "runs", "bundles")
    fits = len(path.parts) > 1 and path.parts[0] in folders and ".." not in path.parts
    if not fits or not (path.parts[1] == name or path.parts[1].startswith(f"{name}.")):
        raise DataError(f"{store.url} names {one.path!r} as a file of {name}, which it is not: nothing was brought.")
    return target.home / path
