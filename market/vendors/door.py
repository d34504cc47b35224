"""The door of the market: files in, sound bars out, or one line that says why not and a report of every row."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from market import clocks, intake, tables
from market.bars import Imported, Incoming
from market.errors import AssayError, DataError, UsageError, nearest
from market.instruments import Instrument
from market.intake import CLOSE, OPEN, File, Raw
from market.report import report_at
from market.timeframe import Timeframe
from market.vendors.formats import VENDORS
from market.vendors.reading import Recognised, chunks
from market.vendors.source import Asked, Source, opened, unheeded

AUTO = "auto"

_ASK = re.compile(r"(?<![a-z])ask(?![a-z])", re.IGNORECASE)


class Declared(NamedTuple):
    """What the user says of the files: their format, clock, side of the stamps, order of dates; None: not said."""

    format: str = AUTO
    timezone: str | None = None
    stamp: str | None = None
    dates: str | None = None


UNDECLARED = Declared()


def recognised(path: Path, declared: Declared = UNDECLARED, advance: Callable[[int], None] = unheeded) -> Recognised:
    """Return what the file is, by its content and what is declared; UsageError where none or several formats fit."""
    check_declared(declared)
    source = opened(path)._replace(advance=advance)
    name = _format(source, source.head()) if declared.format == AUTO else declared.format
    vendor = VENDORS[name]
    clock, side = declared.timezone or vendor.CLOCK, declared.stamp or vendor.STAMP
    return Recognised(source.name, (source,), name, clock, side)


def described(file: Recognised) -> str:
    """Return what a file was taken for, in words."""
    return VENDORS[file.format].DESCRIPTION


def lacks_clock(file: Recognised, asked: Asked) -> bool:
    """Return whether the clock of the file's stamps has to be said: they carry none and the format fixes none."""
    if file.clock is not None:
        return False
    chunks = VENDORS[file.format].read(file.parts[0]._replace(advance=unheeded), asked)
    first = next((chunk.rows for chunk in chunks if len(chunk.rows)), None)
    return first is not None and first["stamp"].dt.tz is None


def said(file: Recognised, passed: Incoming) -> str:
    """Return what a file was taken for, in words, once it has passed."""
    zone = passed.findings.zones.get(file.name, file.clock or "UTC")
    return f"{described(file)}, {passed.held.timeframe.name}, stamps at the {file.stamp} on {zone}"


def check_declared(declared: Declared) -> None:
    """Raise UsageError where a format, a clock or a side is declared that there is not."""
    name, stamp = declared.format, declared.stamp
    if name not in (AUTO, *VENDORS):
        raise UsageError(f"Unknown format {name!r}: choose {', '.join((AUTO, *VENDORS))}.{nearest(name, VENDORS)}")
    if stamp not in (None, OPEN, CLOSE):
        raise UsageError(f"--stamp is {stamp!r}: choose open or close.{nearest(str(stamp), (OPEN, CLOSE))}")
    if declared.timezone is not None:
        clocks.clock(declared.timezone)


def in_parts(
    name: str, paths: Sequence[Path], format: str, within: tuple[pd.Timestamp, pd.Timestamp] | None = None
) -> Recognised:
    """Return files of a known format, in the order of time, as one."""
    vendor = VENDORS[format]
    return Recognised(name, tuple(Source(path) for path in paths), format, vendor.CLOCK, vendor.STAMP, within)


def incoming(
    files: Sequence[Recognised],
    *,
    instrument: Instrument,
    timeframe: Timeframe | None,
    dates: str | None = None,
    ask: Recognised | None = None,
    now: pd.Timestamp,
    reported: Callable[[pd.DataFrame], None] = lambda _: None,
) -> Incoming:
    """Return the bars of `files`, ready to pass by, a window at a time; see `market.bars.Incoming`.

    `timeframe` None is read off the first file's stamps. `ask` is the file of ask prices to the one bid file. Findings
    are `reported` as they come. Raises UsageError where a file's stamps may be opens or closes, or prices may be asks.
    """
    asked = Asked(instrument, dates)
    _check_sides(files, ask)
    names = [file.name for file in files]
    if len(set(names)) < len(names):
        names = [str(file.path) for file in files]
    read = [chunks(file, asked) for file in files]
    if timeframe is None:
        first = _first_with_rows(read[0], names[0])
        read[0] = chain(first, read[0])
        timeframe = intake.timeframe_of(first[-1].rows["stamp"], names[0])
    held = intake.Held(timeframe, instrument, now)
    for name, file in zip(names, files, strict=True):
        if lacks_clock(file, asked):
            raise UsageError(_clock_wanted(name, file, asked, held))
    asks = chunks(ask, asked) if ask else None
    parts = [
        File(name, chunk, file.clock, str(file.stamp), asks)
        for name, chunk, file in zip(names, read, files, strict=True)
    ]
    sha256 = [_sha256(file) for file in files]
    return Incoming(parts, held, sha256, reported)


def import_files(
    paths: Sequence[Path],
    *,
    instrument: Instrument,
    timeframe: Timeframe | None,
    format: str = AUTO,
    timezone: str | None = None,
    stamp: str | None = None,
    dates: str | None = None,
    ask: Path | None = None,
    quarantine: bool = False,
    now: pd.Timestamp,
    report_path: Path,
) -> Imported:
    """Return the bars in `paths`, checked and joined, all in memory.

    Whatever is wrong is written to `report_path` (CSV, safe to open in a spreadsheet). Errors refuse the import with a
    DataError unless `quarantine` is set: then their rows are set aside and the rest is returned. Errors about a whole
    file always refuse. Raises UsageError where the format, the zone or the side of the stamps has to be said.
    """
    check_paths(paths)
    declared = Declared(format, timezone, stamp, dates)
    files = [recognised(path, declared) for path in paths]
    with report_at(report_path) as reported:
        passing = incoming(
            files,
            instrument=instrument,
            timeframe=timeframe,
            dates=dates,
            ask=recognised(ask, declared) if ask else None,
            now=now,
            reported=reported,
        )
        imported = passing.all()
    refusal = why_not(passing, quarantine)
    if refusal:
        raise DataError(f"{refusal} Full report: {report_path}")
    return imported


def check_paths(paths: Sequence[Path]) -> None:
    """Raise UsageError where no file is named or one is named twice."""
    if not paths:
        raise UsageError("No files to import: name at least one.")
    twice = [path for i, path in enumerate(paths) if path in paths[:i]]
    if twice:
        raise UsageError(f"{twice[0]} is named twice: name each file once.")


def why_not(passed: Incoming, quarantine: bool) -> str | None:
    """Return the line that refuses the bars that have passed, or None where they may be stored."""
    findings = passed.findings
    whole = findings.about_files()
    if len(whole):
        first = whole.iloc[0]
        return f"{first['file']}: {first['problem']}: found {first['found']}; wanted {first['wanted']}."
    count, kinds = findings.count("error"), findings.kinds("error")
    if count and not quarantine:
        table = findings.table()
        first = table[table["severity"] == "error"].sort_values("row", kind="stable").iloc[0]
        at = f"row {first['row']}" + (f", {first['stamp']}" if first["stamp"] else "")
        return (
            f"{first['file']}: {count} {'error' if count == 1 else 'errors'} of {kinds} "
            f"{'kind' if kinds == 1 else 'kinds'}; first at {at}: {first['problem']}: found {first['found']}, "
            f"wanted {first['wanted']}. Nothing imported: mend the file, or add --quarantine to set such rows aside."
        )
    if not passed.tally.rows:
        return f"No bars are left: {count} rows were set aside."
    return None


def _clock_wanted(name: str, file: Recognised, asked: Asked, held: intake.Held) -> str:
    """Return the question for the clock of a file, with what the file's own weekends say of it."""
    wanted = (
        f"{name}: the stamps carry no time zone: declare it, --timezone UTC or, as most MetaTrader brokers keep, "
        "--timezone Europe/Athens."
    )
    quiet = file._replace(parts=tuple(part._replace(advance=unheeded) for part in file.parts))
    part = File(name, chunks(quiet, asked), "UTC", str(file.stamp))
    try:
        looked = Incoming([part], held, [""])
        for _ in looked.windows():
            pass
    except AssayError:
        return wanted
    found = looked.clock()
    if found is None or not found.best:
        return wanted
    return f"{wanted} Its weekends fit {found.best} in {found.best_explained:.0%} of {found.weeks} weeks."


def _format(source: Source, head: bytes) -> str:
    names = [name for name, vendor in VENDORS.items() if vendor.recognises(head)]
    if source.path.suffix in (".parquet", ".pq") and "parquet" not in names:
        raise DataError(f"{source.path} is not a parquet file: give it its right name, or export it again.")
    if len(names) == 1:
        return names[0]
    fitting = [f"{name} = {VENDORS[name].DESCRIPTION}" for name in names or VENDORS]
    how = "could be of several formats" if names else "is of no format that is recognised"
    raise UsageError(f"{source.path} {how}: say which with --format ({'; '.join(fitting)}).")


def _check_sides(files: Sequence[Recognised], ask: Recognised | None) -> None:
    """Raise UsageError where it is not known whether stamps are opens or closes, or whether prices are bids or asks."""
    if any(file.stamp is None for file in files):
        raise UsageError(
            "Say whether stamps mark the open or the close of a bar: add --stamp open (MetaTrader, Binance, HistData) "
            "or --stamp close."
        )
    if ask is not None and len(files) != 1:
        raise UsageError(f"--ask goes with one file of bids, found {len(files)}: import pair by pair.")
    for file in files:
        name = file.name
        if ask is None and _ASK.search(name) and not re.search("bid", name, re.IGNORECASE):
            raise UsageError(
                f"{file.path}: its name says ask prices, and bars are bids: import the file of bids, and add "
                f"--ask {file.path} for the spread."
            )


def _sha256(file: Recognised) -> str:
    """Return the digest of a file, or of the digests of its parts."""
    each = [tables.sha256_of_file(part.path) for part in file.parts]
    return each[0] if len(each) == 1 else tables.sha256_of(each)


def _first_with_rows(chunks: Iterator[Raw], name: str) -> list[Raw]:
    """Return the first chunks, up to one that has rows; DataError that tells what is wrong with them if none has."""
    taken: list[Raw] = []
    for chunk in chunks:
        taken.append(chunk)
        if len(chunk.rows) > 1:
            return taken
    unread = pd.concat([chunk.unreadable for chunk in taken]).sort_values("row", kind="stable")
    if not len(unread):
        raise DataError(f"{name} has fewer than two rows, so its timeframe is not known: say it, --timeframe 15T.")
    first = unread.iloc[0]
    at = f" first at row {first['row']}:" if first["row"] else ""
    raise DataError(
        f"{name}: none of its rows can be read;{at} {first['problem']}: found {first['found']}, "
        f"wanted {first['wanted']}."
    )
