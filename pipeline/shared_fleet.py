"""A fleet whose machines share no folder: the store tells who runs it, and what workers have made comes from there."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase

from market import fleet_settings
from market.errors import AssayError, DataError, UnavailableError, UsageError
from market.instruments import Series
from pipeline import job, shared_stages, shared_tables
from pipeline.fleet_lock import Holder
from pipeline.job import Job
from pipeline.shared_tables import BusyError
from pipeline.table_store import Store


@contextmanager
def announced(store: Store | None, holder: Holder, before: str | None) -> Iterator[None]:
    """Let workers find in the store that `holder` runs a fleet, as long as it does; the token `before` is forgotten."""
    if store is None:
        yield
        return
    if before:
        store.delete(_name(before))
    told = {"pid": holder.pid, "host": holder.host, "since": holder.since}
    store.write(_name(holder.token), json.dumps(told).encode())
    try:
        yield
    finally:
        with suppress(UnavailableError):
            store.delete(_name(holder.token))


def sees(store: Store, token: str) -> bool:
    """Return whether the fleet of that token is being run."""
    return store.read(_name(token)) is not None


def settled(store: Store | None, only: Iterable[str]) -> dict[str, AssayError]:
    """Bring or send the bars and edges of the fleet's series, whichever side is newer; return whose were refused."""
    refused: dict[str, AssayError] = {}
    patterns = [*only]
    for series in fleet_settings.series() if store is not None else ():
        if not patterns or any(fnmatchcase(series.name, one) for one in patterns):
            try:
                settle(store, series)
            except (DataError, BusyError) as error:
                refused[series.name] = error
    return refused


def settle(store: Store | None, series: Series) -> int:
    """Bring or send what a series is made from; return how many bytes moved. Raises as `shared_tables.settle`."""
    if store is None or series.simulated:
        return 0
    return shared_tables.settle_all(store, job.prepare(series), held=False, sends=True)


def offer(store: Store | None, work: Job) -> None:
    """Send what this home has of a series' stages, so that no worker of another home makes it again."""
    if shared := shared_stages.of(store, work):
        with suppress(DataError):  # damaged here: it is made again
            shared.offer()


def forget(store: Store | None, work: Job, names: Iterable[str]) -> None:
    """Remove from the store what the stages `names` of a series have made."""
    if shared := shared_stages.of(store, work):
        shared.forget(names)


def collect(store: Store | None, work: Job, *, failed: bool) -> None:
    """Bring what a worker has made of a series, its trials of tuning first; of one that failed, these alone."""
    if shared := shared_stages.of(store, work):
        shared.collect_trials()
        if not failed:
            shared_tables.settle(shared.store, work.workspace, shared_tables.EDGES, held=True)
            shared.collect()


def require_same(store: Store | None, url: str, who: str) -> None:
    """Raise UsageError unless this process shares tables where the fleet does that asks it."""
    if store is None or store.url != url:
        here = "unset" if store is None else store.url
        raise UsageError(f"{who} has ASSAY_TABLES {here}, and the fleet {url}: set the same there.")


def _name(token: str) -> str:
    return f"fleets/{token}.json"
