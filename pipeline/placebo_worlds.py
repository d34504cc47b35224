"""The worlds of the placebo: bars without an edge, of five families, and bars with one that volume reveals."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from market import instruments, placebo_settings, settings, simulated, tables, worlds
from market.errors import DataError
from market.instruments import Series
from pipeline import job, workspace
from pipeline.job import Job
from training.dataset import Dataset

PLANTED = "planted"
_START = pd.Timestamp("2019-01-02", tz="UTC")
_SOURCE_END = pd.Timestamp("2025-10-31", tz="UTC")


class Source(NamedTuple):
    """Where the bars of N3 to N5 come from: a stored table, or (None) the built-in market without an edge."""

    path: Path | None
    sha256: str
    has_volume: bool
    told: str


class World(NamedTuple):
    """A world to be judged: its bars by `ts`, the job that judges them, and what only an oracle may know of it.

    `permuted` says that what is learned from are labels in another order.
    """

    bars: pd.DataFrame
    job: Job
    signal: pd.Series | None = None
    permuted: bool = False

    @property
    def split(self) -> pd.Timestamp:
        """Return where development ends and judging begins, by the same arithmetic as the windows of a series."""
        return self.bars.index[-1] - pd.DateOffset(months=self.job.research.oos_months)


def source(months: int) -> Source:
    """Return the source of real bars: the configured series where enough of it is stored, else the built-in market."""
    series = _series()
    stored = tables.read_manifest(workspace.of(series).bars)
    if stored is None:
        return Source(None, "", True, f"the built-in market without an edge: no bars of {series.name} are stored")
    first, last = pd.Timestamp(stored.first), pd.Timestamp(stored.last)
    if first + pd.DateOffset(months=months) >= last:
        told = f"{series.name} has bars from {first:%Y-%m-%d} to {last:%Y-%m-%d}, fewer than {months} months"
        return Source(None, "", True, f"the built-in market without an edge: {told}")
    told = f"stored bars of {series.name} from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    return Source(workspace.of(series).bars, stored.sha256, bool(stored.facts.get("has_volume", True)), told)


def prepared(variant: str, attempt: int = 0) -> Job:
    """Return the job that judges worlds of a variant; `attempt` turns to the next recipe and the next seed."""
    chosen = placebo_settings.variant(variant)
    work = job.prepare(_series(), recipe=chosen.recipes[attempt % len(chosen.recipes)], workers=1)
    where = f"config/{placebo_settings.FILE}.toml [{variant}]"
    return work._replace(
        research=_changed(work.research, {"seed": work.research.seed + attempt} | chosen.research, f"{where} research"),
        recipe=_changed(work.recipe, chosen.recipe, f"{where} recipe"),
        tuning=_changed(work.tuning, chosen.tuning, f"{where} tuning"),
    )


def made(family: str, seed: int, edge: float, variant: str, known: Source) -> World:
    """Return the world of a family and a seed; `edge` counts for planted ones alone."""
    work = prepared(variant)
    months = pd.DateOffset(months=placebo_settings.variant(variant).months)
    if family == PLANTED:
        return _planted(work, months, edge, seed)
    return FAMILIES[family](work, months, seed, known)


def permuted(rows: Dataset, block: int, seed: int) -> Dataset:
    """Return `rows` with what their labels say in another order: whole blocks of labelled rows change places.

    When a label is known (`t1`) stays with its row, so that splits are those of the true labels.
    """
    at = np.flatnonzero(rows.labelled)
    blocks = [at[begin : begin + block] for begin in range(0, len(at), block)]
    order = np.random.default_rng(seed).permutation(len(blocks))
    others = np.concatenate([blocks[i] for i in order]) if blocks else at
    y, w, r = rows.y.copy(), rows.w.copy(), rows.r.copy()
    y[at], w[at], r[at] = rows.y[others], rows.w[others], rows.r[others]
    return rows._replace(y=y, w=w, r=r)


def _changed(known: settings.Model, changes: dict[str, Any], where: str) -> settings.Model:
    return settings.validated(known.model_dump() | changes, type(known), where)


def _series() -> Series:
    return instruments.series_named(placebo_settings.worlds().series)._replace(simulated=False)


def _random_walk(work: Job, months: pd.DateOffset, seed: int, _: Source) -> World:
    return World(worlds.random_walk(*_named(work), _START, _START + months, seed), work)


def _garch(work: Job, months: pd.DateOffset, seed: int, _: Source) -> World:
    return World(worlds.garch(*_named(work), _START, _START + months, seed), work)


def _sign_flipped(work: Job, months: pd.DateOffset, seed: int, known: Source) -> World:
    bars = _window(_bars(known, *_named(work)), months, seed)
    return World(worlds.sign_flipped(bars, work.instrument.costs.tick_size, seed), work)


def _resampled(work: Job, months: pd.DateOffset, seed: int, known: Source) -> World:
    whole = _bars(known, *_named(work))
    template = World(_window(whole, months, seed), work)
    ts = pd.DatetimeIndex(template.bars.index)
    return World(worlds.resampled(whole, ts, template.split, work.instrument.costs, seed), work)


def _permuted(work: Job, months: pd.DateOffset, seed: int, known: Source) -> World:
    return World(_window(_bars(known, *_named(work)), months, seed), work, permuted=True)


def _planted(work: Job, months: pd.DateOffset, edge: float, seed: int) -> World:
    world = {"start": _START, "end": _START + months, "seed": seed}
    bars = simulated.simulate(*_named(work), **world, edge=edge)
    return World(bars, work, simulated.hidden_signal(*_named(work), **world))


def _named(work: Job) -> tuple[str, str]:
    return work.series.symbol, work.series.timeframe.name


def _window(bars: pd.DataFrame, months: pd.DateOffset, seed: int) -> pd.DataFrame:
    """Return so many months of `bars`, from an instant that the seed draws."""
    first, last = bars.index[0], bars.index[-1] - months
    if last <= first:
        raise DataError(f"The source has bars from {first} to {bars.index[-1]}: too few for a world.")
    begin = first + np.random.default_rng([seed, 1]).random() * (last - first)
    return bars.loc[begin : begin + months]


@lru_cache(maxsize=1)
def _bars(known: Source, symbol: str, timeframe: str) -> pd.DataFrame:
    if known.path is None:
        return simulated.simulate(symbol, timeframe, _START, _SOURCE_END)
    bars = tables.read_table(known.path, tables.BARS)
    if bars.empty:
        raise DataError(f"{known.path} holds no bar.")
    return bars


FAMILIES: dict[str, Callable[[Job, pd.DateOffset, int, Source], World]] = {
    "N1 random walk": _random_walk,
    "N2 GARCH": _garch,
    "N3 sign-flipped": _sign_flipped,
    "N4 resampled": _resampled,
    "N5 permuted labels": _permuted,
}
