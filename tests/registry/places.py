"""Registries as teams have them, made for tests on loopback: a PostgreSQL server, an S3 store, an MLflow server."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from registry import serving

PASSWORD = "canary-of-a-password"
BUCKET = "team"
_SECONDS = 240.0  # of a machine that is busy
_DEBIAN = Path("/usr/lib/postgresql")


class Place(NamedTuple):
    """Where a registry is: what config/registry.toml says, and what the environment holds."""

    tracking: str
    artifacts: str
    environment: Mapping[str, str]

    def settings(self, config: Path) -> None:
        """Write the place into a settings folder."""
        text = f'[registry]\ntracking = "{self.tracking}"\nartifacts = "{self.artifacts}"\n'
        (config / "registry.toml").write_text(text)


class Served(NamedTuple):
    """An MLflow server on loopback: its port, and the process that was started."""

    port: int
    process: int


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs; skips the test where it is not installed."""
    found = shutil.which(name) or next((str(path) for path in sorted(_DEBIAN.glob(f"*/bin/{name}"))), None)
    if found is None:
        pytest.skip(f"PostgreSQL is not installed ({name} is missing), so it was not tested")
    return found


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL server on a socket of its own and yield the address of its empty database `mlflow`."""
    initdb, server = program("initdb"), program("postgres")
    folder = Path(tempfile.mkdtemp(prefix="assay-pg-", dir="/tmp"))
    try:
        secret = folder / "password"
        secret.write_text(PASSWORD)
        _hand_over(folder, secret)
        words = ["-U", "assay", "--auth=scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run([initdb, "-D", folder / "data", *words], check=True, stdout=subprocess.DEVNULL, **_other())
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-F"]
        running = subprocess.Popen([server, "-D", folder / "data", *options], stderr=subprocess.DEVNULL, **_other())
        try:
            _create_database(folder, running)
            yield f"postgresql://assay@/mlflow?host={folder}"
        finally:
            running.send_signal(signal.SIGINT)  # ends without waiting for those who are connected
            running.wait()
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def object_store() -> Iterator[dict[str, str]]:
    """Run an S3 store with an empty bucket and yield the environment by which it is reached."""
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed, so S3 was not tested")
    moto = pytest.importorskip("moto.server", reason="moto is not installed, so S3 was not tested")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "canary-of-an-id",
        "AWS_SECRET_ACCESS_KEY": "canary-of-a-key",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            boto3.client("s3").create_bucket(
                Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": environment["AWS_DEFAULT_REGION"]}
            )
        yield environment
    finally:
        moto_state = urllib.request.Request(f"http://{host}:{port}/moto-api/reset", method="POST")
        urllib.request.urlopen(moto_state, timeout=60).close()  # which outlives the server
        server.stop()


@contextlib.contextmanager
def mlflow_server(home: Path) -> Iterator[Served]:
    """Serve the registry of `home` as `assay ui` does, and yield where, once it answers."""
    port = free_port()
    with tempfile.TemporaryFile() as said:
        server = subprocess.Popen(
            serving.command(home, port), env=serving.environment(), start_new_session=True, stdout=said, stderr=said
        )
        try:
            _wait_for(server, port)
            yield Served(port, server.pid)
        finally:
            server.terminate()
            server.wait()


def free_port() -> int:
    """Return a port that the system chose and nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(server: subprocess.Popen, port: int) -> None:
    ends = time.monotonic() + _SECONDS
    while time.monotonic() < ends and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
            return
        time.sleep(0.1)
    raise AssertionError(f"The MLflow server did not answer within {_SECONDS:g} s.")


def _create_database(folder: Path, running: subprocess.Popen) -> None:
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed, so PostgreSQL was not tested")
    ends = time.monotonic() + _SECONDS
    while True:
        try:
            with psycopg.connect(f"postgresql://assay:{PASSWORD}@/postgres?host={folder}", autocommit=True) as database:
                database.execute("CREATE DATABASE mlflow")
            return
        except psycopg.OperationalError:
            if time.monotonic() > ends or running.poll() is not None:
                raise
            time.sleep(0.05)


def _other() -> dict:
    """Return as whom PostgreSQL runs: it refuses to do so as root."""
    if os.geteuid() != 0:
        return {}
    user = next(one for one in ("postgres", "nobody") if one in {known.pw_name for known in pwd.getpwall()})
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _hand_over(*paths: Path) -> None:
    if who := _other():
        for path in paths:
            shutil.chown(path, who["user"], who["group"])
