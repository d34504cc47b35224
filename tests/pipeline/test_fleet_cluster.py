"""The fleet on a cluster that is not its own: scheduler and worker as processes, by TLS on loopback."""

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from market import instruments
from pipeline import fleet_task, job, trial_records
from registry import ledger
from tests.pipeline import fleets
from tests.pipeline.conftest import CommandLine

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
    """A scheduler and a worker, each a process of its own."""

    def __init__(self, folder: Path, files: dict[str, Path], environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, os.environ | environment
        words = f"--tls-ca-file {files['authority']} --tls-cert {files['certificate']} --tls-key {files['key']}".split()
        found = folder / "scheduler.json"
        self.scheduler = self._started(
            [
                "scheduler",
                "--host",
                "tls://127.0.0.1",
                "--port",
                "0",
                "--no-dashboard",
                *words,
                "--scheduler-file",
                str(found),
            ]
        )
        while not found.exists() or not found.read_text().strip():
            assert self.scheduler.poll() is None, (folder / "scheduler.log").read_text()
        self.address = json.loads(found.read_text())["address"]
        limits = ["--nthreads", "1", "--memory-limit", "0", "--resources", "memory=4e9", "--no-dashboard"]
        self.worker = self._started(
            ["worker", self.address, *limits, "--local-directory", str(folder), "--host", "tls://127.0.0.1", *words]
        )

    def _started(self, words: list[str]) -> subprocess.Popen:
        log = (self.folder / f"{words[0]}.log").open("w")
        command = [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]]
        return subprocess.Popen(command, stdout=log, stderr=log, env=self.environment, cwd=fleets.PROJECT)

    def stop(self) -> None:
        for process in (self.worker, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> CommandLine:
    """Return a home in which gold is trained, and not judged."""
    made = fleets.with_bars(tmp_path_factory.mktemp("cluster") / "home", fleets.SERIES[:1])
    fleets.alone(made, GOLD)
    return made


@pytest.fixture
def cluster(trained, tmp_path):
    files = certified(tmp_path)
    for name, path in files.items():
        trained.replace("fleet", f'{name} = ""', f'{name} = "{path}"')
    made = Cluster(tmp_path, files, trained.environment)
    yield made
    made.stop()
    shutil.copy(fleets.PROJECT / "config" / "fleet.toml", trained.config)


@pytest.mark.long
def test_the_same_fleet_is_trained_on_a_cluster_by_tls(trained, cluster):
    before = fleets.bytes_of(trained, GOLD)
    ended = trained("fleet", "run", "--only", GOLD, "--from", "train", "--scheduler", cluster.address, "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)["series"][GOLD]
    assert cluster.address.startswith("tls://127.0.0.1:")
    assert told["state"] == "judged"
    assert told["process"] not in (os.getpid(), cluster.scheduler.pid)
    assert fleets.bytes_of(trained, GOLD) == before

    running = fleets.Running(trained, "run", "--only", GOLD, "--from", "train", "--scheduler", cluster.address)
    running.wait_for(f"{GOLD}: train")
    cluster.scheduler.kill()
    code, answer = running.ended()
    assert code == 6
    assert "is gone" in answer["error"]
    assert "assay fleet resume" in answer["error"]


def task_of(made: CommandLine, **changes: str) -> fleet_task.Task:
    work = job.prepare(instruments.series_named(GOLD))
    return fleet_task.Task(GOLD, str(made.home), "token", fleet_task.digest(work), 1)._replace(**changes)


def test_a_worker_of_another_home_or_other_settings_does_nothing(trained, monkeypatch, tmp_path):
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


def test_what_a_worker_has_tried_is_left_for_the_parent_to_write(trained, monkeypatch):
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
