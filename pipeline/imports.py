"""Bars come in from vendors' files: checked as they pass, merged with what is stored, kept as a version."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from market import durable, instruments, merging, tables, versions
from market.bars import Incoming
from market.errors import DataError, UsageError, nearest
from market.instruments import Instrument, Series
from market.merging import NEW, OLD, Differences
from market.report import report_at
from market.tables import BARS, Manifest
from market.tally import Tally
from market.timeframe import parse
from market.vendors import door
from market.vendors.door import Declared, Recognised
from pipeline import receipts, workspace
from pipeline.workspace import Workspace

Report = Callable[[str, int, int], None]

_MEBIBYTE = 1 << 20


class Wish(NamedTuple):
    """What an import is asked to do beyond reading: set bad rows aside, settle differences, begin anew."""

    quarantine: bool = False
    prefer: str | None = None
    replace: bool = False


PLAIN = Wish()


def import_bars(
    files: list[Path],
    *,
    symbol: str,
    timeframe_name: str | None,
    declared: Declared,
    ask: Path | None = None,
    wish: Wish = PLAIN,
    report: Report = lambda *_: None,
) -> dict[str, Any]:
    """Import `files` into the bars of a series and return what was stored.

    Bars that are stored already are left alone, others are added. Bars that differ from stored ones refuse the import
    unless `wish.prefer` says which hold; `wish.replace` begins the series anew. Earlier versions stay retrievable.
    Raises DataError where bars are refused, UsageError where something has to be said first.
    """
    instrument = _instrument(symbol)
    if wish.prefer not in (None, OLD, NEW):
        raise UsageError(f"--prefer is {wish.prefer!r}: choose old or new.{nearest(str(wish.prefer), (OLD, NEW))}")
    if wish.prefer and wish.replace:
        raise UsageError(
            "--prefer and --replace exclude each other: a series that begins anew has no bars that differ."
        )
    door.check_declared(declared)
    door.check_paths([*files, *([ask] if ask else [])])
    advance = _progress([*files, *([ask] if ask else [])], report)
    known = [door.recognised(path, declared, advance) for path in files]
    asks = door.recognised(ask, declared, advance) if ask else None
    return import_recognised(known, instrument, timeframe_name, dates=declared.dates, ask=asks, wish=wish)


def import_recognised(
    files: list[Recognised],
    instrument: Instrument,
    timeframe_name: str | None,
    *,
    dates: str | None = None,
    ask: Recognised | None = None,
    wish: Wish = PLAIN,
) -> dict[str, Any]:
    """Import files that are recognised already; see `import_bars`."""
    now = pd.Timestamp.now(tz="UTC").as_unit("us")
    late = _Late()
    passing = door.incoming(
        files,
        instrument=instrument,
        timeframe=parse(timeframe_name) if timeframe_name else None,
        dates=dates,
        ask=ask,
        now=now,
        reported=late,
    )
    target = workspace.of(Series(instrument.symbol, passing.held.timeframe))
    with (
        workspace.locked(target),
        report_at(_report(target, "problems")) as late.write,
        durable.written_if_any(_report(target, "differences")) as write,
    ):
        differences = Differences(lambda found: write(found.to_csv(index=False, header=not differences.shown)))
        stored = _store(target, passing, now, wish, differences)
    clock = passing.clock()
    stored["clock"] = clock.told if clock is not None else None
    stored["formats"] = [f"{one.name}: {door.said(one, passing)}" for one in files]
    return stored


class _Late:
    """Passes findings on to a report that is opened once the series is known."""

    def __init__(self) -> None:
        self.write: Callable[[pd.DataFrame], None] = lambda _: None

    def __call__(self, found: pd.DataFrame) -> None:
        self.write(found)


def _instrument(symbol: str) -> Instrument:
    if symbol.startswith(instruments.SIMULATED):
        real = symbol.removeprefix(instruments.SIMULATED)
        raise UsageError(f"{symbol} is a simulated series: import files under the symbol itself, {real}.")
    return instruments.instrument(symbol)


def _progress(files: list[Path], report: Report) -> Callable[[int], None]:
    """Return a function that takes bytes read and reports mebibytes of the whole."""
    total = max(1, sum(door.opened(path).size for path in files) // _MEBIBYTE)
    done = 0

    def advance(read: int) -> None:
        nonlocal done
        before, done = done // _MEBIBYTE, done + read
        if done // _MEBIBYTE > before:
            report("MiB read", min(done // _MEBIBYTE, total), total)

    return advance


def _store(
    target: Workspace, passing: Incoming, now: pd.Timestamp, wish: Wish, differences: Differences
) -> dict[str, Any]:
    """Let the bars pass into the table of the series; nothing appears unless all of it may."""
    held = tables.read_manifest(target.bars)
    number = versions.keep_first(target.bars) + 1
    merges = held is not None and not wish.replace
    tally = Tally(passing.held.timeframe, passing.held.instrument) if merges else passing.tally
    change = versions.path_of(target.bars, number)
    change_of = tables.appending(change, BARS) if merges else nullcontext()
    with tables.appending(target.bars, BARS) as table, change_of as news:
        for bars, fresh in _merged(target, passing, wish, differences) if merges else _alone(passing):
            table.add(bars)
            if news is not None:
                tally.see(bars)
                news.add(fresh)
        _refuse(target, passing, differences, wish)
        nothing_new = not differences.added and not (differences.differing and wish.prefer == NEW)
        if merges and nothing_new:
            return _summary(target, held, differences) | {"unchanged": True}
        facts = {**_united(held if merges else None, passing, tally), "version": number}
        manifest = _finish(table, target, facts)
        about = {"ingested_at": now, "replaces": not merges, "sources": passing.facts()["sources"]}
        if news is not None:
            versions.finish(news, **about)
        else:
            versions.share(table, change, **about)
    answer = _summary(target, manifest, differences)
    if held is not None and wish.replace:
        answer["notes"].append(f"They replace {held.rows:,} bars from {held.first} to {held.last}.")
    return answer


def _merged(
    target: Workspace, passing: Incoming, wish: Wish, differences: Differences
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    yield from merging.merged(tables.windows(target.bars, BARS), passing.windows(), wish.prefer, differences)


def _alone(passing: Incoming) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    for bars in passing.windows():
        yield bars, bars


def _refuse(target: Workspace, passing: Incoming, differences: Differences, wish: Wish) -> None:
    """Raise DataError where the bars may not be stored."""
    refusal = door.why_not(passing, wish.quarantine)
    if refusal:
        raise DataError(f"{refusal} Full report: {_report(target, 'problems')}")
    if differences.differing and wish.prefer is None:
        shown = "; ".join(_difference(one) for one in differences.shown[:2]) + " …" * (differences.differing > 2)
        raise DataError(
            f"{differences.differing:,} bars differ from those stored ({shown}). Nothing imported: say which hold, "
            "--prefer old or --prefer new; --replace begins the series anew. All of them: "
            f"{_report(target, 'differences')}"
        )


def _report(target: Workspace, what: str) -> Path:
    return target.home / "imports" / f"{target.series.name}.{what}.csv"


def _difference(one: Mapping[str, Any]) -> str:
    changed = ", ".join(f"{name} {value} → {one['new'][name]}" for name, value in one["old"].items())
    return f"{one['ts']}: {changed}"


def _united(held: Manifest | None, passing: Incoming, tally: Tally) -> dict[str, Any]:
    """Return the facts of stored and new bars together."""
    new = passing.facts()
    facts = new | tally.facts()
    if held is None:
        return facts
    old = held.facts
    for name in ("sources", "warnings"):
        facts[name] = [*old.get(name, []), *(one for one in new[name] if one not in old.get(name, []))]
    for name in ("set_aside", "merged", "suspicious_ticks"):
        facts[name] = old.get(name, 0) + new[name]
    zones = [zone for one in (old, new) for zone in one.get("timezone", "UTC").split(", ")]
    return facts | {"timezone": ", ".join(dict.fromkeys(zones))}


def store_bars(target: Workspace, bars: pd.DataFrame, facts: Mapping[str, Any]) -> Manifest:
    """Write the bars table of a series that is made here, not imported: it has no versions."""
    with tables.appending(target.bars, BARS) as table:
        table.add(bars)
        return _finish(table, target, facts)


def _finish(table: tables.Appender, target: Workspace, facts: Mapping[str, Any]) -> Manifest:
    return table.finish(
        inputs={},
        config_sha256=tables.sha256_of({"series": target.series.name}),
        code_sha256=receipts.code_sha256("market.bars", "market.vendors.door"),
        facts=facts,
    )


def _summary(target: Workspace, manifest: Manifest | None, differences: Differences) -> dict[str, Any]:
    assert manifest is not None
    counts = {name: getattr(differences, name) for name in ("added", "same", "differing")}
    return summary(target.series.name, manifest) | {"merging": counts | {"shown": differences.shown}}


def summary(name: str, manifest: Manifest) -> dict[str, Any]:
    """Return what is stored of a series: rows, range, hash, facts, and notes for people."""
    return {
        "series": name,
        "rows": manifest.rows,
        "first": manifest.first,
        "last": manifest.last,
        "bars_sha256": manifest.sha256,
        "facts": manifest.facts,
        "notes": data_warnings(manifest),
    }


def data_warnings(manifest: Manifest, floor: str | None = None) -> list[str]:
    """Return what a reader of any result on these bars should know about them, one line each.

    `floor` is what is said of the spread floor where the result is of a part of them, "" for nothing.
    """
    facts, notes = manifest.facts, []
    if said := on_floor(facts.get("bars_on_spread_floor", 0), manifest.rows) if floor is None else floor:
        notes.append(said)
    if facts.get("has_volume") is False:
        notes.append("The source has no volume: volume features are left out.")
    counted = {
        "missing_bars": "bars are missing inside trading hours",
        "bars_outside_session": "bars stand outside trading hours",
        "set_aside": "rows were set aside at import",
        "merged": "identical rows of overlapping files were merged",
    }
    notes += [f"{facts[name]:,} {what}." for name, what in counted.items() if facts.get(name)]
    return notes + [f"{line[0].upper()}{line[1:]}." for line in facts.get("warnings", [])]


def on_floor(floor: int, bars: int, which: str = "bars") -> str:
    """Return how many bars stand on the spread floor, "" where none does."""
    return f"{floor:,} of {bars:,} {which} ({floor / bars:.0%}) stand on the spread floor." if floor else ""
