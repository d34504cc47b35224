"""Files that appear whole or not at all: written aside, made durable, renamed."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def written_aside(*paths: Path, appears: Callable[[], bool] = lambda: True) -> Iterator[tuple[Path, ...]]:
    """Yield a temporary path beside each of `paths`, which share a folder.

    On success, and if what was written `appears`, all are made durable and then renamed in order; otherwise they are
    removed and the old files stay. All old files but the first are removed before the first is renamed: a kill between
    the renames leaves the first without the others, never a mixture.
    """
    folder = paths[0].parent
    folder.mkdir(parents=True, exist_ok=True)
    asides = tuple(path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in paths)
    try:
        yield asides
        if not appears():
            return
        for aside in asides:
            make_durable(aside)
        for path in paths[1:]:
            path.unlink(missing_ok=True)
        for aside, path in zip(asides, paths, strict=True):
            aside.replace(path)
        make_durable(folder)
    finally:
        for aside in asides:
            aside.unlink(missing_ok=True)


def make_durable(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def written_if_any(path: Path) -> Iterator[Callable[[str], None]]:
    """Yield a function that appends text to the file at `path`; it appears at the end, come what may, if any came."""
    raised: BaseException | None = None
    with written_aside(path, appears=lambda: aside.exists()) as (aside,):
        try:

            def write(text: str) -> None:
                with aside.open("a", encoding="utf-8", newline="") as stream:
                    stream.write(text)

            yield write
        except Exception as error:
            raised = error
    if raised is not None:
        raise raised


def write_text(path: Path, text: str) -> None:
    """Write a text file so that nothing half-written is ever visible."""
    with written_aside(path) as (aside,):
        aside.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a binary file so that nothing half-written is ever visible."""
    with written_aside(path) as (aside,):
        aside.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys; NaN and infinity are refused."""
    write_text(path, as_json(value))


def as_json(value: Any) -> str:
    """Return `value` as indented JSON with sorted keys; NaN and infinity are refused."""
    return json.dumps(value, sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
