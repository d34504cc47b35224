"""A machine of a cluster that goes away takes its series with it, and nobody waits for ever."""

from typing import Any, NamedTuple

import pytest

from market.errors import UnavailableError
from pipeline import fleet
from pipeline.fleet_task import Task

TASK = Task("XAUUSD_4H", "/home", "token", "digest", 1)


class Never:
    """A task of which nothing ever comes, as where dask waits for a worker that is gone."""

    cancelled = False

    def done(self) -> bool:
        return False

    def cancel(self) -> None:
        self.cancelled = True


class Cluster(NamedTuple):
    """A scheduler and the machines whose workers it knows."""

    machines: list[str]
    task: Never
    status: str = "running"

    def subscribe_topic(self, topic: str, heard: Any) -> None: ...

    def submit(self, *work: Any, **more: Any) -> Never:
        return self.task

    def scheduler_info(self) -> dict[str, Any]:
        return {"workers": {name: {"host": name, "nthreads": 1, "memory_limit": 8e9} for name in self.machines}}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(["one", "two"], Never())


@pytest.fixture
def engine(cluster) -> fleet.Engine:
    made = fleet.Engine(cluster, 0.7, lambda *told: None)  # type: ignore[arg-type]
    made.hosts()
    made.submit(TASK, "one")
    return made


def test_a_series_whose_machine_is_gone_comes_back_as_failed(engine, cluster, monkeypatch):
    assert engine.finished(0.0) == []
    cluster.machines.remove("one")
    assert engine.finished(0.0) == [], "its worker may be about to begin again"
    monkeypatch.setattr(fleet, "_ABSENT", 0.0)
    (came,) = engine.finished(0.0)
    assert (came.series, came.exit_code, cluster.task.cancelled) == ("XAUUSD_4H", 6, True)
    assert "its machine, one, has had no worker" in came.error
    assert engine.finished(0.0) == []


def test_without_any_worker_the_fleet_ends(engine, cluster, monkeypatch):
    cluster.machines.clear()
    assert engine.hosts() == []
    monkeypatch.setattr(fleet, "_ABSENT", 0.0)
    with pytest.raises(UnavailableError, match=r"no worker for .*`assay fleet resume`"):
        engine.hosts()
