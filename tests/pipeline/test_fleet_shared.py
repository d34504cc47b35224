"""The fleet on machines that share no folder: workers with homes of their own, tables in S3, a scheduler by TLS."""

import json
import re
import shutil
from pathlib import Path

import pytest

from market import instruments
from pipeline import fleet_lock, fleet_task, job, shared_fleet, table_store
from tests.pipeline import fleets, stores
from tests.pipeline.conftest import CommandLine
from tests.pipeline.test_fleet_cluster import Cluster, certify

GOLD = fleets.SERIES[0]


class Apart(Cluster):
    """A cluster whose workers have homes of their own."""

    def __init__(self, folder: Path, files: dict[str, Path], environment: dict[str, str]) -> None:
        super().__init__(folder, files, environment, workers=0)
        words = f"--tls-ca-file {files['authority']} --tls-cert {files['certificate']} --tls-key {files['key']}"
        limits = f"--nthreads 1 --memory-limit 0 --resources memory=4e9 --no-nanny --no-dashboard {words}"
        self.words = f"{self.address} --local-directory {folder} --host tls://127.0.0.1 {limits}".split()

    def join(self, home: Path) -> None:
        """Start a worker with that home, which is empty yet."""
        self.environment = self.environment | {"ASSAY_HOME": str(home)}
        self.workers.append(self._started("worker", *self.words))


@pytest.fixture(scope="module")
def server():
    with stores.server("s3") as found:
        yield found


@pytest.fixture
def shared(server, tmp_path):
    with stores.empty(server, tmp_path / "store") as found:
        yield found


def store_of() -> table_store.Store:
    found = table_store.store()
    assert found is not None
    return found


@pytest.fixture
def parent(tmp_path) -> CommandLine:
    return fleets.with_bars(tmp_path / "parent", fleets.SERIES[:1])


def of_worker(parent: CommandLine, folder: Path, patch: pytest.MonkeyPatch) -> CommandLine:
    """Let this process be a worker with a home of its own and the settings of the fleet."""
    made = CommandLine(folder / "worker")
    shutil.rmtree(made.config)
    shutil.copytree(parent.config, made.config)
    for name, value in made.environment.items():
        patch.setenv(name, value)
    return made


def task_of(parent: CommandLine, holder: fleet_lock.Holder, **changes: str) -> fleet_task.Task:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in parent.environment.items():
            patch.setenv(name, value)
        work = job.prepare(instruments.series_named(GOLD))
        shared_fleet.settle(table_store.store(), work.series)
    made = fleet_task.Task(GOLD, str(parent.home), holder.token, fleet_task.digest(work), 1, store_of().url)
    return made._replace(**changes)


def test_a_worker_of_another_home_trains_what_the_store_has_and_the_parent_judges_it(
    shared, parent, tmp_path, monkeypatch
):
    undisturbed = fleets.copied(parent, tmp_path / "alone")
    with fleet_lock.held(parent.home) as holder, shared_fleet.announced(store_of(), holder, None):
        task, told = task_of(parent, holder), []
        with monkeypatch.context() as patch:
            worker = of_worker(parent, tmp_path, patch)
            outcome = fleet_task.run(task, lambda *said: told.append(said[1]))
        assert (outcome.error, list(outcome.seconds)) == ("", told)
    assert not (worker.home / "ledger.jsonl").exists()
    assert not (worker.home / "mlflow.db").exists()
    assert not (parent.home / "features").exists(), "nothing is seen of the worker's home"

    ended = parent("fleet", "run", "--only", GOLD, "--workers", "1", "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["series"][GOLD]["state"] == "judged"
    assert json.loads(ended.out)["series"][GOLD]["seconds"].keys() == {"gate"}, "every stage came from the store"
    fleets.alone(undisturbed, GOLD)
    assert fleets.bytes_of(parent, GOLD) == fleets.bytes_of(undisturbed, GOLD) == fleets.bytes_of(worker, GOLD)
    assert not store_of().names("fleets"), "who has ended is not announced"

    third = CommandLine(tmp_path / "third")
    shutil.copytree(parent.config, third.config, dirs_exist_ok=True)
    trained = third("train", "XAUUSD", "1H")
    assert trained.code in (0, 3), trained.err
    assert len(re.findall("up to date", trained.err)) == len(told), "an empty home brings all but the verdict"
    assert fleets.bytes_of(third, GOLD) == fleets.bytes_of(parent, GOLD)
    written = [path.read_bytes() for path in (parent.home / "fleet").rglob("*") if path.is_file()]
    written += [ended.out.encode(), ended.err.encode()]
    assert not [one for one in written if shared["AWS_SECRET_ACCESS_KEY"].encode() in one]


def test_a_worker_of_another_store_or_of_a_fleet_that_has_ended_does_nothing(shared, parent, tmp_path, monkeypatch):
    with fleet_lock.held(parent.home) as holder, shared_fleet.announced(store_of(), holder, None):
        task = task_of(parent, holder)
    of_worker(parent, tmp_path, monkeypatch)
    ended = fleet_task.run(task, lambda *_: None)
    assert (ended.exit_code, ended.seconds) == (6, {})
    assert "does not find the fleet at s3://" in ended.error
    monkeypatch.setenv("ASSAY_TABLES", "s3://team/elsewhere")
    other = fleet_task.run(task, lambda *_: None)
    assert other.exit_code == 2
    assert f"has ASSAY_TABLES s3://team/elsewhere, and the fleet {task.tables}" in other.error
    monkeypatch.delenv("ASSAY_TABLES")
    assert "has ASSAY_TABLES unset" in fleet_task.run(task, lambda *_: None).error
    assert not (tmp_path / "worker" / "home").exists()


def test_bars_that_differ_fail_their_series_and_no_other(shared, parent, tmp_path):
    other = fleets.configured(tmp_path / "other")
    fleets.table_of(fleets.bars_of("XAUUSD", 7), 60).to_csv(tmp_path / "other.csv", index=False)
    words = "--symbol XAUUSD --timeframe 1H --timezone UTC --stamp open"
    assert other("import", str(tmp_path / "other.csv"), *words.split()).code == 0
    assert other("tables", "send").code == 0
    ended = parent("fleet", "run", "--only", GOLD, "--json")
    assert ended.code == 4
    told = json.loads(ended.out)["series"][GOLD]
    assert told["state"] == "failed"
    assert f"`assay tables bring --only {GOLD}`" in told["why"]


@pytest.mark.long
def test_a_cluster_of_two_homes_outlives_one_of_them_and_changes_no_byte(shared, parent, tmp_path):
    undisturbed = fleets.copied(parent, tmp_path / "alone")
    cluster = Apart(tmp_path, certify(parent, tmp_path), parent.environment | shared)
    try:
        cluster.join(tmp_path / "first")
        running = fleets.Running(parent, "run", "--only", GOLD, "--scheduler", cluster.address)
        running.wait_for(f"{GOLD}: train")
        cluster.kill_at(parent, "train")
        cluster.workers[0].wait()
        shutil.rmtree(tmp_path / "first")
        cluster.join(tmp_path / "second")
        code, answer = running.ended()
    finally:
        cluster.stop()
    assert code == 0, answer
    assert answer["series"][GOLD]["state"] == "judged"
    assert (tmp_path / "second" / "features" / f"{GOLD}.parquet").exists()
    fleets.alone(undisturbed, GOLD)
    assert fleets.bytes_of(parent, GOLD) == fleets.bytes_of(undisturbed, GOLD)
    ended = parent("fleet", "run", "--only", GOLD, "--json")
    assert {one["state"] for one in json.loads(ended.out)["series"].values()} == {"up to date"}
