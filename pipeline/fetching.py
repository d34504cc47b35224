"""Bars come in from providers: what is missing is downloaded and kept, then imported as any other file."""

import datetime as dt
from typing import Any

import pandas as pd

from market import instruments, settings
from market.instruments import Series
from market.vendors import door, providers
from market.vendors.providers import PROVIDERS
from pipeline import imports
from pipeline.imports import Wish
from pipeline.screen import Screen

BID, ASK = "bid", "ask"


def fetch(
    provider: str, symbol: str, timeframe: str, first: dt.date, end: dt.date | None, wish: Wish, screen: Screen
) -> dict[str, Any]:
    """Fetch the bars of `[first, end)` (default: up to now) and import them; return what was stored.

    What was downloaded once is not asked for again: a fetch that was stopped goes on where it was. Raises what
    `market.vendors.providers.fetch` and `pipeline.imports.import_bars` raise.
    """
    series = instruments.series(symbol, timeframe)
    instrument = instruments.instrument(series.symbol)
    now = pd.Timestamp.now(tz="UTC").as_unit("us")
    start, stop = _midnight(first), now if end is None else _midnight(end)
    folder = settings.home() / "fetched" / provider / series.name
    with screen.stage("fetch") as report:
        fetched = providers.fetch(
            provider, instrument, series.timeframe, start, stop, folder=folder, now=now, progress=report
        )
    closed = min(stop, now - series.timeframe.delta + pd.Timedelta(microseconds=1))
    bids, asks = _file(provider, series, fetched, BID, (start, closed)), None
    if ASK in fetched.sides:
        asks = _file(provider, series, fetched, ASK, (start, closed))
    with screen.stage("import"):
        stored = imports.import_recognised([bids], instrument, series.timeframe.name, ask=asks, wish=wish)
    counts = {"files": len(fetched.paths), "downloaded": fetched.new, "bytes": fetched.size, "empty": fetched.empty}
    return stored | {"fetched": counts}


def _midnight(day: dt.date) -> pd.Timestamp:
    return pd.Timestamp(day, tz="UTC").as_unit("us")


def _file(
    provider: str,
    series: Series,
    fetched: providers.Fetched,
    side: str,
    within: tuple[pd.Timestamp, pd.Timestamp],
) -> door.Recognised:
    """Return the downloaded files of one side as one file in parts."""
    paths = [file.path for file in fetched.files if file.side in (side, "")]
    return door.in_parts(f"{provider} {series.name}", paths, PROVIDERS[provider].FORMAT, within)
