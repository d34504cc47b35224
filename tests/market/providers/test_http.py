"""The client: patient with a busy provider, deaf to what a broken one sends, silent about the key."""

import datetime as dt
import gzip
import socket
import ssl
import threading
import time
import traceback
import tracemalloc
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from market.errors import AssayError, DataError, UnavailableError
from market.vendors.providers import http
from market.vendors.providers.http import Client
from market.vendors.providers.pace import Pace, retry_after
from tests.market.providers.stage import NOW, Answer, Clock, asking, in_turn, limited, staged

KEY = "canary-key-7f3a"
FINE = Answer(body=b"bars")


def got(*answers: Answer, clock: Clock | None = None, **how) -> tuple[bytes, int]:
    """Return the body that a client gets from a stage that gives these answers, and how often it asked."""
    with staged(in_turn(*answers)) as stage:
        return asking(stage, clock, **how).get("/bars"), len(stage.asked)


def refused(*answers: Answer, clock: Clock | None = None, **how) -> tuple[AssayError, int]:
    with staged(in_turn(*answers)) as stage, pytest.raises(AssayError) as caught:
        asking(stage, clock, **how).get("/bars")
    assert "\n" not in str(caught.value)
    return caught.value, len(stage.asked)


def test_an_answer_is_what_was_sent():
    with staged(in_turn(FINE)) as stage:
        client = asking(stage, key=KEY)
        assert client.get("/bars", {"symbol": "C:X&Y", "limit": "5"}) == b"bars"
        asked = stage.asked[0]
    assert (asked.path, asked.query) == ("/bars", {"symbol": "C:X&Y", "limit": "5"})
    assert asked.headers["User-Agent"].startswith("assay/")
    assert asked.headers["Authorization"] == f"Bearer {KEY}"


def test_without_a_key_there_is_no_authorization():
    with staged(in_turn(FINE)) as stage:
        asking(stage).get("/bars")
        assert "Authorization" not in stage.asked[0].headers


@pytest.mark.parametrize("status", [408, 418, 429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again(status):
    clock = Clock()
    assert got(Answer(status), Answer(status), FINE, clock=clock) == (b"bars", 3)
    assert clock.slept == pytest.approx([1.0, 2.0])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
def test_a_refusal_is_not_asked_again(status):
    error, asked = refused(Answer(status, b"<h1>boo</h1>"))
    assert isinstance(error, UnavailableError) and asked == 1
    assert "Stage" in str(error) and f"HTTP {status}" in str(error) and "boo" not in str(error)


def test_a_missing_file_may_be_an_empty_answer():
    with staged(in_turn(Answer(404, b"nothing"))) as stage:
        assert asking(stage).get("/bars", absent=True) == b""


def test_attempts_end():
    error, asked = refused(Answer(503), attempts=3)
    assert isinstance(error, UnavailableError) and asked == 3
    assert "HTTP 503" in str(error) and "again later" in str(error)


def test_pauses_grow_and_never_pass_a_minute():
    clock = Clock()
    refused(Answer(500), clock=clock, attempts=10, deadline_seconds=3600.0)
    assert clock.slept == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60])


def test_jitter_is_full():
    clock, drawn = Clock(), []
    with staged(in_turn(Answer(500), Answer(500), FINE)) as stage:
        draw = lambda least, most: drawn.append((least, most)) or 0.25  # noqa: E731
        client = Client("Stage", limited(stage.url), sleep=clock.sleep, clock=clock, uniform=draw)
        client.get("/bars")
    assert drawn == [(0.0, 1.0), (0.0, 2.0)] and clock.slept == pytest.approx([0.25, 0.25])


@pytest.mark.parametrize("status", [418, 429, 503])
@pytest.mark.parametrize("header", ["7", "Thu, 01 Jan 2026 00:00:07 GMT"])
def test_the_provider_says_how_long_to_wait(status, header):
    clock = Clock()
    assert got(Answer(status, headers={"Retry-After": header}), FINE, clock=clock)[1] == 2
    assert clock.slept == pytest.approx([8.0])


def test_a_wait_beyond_the_deadline_is_not_slept():
    clock = Clock()
    error, asked = refused(Answer(418, headers={"Retry-After": "259200"}), clock=clock)
    assert isinstance(error, UnavailableError) and asked == 1 and clock.slept == []
    assert "259200 s" in str(error)


@pytest.mark.parametrize("header", ["soon", "-5", "", "9" * 5000, "Thu, 99 Foo 2026", "Wed, 31 Dec 2025 00:00:00 GMT"])
def test_a_nonsense_wait_is_no_crash(header):
    assert retry_after(header, NOW) >= 0


def test_the_deadline_counts_all_attempts_and_pauses():
    clock = Clock()
    _, asked = refused(Answer(500), clock=clock, attempts=20, deadline_seconds=20.0)
    assert asked == 5 and clock.time <= 20


def test_a_cut_answer_is_asked_again():
    assert got(Answer(body=b"ba", cut=2), FINE) == (b"bars", 2)


def test_a_cut_answer_is_never_an_answer():
    error, asked = refused(Answer(body=b"ba", cut=2))
    assert isinstance(error, UnavailableError) and asked == 4


def test_a_cut_chunked_answer_is_asked_again():
    chunked = {"Transfer-Encoding": "chunked", "Connection": "close"}
    cut = Answer(body=b"4\r\nba", headers=chunked)
    whole = Answer(body=b"4\r\nbars\r\n0\r\n\r\n", headers=chunked)
    assert got(cut, whole) == (b"bars", 2)


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nServer: sta", b"HTTP/1.1 200 OK\r\nContent-Length: 1", b"HTTP/1.1 2"]
)
def test_a_cut_head_is_never_an_empty_answer(head):
    with Trickling(head, 0.0) as url:
        clock = Clock()
        with pytest.raises(UnavailableError, match=r"cut|broken"):
            Client("Stage", limited(url, attempts=1), sleep=clock.sleep, clock=clock).get("/bars")


def test_a_connection_that_is_refused_is_unavailable():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    clock = Clock()
    with pytest.raises(UnavailableError, match=r"Stage gave no answer.*no connection"):
        Client("Stage", limited(url), sleep=clock.sleep, clock=clock).get("/bars")
    assert len(clock.slept) == 3


def real_time(stage, seconds: float, **over) -> Client:
    return Client("Stage", limited(stage.url, deadline_seconds=seconds, **over), uniform=lambda least, _: least)


def test_a_body_that_trickles_ends_at_the_deadline():
    with (
        staged(in_turn(Answer(body=b"x" * 100, drip=0.02))) as stage,
        pytest.raises(UnavailableError, match="too slow"),
    ):
        real_time(stage, 0.3).get("/bars")


def test_a_head_that_trickles_ends_at_the_deadline():
    head = b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100 + b"\r\nContent-Length: 0\r\n\r\n"
    with Trickling(head) as url, pytest.raises(UnavailableError, match="gave no answer"):
        Client("Stage", limited(url, deadline_seconds=0.3)).get("/bars")


class Trickling:
    """A server that sends one byte every 20 ms, whatever it is asked, and hangs up."""

    def __init__(self, content: bytes, pause: float = 0.02) -> None:
        self._content, self._pause, self._socket = content, pause, socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> str:
        threading.Thread(target=self._serve, daemon=True).start()
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_) -> None:
        self._socket.close()

    def _serve(self) -> None:
        try:
            connection, _ = self._socket.accept()
            connection.recv(65_536)
            with connection:
                for i in range(len(self._content)):
                    connection.sendall(self._content[i : i + 1])
                    time.sleep(self._pause)
        except OSError:
            return


def test_a_large_body_is_an_error_before_it_is_read():
    error, asked = refused(Answer(body=b"", cut=2**30), max_mebibytes=1.0)
    assert isinstance(error, DataError) and asked == 1 and "max_mebibytes" in str(error)


def test_an_endless_body_is_an_error():
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    error, _ = refused(Answer(body=chunk * 17, headers={"Transfer-Encoding": "chunked"}), max_mebibytes=1.0)
    assert isinstance(error, DataError) and "1 MiB" in str(error)


def test_a_body_of_just_the_allowed_size_is_fine():
    assert len(got(Answer(body=b"x" * 2**20), max_mebibytes=1.0)[0]) == 2**20


def zipped(content: bytes) -> Answer:
    return Answer(body=content, headers={"Content-Encoding": "gzip"})


def test_gzip_is_unzipped():
    assert got(zipped(gzip.compress(b"bars", mtime=0)))[0] == b"bars"


def test_a_gzip_bomb_is_an_error_in_bounded_memory():
    bomb = gzip.compress(bytes(64 * 2**20))
    tracemalloc.start()
    error, asked = refused(zipped(bomb), max_mebibytes=1.0)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(error, DataError) and asked == 1 and "1 MiB" in str(error)
    assert most < 8 * 2**20


@pytest.mark.parametrize(
    "content",
    [
        b"no gzip at all",
        gzip.compress(b"bars", mtime=0) + b"more",
        gzip.compress(b"a", mtime=0) + gzip.compress(b"b", mtime=0),
    ],
)
def test_broken_gzip_is_an_error(content):
    error, asked = refused(zipped(content))
    assert isinstance(error, DataError) and asked == 1


def test_cut_gzip_is_asked_again():
    content = gzip.compress(b"bars", mtime=0)
    assert got(zipped(content[:-6]), zipped(content)) == (b"bars", 2)


def test_a_packing_that_was_not_asked_for_is_an_error():
    error, _ = refused(Answer(body=b"x", headers={"Content-Encoding": "br"}))
    assert isinstance(error, DataError)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status):
    with staged(in_turn(FINE)) as other:
        error, _ = refused(Answer(status, headers={"Location": f"{other.url}/bars"}), key=KEY)
        assert other.asked == []
    assert isinstance(error, UnavailableError) and "elsewhere" in str(error)


def test_no_proxy_of_the_environment_is_heeded(monkeypatch):
    with staged(in_turn(Answer(body=b"proxied"))) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert got(FINE)[0] == b"bars"
        assert proxy.asked == []


def test_a_key_is_never_put_into_an_address():
    with staged(in_turn(FINE)) as stage, pytest.raises(DataError) as caught:
        asking(stage, key="a+b/c").get("/bars", {"apiKey": "a+b/c"})
    assert stage.asked == [] and "a+b/c" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(401, KEY.encode()),
        Answer(403, f'{{"error":"key {KEY} is not allowed"}}'.encode(), {"X-Key": KEY}),
        Answer(500, KEY.encode()),
        Answer(429, KEY.encode(), {"Retry-After": KEY}),
        Answer(body=KEY.encode(), headers={"Content-Encoding": KEY}),
        Answer(302, headers={"Location": f"http://127.0.0.1:1/?apiKey={KEY}"}),
        Answer(body=KEY.encode(), cut=9),
    ],
    ids=["401", "403", "500", "429", "packing", "redirect", "cut"],
)
def test_a_key_that_is_echoed_is_in_no_error(answer):
    error, _ = refused(answer, key=KEY)
    assert KEY not in "".join(traceback.format_exception(error)) and KEY not in repr(error)


def test_requests_are_evenly_spaced():
    clock = Clock()
    pace = Pace(30, clock, clock.sleep)
    for _ in range(3):
        pace.wait()
    assert clock.slept == pytest.approx([2.0, 2.0])
    clock.time += 60  # no burst after a rest
    pace.wait()
    pace.wait()
    assert clock.slept == pytest.approx([2.0, 2.0, 2.0])


def test_attempts_keep_the_pace_too():
    clock = Clock()
    got(Answer(500), FINE, clock=clock, requests_per_minute=5.0)
    assert clock.slept == pytest.approx([1.0, 11.0])


def test_one_connection_serves_many_requests():
    with staged(in_turn(FINE)) as stage:
        client = asking(stage)
        before = len(client._connections)
        for _ in range(5):
            client.get("/bars")
        assert before == 0 and len(client._connections) == 1


def self_signed(folder) -> ssl.SSLContext:
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2020, 1, 1))
        .not_valid_after(dt.datetime(2050, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(secret, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    pem += secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def test_a_certificate_that_nobody_vouches_for_gets_no_request(tmp_path, monkeypatch):
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(dict(self.headers))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = self_signed(tmp_path).wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    clock = Clock()
    try:
        with pytest.raises(UnavailableError, match="certificate"):
            url = f"https://localhost:{server.server_port}"
            Client("Stage", limited(url), key=KEY, sleep=clock.sleep, clock=clock).get("/bars")
    finally:
        server.shutdown()
        server.server_close()
    assert asked == [] and clock.slept == []


def test_a_version_is_sent_even_from_a_bare_checkout(monkeypatch):
    def missing(_):
        raise http.metadata.PackageNotFoundError

    monkeypatch.setattr(http.metadata, "version", missing)
    assert http._user_agent() == "assay/0"
