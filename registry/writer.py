"""The one writer of a registry: the lock that it holds, and the tag of a run by which others see whether it lives."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from market.errors import UnavailableError
from registry import address as addresses
from registry.address import Address

TAG = "writer"
PATIENCE = 300.0  # seconds

_KEY = 0x61737361792D7277  # of PostgreSQL's advisory lock, the same for every home
_ENDED = "ZX"  # states of a process that was not collected yet


@contextmanager
def alone(home: Path, address: Address) -> Iterator[None]:
    """Be the only writer of the registry: on this home and, in PostgreSQL, on any machine; UnavailableError if not."""
    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / "mlflow.lock", timeout=PATIENCE)
    try:
        lock.acquire()
    except Timeout:
        raise _locked(address) from None
    try:
        with nullcontext() if address.database or address.is_server else _advisory_lock(address):
            yield
    finally:
        lock.release()


def signature(pid: int | None = None) -> str:
    """Return who a process is, by default this one: host, process id, when it started and the boot of the machine."""
    pid = os.getpid() if pid is None else pid
    return f"{socket.gethostname()} {pid} {_started(pid)} {_boot()}"


def lives(signed: str) -> bool | None:
    """Return whether the process of a signature is still there; None where that cannot be known from this machine."""
    try:
        host, pid, started, boot = signed.split(" ")
        if host != socket.gethostname():
            return None
        return boot == _boot() and started == _started(int(pid))
    except ValueError:
        return None


def kill_dead(client: Any, experiment: str) -> tuple[list[str], list[str]]:
    """Mark as KILLED what a writer that is gone left RUNNING in an experiment of MLflow's `client`; return those runs.

    Second come those that stay RUNNING: their writer lives, is on another machine, or is not named.
    """
    dead, others = [], []
    for run in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        if lives(run.data.tags.get(TAG, "")) is False:
            client.set_terminated(run.info.run_id, "KILLED")
            dead.append(run.info.run_id)
        else:
            others.append(run.info.run_id)
    return dead, others


@contextmanager
def _advisory_lock(address: Address) -> Iterator[None]:
    with addresses.postgresql(address, f"-c lock_timeout={PATIENCE * 1000:.0f}") as connection:
        import psycopg

        try:
            connection.execute("SELECT pg_advisory_lock(%s)", (_KEY,))
        except psycopg.errors.LockNotAvailable:
            raise _locked(address) from None
        yield


def _locked(address: Address) -> UnavailableError:
    return UnavailableError(
        f"The registry at {address.shown} is locked by another command for over {PATIENCE:g} s: wait for it and retry."
    )


def _started(pid: int) -> str:
    """Return when a process started, as the system counts it, "-" where there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "-" if Path("/proc/self/stat").exists() else _asked("ps", "-o", "lstart=", "-p", str(pid))
    return "-" if fields[0] in _ENDED else fields[19]


def _boot() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text(encoding="utf-8").strip() if path.exists() else _asked("sysctl", "-n", "kern.bootsessionuuid")


def _asked(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.stdout.strip().replace(" ", "_") or "-"
