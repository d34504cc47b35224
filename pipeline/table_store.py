"""Where machines share tables: objects under `ASSAY_TABLES`, in S3 or in a folder, each there whole or not at all.

`s3://bucket/prefix` is reached by pyarrow with what the environment says as for every tool of S3 (`AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_CA_BUNDLE`); `file:///folder` is a
folder that all see. No address here holds a secret, and nothing of what S3 says but its error's name is passed on.
"""

import datetime as dt
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

import pyarrow as pa
from pyarrow import fs

from market import durable
from market.errors import DataError, UnavailableError, UsageError

VARIABLE = "ASSAY_TABLES"
FORMAT = 1

_MARKER = "assay-tables.json"
_BLOCK = 16 << 20  # bytes
_ATTEMPTS, _TO_CONNECT, _SILENT = 3, 5.0, 15.0  # seconds: a dead store costs 47
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_AWS = re.compile(r"AWS Error ([A-Z_]+)")
_WANTED = f"{VARIABLE}: wanted s3://BUCKET/PREFIX or file:///FOLDER"
_WHY = {
    "NETWORK_CONNECTION": "it cannot be reached: check the network, AWS_ENDPOINT_URL and AWS_REGION",
    "NO_SUCH_BUCKET": "there is no such bucket: make it, or name another one",
}
_DENIED = "it refuses these credentials: check AWS_ACCESS_KEY_ID and its rights to list, read, write and delete there"
_REFUSALS = ("ACCESS_DENIED", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "EXPIRED_TOKEN")


class Found(NamedTuple):
    """An object that is there: its size in bytes and when it was written (UTC)."""

    bytes: int
    when: dt.datetime


class Store:
    """Objects by name under a URL. Raises UnavailableError where it cannot be used, in less than a minute."""

    def __init__(self, url: str, files: fs.FileSystem, root: str) -> None:
        self.url, self._files, self._root = url, files, root
        self._begun = False

    def names(self, folder: str) -> dict[str, Found]:
        """Return the objects under `folder`, by their names within it; none that are empty or half-written."""
        base = f"{self._root}/{folder}"
        with self._reached():
            found = self._files.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True))
        objects = {one.path[len(base) :]: one for one in found if one.type == fs.FileType.File and one.size}
        return {path[1:]: Found(one.size, one.mtime) for path, one in objects.items() if "/." not in path}

    def read(self, name: str) -> bytes | None:
        """Return a small object, None where there is none: an empty one is what an interrupted writer left."""
        with self._reached():
            try:
                with self._files.open_input_stream(f"{self._root}/{name}", compression=None) as stream:
                    return stream.read() or None
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Write a small object, in place of any of that name."""
        self._begin()
        with self._reached(), self._appearing(name) as stream:
            stream.write(content)

    def send(self, path: Path, name: str, sha256: str) -> None:
        """Write the file at `path` as an object; raises DataError where its bytes are others than `sha256` says."""
        self._begin()
        with path.open("rb") as source:
            if hashlib.file_digest(source, "sha256").hexdigest() != sha256:
                raise DataError(f"{path} was changed after it was written: delete it and make it again.")
            source.seek(0)
            with self._reached(), self._appearing(name) as stream:
                while block := source.read(_BLOCK):
                    stream.write(block)

    def bring(self, name: str, path: Path, sha256: str) -> None:
        """Write an object to the new file `path`, durably; raises DataError where it is gone or has other bytes."""
        digest = hashlib.sha256()
        with self._reached(), path.open("xb") as target:
            try:
                with self._files.open_input_stream(f"{self._root}/{name}", compression=None) as stream:
                    while block := stream.read(_BLOCK):
                        digest.update(block)
                        target.write(block)
            except FileNotFoundError:
                raise DataError(f"{self.url} names {name}, which is not there any more: send it again.") from None
        if digest.hexdigest() != sha256:
            path.unlink()
            raise DataError(
                f"{self.url}/{name} is damaged: its sha256 is {digest.hexdigest()[:12]}…, wanted {sha256[:12]}…. "
                "Nothing was brought; delete that object and send it again."
            )
        durable.make_durable(path)

    def delete(self, name: str) -> None:
        """Remove an object, if it is there."""
        with self._reached():
            try:
                self._files.delete_file(f"{self._root}/{name}")
            except FileNotFoundError:
                return

    def check(self) -> None:
        """Raise UnavailableError where there is no bucket or folder, or a store that a newer Assay has begun."""
        content = self.read(_MARKER)
        if content is None:
            with self._reached():
                top = self._root if self._is_folder else self._root.partition("/")[0]
                there = self._files.get_file_info(top).type == fs.FileType.Directory
            if not there:
                why = "there is no such folder: make it, or mount it" if self._is_folder else _WHY["NO_SUCH_BUCKET"]
                raise UnavailableError(f"Tables are shared at {self.url}, and {why}.")
            return
        found = _number(content)
        if found is None:
            raise DataError(f'{self.url}/{_MARKER} is damaged: it has to be {{"format": {FORMAT}}}.')
        if found > FORMAT:
            raise UnavailableError(
                f"Tables at {self.url} are kept in format {found}, and this Assay knows {FORMAT}: install a newer one."
            )
        self._begun = True

    @property
    def _is_folder(self) -> bool:
        return isinstance(self._files, fs.LocalFileSystem)

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self.write(_MARKER, json.dumps({"format": FORMAT}).encode())

    @contextmanager
    def _appearing(self, name: str) -> Iterator[Any]:
        """Yield a stream to what is there under `name` when it is closed; S3 does that by itself.

        A stream of S3 that is left by an error is completed all the same: sizes and digests tell such an object.
        """
        path = f"{self._root}/{name}"
        if not self._is_folder:
            with self._files.open_output_stream(path, compression=None) as stream:
                yield stream
            return
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
        try:
            with aside.open("wb") as stream:
                yield stream
            durable.make_durable(aside)
            aside.replace(target)
            durable.make_durable(target.parent)
        finally:
            aside.unlink(missing_ok=True)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            raise UnavailableError(f"Tables are shared at {self.url}, and {_why(error)}.") from None


def store() -> Store | None:
    """Return the store that `ASSAY_TABLES` names, None where it is not set.

    Raises UsageError for what is no address of one, and as `Store.check`.
    """
    url = os.environ.get(VARIABLE)
    if url is None:
        return None
    made = opened(url)
    made.check()
    return made


def opened(url: str) -> Store:
    """Return the store at `url`, which is not asked for anything yet."""
    parts = _parts(url, _WANTED)
    path = parts.path.strip("/")
    if ".." in path.split("/") or "" in path.split("/")[1:]:
        raise UsageError(f"{_WANTED}; it is set to something else.")
    if parts.scheme == "file" and not parts.netloc and path:
        return Store(f"file:///{path}", fs.LocalFileSystem(), f"/{path}")
    if parts.scheme == "s3" and _BUCKET.fullmatch(parts.netloc):
        root = f"{parts.netloc}/{path}".rstrip("/")
        return Store(f"s3://{root}", _s3(), root)
    raise UsageError(f"{_WANTED}; it is set to something else.")


def _s3() -> fs.S3FileSystem:
    named = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    endpoint = _parts(named, "AWS_ENDPOINT_URL: wanted https://HOST[:PORT]") if named else None
    if endpoint is not None and (endpoint.scheme not in ("http", "https") or endpoint.path.strip("/")):
        raise UsageError(f"AWS_ENDPOINT_URL: wanted https://HOST[:PORT], not {named!r}.")
    return fs.S3FileSystem(
        region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
        scheme=endpoint.scheme if endpoint else "https",
        endpoint_override=endpoint.netloc if endpoint else None,
        connect_timeout=_TO_CONNECT,
        request_timeout=_SILENT,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        allow_delayed_open=True,
        tls_ca_file_path=os.environ.get("AWS_CA_BUNDLE"),
    )


def _parts(url: str, wanted: str) -> SplitResult:
    """Return the parts of a URL; raises UsageError, without the URL, where it holds more than an address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise UsageError(f"{wanted}, and it is no URL.") from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(f"{wanted}, without a name, a key or options: credentials are read from AWS_… variables.")
    return parts


def _number(content: bytes) -> int | None:
    try:
        return int(json.loads(content)["format"])
    except (ValueError, KeyError, TypeError):
        return None


def _why(error: Exception) -> str:
    """Return what went wrong: of an answer of S3 its name, of a file system's what it says."""
    if found := _AWS.search(str(error)):
        name = found[1]
        told = _DENIED if name in _REFUSALS else _WHY.get(name, "it answers so; try again")
        return f"{told} ({name})"
    said = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__
    where = getattr(error, "filename", None)
    return f"it cannot be used: {said}{f' ({where})' if where else ''}"
