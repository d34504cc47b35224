"""Bars of coarser timeframes, from finer ones that are stored already."""

from typing import Any

from market import instruments, tables, timeframe
from market.errors import UnavailableError, UsageError
from market.instruments import Series
from market.tally import Tally
from market.timeframe import TIMEFRAMES
from pipeline import workspace
from pipeline.imports import store_bars, summary
from pipeline.workspace import Workspace

ALL = "all"

_KEPT = ("timezone", "has_volume", "sources", "warnings")


def resample(symbol: str, coarser: str) -> list[dict[str, Any]]:
    """Make the bars of a coarser timeframe, or of `all`, from the finest stored series of `symbol` that divides it.

    Imported bars are never replaced: a timeframe that holds some is refused, or left out of `all` and said.
    """
    if coarser != ALL:
        return [_made(instruments.series(symbol, coarser))]
    every = [instruments.series(symbol, name) for name in TIMEFRAMES]
    stored = [series for series in every if workspace.of(series).bars.exists()]
    if not stored:
        raise UnavailableError(f"No bars of {every[0].symbol} are stored: import some first.")
    wanted = [series for series in every if series.timeframe.minutes > stored[0].timeframe.minutes]
    if not wanted:
        raise UsageError(f"{stored[0].name} is the coarsest there is: nothing to make from it.")
    return [_left(series) if _imported(series) else _made(series) for series in wanted]


def _imported(series: Series) -> bool:
    held = tables.read_manifest(workspace.of(series).bars)
    return held is not None and "resampled_from" not in held.facts


def _left(series: Series) -> dict[str, Any]:
    manifest = tables.verified(workspace.of(series).bars, tables.BARS)
    answer = summary(series.name, manifest)
    return answer | {"notes": [f"{series.name} holds imported bars: left as they are.", *answer["notes"]]}


def _made(series: Series) -> dict[str, Any]:
    target = workspace.of(series)
    if _imported(series):
        raise UsageError(
            f"{series.name} holds imported bars, which resampling would replace: remove {target.bars} first if that "
            "is what you want."
        )
    source = _finest(series)
    bars = timeframe.resample(tables.read_table(source.bars, tables.BARS), series.timeframe)
    manifest = tables.read_manifest(source.bars)
    known = manifest.facts if manifest else {}
    tally = Tally(series.timeframe, instruments.instrument(series.symbol))
    tally.see(bars if "spread_recorded" in bars else bars.assign(spread_recorded=float("nan")))
    facts = tally.facts() | {name: known[name] for name in _KEPT if name in known}
    with workspace.locked(target):
        return summary(series.name, store_bars(target, bars, facts | {"resampled_from": source.series.name}))


def _finest(series: Series) -> Workspace:
    for finer in TIMEFRAMES.values():
        source = workspace.of(series._replace(timeframe=finer))
        divides = finer.minutes < series.timeframe.minutes and series.timeframe.minutes % finer.minutes == 0
        if divides and source.bars.exists():
            return source
    raise UnavailableError(f"No finer bars of {series.symbol} are stored to make {series.timeframe.name} from.")
