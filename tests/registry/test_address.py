"""Where a registry is, that no secret stands there, and that nothing in the environment leads MLflow elsewhere."""

import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from market.errors import UnavailableError, UsageError
from registry import address, alias, alias_server, mlflow_environment, serving, tracking
from tests.registry.places import Place, free_port

PG = "postgresql://assay@db.example.com:5432/mlflow"
S3 = "s3://team/models"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = shutil.copytree("config", tmp_path / "config")
    monkeypatch.setenv("ASSAY_CONFIG", str(folder))
    return folder


def test_by_default_a_registry_is_in_its_home(config: Path, tmp_path: Path) -> None:
    found = address.of(tmp_path / "data")
    assert found == (f"sqlite:///{tmp_path}/data/mlflow.db", f"file://{tmp_path}/data/mlartifacts", found.database)
    (config / "registry.toml").unlink()
    assert address.of(tmp_path / "data") == found, "settings from before there was a choice"


def test_a_team_names_a_database_and_a_store(config: Path, tmp_path: Path) -> None:
    Place(PG, f"{S3}/", {}).settings(config)
    found = address.of(tmp_path / "data")
    assert found.tracking.startswith(f"{PG}?connect_timeout=5&") and found.artifacts == S3
    assert found.database is None and found.shown == PG


def test_the_simulated_market_keeps_a_registry_of_its_own(config: Path, tmp_path: Path) -> None:
    Place(PG, S3, {}).settings(config)
    assert address.of(tmp_path / "data" / "demo").database == tmp_path / "data" / "demo" / "mlflow.db"


@pytest.mark.parametrize(
    ("tracking_at", "artifacts_at", "said"),
    [
        ("postgresql://assay:hunter2@db/mlflow", S3, "it holds a password: take it out, and set PGPASSWORD"),
        ("postgresql://assay@db/mlflow?password=hunter2", S3, "it holds a password"),
        ("https://assay:hunter2@mlflow.example.com", "", "it holds a password"),
        ("mysql://assay@db/mlflow", S3, "wanted postgresql://USER@HOST/DATABASE"),
        ("postgresql:///mlflow", S3, "it names no host"),
        (PG, "", "a database by URL needs artifacts that every machine reaches"),
        (PG, "models", "wanted s3://BUCKET/FOLDER, an absolute folder, or nothing"),
        (PG, "s3://hunter2:hunter2@team", "artifacts: it holds a password"),
        (PG, f"s3://team/{'x' * 140}", "it has 150 characters, wanted at most 128"),
        ("http://[", "", "it is not an address"),
    ],
)
def test_an_address_that_cannot_be_is_refused_without_repeating_it(
    config: Path, tmp_path: Path, tracking_at: str, artifacts_at: str, said: str
) -> None:
    Place(tracking_at, artifacts_at, {}).settings(config)
    with pytest.raises(UsageError, match=r"config/registry\.toml \[registry\]") as refusal:
        address.of(tmp_path)
    assert said in str(refusal.value) and "hunter2" not in str(refusal.value)


def test_an_unknown_key_or_table_is_named(config: Path, tmp_path: Path) -> None:
    (config / "registry.toml").write_text("[registry]\ntraking = ''\n")
    with pytest.raises(UsageError, match=r"unknown key 'traking'\. Did you mean tracking"):
        address.of(tmp_path)
    (config / "registry.toml").write_text("[registri]\n")
    with pytest.raises(UsageError, match=r"unknown table \[registri\]"):
        address.of(tmp_path)


LEADS = {
    "MLFLOW_TRACKING_URI": "http://evil.example.com",
    "MLFLOW_REGISTRY_URI": "http://evil.example.com",
    "MLFLOW_S3_ENDPOINT_URL": "http://evil.example.com",
    "MLFLOW_EXPERIMENT_ID": "7",
    "MLFLOW_RUN_ID": "7",
    "MLFLOW_WORKSPACE": "evil",
    "MLFLOW_ENABLE_WORKSPACES": "true",
    "MLFLOW_TRACKING_INSECURE_TLS": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "true",
    "MLFLOW_SERVER_ALLOWED_HOSTS": "*",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "99",
    "_MLFLOW_SERVER_ARTIFACT_ROOT": "/tmp/evil",
}
REDIRECTED = """
import os, sys
from pathlib import Path
from registry import tracking
from tests.registry.cards import make_card
home = Path(sys.argv[1])
run_id = tracking.log_run(home, make_card(), "# Card", {}, {})
with tracking.opened(home) as client:
    print(client.get_run(run_id).info.artifact_uri)
print(sorted(name for name in os.environ if name in sys.argv[2:] and os.environ[name] == "http://evil.example.com"))
"""


def test_the_environment_leads_mlflow_nowhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LEADS.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-c", REDIRECTED, str(home), *LEADS]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[0].startswith(f"file://{home}/mlartifacts/XAUUSD_15T/")
    assert ended.stdout.splitlines()[1] == "[]"
    served = serving.environment()
    assert {name: served.get(name) for name in LEADS if served.get(name) == LEADS[name]} == {}
    assert served["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


def test_credentials_and_everything_that_is_not_mlflows_stay() -> None:
    given = {"MLFLOW_TRACKING_TOKEN": "t", "PGPASSWORD": "p", "AWS_MAX_ATTEMPTS": "7", "PATH": "/bin"}
    assert given.items() <= mlflow_environment.cleaned(given).items()


def test_the_command_of_the_ui_holds_its_own_names_and_no_secret(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    Place(PG, S3, {}).settings(config)
    command = serving.command(tmp_path, 5055)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--allowed-hosts") + 1] == "localhost:5055,127.0.0.1:5055"
    assert command[command.index("--default-artifact-root") + 1] == S3
    assert not any("hunter2" in word for word in command)
    Place("https://mlflow.example.com", "", {}).settings(config)
    with pytest.raises(UnavailableError, match=r"is served at https://mlflow\.example\.com: open that"):
        serving.command(tmp_path, 5055)


@pytest.fixture
def silent() -> Iterator[int]:
    """Return a port at which somebody takes calls and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        taken: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for one in taken:
            one.close()


@pytest.mark.parametrize("scheme", ["http", "postgresql"])
@pytest.mark.parametrize("state", ["dead", "silent"])
def test_a_registry_that_is_gone_costs_seconds(
    config: Path, tmp_path: Path, silent: int, monkeypatch: pytest.MonkeyPatch, scheme: str, state: str
) -> None:
    """Each waits a second here where it would wait five, and is asked twice at most."""
    port = silent if state == "silent" else free_port()
    at = {"http": f"http://127.0.0.1:{port}", "postgresql": f"postgresql://a@127.0.0.1:{port}/m?connect_timeout=2"}
    Place(at[scheme], S3, {}).settings(config)
    monkeypatch.setitem(mlflow_environment.OURS, "MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setattr(alias_server, "PATIENCE", 1.0)
    for ask in (lambda: tracking.aliases(tmp_path, "XAUUSD_15T"), lambda: alias.champion(tmp_path, "XAUUSD_15T")):
        began = time.monotonic()
        with pytest.raises(UnavailableError, match=f"The registry at {scheme}://.*{port}"):
            ask()
        assert time.monotonic() - began < 15.0
    assert mlflow_environment.SECONDS * 2 <= 10


def test_what_is_no_registry_is_not_taken_for_an_empty_one(config: Path, tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\n<html>Login!"
        threading.Thread(target=lambda: (got := server.accept()[0]).sendall(page) or got.close(), daemon=True).start()
        Place(f"http://127.0.0.1:{server.getsockname()[1]}", "", {}).settings(config)
        with pytest.raises(UnavailableError, match="gave no answer of MLflow's to registered-models/get"):
            alias.champion(tmp_path, "XAUUSD_15T")
