"""The fleet on a cluster that is not its own: scheduler and workers as processes, by TLS on loopback; its registry in
PostgreSQL where that is installed.
"""

import contextlib
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from market import instruments
from pipeline import fleet_task, job, trial_records
from registry import address, ledger
from tests.pipeline import fleets
from tests.pipeline.conftest import CommandLine
from tests.registry.places import PASSWORD, Place, postgresql

GOLD = fleets.SERIES[0]


def certified(folder: Path) -> dict[str, Path]:
    """Write a certificate that is its own authority, and its key; return the files as the settings name them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fleet")])
    now = dt.datetime.now(dt.UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(hours=1))
    signed = built.not_valid_after(now + dt.timedelta(days=1)).sign(key, hashes.SHA256())
    files = {"authority": folder / "ca.pem", "certificate": folder / "ca.pem", "key": folder / "key.pem"}
    files["authority"].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files["key"].write_bytes(key.private_bytes(*private))
    return files


class Cluster:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, folder: Path, files: dict[str, Path], environment: dict[str, str], workers: int = 1) -> None:
        self.folder, self.environment = folder, os.environ | environment
        names = {"authority": "--tls-ca-file", "certificate": "--tls-cert", "key": "--tls-key"}
        tls = [word for name, option in names.items() for word in (option, str(files[name]))]
        found, here = folder / "scheduler.json", ["--host", "tls://127.0.0.1", "--no-dashboard"]
        self.scheduler = self._started("scheduler", "--port", "0", "--scheduler-file", str(found), *here, *tls)
        while not found.exists() or not found.read_text().strip():
            assert self.scheduler.poll() is None, (folder / "scheduler.log").read_text()
            time.sleep(0.02)
        self.address = json.loads(found.read_text())["address"]
        limits = ["--nthreads", "1", "--memory-limit", "0", "--resources", "memory=4e9", "--no-nanny"]
        words = ["worker", self.address, *limits, "--local-directory", str(folder), *here, *tls]
        self.workers = [self._started(*words) for _ in range(workers)]

    def _started(self, name: str, *words: str) -> subprocess.Popen:
        log = (self.folder / f"{name}.log").open("a")
        command = [sys.executable, "-m", f"distributed.cli.dask_{name}", *words]
        return subprocess.Popen(command, stdout=log, stderr=log, env=self.environment, cwd=fleets.PROJECT)

    @contextlib.contextmanager
    def killing_at(self, made: CommandLine, stage: str) -> Iterator[None]:
        """Kill the worker that is at work on gold as soon as it is at `stage`, if that is within the block."""
        over = threading.Event()

        def watch() -> None:
            while (at := board_of(made).get(GOLD, {})).get("stage") != stage and not over.is_set():
                time.sleep(0.02)
            for one in self.workers:
                if one.pid == at.get("process"):
                    one.kill()

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            yield
        finally:
            over.set()
            watching.join()

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def board_of(made: CommandLine) -> dict[str, dict]:
    path = made.home / "fleet" / "board.json"
    return json.loads(path.read_text())["series"] if path.exists() else {}


def certify(made: CommandLine, folder: Path) -> dict[str, Path]:
    """Let the settings of the fleet name certificates made for it, and return their files."""
    files = certified(folder)
    for name, path in files.items():
        made.replace("fleet", f'{name} = ""', f'{name} = "{path}"')
    return files


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """Yield the address of an empty PostgreSQL database, "" where PostgreSQL is not installed."""
    with contextlib.ExitStack() as stack:
        try:
            address = stack.enter_context(postgresql())
        except pytest.skip.Exception:
            address = ""
        yield address


class Team(NamedTuple):
    """A home, the cluster that trains it, and how its fleet came out when a worker was killed within it."""

    made: CommandLine
    cluster: Cluster
    killed: int
    told: dict

    def run(self, *words: str) -> dict:
        """Run the fleet of the home on the cluster and return what became of gold."""
        words = ("fleet", "run", "--only", GOLD, "--scheduler", self.cluster.address, "--json", *words)
        ended = self.made(*words, PGPASSWORD=PASSWORD)
        assert ended.code == 0, ended.err
        return json.loads(ended.out)["series"][GOLD]


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Team]:
    """Train gold, tuned and with paths, by a cluster whose first worker is killed; only this process knows the password
    of the registry.
    """
    folder = tmp_path_factory.mktemp("team")
    made = fleets.with_bars(folder / "made", (GOLD,))
    made.replace("tuning", "trials = 0 ", "trials = 1 ")
    for old, new in (
        ("always = false", "always = true"),
        ("groups = 6", "groups = 3"),
        ("held_out = 2", "held_out = 1"),
    ):
        made.replace("combinatorial", old, new)
    if database:
        Place(database, str(folder / "artifacts"), {}).settings(made.config)
    cluster = Cluster(folder, certify(made, folder), made.environment, workers=2)
    try:
        with cluster.killing_at(made, "train"):
            told = Team(made, cluster, 0, {}).run()
        killed = [one.pid for one in cluster.workers if one.poll() == -signal.SIGKILL]
        yield Team(made, cluster, *killed, told)
    finally:
        cluster.stop()


def test_a_cluster_by_tls_trains_though_a_worker_is_killed(team: Team) -> None:
    assert team.cluster.address.startswith("tls://127.0.0.1:")
    assert team.told["state"] == "judged"
    (other,) = (one.pid for one in team.cluster.workers if one.pid != team.killed)
    assert team.told["process"] == other
    assert set(team.told["seconds"]) >= {"train", "backtest", "paths", "gate"}


def test_the_registry_of_a_fleet_may_be_postgresql_and_its_parent_alone_writes_there(team: Team, database: str) -> None:
    if not database:
        pytest.skip("PostgreSQL is not installed, so a fleet with its registry there was not tested")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (team.made.environment | {"PGPASSWORD": PASSWORD}).items():
            patch.setenv(name, value)
        with address.reading(address.of(team.made.home)) as ask:
            runs = ask("SELECT run_uuid, status FROM runs")
            writers = ask("SELECT value FROM tags WHERE key = 'writer'")
    assert runs == [(team.told["run_id"], "FINISHED")]
    assert str(os.getpid()) in writers[0][0]
    assert not (team.made.home / "mlflow.db").exists()
    assert list(Path(team.made.folder.parent / "artifacts").rglob("card.json"))


def test_trials_of_tuning_come_home_once_though_two_workers_tried_them(team: Team) -> None:
    entries = [one for one in ledger.read(team.made.home).entries if one.kind == "trial"]
    tuned = [one for one in entries if one.member == "logistic"]
    assert sorted(one.part for one in tuned) == ["final model", "fold 1", "fold 2"]
    assert all(one.daily_sha256 for one in tuned)
    assert [one.part for one in entries if one not in tuned] == ["run"]
    assert not (team.made.home / "runs" / GOLD / "trials_left").exists()


def test_a_second_run_does_nothing_and_paths_alone_are_made_anew_when_asked_for(team: Team) -> None:
    def clock() -> dict[str, int]:
        return {name: at for name, at in team.made.clock().items() if not name.startswith("fleet/")}

    card = json.loads((team.made.home / "runs" / GOLD / "card.json").read_text())
    assert len(card["paths"]["paths"]) == 1 and card["paths"]["tuned"]
    before = clock()
    assert team.run()["state"] == "up to date"
    assert clock() == before
    assert team.run("--from", "paths")["state"] == "judged"
    anew = {name for name, at in clock().items() if before.get(name) != at}
    of_stages = {name.split("/")[-1].partition(".")[0] for name in anew if name.endswith(".receipt.json")}
    assert of_stages == {"paths", "gate"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> CommandLine:
    """Return a home in which gold is trained, and not judged."""
    made = fleets.with_bars(tmp_path_factory.mktemp("cluster") / "home", fleets.SERIES[:1])
    fleets.alone(made, GOLD)
    return made


@pytest.mark.long
def test_the_same_fleet_is_trained_on_a_cluster_by_tls_to_the_same_bytes(trained, tmp_path):
    before = fleets.bytes_of(trained, GOLD)
    cluster = Cluster(tmp_path, certify(trained, tmp_path), trained.environment)
    try:
        ended = trained("fleet", "run", "--only", GOLD, "--from", "train", "--scheduler", cluster.address, "--json")
        assert ended.code == 0, ended.err
        told = json.loads(ended.out)["series"][GOLD]
        assert (told["state"], told["process"]) == ("judged", cluster.workers[0].pid)
        assert fleets.bytes_of(trained, GOLD) == before

        running = fleets.Running(trained, "run", "--only", GOLD, "--from", "train", "--scheduler", cluster.address)
        running.wait_for(f"{GOLD}: train")
        cluster.scheduler.kill()
        code, answer = running.ended()
        assert code == 6
        assert "is gone" in answer["error"]
        assert "assay fleet resume" in answer["error"]
    finally:
        cluster.stop()


def task_of(made: CommandLine, **changes: str) -> fleet_task.Task:
    work = job.prepare(instruments.series_named(GOLD))
    return fleet_task.Task(GOLD, str(made.home), "token", fleet_task.digest(work), 1)._replace(**changes)


def test_a_worker_of_another_home_or_other_settings_does_nothing(team, monkeypatch):
    trained = team.made
    for name, value in trained.environment.items():
        monkeypatch.setenv(name, value)
    before = trained.clock()
    lost = fleet_task.run(task_of(trained), lambda *_: None)
    assert lost.exit_code == 6
    assert "does not see" in lost.error
    monkeypatch.setattr("pipeline.fleet_lock.sees", lambda home, token: token == "token")
    other = fleet_task.run(task_of(trained, asked="0" * 64), lambda *_: None)
    assert "other code, libraries or settings" in other.error
    assert (other.stage, other.seconds) == ("", {})
    assert other.memory > 1e8
    assert trained.clock() == before


def test_what_a_worker_has_tried_is_left_for_the_parent_to_write(team, monkeypatch):
    trained = team.made
    for name, value in trained.environment.items():
        monkeypatch.setenv(name, value)
    work = job.prepare(instruments.series_named(GOLD), trials=1)
    trials = [fleets.trial("fold 1", 0.1), fleets.trial("fold 2", 0.2)]
    entries = ledger.read(trained.home).entries
    with trial_records.left_in(work.workspace.run):
        assert trial_records.record(work, trials) == 2
        assert trial_records.record(work, trials[:1]) == 0
    assert ledger.read(trained.home).entries == entries
    assert trial_records.deliver(work) == 2
    written = ledger.read(trained.home).entries[len(entries) :]
    assert [(one.part, one.value) for one in written] == [("fold 1", 0.1), ("fold 2", 0.2)]
    assert all(one.daily_sha256 for one in written)
    assert trial_records.deliver(work) == trial_records.record(work, trials) == 0
