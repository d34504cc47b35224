"""The one way to compile a kernel: `@compiled` is numba's `njit` with a cache that can never be stale.

Numba's own cache looks only at the file of the outermost function: an edit of the fill rules would go unnoticed by the
loops that inline them. Here the cache folder is named after the sources of every room that holds kernels.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

_ROOMS = ("market", "feature_store", "labels", "backtest")


def _sources_sha256() -> str:
    root = Path(__file__).parent.parent
    digest = hashlib.sha256(numba.__version__.encode())
    for room in _ROOMS:
        for path in sorted((root / room).glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _cache_folder() -> str:
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return str(root / "assay" / f"kernels-{_sources_sha256()}")


if not os.environ.get("NUMBA_CACHE_DIR"):
    numba.config.CACHE_DIR = _cache_folder()  # type: ignore[attr-defined]


def compiled(function: Callable[..., Any]) -> Any:
    """Compile `function` without Python objects, fast-math or threads: the results are the same bits anywhere."""
    return numba.njit(cache=True, fastmath=False, parallel=False)(function)
