"""What a registry promises, wherever it is: in the home, in PostgreSQL with S3, behind a server with a folder."""

import contextlib
import itertools
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from market.errors import GateError, UnavailableError, UsageError
from registry import address, alias, inspection, pruning, sweeping, tracking, writer
from registry.bundle import write_bundle
from registry.card import Card
from registry.promotion import production, promote
from tests.registry.cards import make_card
from tests.registry.models import better
from tests.registry.places import BUCKET, PASSWORD, Place, Served, mlflow_server, object_store, postgresql

PLACES = ("home", "postgresql and S3", "server")
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def servers() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def served(servers: contextlib.ExitStack, tmp_path_factory: pytest.TempPathFactory, database: Path) -> Served:
    """Return a server as `assay ui` starts it."""
    home = tmp_path_factory.mktemp("served")
    shutil.copyfile(database, home / "mlflow.db")
    return servers.enter_context(mlflow_server(home))


@pytest.fixture(scope="module")
def relational(servers: contextlib.ExitStack) -> str:
    """Return the address of a PostgreSQL database."""
    return servers.enter_context(postgresql())


@pytest.fixture(scope="module")
def stored(servers: contextlib.ExitStack) -> dict[str, str]:
    """Return the environment by which an S3 store is reached."""
    return servers.enter_context(object_store())


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a registry that runs."""
    if request.param == "home":
        return Place("", "", {})
    if request.param == "server":
        port = request.getfixturevalue("served").port
        return Place(f"http://127.0.0.1:{port}", str(tmp_path_factory.mktemp("shared")), {})
    environment = {"PGPASSWORD": PASSWORD} | request.getfixturevalue("stored")
    return Place(request.getfixturevalue("relational"), f"s3://{BUCKET}/models", environment)


@pytest.fixture
def home(place: Place, tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home of its own whose registry is at the place."""
    config = shutil.copytree("config", tmp_path / "config")
    place.settings(config)
    for name, value in (place.environment | {"ASSAY_CONFIG": str(config)}).items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "data"
    folder.mkdir()
    if not place.tracking:
        shutil.copyfile(database, folder / "mlflow.db")
    return folder


@pytest.fixture
def series() -> str:
    """Return a series that no other test uses, since registries by URL are shared."""
    return f"MADE{next(_numbers)}_15T"


def trained(home: Path, series: str, name: str = "first") -> tuple[Card, Path]:
    """Return the logged card of a training and its bundle; its home knows it as the last."""
    folder = home / "bundles" / series / "aside"
    digest = write_bundle(folder, {"xgboost.ubj": name.encode()}, {"series": series})
    folder = folder.rename(folder.with_name(digest[:16]))
    card = make_card(series=series, bundle_sha256=digest)
    files = {path.name: path for path in folder.iterdir()}
    card = card.model_copy(update={"run_id": tracking.log_run(home, card, "# Card", files, {})})
    (home / "runs" / series).mkdir(parents=True, exist_ok=True)
    return card, folder


def artifact(home: Path, run_id: str, path: str, to: Path) -> bytes:
    with tracking.opened(home) as client:
        return Path(client.download_artifacts(run_id, path, str(to))).read_bytes()


def test_a_run_keeps_its_numbers_its_tags_and_every_byte_of_its_bundle(home: Path, series: str, tmp_path: Path) -> None:
    card, folder = trained(home, series)
    with tracking.opened(home) as client:
        run = client.get_run(card.run_id)
    assert run.info.status == "FINISHED" and run.data.tags["bundle_sha256"] == card.bundle_sha256
    assert run.data.metrics["oos/win_rate"] == card.oos["win_rate"] and run.data.metrics["verdict/six"] == 1.0
    for path in folder.iterdir():
        assert artifact(home, card.run_id, f"bundle/{path.name}", tmp_path) == path.read_bytes()


def test_what_is_too_long_is_cut_where_it_can_be_seen(home: Path, series: str) -> None:
    card = make_card(series=series, recipe="r" * 300, features=["é" * 40] * 300, profile="six")
    markdown = "# Verdict\n\n" + "word " * 3000
    run_id = tracking.log_run(home, card, markdown, {}, {})
    with tracking.opened(home) as client:
        run = client.get_run(run_id)
    assert len(run.data.params["features"]) == 6000 and run.data.params["features"].endswith("… (cut)")
    assert len(run.info.run_name) == 250 and run.info.run_name.endswith("… (cut)")
    assert len(run.data.tags["mlflow.note.content"]) <= 8000
    assert "… the rest is in the artifact" in run.data.tags["mlflow.note.content"]


def test_a_training_that_was_logged_is_not_logged_again(home: Path, series: str) -> None:
    card, _ = trained(home, series)
    later = card.model_copy(update={"made_at": "2025-12-24T18:00:00+00:00", "seconds": {"train": 1.0}, "run_id": ""})
    assert tracking.log_run(home, later, "# Card", {}, {}) == card.run_id
    other = later.model_copy(update={"looks": 2})
    assert tracking.log_run(home, other, "# Card", {}, {}) != card.run_id


def test_promotion_is_seen_by_whoever_loads_the_champion_without_mlflow(home: Path, series: str) -> None:
    assert alias.champion(home, series) is None
    first, second = (trained(home, series, name) for name in ("first", "second"))
    promote(home, *first)
    record = promote(home, *second, better(home, series))
    assert alias.champion(home, series) == ("2", True, second[0].bundle_sha256)
    assert alias.check(home, series, record) == ""
    assert tracking.aliases(home, series) == {"champion": "2", "previous": "1"}
    alias.point(home, series, champion="1", previous="2")
    assert tracking.aliases(home, series) == {"champion": "1", "previous": "2"}
    with pytest.raises(GateError, match="points at version 1, the signed record is of version 2"):
        alias.check(home, series, record)
    with pytest.raises(UnavailableError, match="has no version 77"):
        alias.point(home, series, champion="77", previous="77")
    assert tracking.aliases(home, series) == {"champion": "1", "previous": "2"}


def test_a_sweep_mends_what_a_crash_left_and_leaves_what_is_whole(home: Path, series: str) -> None:
    card, folder = trained(home, series)
    record = promote(home, card, folder)
    ended = subprocess.Popen(["true"])
    ended.wait()
    gone = writer.signature().replace(f" {os.getpid()} ", f" {ended.pid} ")
    with tracking.opened(home) as client:
        experiment = client.get_run(card.run_id).info.experiment_id
        dead, alive, foreign = (
            client.create_run(experiment, tags={"writer": who}).info.run_id
            for who in (gone, writer.signature(), writer.signature().replace(" ", "-of-another-room ", 1))
        )
        source = client.get_run(card.run_id).info.artifact_uri
        half = client.create_model_version(series, source, card.run_id).version
        digest = {"bundle_sha256": "d" * 64}
        unfinished = client.create_model_version(
            series, client.get_run(alive).info.artifact_uri, alive, tags=digest
        ).version
        client.set_registered_model_alias(series, "champion", half)
    swept = sweeping.sweep(home)
    assert dead in swept.killed and {alive, foreign} <= set(swept.running)
    assert {f"{series} {half}", f"{series} {unfinished}"} == set(swept.versions)
    assert [line for line in swept.aliases if line.startswith(f"{series}: ")] and swept.unmended == []
    assert alias.check(home, series, record) == ""
    again = sweeping.sweep(home)
    assert (again.killed, again.versions, again.aliases) == ([], [], [])
    with tracking.opened(home) as client:
        client.set_terminated(alive, "KILLED")
        client.set_terminated(foreign, "KILLED")


def test_a_sweep_deletes_models_that_nobody_will_finish(
    home: Path, series: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, _ = trained(home, series)
    with tracking.opened(home) as client:
        pending, ready = (client.create_logged_model(client.get_run(card.run_id).info.experiment_id) for _ in "ab")
        client.finalize_logged_model(ready.model_id, "READY")
    assert sweeping.sweep(home).models == [], "one that is young may still be written"
    monkeypatch.setattr(sweeping, "YOUNG", -60.0)
    assert sweeping.sweep(home).models == [pending.model_id]
    assert sweeping.sweep(home).models == []


def test_pruning_deletes_for_good_what_nobody_needs_and_nothing_else(home: Path, series: str, tmp_path: Path) -> None:
    old, champion, newest = (trained(home, series, name) for name in ("old", "champion", "newest"))
    promote(home, *champion)
    if address.of(home).is_server:
        with pytest.raises(UsageError, match="where its database is"):
            pruning.prune(home, keep=1)
        return
    planned = pruning.prune(home, keep=1)
    assert [one.run_id for one in planned.doomed] == [old[0].run_id] and planned.kept == 2
    stored = sum(path.stat().st_size for path in old[1].iterdir())
    assert planned.doomed[0].bytes > 2 * stored, "the bundle, its copy among the artifacts, and the card"
    assert old[1].exists() and not planned.done
    assert pruning.prune(home, keep=1, yes=True).done
    assert not old[1].exists() and champion[1].exists() and newest[1].exists()
    with tracking.opened(home) as client:
        assert {run.info.run_id for run in tracking.every_run(client, series)} == {
            champion[0].run_id,
            newest[0].run_id,
        }
        assert client.list_artifacts(champion[0].run_id)
    assert alias.check(home, series, production(home)[series]) == ""
    assert pruning.prune(home, keep=1).doomed == []


def test_the_doctor_can_read_it(home: Path, series: str) -> None:
    trained(home, series)
    found = inspection.inspect(home)
    if address.of(home).is_server:
        assert found is None
    else:
        wanted = address.of(home).artifacts
        assert found.damage == "" and any(place.startswith(f"{wanted}/{series}/") for place in found.places)


def test_no_password_is_in_what_is_shown_or_kept(home: Path, place: Place, series: str) -> None:
    secrets = [value for value in place.environment.values() if value.startswith("canary")]
    card, _ = trained(home, series)
    with tracking.opened(home) as client:
        kept = repr(client.get_run(card.run_id))
    shown = f"{address.of(home)} {kept}"
    if place.tracking.startswith("postgresql"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PGPASSWORD", "canary-that-is-wrong")
            with pytest.raises(UnavailableError, match="password authentication failed") as refusal:
                tracking.aliases(home, series)
        shown += str(refusal.value)
    assert [secret for secret in [*secrets, "canary-that-is-wrong"] if secret in shown] == []


def test_one_writes_at_a_time(home: Path, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On one home by its lock file; from two homes, and so from two machines, by a lock of PostgreSQL's own."""
    other = home if not place.tracking.startswith("postgresql") else tmp_path / "another"
    monkeypatch.setattr(writer, "PATIENCE", 0.2)
    with tracking.opened(home), pytest.raises(UnavailableError, match=r"is locked by another command for over 0\.2 s"):
        tracking.aliases(other, "MADE_15T")


def status(served: Served, method: str = "GET", **headers: str) -> int:
    """Return how the server answers a search of its experiments."""
    url = f"http://127.0.0.1:{served.port}/api/2.0/mlflow/experiments/search?max_results=1"
    told = {"Content-Type": "application/json"} | headers
    body = b'{"max_results": 1}' if method == "POST" else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, told, method=method), timeout=60) as answer:
            assert answer.headers["X-Frame-Options"] == "DENY"
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code


def test_the_ui_answers_to_its_own_names_alone(served: Served) -> None:
    assert [status(served, Host=f"{name}:{served.port}") for name in ("localhost", "127.0.0.1")] == [200, 200]
    evil = [
        "evil.com",
        "10.evil.com",
        "192.168.evil.com",
        f"evil.com:{served.port}",
        f"localhost:{served.port}.evil.com",
        "localhost",
        "127.0.0.1:1",
    ]
    assert {host: status(served, Host=host) for host in evil} == dict.fromkeys(evil, 403)


def test_the_ui_takes_no_orders_from_other_pages(served: Served) -> None:
    assert status(served, "POST", Origin=f"http://localhost:{served.port}") == 200
    assert status(served, "POST", Origin="http://evil.com") == 403
    assert status(served, "POST", Origin="null") == 403


def test_the_ui_listens_on_loopback_and_runs_no_jobs(served: Served) -> None:
    listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if line.split()[3] == "0A"]
    assert [one for one in listening if one.endswith(f":{served.port:04X}")] == [f"0100007F:{served.port:04X}"]
    known = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    lines = [line.split(None, 2) for line in known.splitlines()[1:]]
    family = [str(served.process)]
    for pid, parent, _ in lines:
        family += [pid] if parent in family else []
    told = [words for pid, _, words in lines if pid in family]
    assert any("uvicorn" in words for words in told) and not any("job" in words for words in told)
