"""Settings of the fleet: which series it has, where they are trained, and where their bars come from."""

from typing import Annotated, Literal

from pydantic import Field

from market import instruments, settings, timeframe
from market.bounds import Settings, Share
from market.errors import UsageError, nearest
from market.instruments import Series

FILE = "fleet"

_Names = Annotated[list[str], Field(min_length=1)]


class Fleet(Settings):
    """Every symbol at every timeframe but the series `without`; `memory` is a share of the machine's."""

    symbols: _Names
    timeframes: _Names
    without: tuple[str, ...] = ()
    memory: Share


class Cluster(Settings):
    """The address of a dask scheduler, "" for processes of this machine, and paths of PEM files for TLS."""

    scheduler: str = ""
    authority: str = ""
    certificate: str = ""
    key: str = ""


class Source(Settings):
    """The files of the bars of a symbol or a series, the timeframes of a symbol that there are files of, and what an
    import has to be told.
    """

    files: Annotated[str, Field(min_length=1)]
    timeframes: tuple[str, ...] = ()
    format: str = "auto"
    timezone: str | None = None
    stamp: Literal["open", "close"] | None = None
    dates: Literal["day", "month"] | None = None
    quarantine: Annotated[bool, Field(strict=True)] = False


def fleet() -> Fleet:
    """Return the settings of the fleet; raises UsageError that names every problem."""
    return settings.validated(_tables().get("fleet", {}), Fleet, f"config/{FILE}.toml [fleet]")


def cluster() -> Cluster:
    """Return where the work is done; raises UsageError that names every problem."""
    return settings.validated(_tables().get("cluster", {}), Cluster, f"config/{FILE}.toml [cluster]")


def series() -> list[Series]:
    """Return the series of the fleet, by symbols and then timeframes as they stand there.

    Raises UsageError for an unknown name, one that stands there twice and one without a series of the fleet.
    """
    found = fleet()
    every = [instruments.series(symbol, name) for symbol in found.symbols for name in found.timeframes]
    names = [one.name for one in every]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"config/{FILE}.toml [fleet]: {', '.join(twice)} stands there twice.")
    without = {instruments.series_named(name).name for name in found.without}
    if foreign := sorted(without - {*names}):
        near = nearest(foreign[0], names)
        raise UsageError(f"config/{FILE}.toml [fleet] without: {foreign[0]} is no series of the fleet.{near}")
    if simulated := [one.name for one in every if one.simulated]:
        raise UsageError(f"config/{FILE}.toml [fleet]: {simulated[0]} is simulated, and no fleet has such a series.")
    return [one for one in every if one.name not in without]


def sources() -> dict[str, Source]:
    """Return where bars come from by symbol, as its instrument is named, and by series; raises UsageError."""
    found, names = {}, {one.name for one in series()}
    for name, values in _tables().get("sources", {}).items():
        where = f"config/{FILE}.toml [sources.{name}]"
        if not isinstance(values, dict):
            raise UsageError(f"{where}: wanted a table, not {values!r}.")
        source = settings.validated(values, Source, where)
        for one in source.timeframes:
            timeframe.parse(one)
        found[name if name in names else instruments.instrument(name).symbol] = source
    return found


def files_of(one: Series, known: dict[str, Source]) -> Source | None:
    """Return where the files of a series are: its own source, else its symbol's where that has files of its timeframe.

    None where it is to be resampled from a finer one.
    """
    if one.name in known:
        return known[one.name]
    source = known.get(one.symbol)
    names = {timeframe.parse(name).name for name in source.timeframes} if source else {*()}
    return source if one.timeframe.name in names else None


def _tables() -> dict[str, dict]:
    tables = settings.read_toml(FILE)
    known = (FILE, "cluster", "sources")
    if unknown := [name for name in tables if name not in known]:
        raise UsageError(f"config/{FILE}.toml: unknown table [{unknown[0]}].{nearest(unknown[0], known)}")
    return tables
