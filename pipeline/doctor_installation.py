"""Whether the installation is what Assay was locked to: Python, packages, settings, room, the port of the UI."""

import importlib.metadata
import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from market import combinatorial_settings, gate_settings, instruments, settings, tuning_settings
from market.errors import UsageError
from pipeline import placebo_record, workspace
from pipeline.doctor_run import NotAskedError
from registry.record import DEMO

ROOM = 2 << 30  # bytes
PORT = 5000

_LOCK = Path(__file__).parent.parent / "requirements.lock"
_MODULES = {"TA-Lib": "talib", "scikit-learn": "sklearn", "xgboost-cpu": "xgboost"}
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_BOUND = re.compile(r"(<|>=)\s*(\d+)\.(\d+)")
_PATIENCE = 120.0  # seconds
_TOLD = 3
_IMPORTS = """
import importlib, json, sys
failed = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except BaseException as error:
        failed[name] = f"{type(error).__name__}: {error}".splitlines()[0]
print(json.dumps(failed))
"""


class Home(NamedTuple):
    """What `doctor --home` looks at: the home, its demo home where there is one, and packages being imported aside."""

    folders: list[Path]
    importing: "subprocess.Popen[str]"


def at(home: Path, packages: Sequence[str] | None = None) -> Home:
    """Return what is to be looked at in `home`; a process of its own begins to import `packages`, by default all."""
    modules = [_MODULES.get(name, name) for name in (_required() if packages is None else packages)]
    command = [sys.executable, "-c", _IMPORTS, *modules]
    importing = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return Home([folder for folder in (home, home / DEMO) if folder.exists()], importing)


def python(_: Home) -> str | None:
    """Return evidence where this Python is not one that the project asks for."""
    wanted = importlib.metadata.metadata("assay")["Requires-Python"]
    here = sys.version_info[:2]
    bounds = [(sign, (int(major), int(minor))) for sign, major, minor in _BOUND.findall(wanted)]
    if all(here >= bound if sign == ">=" else here < bound for sign, bound in bounds):
        return None
    return f"Python {here[0]}.{here[1]} at {sys.executable}, wanted {wanted}."


def versions(_: Home) -> str | None:
    """Return evidence where a locked package is missing or of another version."""
    if not _LOCK.exists():
        raise NotAskedError(f"{_LOCK.name} is not beside this installation")
    return differing(_LOCK.read_text(encoding="utf-8"))


def differing(lock: str) -> str | None:
    """Return evidence where a package of the text of a lock file is missing here or of another version."""
    locked = dict(_LOCKED.findall(lock))
    here = {name: _version(name) for name in locked}
    other = [f"{name} {there} locked, {here[name]} here" for name, there in locked.items() if here[name] != there]
    return f"{len(other)} of {len(locked)} packages differ: {some(other)}." if other else None


def imports(home: Home) -> str | None:
    """Return evidence where a package that Assay is built on cannot be imported."""
    try:
        out, errors = home.importing.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        home.importing.kill()
        raise NotAskedError(f"importing the packages did not end within {_PATIENCE:g} s") from None
    if home.importing.returncode:
        last = errors.strip().splitlines()[-1:] or ["nothing said"]
        return f"Importing the packages ended with code {home.importing.returncode}: {last[0]}"
    failed = [f"{name} ({why})" for name, why in json.loads(out).items()]
    return f"{len(failed)} cannot be imported: {some(failed)}." if failed else None


def settings_read(home: Home) -> str | None:
    """Return evidence where a settings file cannot be read, for some stored series or for all."""
    try:
        gate_settings.judging()
        combinatorial_settings.combinatorial()
        for folder in home.folders:
            for name in workspace.stored(folder):
                series = instruments.series_named(name)
                settings.effective(series.symbol, series.timeframe.name)
                tuning_settings.effective(series.symbol, series.timeframe.name)
    except UsageError as error:
        return str(error)
    return None


def error_rate(_: Home) -> str | None:
    """Return evidence where nobody has measured the gate with the code and the bounds of now, or where it failed."""
    try:
        known = placebo_record.on_card(gate_settings.judging())
    except UsageError as error:
        raise NotAskedError("its settings cannot be read") from error
    if "why" in known:
        return str(known["why"])
    return None if known["status"] == "PASSED" else str(known["told"])


def disk(home: Home) -> str | None:
    """Return evidence where there is little room."""
    if not home.folders:
        raise NotAskedError("there is no home yet")
    free = shutil.disk_usage(home.folders[0]).free
    return f"{free / 2**30:.1f} GiB free at {home.folders[0]}, wanted {ROOM / 2**30:g}." if free < ROOM else None


def port(_: Home) -> str | None:
    """Return evidence where something listens where the UI would."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return f"Something answers on 127.0.0.1:{PORT}." if probe.connect_ex(("127.0.0.1", PORT)) == 0 else None


def some(found: Sequence[str]) -> str:
    """Return the first few of what was found, and how many more there are.

    >>> some(["a", "b", "c", "d", "e"])
    'a; b; c; and 2 more'
    """
    more = len(found) - _TOLD
    return "; ".join([*found[:_TOLD], *([f"and {more:,} more"] if more > 0 else [])])


def _required() -> list[str]:
    asked = [one for one in importlib.metadata.requires("assay") or [] if "extra ==" not in one]
    return [name.group() for one in asked if (name := _NAME.match(one))]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"
