"""Worker processes: they never outlive the process that asked for them, and give their results back in order.

The arrays of a result that is a tuple travel in files of their own, which is half the work of a pipe. The folder of
these files goes with the process that asked, or with its workers where it is killed.
"""

import atexit
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from weakref import WeakSet

import numpy as np
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.backend.process import LokyProcess

Task = TypeVar("Task")
Result = TypeVar("Result")

_WATCH_SECONDS = 1.0
_IDLE_SECONDS = 60

_executors: dict[int, ProcessPoolExecutor] = {}
_tried: WeakSet[Executor] = WeakSet()


class Filed(NamedTuple):
    """An array on its way, in a file."""

    path: Path
    dtype: np.dtype
    shape: tuple[int, ...]


def in_order(work: Callable[[Task], Result], tasks: Iterable[Task], processes: int) -> Generator[Result, None, None]:
    """Yield `work(task)` of each task, in the order of the tasks, computed by so many worker processes.

    With one, this process does it. Others take some seconds to start: until all have done the first task, which tries
    them, this process does the work. They stay for the next call for a while, and are not tried again. At most two
    results a process wait to be taken. Where the work is broken off, the processes are ended; `end` ends them, too.
    """
    if processes == 1:
        yield from map(work, tasks)
        return
    folder = _folder(os.getpid())
    executor = _executor(processes, folder)
    rest = iter(tasks)
    finished = False
    try:
        if executor not in _tried:
            yield from _until_started(executor, work, rest, processes)
        waiting = deque(_submit(executor, _sent, folder, work, task) for task in islice(rest, 2 * processes))
        while waiting:
            yield _received(waiting.popleft().result())
            waiting.extend(_submit(executor, _sent, folder, work, task) for task in islice(rest, 1))
        finished = True
    finally:
        if not finished:
            end()


def _executor(processes: int, folder: Path) -> ProcessPoolExecutor:
    """Return the executor of so many processes. It is nobody else's: joblib has one of its own, of another kind."""
    if processes not in _executors:
        _executors[processes] = ProcessPoolExecutor(
            processes, timeout=_IDLE_SECONDS, initializer=end_with, initargs=(os.getpid(), folder)
        )
    return _executors[processes]


def end() -> None:
    """End the worker processes of this process, whatever they are at: the next call starts others."""
    _executors.clear()
    for process in multiprocessing.active_children():
        if isinstance(process, LokyProcess):
            process.terminate()
            process.join()


def _until_started(
    executor: Executor, work: Callable[[Task], Result], tasks: Iterator[Task], processes: int
) -> Iterator[Result]:
    """Yield the results of as many of `tasks` as are done here before the processes are at work.

    What is compiled and kept at the first task is there before they start.
    """
    trials: list[Future[Result]] = []
    for task in tasks:
        result = work(task)
        trials = trials or [_submit(executor, work, task) for _ in range(processes)]
        yield result
        if all(trial.done() for trial in trials):
            _tried.add(executor)
            return


def _submit(executor: Executor, work: Callable[..., Result], *what: Any) -> "Future[Result]":
    """Submit work; processes that are started for it never hear an interrupt, which is for this one to act on."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return executor.submit(work, *what)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _sent(folder: Path, work: Callable[[Task], Result], task: Task) -> Any:
    """Return the result of a task on its way to the process that asked."""
    result = work(task)
    return tuple(_filed(folder, part) for part in result) if isinstance(result, tuple) else result


def _filed(folder: Path, part: Any) -> Any:
    if not isinstance(part, np.ndarray) or part.dtype.hasobject or not part.nbytes:
        return part
    handle, name = tempfile.mkstemp(dir=folder)
    with os.fdopen(handle, "wb") as file:
        np.ascontiguousarray(part).tofile(file)
    return Filed(Path(name), part.dtype, part.shape)


def _received(sent: Any) -> Any:
    """Return a result that has come; a file is gone as soon as its array is."""
    return tuple(_taken(part) for part in sent) if isinstance(sent, tuple) else sent


def _taken(part: Any) -> Any:
    if not isinstance(part, Filed):
        return part
    array = np.memmap(part.path, part.dtype, "c", shape=part.shape)
    part.path.unlink()
    return np.asarray(array)


@cache
def _folder(process: int) -> Path:
    """Return the folder of this process for results on their way; it is removed at its end."""
    folder = Path(tempfile.mkdtemp(prefix=f"assay-{process}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def end_with(parent: int, folder: Path | None = None) -> None:
    """Let this worker process end soon after its parent does, even where that was killed, and its `folder` with it."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    if os.getpid() != parent:
        threading.Thread(target=watch, daemon=True).start()
