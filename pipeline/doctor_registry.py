"""Whether the registry of a home is sound: its database, its champions with record, alias and bundle, and the keys."""

import datetime as dt
import stat
from pathlib import Path

from market import settings
from market.errors import AssayError, UnavailableError, UsageError
from pipeline.doctor_installation import Home, some
from pipeline.doctor_run import NotAskedError
from registry import address, alias, expiry, inspection, known_good, signing
from registry import record as records
from registry.bundle import read_bundle
from registry.inspection import Registry

_NONE = "there is no registry yet"
_OTHERS = 0o077


def database(home: Home) -> str | None:
    """Return evidence where the registry cannot be read, or is damaged."""
    try:
        damaged = [
            f"{alias.database_path(folder)}: {found.damage}" for folder, found in _registries(home) if found.damage
        ]
    except UnavailableError as error:
        return str(error)
    return f"{some(damaged)}." if damaged else None


def running(home: Home) -> str | None:
    """Return evidence of runs that are RUNNING: at work, or left by a crash."""
    found = [
        f"{run[:12]} since {dt.datetime.fromtimestamp(start / 1000, dt.UTC):%Y-%m-%d %H:%M} UTC"
        for _, registry in _readable(home)
        for run, start in registry.running
    ]
    return f"{len(found)} at work, or left by a crash: {some(found)}." if found else None


def moved(home: Home) -> str | None:
    """Return evidence where artifacts of the registry lie outside of the home: it was moved or copied."""
    outside = [
        place
        for folder, registry in _readable(home)
        for place in registry.places
        if not place.startswith(f"{address.of(folder).artifacts}/")
    ]
    return f"{len(outside)} places of artifacts lie elsewhere: {some(outside)}." if outside else None


def production(home: Home) -> str | None:
    """Return evidence where signed record, alias and bundle of a champion do not agree."""
    asked, bad = 0, []
    for folder in home.folders:
        try:
            recorded = records.production(folder)
            registry = inspection.inspect(folder)
        except AssayError as error:
            return str(error)
        series = sorted({*recorded, *(registry.champions if registry else [])})
        asked += len(series)
        bad += [why for name in series if (why := _untrusted(folder, name))]
    if not asked:
        raise NotAskedError("nothing is in production")
    return f"{len(bad)} of {asked} champions: {some(bad)}" if bad else None


def keys(_: Home) -> str | None:
    """Return evidence where the keys are in the home, open to others, or no pair."""
    try:
        folder = settings.keys_folder()
    except UsageError as error:
        return str(error)
    private, public = signing.private_path(), signing.public_path()
    if not private.exists() and not public.exists():
        raise NotAskedError("there are no keys yet")
    open_to_others = [
        f"{path} has mode {stat.S_IMODE(path.stat().st_mode):03o}"
        for path in (folder, private)
        if path.exists() and path.stat().st_mode & _OTHERS
    ]
    if open_to_others:
        return f"{some(open_to_others)}: others may read what signs promotions."
    try:
        if private.exists() and not public.exists():
            return f"{public} is missing beside {private.name}."
        signing.check_pair()
    except AssayError as error:
        return str(error)
    return None


def _untrusted(folder: Path, series: str) -> str:
    """Return why the champion of `series` would not be loaded, "" where all agrees."""
    try:
        record = records.trusted(folder, series)
        if record is None:
            alias.refuse_unrecorded(folder, series)
            return ""
        known_good.refuse_older(folder, series, record)
        alias.check(folder, series, record)
        expiry.check(series, record)
        read_bundle(folder / record["bundle"], record["bundle_sha256"])
    except AssayError as error:
        return str(error)
    return ""


def _registries(home: Home) -> list[tuple[Path, Registry]]:
    found = [(folder, inspection.inspect(folder)) for folder in home.folders]
    known = [(folder, registry) for folder, registry in found if registry is not None]
    if not known:
        raise NotAskedError(_NONE)
    return known


def _readable(home: Home) -> list[tuple[Path, Registry]]:
    try:
        return _registries(home)
    except UnavailableError:
        raise NotAskedError("the registry cannot be read") from None
