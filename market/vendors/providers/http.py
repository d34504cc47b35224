"""Asking a provider over HTTP: politely, again where that helps, never for long, never for more than fits.

One client asks one host. It follows no redirect and heeds no proxy of the environment. A key is sent in the
`Authorization` header only, and nothing that a provider says is ever repeated in an error, so no error can hold it.
"""

import random
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.client import HTTPException
from importlib import metadata
from typing import Any, NoReturn
from urllib.parse import unquote, urlencode, urlsplit
from weakref import WeakSet

import tenacity
import urllib3
from urllib3.connection import HTTPConnection
from urllib3.response import BaseHTTPResponse

from market.errors import DataError, UnavailableError
from market.vendors.providers.limits import Limits
from market.vendors.providers.pace import Pace, retry_after

_BLOCK = 65_536
_SILENCE = 20.0  # seconds without a byte
_LONGEST_PAUSE = 60.0  # seconds between attempts that nobody asked for
_BUSY = (418, 429, 503)  # statuses whose Retry-After is heeded


class _AgainError(Exception):
    """An attempt failed in a way that may pass; `pause` is how many seconds the provider wants to be left alone."""

    def __init__(self, what: str, pause: float = 0.0) -> None:
        super().__init__(what)
        self.pause = pause


class Client:
    """Asks one provider for answers; `key` goes into the header, the clocks and the sleep can be given for tests."""

    def __init__(
        self,
        name: str,
        limits: Limits,
        *,
        key: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.name, self.url = name, limits.url
        self._limits, self._key = limits, key
        self._sleep, self._clock, self._now, self._uniform = sleep, clock, now, uniform
        self._pace = Pace(limits.requests_per_minute, clock, sleep)
        self._most = int(limits.max_mebibytes * 1024 * 1024)
        self._path = urlsplit(limits.url).path
        self._pool, self._connections = _pool(limits.url)

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()

    def get(self, path: str, query: Mapping[str, str] | None = None, *, absent: bool = False) -> bytes:
        """Return the body of `path` below the provider's address, unzipped; empty for a 404 where `absent` is allowed.

        Raises UnavailableError where no answer comes in time, within the attempts, or the answer is a refusal;
        DataError where the answer is too large or packed in an unknown or broken way.
        """
        target = f"{self._path}{path}" + (f"?{urlencode(query)}" if query else "")
        if self._key and self._key in unquote(target):
            raise DataError(f"{self.name} wants the key in an address, where it would be written down: not asked.")
        self._pace.wait()
        deadline = self._clock() + self._limits.deadline_seconds
        try:
            return self._retrying(deadline)(self._attempt, target, deadline, absent)
        except _AgainError as error:
            self._give_up(error, deadline)

    def _retrying(self, deadline: float) -> tenacity.Retrying:
        def pause(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            jitter = self._uniform(0.0, min(_LONGEST_PAUSE, 2.0 ** (state.attempt_number - 1)))
            return (error.pause if isinstance(error, _AgainError) else 0.0) + jitter

        def enough(state: tenacity.RetryCallState) -> bool:
            late = self._clock() + state.upcoming_sleep >= deadline
            return late or state.attempt_number >= self._limits.attempts

        def before(state: tenacity.RetryCallState) -> None:
            if state.attempt_number > 1:
                self._pace.wait()

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_AgainError),
            stop=enough,
            wait=pause,
            before=before,
            sleep=self._sleep,
            reraise=True,
        )

    def _give_up(self, error: _AgainError, deadline: float) -> NoReturn:
        within = f"within {self._limits.attempts} attempts and {self._limits.deadline_seconds:g} s"
        left = f"; it asks to be left alone for {error.pause:.0f} s" if error.pause else ""
        raise UnavailableError(
            f"{self.name} gave no answer {within}: {error}{left}. Run it again later: what is there stays."
        ) from None

    def _attempt(self, target: str, deadline: float, absent: bool) -> bytes:
        with self._cut_off(deadline):
            try:
                response = self._send(target, deadline)
                try:
                    return self._answer(response, deadline, absent)
                except BaseException:
                    response.close()
                    raise
            except (urllib3.exceptions.HTTPError, HTTPException, OSError) as error:
                self._refuse_certificate(error)
                raise _AgainError("too slow" if self._clock() >= deadline else _named(error)) from None

    def _send(self, target: str, deadline: float) -> BaseHTTPResponse:
        headers = {"User-Agent": _user_agent(), "Accept-Encoding": "gzip", "Accept": "*/*"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        silence = max(0.001, min(_SILENCE, deadline - self._clock()))
        return self._pool.urlopen(
            "GET",
            target,
            headers=headers,
            retries=False,
            redirect=False,
            timeout=urllib3.Timeout(connect=silence, read=silence),
            preload_content=False,
            decode_content=False,
        )

    def _answer(self, response: BaseHTTPResponse, deadline: float, absent: bool) -> bytes:
        status = response.status
        if status == 200:
            return b"".join(self._unpacked(response, deadline))
        response.close()
        if status == 404 and absent:
            return b""
        if status in _BUSY:
            raise _AgainError(f"HTTP {status}", retry_after(response.headers.get("Retry-After"), self._now()))
        if status >= 500 or status == 408:
            raise _AgainError(f"HTTP {status}")
        raise UnavailableError(self._refusal(status))

    def _refusal(self, status: int) -> str:
        if 300 <= status < 400:
            what = f"sends us elsewhere (HTTP {status}), which is not followed: mend url in config/fetch.toml"
        elif status in (401, 403) and self._key:
            what = f"does not accept the key or what it may ask for (HTTP {status}): check it and your plan"
        elif status in (403, 451):
            what = f"refuses to answer here (HTTP {status}): it may not serve your country or network"
        else:
            what = f"does not know what was asked (HTTP {status}): check the name in config/instruments.toml"
        return f"{self.name} {what}."

    def _unpacked(self, response: BaseHTTPResponse, deadline: float) -> Iterator[bytes]:
        """Yield the body, unzipped where it is zipped; never more than is allowed."""
        packing = response.headers.get("Content-Encoding", "identity").strip().lower()
        if packing not in ("identity", "", "gzip"):
            raise DataError(f"{self.name} packs its answer in a way that was not asked for: mend url in fetch.toml.")
        unzip = zlib.decompressobj(31) if packing == "gzip" else None
        size = 0
        for block in self._received(response, deadline):
            content = self._unzipped(unzip, block, size) if unzip else block
            size += len(content)
            yield content
        if unzip and not unzip.eof:
            raise _AgainError("a cut answer")

    def _unzipped(self, unzip: Any, block: bytes, size: int) -> bytes:
        try:
            content: bytes = unzip.decompress(block, self._most - size + 1)
        except zlib.error:
            raise DataError(
                f"{self.name} sent a broken gzip answer: run it again, or mend url in fetch.toml."
            ) from None
        if size + len(content) > self._most:
            self._too_large()
        if unzip.unused_data:
            raise DataError(f"{self.name} sent something after its gzip answer: mend url in config/fetch.toml.")
        return content

    def _received(self, response: BaseHTTPResponse, deadline: float) -> Iterator[bytes]:
        """Yield the body as it comes; the deadline holds however slowly that is."""
        declared = response.headers.get("Content-Length", "")
        length = int(declared) if declared.isascii() and declared.isdigit() and len(declared) < 16 else None
        if length is None and "chunked" not in response.headers.get("Transfer-Encoding", "").lower():
            raise _AgainError("a cut answer")  # a head that is cut looks like a body without length
        if (length or 0) > self._most:
            self._too_large()
        size = 0
        while block := response.read1(_BLOCK):
            size += len(block)
            if size > self._most:
                self._too_large()
            if self._clock() >= deadline:
                raise _AgainError("too slow")
            yield block
        if length is not None and size < length:
            raise _AgainError("a cut answer")
        response.release_conn()

    def _too_large(self) -> NoReturn:
        most = f"{self._limits.max_mebibytes:g} MiB"
        raise DataError(
            f"{self.name} sent more than {most}: if that is right, raise max_mebibytes in config/fetch.toml."
        )

    def _refuse_certificate(self, error: Exception) -> None:
        reason = error.args[0] if error.args else None
        if isinstance(error, ssl.SSLCertVerificationError) or isinstance(reason, ssl.SSLCertVerificationError):
            raise UnavailableError(
                f"{self.name} shows a certificate that is not trusted: not asked. Mend url or this machine's clock."
            ) from None

    @contextmanager
    def _cut_off(self, deadline: float) -> Iterator[None]:
        """Cut the connection at the deadline, even while a header trickles in that no timeout would end."""
        watch = threading.Timer(max(0.0, deadline - self._clock()), self._cut)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def _cut(self) -> None:
        for connection in tuple(self._connections):
            _shut(connection)


def _pool(url: str) -> tuple[urllib3.HTTPConnectionPool, WeakSet[HTTPConnection]]:
    """Return a pool that reaches one host only, and its living connections."""
    parts = urlsplit(url)
    kind = urllib3.HTTPSConnectionPool if parts.scheme == "https" else urllib3.HTTPConnectionPool
    connections: WeakSet[HTTPConnection] = WeakSet()

    class Watched(kind.ConnectionCls):  # type: ignore[name-defined]
        def connect(self) -> None:
            connections.add(self)
            super().connect()

    pool = kind(str(parts.hostname), parts.port, maxsize=1, retries=False)
    pool.ConnectionCls = Watched
    return pool, connections


def _shut(connection: HTTPConnection) -> None:
    """End whatever waits on a connection; closing alone would not wake it."""
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _named(error: Exception) -> str:
    """Return what happened in words of our own."""
    known = (
        (urllib3.exceptions.NameResolutionError, "its host is not found"),
        (urllib3.exceptions.NewConnectionError, "no connection"),
        (urllib3.exceptions.TimeoutError, "silence"),
        (urllib3.exceptions.SSLError, "no secure connection"),
    )
    return next((words for kind, words in known if isinstance(error, kind)), "a broken connection")


def _user_agent() -> str:
    try:
        return f"assay/{metadata.version('assay')}"
    except metadata.PackageNotFoundError:
        return "assay/0"
