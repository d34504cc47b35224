"""A file as somebody hands it over: plain, gzipped, or the one data file inside a zip; read from its beginning only."""

import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from market.errors import DataError, UsageError
from market.instruments import Instrument
from market.vendors.foreign import reason, shown

HEAD = 65_536  # bytes by which a format is recognised

_EMPTY_ZIP = b"PK\x05\x06"
_SPREADSHEET = "[Content_Types].xml"
_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b"
_CORRUPT = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, LookupError),
    *(RuntimeError, OverflowError),  # of an unknown packing, a password, a size beyond all bounds
)
_NO_DATA = (".txt", ".pdf", ".html", ".md", ".json.sha256", ".sha256", ".checksum")


def unheeded(_: int) -> None:
    """Report no progress."""


class Asked(NamedTuple):
    """What a reader may need to be told: the instrument, and what comes first in a date (None: not said)."""

    instrument: Instrument
    dates: str | None = None


class Source(NamedTuple):
    """A file to read: its path, the name of the data file inside if it is a zip, and who is told of bytes read."""

    path: Path
    member: str | None = None
    advance: Callable[[int], None] = unheeded

    @property
    def name(self) -> str:
        """Return the name that findings call it by, without anything that a terminal or a file would stumble over."""
        return shown(self.path.name.encode("utf-8", "replace").decode())

    @property
    def size(self) -> int:
        """Return how many bytes `blocks` will give; an estimate where the file is gzipped."""
        if self.member is not None:
            with zipfile.ZipFile(self.path) as archive:
                return archive.getinfo(self.member).file_size
        return self.path.stat().st_size * (4 if self.path.open("rb").read(2) == _GZIP else 1)

    def head(self) -> bytes:
        """Return the first 64 KiB."""
        with self._opened() as stream:
            return stream.read(HEAD)

    def blocks(self, size: int) -> Iterator[bytes]:
        """Yield the content in blocks of `size` bytes; DataError where it is truncated or corrupt."""
        with self._opened() as stream:
            while block := stream.read(size):
                self.advance(len(block))
                yield block

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        try:
            if self.member is not None:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as stream:
                    yield stream  # type: ignore[misc]
            else:
                with self.path.open("rb") as stream:
                    if stream.peek(2)[:2] == _GZIP:
                        yield io.BufferedReader(gzip.GzipFile(fileobj=stream))
                    else:
                        yield stream
        except _CORRUPT as error:
            raise _refused(self.path, error) from error


def opened(path: Path) -> Source:
    """Return the source at `path`; UsageError where there is none, DataError where it is no file with data."""
    if not path.is_file():
        raise UsageError(f"No file at {path}: check the name{' (it is a folder)' if path.is_dir() else ''}.")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty: export it again.")
    with path.open("rb") as stream:
        return Source(path, _data_file(path)) if stream.read(4) in (_ZIP, _EMPTY_ZIP) else Source(path)


def _refused(path: Path, error: Exception) -> DataError:
    """Return the line for a file that cannot be opened or unpacked."""
    if isinstance(error, PermissionError):
        return DataError(f"{path} cannot be read ({error.strerror}): check who may read it.")
    return DataError(f"{path} is truncated or corrupt ({reason(error, 80)}): get it again.")


def _data_file(path: Path) -> str:
    """Return the name of the one data file in a zip, beside which notes may stand."""
    try:
        with zipfile.ZipFile(path) as archive:
            files = [one.filename for one in archive.infolist() if not one.is_dir() and one.file_size]
    except _CORRUPT as error:
        raise _refused(path, error) from error
    if _SPREADSHEET in files:
        raise DataError(f"{path} is a spreadsheet: save it as CSV, and import that.")
    data = [name for name in files if not name.lower().endswith(_NO_DATA) and not name.startswith("__MACOSX")]
    if len(data) == 1:
        return data[0]
    if len(files) == 1:
        return files[0]
    some = ", ".join(shown(name, 80) for name in data[:5]) + (" …" if len(data) > 5 else "")
    found = f"{len(data)} data files, {some}" if data else "no data file"
    raise DataError(f"{path} holds {found}: wanted one; unpack it and name the files that you mean.")
