"""`assay fleet import`: the bars of a fleet from the files that its configuration names, coarser ones from these."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from market import fleet_settings, settings, tables
from market.errors import AssayError, UsageError
from market.fleet_settings import Source
from market.instruments import Series
from pipeline import fleet_plan, imports, resampling, shared_fleet, table_store, workspace
from pipeline.imports import Declared, Wish
from pipeline.screen import Screen

IMPORTED, RESAMPLED, UNCHANGED, REFUSED, NO_SOURCE = "imported", "resampled", "unchanged", "refused", "no source"


def bring(only: Sequence[str], screen: Screen) -> dict[str, Any]:
    """Import what there are files of, resample the rest, and return what became of each series.

    Bars that are stored already are left alone; shared ones are brought before, and sent after. A file that is refused
    says why and does not stop the others. Raises UsageError where [sources] names nothing.
    """
    sources = fleet_settings.sources()
    if not sources:
        raise UsageError("config/fleet.toml names no [sources]: say there where the bars of each symbol come from.")
    chosen = fleet_plan.selected(fleet_settings.series(), [*only])
    store = table_store.store()
    apart = shared_fleet.settled(store, only)
    finest_first = sorted((one for one in chosen if one.name not in apart), key=lambda one: one.timeframe.minutes)
    found = {one.name: _brought(one, sources, screen) for one in finest_first}
    for name, error in (apart | shared_fleet.settled(store, only)).items():
        found[name] = {"series": name, "state": REFUSED, "why": str(error), "exit_code": error.exit_code}
    return {"home": str(settings.home()), "series": [found[one.name] for one in chosen]}


def exit_code(answer: Mapping[str, Any]) -> int:
    """Return how the verb ends: as the worst refusal would, else 0."""
    return max((one.get("exit_code", 0) for one in answer["series"]), default=0)


def _brought(series: Series, sources: dict[str, Source], screen: Screen) -> dict[str, Any]:
    told: dict[str, Any] = {"series": series.name}
    source = fleet_settings.files_of(series, sources)
    if not any(name == series.symbol or name.startswith(f"{series.symbol}_") for name in sources):
        return told | {"state": NO_SOURCE, "why": f"config/fleet.toml has no [sources.{series.symbol}]"}
    before = tables.read_manifest(workspace.of(series).bars)
    if before is not None and source is None and "resampled_from" not in before.facts:
        kept = {"rows": before.rows, "first": before.first, "last": before.last}
        return told | {"state": UNCHANGED, "why": "imported bars are left as they are", **kept}
    try:
        with screen.stage(f"import {series.name}" if source else f"resample {series.name}") as report:
            made = _imported(series, source, report) if source else _resampled(series)
    except AssayError as error:
        return told | {"state": REFUSED, "why": str(error), "exit_code": error.exit_code}
    same = before is not None and before.sha256 == made["bars_sha256"]
    state = UNCHANGED if same else IMPORTED if source else RESAMPLED
    return told | {"state": state, "why": "", **{name: made[name] for name in ("rows", "first", "last")}}


def _resampled(series: Series) -> dict[str, Any]:
    return resampling.resample(series.symbol, series.timeframe.name)[0]


def _imported(series: Series, source: Source, report: imports.Report) -> dict[str, Any]:
    wanted = source.files.replace("{symbol}", series.symbol).replace("{timeframe}", series.timeframe.name)
    files = _fitting(Path(wanted).expanduser())
    if not files:
        raise UsageError(f"config/fleet.toml [sources.{series.symbol}]: no file fits {wanted}.")
    return imports.import_bars(
        files,
        symbol=series.symbol,
        timeframe_name=series.timeframe.name,
        declared=Declared(source.format, source.timezone, source.stamp, source.dates),
        wish=Wish(quarantine=source.quarantine),
        report=report,
    )


def _fitting(pattern: Path) -> list[Path]:
    """Return the files that fit a shell's pattern, sorted; a relative one is of this folder."""
    whole = Path.cwd() / pattern
    return sorted(path for path in Path(whole.anchor).glob(str(whole.relative_to(whole.anchor))) if path.is_file())
