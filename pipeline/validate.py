"""What is wrong with stored bars, and what they are like: coverage, gaps, spikes, spread, clock, versions."""

import datetime as dt
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from market import clock_check, clocks, durable, gaps, instruments, suspicions, tables, versions
from market.clock_check import ClockCheck
from market.clocks import Clock
from market.errors import DataError, UsageError
from market.findings import ERROR, WARNING, Findings
from market.instruments import Instrument
from market.intake import Held
from market.presence import Presence
from market.recheck import Recheck
from market.spreads import Spreads
from market.tables import Manifest
from market.tally import Tally
from market.versions import Version
from pipeline import bar_history, workspace
from pipeline import validation_report as report
from pipeline.validation_report import Seen
from pipeline.workspace import Workspace


class _Watching(NamedTuple):
    """What watches the bars pass."""

    tally: Tally
    presence: Presence
    spreads: Spreads
    recheck: Recheck


def validate(symbol: str, timeframe: str, as_of: dt.datetime | None = None) -> dict[str, Any]:
    """Return what stored bars are like and what is wrong with them (JSON values), and draw it.

    `as_of`: the bars as they were stored at that instant (naive: UTC). Shares are of the bars expected in trading
    hours, holidays left out; stamps are UTC. Raises UnavailableError where no bars are stored, DataError where they
    were changed since, were not yet stored, or were pruned.
    """
    target = workspace.of(instruments.series(symbol, timeframe))
    workspace.require_bars(target)
    manifest = tables.verified(target.bars, tables.BARS)
    when = None if as_of is None else instant(as_of)
    bar_history.require_kept(target.bars, when)
    instrument = instruments.instrument(target.series.symbol)
    declared = _declared(manifest)
    watched = _watched(target, instrument, declared, when)
    seen = _seen(target, watched)
    start, end = (seen.gaps[name].to_numpy() for name in ("start", "end"))
    clock = clock_check.check(start, end, declared, seen.timeframe, instrument.market)
    findings = _findings(seen, watched, clock, instrument)
    facts, known = watched.tally.facts(), versions_by(target.bars, when)
    charged = {"floor": instrument.costs.spread_floor, "on_floor": facts["bars_on_spread_floor"]}
    spread = watched.spreads.profile() | charged
    return {
        "series": seen.name,
        "as_of": None if when is None else when.isoformat(),
        **{name: facts[name] for name in ("rows", "first", "last")},
        "sha256": sha256_by(target.bars, manifest, known, when),
        "errors": findings.kinds(ERROR),
        "warnings": findings.kinds(WARNING),
        "findings": report.told(findings),
        "clock": report.clock(clock, _zones(manifest), manifest.facts.get("stamp")),
        "coverage": report.coverage(seen),
        "gaps": report.by_kind(seen),
        "holes": report.holes(seen),
        "spikes": report.spikes(findings),
        "flat": report.flat(seen.profile),
        "spread": spread,
        "has_volume": facts["has_volume"],
        "outside_hours": facts["bars_outside_session"],
        "import": {name: manifest.facts.get(name, 0) for name in ("set_aside", "merged")},
        "versions": [one._asdict() | {"ingested_at": one.ingested_at.isoformat()} for one in known],
        "plot": str(_drawn(target, when, seen, spread)),
    }


def exit_code(answer: Mapping[str, Any]) -> int:
    """Return 4 where errors were found, else 0."""
    return DataError.exit_code if answer["errors"] else 0


def instant(when: dt.datetime) -> pd.Timestamp:
    """Return an instant in UTC; a naive one is UTC already."""
    stamp = pd.Timestamp(when)
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")


def versions_by(bars: Path, when: pd.Timestamp | None) -> list[Version]:
    """Return the versions of the table at `bars` up to `when` (None: all), oldest first."""
    return [one for one in versions.listed(bars) if when is None or one.ingested_at <= when]


def sha256_by(bars: Path, manifest: Manifest, known: list[Version], when: pd.Timestamp | None) -> str | None:
    """Return the hash of the table that held the bars at `when`; None where it is gone: only its parts are kept."""
    if when is None or len(known) == versions.last(manifest):
        return manifest.sha256
    one = tables.read_manifest(versions.path_of(bars, known[-1].number))
    return one.sha256 if one is not None and known[-1].replaces else None


def _watched(target: Workspace, instrument: Instrument, clock: Clock, when: pd.Timestamp | None) -> _Watching:
    name, timeframe = target.series.name, target.series.timeframe
    held = Held(timeframe, instrument, pd.Timestamp.now(tz="UTC").as_unit("us"))
    presence, recheck = Presence(timeframe, instrument.market), Recheck(name, held, clock)
    watching = _Watching(Tally(timeframe, instrument), presence, Spreads(instrument), recheck)
    for window in versions.windows_as_of(target.bars, when):
        bars = window if "spread_recorded" in window else window.assign(spread_recorded=np.nan)
        for one in watching:
            one.see(bars)
    if not watching.tally.rows:
        raise DataError(f"{name} holds no bars: import some.")
    return watching


def _seen(target: Workspace, watched: _Watching) -> Seen:
    profile, timeframe = watched.tally.profile(), target.series.timeframe
    start, end = (profile.gaps[name].to_numpy() for name in ("start", "end"))
    kinds = gaps.kinds(start, end, timeframe, watched.tally.instrument.market)
    listed = pd.concat([profile.gaps, kinds], axis=1)
    return Seen(target.series.name, timeframe, profile, listed, watched.presence.expected())


def _findings(seen: Seen, watched: _Watching, clock: ClockCheck, instrument: Instrument) -> Findings:
    findings = watched.recheck.finish()
    findings.add(clock_check.doubts(clock, seen.name, stored=True))
    suspicious = suspicions.check(seen.profile, seen.timeframe, instrument, seen.name)
    findings.add(suspicious)
    findings.add(report.missing(seen, suspicious))
    return findings


def _declared(manifest: Manifest) -> Clock:
    """Return the clock that the source was declared to keep: of several the first, UTC where none is known to us."""
    for name in _zones(manifest).split(", "):
        with suppress(UsageError):  # a column's zone in words of its own
            return clocks.clock(name)
    return clocks.clock("UTC")


def _zones(manifest: Manifest) -> str:
    return str(manifest.facts.get("timezone", "UTC"))


def _drawn(target: Workspace, when: pd.Timestamp | None, seen: Seen, spread: Mapping[str, Any]) -> Path:
    from pipeline import validation_plot

    suffix = "" if when is None else f".{when:%Y%m%dT%H%M%S}"
    path = target.home / "validation" / f"{target.series.name}{suffix}.png"
    durable.write_bytes(path, validation_plot.draw(seen, spread))
    return path
