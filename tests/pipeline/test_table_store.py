"""Where tables are shared: the same promises of a folder and of S3, and what a person hears where it cannot be used."""

import hashlib
import socket
import time
from pathlib import Path

import pytest

from market.errors import AssayError, DataError, UnavailableError, UsageError
from pipeline import table_store
from tests.pipeline import stores

CANARIES = ("canary-of-an-id", "canary-of-a-key", "user", "secret")


@pytest.fixture(scope="module", params=["folder", "s3"])
def environment(request, tmp_path_factory):
    with stores.server(request.param) as server, stores.empty(server, tmp_path_factory.mktemp("store")) as found:
        yield found


@pytest.fixture
def store(environment):
    found = table_store.store()
    assert found is not None
    return found


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_what_is_sent_comes_back_and_is_listed(store, tmp_path):
    content = bytes(range(256)) * 4000
    file = tmp_path / "table"
    file.write_bytes(content)
    store.send(file, "content/X/a", digest(content))
    store.write("series/X/bars.json", b"{}")
    store.write("series/X/bars.json", b"[1]")
    assert store.read("series/X/bars.json") == b"[1]"
    assert store.read("series/X/none.json") is None
    store.bring("content/X/a", tmp_path / "back", digest(content))
    assert (tmp_path / "back").read_bytes() == content
    assert {name: one.bytes for name, one in store.names("content").items()} == {"X/a": len(content)}
    assert abs(store.names("content")["X/a"].when.timestamp() - time.time()) < 60
    assert store.names("nothing") == {}
    store.delete("content/X/a")
    store.delete("content/X/a")
    assert store.names("content") == {}


def test_a_store_may_lie_below_a_hidden_folder_and_lists_nothing_half_written(tmp_path):
    (tmp_path / ".hidden").mkdir()
    store = table_store.opened(f"file://{tmp_path}/.hidden/tables")
    store.write("series/X/bars.json", b"{}")
    (tmp_path / ".hidden" / "tables" / "series" / "X" / ".bars.json.tmp").write_bytes(b"{")
    assert [*store.names("series")] == ["X/bars.json"]


def test_other_bytes_are_neither_sent_nor_brought(store, tmp_path):
    file = tmp_path / "table"
    file.write_bytes(b"changed")
    with pytest.raises(DataError, match="was changed after it was written"):
        store.send(file, "content/X/b", digest(b"was"))
    assert "X/b" not in store.names("content")
    store.write("content/X/b", b"changed")
    with pytest.raises(DataError, match=r"is damaged: its sha256 is .*, wanted"):
        store.bring("content/X/b", tmp_path / "back", digest(b"was"))
    assert not (tmp_path / "back").exists()
    with pytest.raises(DataError, match="not there any more"):
        store.bring("content/X/gone", tmp_path / "gone", digest(b"was"))


def test_an_empty_object_is_none(store):
    store.write("series/X/torn.json", b"")
    assert store.read("series/X/torn.json") is None
    assert "X/torn.json" not in store.names("series")


def test_a_store_of_a_newer_format_is_left_alone(store):
    store.write("any", b"1")
    marker = f"{table_store.FORMAT}".encode()
    assert store.read("assay-tables.json") == b'{"format": ' + marker + b"}"
    store.write("assay-tables.json", b'{"format": 2}')
    with pytest.raises(UnavailableError, match="format 2, and this Assay knows 1: install a newer one"):
        table_store.store()
    store.write("assay-tables.json", b"torn")
    with pytest.raises(DataError, match="is damaged"):
        table_store.store()
    store.delete("assay-tables.json")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "tables",
        "/tables",
        "s3://",
        "s3://UPPER/x",
        "file://host/x",
        "file:///",
        "s3://b",
        "s3://bucket/a/../b",
        "http://bucket/x",
        "s3://user:secret@bucket/x",
        "s3://bucket/x?access_key=user&secret_key=secret",
        "s3://[bucket",
    ],
)
def test_what_is_no_address_is_refused_without_its_secrets(monkeypatch, url):
    monkeypatch.setenv("ASSAY_TABLES", url)
    with pytest.raises(UsageError, match=r"^ASSAY_TABLES: wanted s3://BUCKET/PREFIX or file:///FOLDER") as refused:
        table_store.store()
    assert not any(canary in str(refused.value) for canary in CANARIES)


def test_an_endpoint_with_a_password_is_refused_without_it(monkeypatch):
    monkeypatch.setenv("ASSAY_TABLES", "s3://bucket/x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:secret@localhost:9000")
    with pytest.raises(UsageError, match="AWS_ENDPOINT_URL: wanted") as refused:
        table_store.store()
    assert not any(canary in str(refused.value) for canary in CANARIES)


def refusal_of(monkeypatch, environment, **changes: str) -> AssayError:
    for name, value in (environment | changes).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UnavailableError) as refused:
        table_store.store()
    assert refused.value.exit_code == 6
    assert not any(canary in str(refused.value) for canary in CANARIES[:2])
    return refused.value


def test_no_bucket_no_folder_and_no_network_are_told_soon(monkeypatch, environment, tmp_path):
    if environment["ASSAY_TABLES"].startswith("file"):
        told = refusal_of(monkeypatch, environment, ASSAY_TABLES=f"file://{tmp_path}/none")
        assert "there is no such folder: make it, or mount it" in str(told)
        return
    told = refusal_of(monkeypatch, environment, ASSAY_TABLES="s3://no-such-bucket/x")
    assert "there is no such bucket" in str(told)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{probe.getsockname()[1]}"
    told = refusal_of(monkeypatch, environment, AWS_ENDPOINT_URL=closed)
    assert "it cannot be reached: check the network, AWS_ENDPOINT_URL and AWS_REGION" in str(told)


def test_a_server_that_says_nothing_is_given_up(monkeypatch, environment):
    if environment["ASSAY_TABLES"].startswith("file"):
        pytest.skip("a folder has no server")
    monkeypatch.setattr("pipeline.table_store._SILENT", 1.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "it cannot be reached" in str(refusal_of(monkeypatch, environment, AWS_ENDPOINT_URL=address))


def test_attempts_end_before_a_minute():
    assert table_store._ATTEMPTS * (table_store._TO_CONNECT + table_store._SILENT) <= 60


def test_a_killed_writer_leaves_nothing_that_counts(tmp_path, monkeypatch):
    """A folder has no object that is there by itself: it is written aside, and a half is no object."""
    monkeypatch.setenv("ASSAY_TABLES", f"file://{tmp_path}")
    store = table_store.store()
    assert store is not None
    store.write("content/X/whole", b"1")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(stores.StoppedError()))
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(stores.StoppedError):
            store.write("content/X/half", b"2")
    assert [path.name for path in (tmp_path / "content" / "X").glob(".half.*")]
    assert [*store.names("content")] == ["X/whole"]
    assert store.read("content/X/half") is None
