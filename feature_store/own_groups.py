"""A user's own feature groups: the Python files of a folder, each a group like those of the house, by the same rules.

The folder is named in `config/features.toml`. A file is known by its SHA-256, which travels with every model that uses
it; the code itself never does: whoever serves such a model has the same file.
"""

import hashlib
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from functools import partial
from importlib.abc import SourceLoader
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from feature_store.arrays import Bars, Columns
from feature_store.groups import GROUPS
from market.errors import DataError, UsageError
from market.timeframe import TIMEFRAMES

MOST_BARS = 3000
"""No group may look further back than this many own bars."""

_HOUSE = frozenset(GROUPS)
_COLUMN = "[A-Za-z0-9]+(_[A-Za-z0-9]+)*"
_entered: dict[str, "Own"] = {}


class Own(NamedTuple):
    """The file of a group as it was entered."""

    path: Path
    source: bytes
    sha256: str


class _Held(SourceLoader):
    """Loads a module from the very bytes that were hashed, whatever has happened to the file since."""

    def __init__(self, path: Path, source: bytes) -> None:
        self._path, self._source = path, source

    def get_filename(self, fullname: str) -> str:
        return str(self._path)

    def get_data(self, path: str | bytes) -> bytes:
        return self._source


def enter(folder: Path | None) -> dict[str, str]:
    """Make `GROUPS` the groups of the house and those of `folder`, and return the SHA-256 of each file by its group.

    Files that begin with `_` are not groups; None means that there is no folder. Files that have not changed are not
    read twice. Raises UsageError that names the file and everything that is wrong with it.
    """
    wanted = {path.stem: _read(path) for path in _files(folder)} if folder is not None else {}
    if wanted != _entered:
        groups = {name: _group(own.path, own.source) for name, own in wanted.items()}
        for name in _entered:
            del GROUPS[name]
        _entered.clear()
        GROUPS.update(groups)
        _entered.update(wanted)
    return entered()


def entered() -> dict[str, str]:
    """Return the SHA-256 of the file of each group of the user's own that is in `GROUPS`."""
    return {name: own.sha256 for name, own in _entered.items()}


def entered_from() -> Path | None:
    """Return the folder that the groups were entered from, None where there are none."""
    return next((own.path.parent for own in _entered.values()), None)


def renew() -> None:
    """Read the groups again from the bytes that were entered: whatever they remembered is forgotten."""
    GROUPS.update({name: _group(own.path, own.source) for name, own in _entered.items()})


def used(features: Iterable[str]) -> dict[str, str]:
    """Return what `entered` returns, for the groups that `features` (`<group>__<name>`) come from."""
    groups = {name.partition("__")[0] for name in features}
    return {name: digest for name, digest in entered().items() if name in groups}


def _read(path: Path) -> Own:
    source = path.read_bytes()
    return Own(path, source, hashlib.sha256(source).hexdigest())


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"No folder {folder} of feature groups: make it, or change config/features.toml.")
    return sorted(path for path in folder.glob("*.py") if path.is_file() and not path.name.startswith("_"))


def _group(path: Path, source: bytes) -> ModuleType:
    """Return the group that `source` defines, with a `compute` that tells mistakes from bad bars."""
    if path.stem in _HOUSE:
        raise UsageError(f"{path}: {path.stem} is the name of a group of the house: call the file otherwise.")
    held = _Held(path, source)
    spec = ModuleSpec(f"own_groups.{path.stem}", held, origin=str(path))
    spec.has_location = True
    module = module_from_spec(spec)
    try:
        with redirect_stdout(sys.stderr):
            held.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UsageError(f"{path} cannot be read as a feature group: {_told(error, path)}") from error
    if problems := _problems(path.stem, module):
        raise UsageError(f"{path} is not a feature group: {'; '.join(problems)}.")
    module.compute = partial(_computed, path, module.compute, module.LOOKBACK)  # type: ignore[attr-defined]
    return module


def _problems(name: str, module: ModuleType) -> list[str]:
    problems = []
    if not name.isidentifier() or name != name.lower() or "__" in name:
        problems.append(f"its name {name!r} must be lower-case letters, digits and single underscores")
    if not callable(getattr(module, "compute", None)):
        problems.append("it has no function compute(bars)")
    declared = getattr(module, "LOOKBACK", None)
    if isinstance(declared, dict):
        if missing := [name for name in TIMEFRAMES if name not in declared]:
            problems.append(f"LOOKBACK lacks the timeframes {', '.join(missing)}")
        problems += [phrase for bars in declared.values() for phrase in _not_a_lookback(bars)]
    else:
        problems += _not_a_lookback(declared)
    return problems


def _not_a_lookback(bars: object) -> list[str]:
    if isinstance(bars, int) and not isinstance(bars, bool) and 1 <= bars <= MOST_BARS:
        return []
    return [f"LOOKBACK is {bars!r}, wanted the bars that a row needs, from 1 to {MOST_BARS}"]


def _computed(path: Path, compute: Callable[[Bars], Columns], declared: int | dict[str, int], bars: Bars) -> Columns:
    """Return what the user's `compute` makes of `bars`; raises DataError where it fails or returns something else.

    It sees a copy, so that whatever it does to arrays stays its own, and what it prints goes to where messages go.
    """
    try:
        with redirect_stdout(sys.stderr):
            columns = compute(bars.copied())
    except (Exception, SystemExit) as error:
        raise DataError(f"{path} failed on {len(bars)} bars: {_told(error, path)}") from error
    if not isinstance(columns, dict) or not columns:
        raise DataError(f"{path}: compute returned {type(columns).__name__}, wanted a dictionary of names and arrays.")
    least = len(bars) + 1 - (declared if isinstance(declared, int) else declared[bars.timeframe.name])
    for name, values in columns.items():
        if not (isinstance(name, str) and re.fullmatch(_COLUMN, name)):
            raise DataError(f"{path}: column {name!r} is not a name of letters, digits and single underscores.")
        if not (isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype == np.float64):
            raise DataError(f"{path}: column {name!r} is not an array of float64 with a value a bar.")
        if not least <= len(values) <= len(bars):
            raise DataError(f"{path}: column {name!r} has {len(values)} values for {len(bars)} bars.")
    return columns


def _told(error: BaseException, path: Path) -> str:
    """Return what went wrong and in which line of the user's file."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    at = getattr(error, "lineno", None) or (lines[-1] if lines else None)
    return f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".") + (f", line {at}." if at else ".")
