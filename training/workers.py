"""Work spread over worker processes, one thread each, that never outlive the process that asked for it."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import joblib

from market.workers import end_with

Progress = Callable[[str, int, int], None]


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
