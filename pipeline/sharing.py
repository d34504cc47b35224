"""`assay tables`: what of each series is here and what in the store, and one sent to the other by hand."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from market import instruments, settings
from market.errors import DataError, UnavailableError, UsageError, nearest
from pipeline import job, shared_stages, shared_tables, table_store, workspace
from pipeline.job import Job
from pipeline.shared_tables import DIFFER, IN_STEP, NEWER_HERE, NEWER_THERE, NOWHERE, TO_BRING, TO_SEND
from pipeline.table_store import Store
from pipeline.workspace import Workspace


def status(only: tuple[str, ...]) -> dict[str, Any]:
    """Return of each series what is here and what in the store, with bytes; nothing is moved."""
    return _answered(only, _stands)


def send(only: tuple[str, ...]) -> dict[str, Any]:
    """Send what is newer here, and what stages have made; where both sides differ, only of series that `only` names."""
    return _answered(only, lambda store, work: _moved(store, work, bool(only), sends=True))


def bring(only: tuple[str, ...]) -> dict[str, Any]:
    """Bring what is newer in the store, as `send` sends."""
    return _answered(only, lambda store, work: _moved(store, work, bool(only), sends=False))


def exit_code(answer: Mapping[str, Any]) -> int:
    """Return how the verb ends: as the worst of what was refused would, else 0."""
    return max((one.get("exit_code", 0) for one in answer["series"]), default=0)


def _answered(only: Iterable[str], work: Callable[[Store, Job], dict[str, Any]]) -> dict[str, Any]:
    store = table_store.store()
    if store is None:
        raise UsageError("ASSAY_TABLES is not set: tables are shared nowhere. Set it to s3://BUCKET/PREFIX.")
    series = [_of_series(store, name, work) for name in _selected(store, [*only])]
    return {"home": str(settings.home()), "store": store.url, "series": series}


def _selected(store: Store, only: list[str]) -> list[str]:
    """Return the series that are here or there, sorted, whose names fit one of the patterns `only`."""
    there = {name.partition("/")[0] for name in store.names("series")}
    names = sorted({*workspace.stored(settings.home()), *there})
    if not names:
        raise UnavailableError(f"Neither {settings.home()} nor {store.url} has bars: import some with `assay import`.")
    for pattern in only:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UsageError(f"--only {pattern!r} fits none of {', '.join(names)}.{nearest(pattern, names)}")
    return [name for name in names if not only or any(fnmatchcase(name, one) for one in only)]


def _of_series(store: Store, name: str, done: Callable[[Store, Job], dict[str, Any]]) -> dict[str, Any]:
    try:
        return {"series": name} | done(store, job.prepare(instruments.series_named(name)))
    except (DataError, UsageError, shared_tables.BusyError) as error:
        return {"series": name, "refused": str(error), "exit_code": error.exit_code}


def _stands(store: Store, work: Job) -> dict[str, Any]:
    rows = []
    for name in shared_tables.PARTS:
        part = shared_tables.look(store, work.workspace, name)
        there = 0 if part.there is None else part.there.bytes
        rows.append(_row(name, part.state, shared_tables.size(work.workspace, name), there))
    rows += [_row(*told) for told in shared_stages.Shared(store, work).states()]
    return {"parts": [row for row in rows if row["state"] != NOWHERE]}


def _row(name: str, state: str, here: int, there: int) -> dict[str, Any]:
    return {"part": name, "state": state, "bytes_here": here, "bytes_there": there}


def _moved(store: Store, work: Job, named: bool, *, sends: bool) -> dict[str, Any]:
    """Move one side's parts and stages to the other; DataError where both differ and the series was not `named`.

    Of a series that was named everything is sent anew, also what the store seems to have: its bytes may be damaged.
    """
    target, moved = work.workspace, 0
    wanted = {*TO_SEND, *((DIFFER, NEWER_THERE, IN_STEP) if named else ())}
    if not sends:
        wanted = {*TO_BRING, *((DIFFER, NEWER_HERE) if named else ())}
    with _held(target):
        for name in shared_tables.PARTS:
            part = shared_tables.look(store, target, name)
            if part.state in wanted:
                send = partial(shared_tables.send, anew=named)
                moved += (send if sends else shared_tables.bring)(store, target, part)
            elif part.state == DIFFER:
                raise DataError(shared_tables.refusal(store, target, part))
        shared = shared_stages.Shared(store, work)
        moved += shared.offer(anew=named) if sends else shared.collect()
    return _stands(store, work) | {"moved": moved}


@contextmanager
def _held(target: Workspace) -> Iterator[None]:
    """Hold the series; raises BusyError where another process does, which is this series' fault alone."""
    with ExitStack() as stack:
        try:
            stack.enter_context(workspace.locked(target))
        except UnavailableError as error:
            raise shared_tables.BusyError(str(error)) from None
        yield
