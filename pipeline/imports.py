"""Bars come in: from vendors' files, and from finer bars that are stored already."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from market import instruments, tables, timeframe
from market.errors import UnavailableError, UsageError
from market.vendors import door
from pipeline import receipts, workspace
from pipeline.workspace import Workspace


def import_bars(
    files: list[Path],
    *,
    symbol: str,
    timeframe_name: str,
    vendor: str,
    timezone: str | None,
    stamp: str | None,
    quarantine: bool,
) -> dict[str, Any]:
    """Import `files` as the bars of a series and return what was stored; a re-import replaces the series."""
    series = instruments.series(symbol, timeframe_name)
    if series.simulated:
        raise UsageError(f"{symbol} is a simulated series: import files under the symbol itself, {series.symbol}.")
    target = workspace.of(series)
    instrument = instruments.instrument(series.symbol)
    report = target.home / "imports" / f"{series.name}.problems.csv"
    imported = door.import_files(
        files,
        instrument=instrument,
        timeframe=series.timeframe,
        format=vendor,
        timezone=timezone,
        stamp=stamp,
        quarantine=quarantine,
        now=pd.Timestamp.now(tz="UTC"),
        report_path=report,
    )
    with workspace.locked(target):
        before = tables.read_manifest(target.bars)
        stored = _stored(series.name, store_bars(target, imported.bars, imported.facts))
    if before is not None and before.sha256 != stored["bars_sha256"]:
        stored["notes"].append(f"They replace {before.rows:,} bars from {before.first} to {before.last}.")
    return stored


def resample(symbol: str, coarser: str) -> dict[str, Any]:
    """Make the bars of a coarser timeframe from the finest stored series of `symbol` that divides it."""
    series = instruments.series(symbol, coarser)
    held = tables.read_manifest(workspace.of(series).bars)
    if held is not None and "resampled_from" not in held.facts:
        raise UsageError(
            f"{series.name} holds {held.rows:,} imported bars, which resampling would replace: remove "
            f"{workspace.of(series).bars} first if that is what you want."
        )
    for finer in timeframe.TIMEFRAMES.values():
        source = workspace.of(series._replace(timeframe=finer))
        if finer.minutes < series.timeframe.minutes and series.timeframe.minutes % finer.minutes == 0:
            if not source.bars.exists():
                continue
            bars = timeframe.resample(tables.read_table(source.bars, tables.BARS), series.timeframe)
            facts = _resampled_facts(source, bars)
            with workspace.locked(workspace.of(series)):
                return _stored(series.name, store_bars(workspace.of(series), bars, facts))
    raise UnavailableError(f"No finer bars of {series.symbol} are stored to make {series.timeframe.name} from.")


def store_bars(target: Workspace, bars: pd.DataFrame, facts: Mapping[str, Any]) -> tables.Manifest:
    """Write the bars table of a series."""
    return tables.write_table(
        target.bars,
        bars,
        tables.BARS,
        inputs={},
        config_sha256=tables.sha256_of({"series": target.series.name}),
        code_sha256=receipts.code_sha256("market.bars", "market.vendors.door"),
        facts=facts,
    )


def _resampled_facts(source: Workspace, bars: pd.DataFrame) -> dict[str, Any]:
    """Return what is known of resampled bars: what their source says of all its bars, and what counts anew."""
    manifest = tables.read_manifest(source.bars)
    known = manifest.facts if manifest else {}
    facts: dict[str, Any] = {name: known[name] for name in ("timezone", "has_volume", "sources") if name in known}
    if "spread_recorded" in bars:
        facts["bars_on_spread_floor"] = int((~(bars["spread_recorded"] >= bars["spread"])).sum())
    return facts | {"resampled_from": source.series.name}


def _stored(name: str, manifest: tables.Manifest) -> dict[str, Any]:
    facts = manifest.facts
    return {
        "series": name,
        "rows": manifest.rows,
        "first": manifest.first,
        "last": manifest.last,
        "bars_sha256": manifest.sha256,
        "facts": facts,
        "notes": data_warnings(manifest),
    }


def data_warnings(manifest: tables.Manifest) -> list[str]:
    """Return what a reader of any result on these bars should know about them, one line each."""
    facts, rows, notes = manifest.facts, manifest.rows, []
    if floor := facts.get("bars_on_spread_floor"):
        notes.append(f"{floor:,} of {rows:,} bars ({floor / rows:.0%}) stand on the spread floor.")
    if facts.get("has_volume") is False:
        notes.append("The source has no volume: volume features are left out.")
    counted = {
        "missing_bars": "bars are missing inside trading hours",
        "suspicious_ticks": "bars hold a suspicious tick",
        "bars_outside_session": "bars stand outside trading hours",
        "set_aside": "rows were set aside at import",
        "merged": "identical rows of overlapping files were merged",
    }
    return notes + [f"{facts[name]:,} {what}." for name, what in counted.items() if facts.get(name)]
