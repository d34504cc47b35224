"""The engine of a fleet: tasks go to workers by dask.distributed, and come back finished or lost. All of dask is here.

By default the workers are processes of this machine, reached on loopback by TLS with a certificate of their own that
lives as long as they do: nobody else on the machine can ask them for anything. They end with this process, even where
it is killed, and hear no Ctrl-C, which is for this process to act on.
"""

import logging
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import dask
import distributed
from distributed.comm import CommClosedError
from distributed.security import Security

from market.errors import UnavailableError
from pipeline import fleet_admission, fleet_task
from pipeline.fleet_address import Address
from pipeline.fleet_admission import Host
from pipeline.fleet_task import Outcome, Task

RETRIES = 2
"""How often a task is tried again whose worker died."""

_TOPIC = "assay-fleet"
_TICK = 0.05  # seconds
_PATIENCE = 60.0  # seconds for the first worker of a cluster
_LAST = 3.0  # seconds to end
_ABSENT = 120.0  # seconds after which a machine without workers is taken for gone
_LOST = (
    f"its worker died {RETRIES + 1} times while it was at work on this series: most likely the machine ran out of "
    "memory. Give it fewer workers (--workers), or a larger machine."
)
_UNREACHED = (CommClosedError, distributed.client.FutureCancelledError, OSError)
_SETTINGS = {
    "distributed.scheduler.allowed-failures": RETRIES,
    "distributed.scheduler.worker-ttl": None,  # one that is busy for long is not dead
    "distributed.worker.profile.enabled": False,
    "distributed.admin.event-loop-monitor": "1 hour",
    "distributed.admin.tick.limit": "1 hour",
}

Told = Callable[[str, str, int], None]


class Engine:
    """Workers to which tasks are submitted, and the tasks that they are at work on."""

    def __init__(self, client: distributed.Client, share: float, tell: Told) -> None:
        self._client, self._share = client, share
        self._futures: dict[str, distributed.Future] = {}
        self._hosts: dict[str, str] = {}
        self._seen: dict[str, float] = {}
        self._served = time.monotonic()
        client.subscribe_topic(_TOPIC, lambda event: tell(*event[1]))

    def hosts(self) -> list[Host]:
        """Return the machines that have workers now.

        Raises UnavailableError where the scheduler is gone, or has had no worker for two minutes.
        """
        with _reached(self._client):
            found = fleet_admission.hosts_of(self._client.scheduler_info()["workers"], self._share)
        now = time.monotonic()
        self._seen |= {host.name: now for host in found}
        self._served = now if found else self._served
        if now - self._served > _ABSENT:
            raise UnavailableError(
                f"The scheduler has had no worker for {_ABSENT:g} s. Finished stages are kept: start some, then `assay "
                "fleet resume`."
            )
        return found

    def submit(self, task: Task, host: str) -> None:
        """Let a worker of `host` run `task`."""
        self._hosts[task.series] = host
        key = f"{task.series}-{task.token[:8]}-{time.monotonic_ns()}"
        self._futures[task.series] = self._client.submit(
            _run, tuple(task), key=key, pure=False, workers=[host], allow_other_workers=False
        )

    def finished(self, seconds: float) -> list[Outcome]:
        """Return what has come within so many seconds, one or more if any; raises UnavailableError as `hosts` does."""
        ends = time.monotonic() + seconds
        while not any(future.done() for future in self._futures.values()) and time.monotonic() < ends:
            time.sleep(_TICK)
        if self._client.status != "running":
            raise _gone(self._client)
        done = [series for series, future in self._futures.items() if future.done()]
        came = [_outcome(series, self._futures.pop(series), self._client) for series in done]
        return came + [self._left_behind(series) for series in self._on_lost_machines()]

    def _on_lost_machines(self) -> list[str]:
        """Return the series whose machine has had no worker for two minutes: nothing would ever come of them."""
        with suppress(TimeoutError):  # a busy scheduler
            self.hosts()
        now = time.monotonic()
        seen = {series: self._seen.setdefault(self._hosts[series], now) for series in self._futures}
        return [series for series, last in seen.items() if now - last > _ABSENT]

    def _left_behind(self, series: str) -> Outcome:
        self._futures.pop(series).cancel()
        told = f"its machine, {self._hosts[series]}, has had no worker for {_ABSENT:g} s: `assay fleet resume` goes on"
        return Outcome(series, {}, {}, 0, 0, error=f"{told}.", exit_code=UnavailableError.exit_code)


@contextmanager
def engine(workers: int, address: Address | None, memory: float, tell: Told) -> Iterator[Engine]:
    """Yield an engine of so many processes of this machine, or of the cluster at `address`.

    `memory` is the share of a machine's that its trainings may need together. `tell(series, stage, process)` is called
    as a worker begins a stage. Raises UnavailableError where no worker is to be had.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with dask.config.set(_SETTINGS), tempfile.TemporaryDirectory(prefix="assay-fleet-") as folder:
        if address is None:
            with _local(workers, memory, folder) as cluster, distributed.Client(cluster, set_as_default=False) as one:
                yield Engine(one, memory, tell)
        else:
            with _connected(address) as one:
                yield Engine(one, memory, tell)


@contextmanager
def _local(workers: int, memory: float, folder: str) -> Iterator[distributed.LocalCluster]:
    each = memory * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / workers
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        cluster = distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            worker_dashboard_address=None,
            security=Security.temporary(),
            protocol="tls://",
            memory_limit=0,
            resources={"memory": each},
            local_directory=folder,
            silence_logs=logging.CRITICAL,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        yield cluster
    finally:
        _kill(cluster)
        with suppress(TimeoutError):
            cluster.close(timeout=_LAST)


def _kill(cluster: distributed.LocalCluster) -> None:
    """End the workers, whatever they are at: what they have finished stands in the home."""
    for nanny in cluster.workers.values():
        nanny.auto_restart = False
        if nanny.pid:
            with suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)


@contextmanager
def _connected(address: Address) -> Iterator[distributed.Client]:
    security = None
    if address.encrypted:
        security = Security(
            require_encryption=True,
            tls_ca_file=str(address.authority),
            tls_client_cert=str(address.certificate),
            tls_client_key=str(address.key),
        )
    try:
        client = distributed.Client(address.url, security=security, set_as_default=False, timeout=_PATIENCE / 6)
    except (OSError, TimeoutError) as error:
        raise UnavailableError(
            f"No scheduler answers at {address.url} ({type(error).__name__}: {str(error)[:120]})."
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError:
            raise UnavailableError(f"The scheduler at {address.url} has had no worker for {_PATIENCE:g} s.") from None
        yield client


@contextmanager
def _reached(client: distributed.Client) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise
    except _UNREACHED:
        raise _gone(client) from None


def _gone(client: distributed.Client) -> UnavailableError:
    where = client.scheduler.address if client.scheduler is not None else "its address"
    return UnavailableError(
        f"The scheduler at {where} is gone. Finished stages are kept: start it again, then `assay fleet resume`."
    )


def _run(task: tuple[Any, ...]) -> tuple[Any, ...]:
    """Run a task on a worker, and tell each stage as it begins."""
    worker = distributed.get_worker()
    return tuple(fleet_task.run(Task(*task), lambda *said: worker.log_event(_TOPIC, said)))


def _outcome(series: str, future: distributed.Future, client: distributed.Client) -> Outcome:
    lost = Outcome(series, {}, {}, 0, 0, exit_code=UnavailableError.exit_code)
    if future.status == "cancelled":
        raise _gone(client)
    if future.status == "error":
        error = future.exception()
        told = _LOST if isinstance(error, distributed.KilledWorker) else f"{type(error).__name__}: {str(error)[:200]}"
        return lost._replace(error=told)
    return Outcome(*future.result())
