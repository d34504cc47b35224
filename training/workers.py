"""Worker processes: work spread over cores, one thread each, that never outlive the process that asked for it."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import joblib

Progress = Callable[[str, int, int], None]

_WATCH_SECONDS = 1.0


def spread(tasks: list[Any], workers: int, what: str, progress: Progress, total: int) -> Iterator[Any]:
    """Yield the results of joblib's delayed `tasks` as they come; `total` counts what was done before as well."""
    progress(what, total - len(tasks), total)
    parallel = joblib.Parallel(
        n_jobs=workers,
        return_as="generator_unordered",
        pre_dispatch="1.5*n_jobs",
        initializer=end_with,
        initargs=(os.getpid(),),
    )
    for done, result in enumerate(parallel(tasks), start=total - len(tasks) + 1):
        yield result
        progress(what, done, total)


def end_with(parent: int) -> None:
    """Let this worker process end soon after its parent does, even where the parent was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    if os.getpid() != parent:
        threading.Thread(target=watch, daemon=True).start()
