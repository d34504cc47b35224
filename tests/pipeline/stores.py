"""Stores to share tables in, for tests: a folder, and an S3 server on loopback."""

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import table_store
from pipeline.table_store import Store
from tests.registry.places import BUCKET, object_store


@contextlib.contextmanager
def server(kind: str) -> Iterator[dict[str, str]]:
    """Run what a store of that kind needs, and yield the environment by which it is reached."""
    with object_store() if kind == "s3" else contextlib.nullcontext({}) as environment:
        yield dict(environment)


@contextlib.contextmanager
def empty(environment: dict[str, str], folder: Path) -> Iterator[dict[str, str]]:
    """Let this process have the environment of a new store, of S3 or else in `folder`, and yield it."""
    place = f"s3://{BUCKET}/{secrets.token_hex(4)}" if environment else f"file://{folder}"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (environment | {table_store.VARIABLE: place}).items():
            patch.setenv(name, value)
        yield environment | {table_store.VARIABLE: place}


class StoppedError(Exception):
    """What a test ends a store's user with."""


class Stopping(Store):
    """A store whose user is ended as the operation `after` so many begins that would change it."""

    def __init__(self, other: Store, after: int) -> None:
        super().__init__(other.url, other._files, other._root)
        self.left = after

    def write(self, name: str, content: bytes) -> None:
        self._count()
        super().write(name, content)

    def send(self, path, name: str, sha256: str) -> None:
        self._count()
        super().send(path, name, sha256)

    def _count(self) -> None:
        if not self.left:
            raise StoppedError
        self.left -= 1
