"""The causality gate: whether any feature, or any label before its exit, knows of bars that were not there yet."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from feature_store import causality as features_check
from labels import horizon
from market import instruments, settings, tables
from market.errors import DataError, GateError, UsageError
from market.instruments import Series
from pipeline import causality_record as record
from pipeline import companions, job, stages, workspace
from pipeline.job import Job
from pipeline.screen import Screen
from pipeline.stages import Done, Report

SIMULATED = ("SIM_XAUUSD", "15T")
FAULTS = ("leaks", "drifts", "misdated")

_TAILS = 25
_TAIL_BARS = 60_000
"""So many rows are computed on their LOOKBACK bars alone, among so many bars."""


def causality(symbol: str | None, timeframe: str | None, cuts: int, seed: int, screen: Screen) -> dict[str, Any]:
    """Check a series, or all that are stored; where none is, the simulated market. Return what was found in each.

    Of all, a series with too few bars is told with the reason, and the rest is checked.
    """
    if symbol is not None:
        if timeframe is None:
            raise UsageError(f"Say the timeframe of {symbol} too, as in `assay causality {symbol} 15T`, or neither.")
        return {"series": [_checked(instruments.series(symbol, timeframe), cuts, seed, screen)]}
    stored = workspace.stored(settings.home())
    if not stored:
        series = instruments.series(*SIMULATED)
        screen.say(f"No bars are imported: checking the built-in simulated market {series.name} instead.")
        return {"series": [_checked(series, cuts, seed, screen)]}
    return {"series": [_checked_or_refused(instruments.series_named(name), cuts, seed, screen) for name in stored]}


def proved(work: Job, report: Report) -> Done:
    """Make sure that a record stands for training: where none does, check at the least cut points that it needs.

    Raises GateError that names the first leak: column, bar and both values.
    """
    why = record.stale(work)
    if why is None:
        kept = record.read(work)
        assert kept is not None  # what is not stale is there
        return Done(kept, None)
    answer = examined(work, record.LEAST_CUTS, 0, report)
    if faults := faults_told(answer):
        more = f" {len(faults) - 1} more were found." if len(faults) > 1 else ""
        symbol, name = work.series.symbol, work.series.timeframe.name
        raise GateError(
            f"{work.series.name} is not trained: {faults[0]}.{more} Repair it; `assay causality {symbol} {name}` "
            "tells all."
        )
    made = record.read(work)
    assert made is not None  # a check without faults has left one
    return Done(made, why)


def examined(work: Job, cuts: int, seed: int, report: Report) -> dict[str, Any]:
    """Check the features and the labels of stored bars, keep or withdraw the record, and return what was found."""
    began = time.perf_counter()
    beside = companions.look(work)
    bars, others = tables.read_table(work.workspace.bars, tables.BARS), companions.bars(beside)
    groups = record.groups_of(work)
    told = features_check.examine(
        bars, groups, cuts, seed, companions=others, progress=lambda done, total: report("features", done, 2 * total)
    )
    drifts = features_check.tail_check(bars.iloc[-_TAIL_BARS:], groups, _TAILS, seed, companions=others)
    dated = _dated(work, bars, cuts, seed, report)
    facts = {
        "cuts": told.cuts,
        "tails": _TAILS,
        "labels": dated.labels,
        "columns": told.columns,
        "groups": list(groups),
        "seed": seed,
        "bars_sha256": tables.sha256_of_file(work.workspace.bars),
        "companions": beside.facts["used"],
    }
    seconds = round(time.perf_counter() - began, 2)
    leaky = {leak.column for leak in told.leaks}
    found = {
        "leaks": [*map(_plain, told.leaks)],
        "drifts": [_plain(drift) for drift in drifts if drift.column not in leaky],
        "misdated": [*map(_plain, dated.misdated)],
    }
    if any(found.values()):
        record.withdraw(work)
    elif cuts >= record.LEAST_CUTS:
        record.keep(work, facts, seconds)
    return {"series": work.series.name, **facts, "seconds": seconds, **found}


def _dated(work: Job, bars: pd.DataFrame, rows: int, seed: int, report: Report) -> horizon.Examination:
    return horizon.examine(
        bars,
        work.exits,
        work.instrument.costs,
        work.instrument.market,
        rows,
        seed,
        progress=lambda done, total: report("labels", total + done, 2 * total),
    )


def exit_code(answer: Mapping[str, Any]) -> int:
    """Return how the verb ends: 3 where something knew of the future, 4 where a series could not be checked, else 0."""
    if any(map(_faults, answer["series"])):
        return GateError.exit_code
    return DataError.exit_code if any("refused" in one for one in answer["series"]) else 0


def complaint(answer: Mapping[str, Any]) -> str:
    """Return one line about what is wrong, empty where nothing is."""
    found = [
        f"{count} {'leak' if count == 1 else 'leaks'} in {one['series']}"
        for one in answer["series"]
        if (count := _faults(one))
    ]
    refused = [f"{one['series']} was not checked" for one in answer["series"] if "refused" in one]
    return f"{'; '.join(found + refused)}: see above." if found or refused else ""


def _faults(one: Mapping[str, Any]) -> int:
    return sum(len(one.get(kind, [])) for kind in FAULTS)


def faults_told(answer: Mapping[str, Any]) -> list[str]:
    """Return a phrase for each leak, drift and misdated label of a series: column, bar and both values."""
    told = (leak_told, _drift_told, _misdated_told)
    return [phrase(one) for kind, phrase in zip(FAULTS, told, strict=True) for one in answer.get(kind, [])]


def leak_told(one: Mapping[str, Any]) -> str:
    """Return a phrase for a leak: column, bar and both values."""
    return (
        f"{one['column']} at {one['ts']}: {_shown(one['before'])} became {_shown(one['after'])} when bars after "
        f"{one['cut']} changed"
    )


def _drift_told(one: Mapping[str, Any]) -> str:
    return (
        f"{one['column']} at {one['ts']}: {_shown(one['full'])} on all bars, {_shown(one['tail'])} on its LOOKBACK "
        "bars alone, as a runner sees it"
    )


def _misdated_told(one: Mapping[str, Any]) -> str:
    if one["late"]:
        return f"label at {one['ts']}: it says t1 {one['t1']}, but nothing of it depends on that bar: it ended before"
    return (
        f"label {one['column']} at {one['ts']}: {_shown(one['before'])} became {_shown(one['after'])} when bars after "
        f"its t1 {one['t1']} changed"
    )


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _plain(fault: NamedTuple) -> dict[str, Any]:
    """Return what was found as JSON knows it: stamps as text, None for what is not there."""
    values = {}
    for name, value in fault._asdict().items():
        held = value.item() if isinstance(value, np.generic) else value
        values[name] = None if pd.isna(held) else str(held) if isinstance(held, pd.Timestamp) else held
    return values


def _checked(series: Series, cuts: int, seed: int, screen: Screen) -> dict[str, Any]:
    work = job.prepare(series)
    if not series.simulated:
        workspace.require_bars(work.workspace)
    with workspace.locked(work.workspace), screen.stage("causality") as report:
        if series.simulated and not work.workspace.bars.exists():
            stages.simulate(work)
        workspace.require_bars(work.workspace)
        return examined(work, cuts, seed, report)


def _checked_or_refused(series: Series, cuts: int, seed: int, screen: Screen) -> dict[str, Any]:
    try:
        return _checked(series, cuts, seed, screen)
    except DataError as error:
        return {"series": series.name, "refused": str(error)}
