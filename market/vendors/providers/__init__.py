"""Fetching: a provider's raw answers as immutable files, which the readers of `market.vendors` then import.

A fetch plans parts (a day, a month, a thousand bars), downloads those that are not there and writes each whole or not
at all, so it can be killed at any time and run again. A part that is over is never asked for twice; one without bars
is remembered as an empty `.none` file once it is a day old; one that is not over is `….open.…` and asked for again.
A provider is a module of this package, added to `PROVIDERS`.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pandas as pd
from filelock import FileLock, Timeout

from market import durable
from market.errors import UnavailableError, UsageError, nearest
from market.instruments import Instrument
from market.timeframe import Timeframe
from market.vendors.providers import binance, dukascopy, polygon
from market.vendors.providers.limits import limits
from market.vendors.providers.parts import DAY, MINUTE, Part

if TYPE_CHECKING:
    from market.vendors.providers.http import Client

_SETTLING = 60 * MINUTE  # after its end, while a provider may still complete a part
_ASIDE = re.compile(r"\..+\.(bi5|json|none)\.\d+\.tmp")
_NO_KEY = {"changeme", "change-me", "change_me", "your_api_key", "your-api-key", "none", "null"}


class Provider(Protocol):
    """What a provider's module has to have; `FORMAT` names the reader of its files, `KEY` the variable of its key."""

    DESCRIPTION: str
    TIMEFRAMES: tuple[str, ...]
    FORMAT: str
    KEY: str

    def plan(self, symbol: str, timeframe: str, first: int, end: int, now: int, /) -> list[Part]:
        """Return the parts that cover `[first, end)` (microseconds since 1970), in time order."""
        ...

    def download(self, part: Part, client: "Client", /) -> bytes:
        """Return the bytes to keep, checked to be bars of the part; empty where there are none."""
        ...


class File(NamedTuple):
    """A file with bars and the side of the market that they are of: bid, ask, or empty where the provider has one."""

    path: Path
    side: str


class Fetched(NamedTuple):
    """What a fetch has left: files with bars in time order, how many parts are new, their bytes, how many are empty.

    Parts are whole days, months or thousands of bars, so files may hold bars before and after what was asked.
    """

    files: tuple[File, ...]
    new: int
    size: int
    empty: int

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return the files of all sides in time order."""
        return tuple(file.path for file in self.files)

    @property
    def sides(self) -> tuple[str, ...]:
        """Return the sides that there are files of."""
        return tuple(sorted({file.side for file in self.files} - {""}))


PROVIDERS: dict[str, Provider] = {"dukascopy": dukascopy, "binance": binance, "polygon": polygon}


def unheeded(_part: str, _done: int, _total: int) -> None:
    """Report no progress."""


def fetch(
    provider: str,
    instrument: Instrument,
    timeframe: Timeframe,
    first: pd.Timestamp,
    end: pd.Timestamp,
    *,
    folder: Path,
    now: pd.Timestamp,
    client: "Client | None" = None,
    progress: Callable[[str, int, int], None] = unheeded,
) -> Fetched:
    """Return the files in `folder` with the provider's bars that open in `[first, end)`, downloading what is missing.

    Raises UsageError for an unknown provider, timeframe or name there, UnavailableError without key, answer or bars,
    DataError for an answer that is not what was asked for; what was downloaded before stays.
    """
    chosen = _provider(provider)
    symbol = _symbol(provider, instrument)
    if timeframe.name not in chosen.TIMEFRAMES:
        raise UsageError(f"{provider} is not asked for {timeframe.name} bars: fetch {', '.join(chosen.TIMEFRAMES)}.")
    instant = _instant(now)
    start, stop = _instant(first), min(_instant(end), instant)
    if start >= stop:
        raise UsageError(f"Nothing to fetch from {first} to {end} at {now}: the first day must come before the last.")
    parts = [part for part in chosen.plan(symbol, timeframe.name, start, stop, instant) if part.until > part.start]
    with _alone(folder), _opened(provider, chosen, client) as asked:
        kept = []
        for i, part in enumerate(parts, 1):
            kept.append(_kept(part, chosen, asked, folder, instant))
            progress(part.name, i, len(parts))
    return _summed(parts, kept, f"{provider} has no {timeframe.name} bars of {symbol} from {first} to {end}")


class _Kept(NamedTuple):
    path: Path | None
    size: int = 0


def _kept(part: Part, chosen: Provider, client: "Client", folder: Path, now: int) -> _Kept:
    """Return the file of a part, downloaded unless it is there for good."""
    closed, opened = (folder / f"{part.name}{suffix}.{part.extension}" for suffix in ("", ".open"))
    none = folder / f"{part.name}.none"
    if closed.exists():
        opened.unlink(missing_ok=True)
        return _Kept(closed)
    if none.exists():
        return _Kept(None)
    content = chosen.download(part, client)
    if not content:
        if not opened.exists() and part.end + DAY <= now:
            durable.write_bytes(none, b"")
        return _Kept(opened if opened.exists() else None)
    over = part.end + _SETTLING <= now
    durable.write_bytes(closed if over else opened, content)
    if over:
        opened.unlink(missing_ok=True)
    return _Kept(closed if over else opened, len(content))


def _summed(parts: list[Part], kept: list[_Kept], nothing: str) -> Fetched:
    files = tuple(File(one.path, part.side) for part, one in zip(parts, kept, strict=True) if one.path is not None)
    if not files:
        raise UnavailableError(f"{nothing}: check the range, and the name under vendors in config/instruments.toml.")
    new, size = sum(one.size > 0 for one in kept), sum(one.size for one in kept)
    return Fetched(files, new, size, empty=len(kept) - len(files))


def _provider(name: str) -> Provider:
    if name not in PROVIDERS:
        raise UsageError(f"Unknown provider {name!r}: choose {', '.join(PROVIDERS)}.{nearest(name, PROVIDERS)}")
    return PROVIDERS[name]


def _symbol(provider: str, instrument: Instrument) -> str:
    name = getattr(instrument.vendors, provider)
    if name is None:
        example = ", point = 0.001" if provider == "dukascopy" else ""
        raise UsageError(
            f"{instrument.symbol} has no name at {provider}: below [{instrument.symbol}] in config/instruments.toml "
            f'write vendors.{provider} = {{ symbol = "…"{example} }}, with the name that {provider} uses.'
        )
    return str(name.symbol)


def _instant(ts: pd.Timestamp) -> int:
    if ts.tzinfo is None:
        raise UsageError(f"{ts} has no time zone: give it in UTC.")
    return int(ts.tz_convert("UTC").as_unit("us").asm8.astype("int64"))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder, and remove what a killed fetch was about to write."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".fetch.lock", timeout=0):
            for aside in folder.iterdir():
                if _ASIDE.fullmatch(aside.name):
                    aside.unlink(missing_ok=True)
            yield
    except Timeout:
        raise UnavailableError(f"Another fetch writes to {folder}: wait until it is done.") from None


@contextmanager
def _opened(provider: str, chosen: Provider, given: "Client | None") -> Iterator["Client"]:
    if given is not None:
        yield given
        return
    from market.vendors.providers.http import Client  # so that readers of files do not load the network

    client = Client(provider.title(), limits(provider), key=key(chosen.KEY, provider) if chosen.KEY else None)
    try:
        yield client
    finally:
        client.close()


def key(variable: str, provider: str) -> str:
    """Return the key in the environment; UnavailableError, which never shows it, where there is none or no real one."""
    value = os.environ.get(variable, "")
    if not value:
        what = "is not set"
    elif not (value.isascii() and value.isprintable()) or " " in value:
        what = "holds blanks or signs that no key has"
    elif value.casefold() in _NO_KEY:
        what = "holds a placeholder"
    else:
        return value
    raise UnavailableError(f"{variable} {what}: put your {provider} key there, export {variable}=….")
