"""Companions of what is traded: which other series a model looks at, and their last bars beside its own."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from feature_store.groups import COMPANIONS, lookback
from live.feeds import Feed
from live.feeds.waiting import WaitingFeed
from live.model import Model
from live.window import Window
from market import instruments, tables
from market.errors import DataError, UnavailableError
from market.timeframe import Timeframe

_OWN_TO_OTHER = 8  # bars of a market that never shuts for one of a market that is open three hours a day
_LONGEST_REST = 5 * 24 * 60  # minutes for which a market may be shut


def paths(folder: Path, models: Mapping[str, Model]) -> dict[str, Path]:
    """Return the bars tables in `folder` of all companions.

    Raises UnavailableError where one is not stored, with what to do.
    """
    found = {}
    for series, model in models.items():
        for symbol, name in model.companions.items():
            found[name] = folder / f"{name}.parquet"
            if not found[name].exists():
                raise UnavailableError(
                    f"The model of {series} compares with {symbol}, and no bars of {name} are stored: import them with "
                    f"`assay import`, or leave {symbol} out of its companions in config/instruments.toml and train."
                )
    return found


def read(folder: Path, models: Mapping[str, Model]) -> dict[str, pd.DataFrame]:
    """Return the bars of all companions that are stored in `folder`, by series; raises as `paths` does."""
    return {name: tables.read_table(path, tables.BARS) for name, path in paths(folder, models).items()}


def after(models: Mapping[str, Model], decided: Mapping[str, int]) -> dict[str, int]:
    """Return the close up to which each companion's bars are history: where the first model that looks at it goes on.

    Of a companion that is traded itself, it is where its own model goes on, as later bars are not looked at too early.
    """
    known: dict[str, int] = {}
    for series, model in models.items():
        for name in model.companions.values():
            known[name] = decided.get(name, min(known.get(name, decided[series]), decided[series]))
    return known


def windows(models: Mapping[str, Model], feed: Feed, decided: Mapping[str, int]) -> dict[str, Window]:
    """Return a window for each companion, filled with its bars up to where the models go on."""
    filled = {}
    for name, until in after(models, decided).items():
        timeframe = instruments.series_named(name).timeframe
        filled[name] = Window(name, timeframe, _capacity(timeframe))
        filled[name].load(feed.history(name, until, filled[name].capacity))
    return filled


def beside(model: Model, held: Mapping[str, Window], bars: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the companions' bars by symbol, for the score of the last of the model's own `bars`.

    Raises DataError where a window does not reach back as far as the features look.
    """
    if not model.companions:
        return {}
    first = bars.index[-min(lookback([COMPANIONS]), len(bars))]
    frames = {}
    for symbol, name in model.companions.items():
        frame = frames[symbol] = held[name].frame(held[name].capacity)
        if len(frame) == held[name].capacity and frame.index[0] > first:
            raise DataError(f"{len(frame)} bars of {name} do not reach back to {first}: it has too many of them.")
    return frames


def together(
    feed: Feed,
    models: Mapping[str, Model],
    decided: Mapping[str, int],
    patience: float | None,
    tell: Callable[[str], None],
) -> Feed:
    """Return `feed` with each bar of a model after its companions' bars of the same close, as `WaitingFeed` says."""
    waits = {series: tuple(model.companions.values()) for series, model in models.items()}
    others = {}
    for name in sorted({name for names in waits.values() for name in names}):
        series = instruments.series_named(name)
        others[name] = (series, instruments.instrument(series.symbol).market)
    if not others:
        return feed
    return WaitingFeed(feed, waits, others, after(models, decided), patience, tell)


def _capacity(timeframe: Timeframe) -> int:
    return _OWN_TO_OTHER * lookback([COMPANIONS]) + _LONGEST_REST // timeframe.minutes
