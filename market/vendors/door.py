"""The door of the market: files in, sound bars out, or one line that says why not and a report of every row."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from market import tables
from market.bars import Imported, Raw, to_bars
from market.errors import DataError, UsageError, nearest
from market.instruments import Instrument
from market.timeframe import Timeframe
from market.validation import COLUMNS
from market.vendors.formats import VENDORS

AUTO = "auto"

_HEAD = 65_536
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?")


def import_files(
    paths: Sequence[Path],
    *,
    instrument: Instrument,
    timeframe: Timeframe,
    format: str = AUTO,
    timezone: str | None = None,
    stamp: str | None = None,
    quarantine: bool = False,
    now: pd.Timestamp,
    report_path: Path,
) -> Imported:
    """Return the bars in `paths`, checked and joined; see `market.bars.to_bars` for `timezone` and `stamp`.

    Whatever is wrong is written to `report_path` (CSV, safe to open in a spreadsheet). Errors refuse the import with a
    DataError unless `quarantine` is set: then their rows are set aside and the rest is returned. Errors about a whole
    file always refuse. Raises UsageError where the format, the zone or the side of the stamps has to be said.
    """
    if not paths:
        raise UsageError("No files to import: name at least one.")
    twice = [path for i, path in enumerate(paths) if path in paths[:i]]
    if twice:
        raise UsageError(f"{twice[0]} is named twice: name each file once.")
    raws = [_read(path, format, instrument) for path in paths]
    if len({raw.source for raw in raws}) < len(raws):
        raws = [raw._replace(source=str(path)) for raw, path in zip(raws, paths, strict=True)]
    imported = to_bars(raws, timezone=timezone, stamp=stamp, timeframe=timeframe, instrument=instrument, now=now)
    if len(imported.report):
        tables.write_text(report_path, report_csv(imported.report))
    refusal = why_not(imported, quarantine)
    if refusal:
        raise DataError(f"{refusal} Full report: {report_path}")
    return imported


def why_not(imported: Imported, quarantine: bool) -> str | None:
    """Return the line that refuses the import, or None where it may pass."""
    errors, whole = imported.errors, imported.beyond_quarantine
    if len(whole):
        first = whole.iloc[0]
        return f"{first['file']}: {first['problem']}: found {first['found']}; wanted {first['wanted']}."
    if len(errors) and not quarantine:
        first = errors.sort_values("row", kind="stable").iloc[0]
        kinds = errors["problem"].nunique()
        at = f"row {first['row']}" + (f", {first['stamp']}" if first["stamp"] else "")
        return (
            f"{first['file']}: {len(errors)} {'error' if len(errors) == 1 else 'errors'} of {kinds} "
            f"{'kind' if kinds == 1 else 'kinds'}; first at {at}: {first['problem']}: found {first['found']}, "
            f"wanted {first['wanted']}. Nothing imported: mend the file, or add --quarantine to set such rows aside."
        )
    if not len(imported.bars):
        return f"No bars are left: {len(errors)} rows were set aside."
    return None


def report_csv(report: pd.DataFrame) -> str:
    """Return the report as CSV in which no cell is a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows([[_safe(str(cell)) for cell in row] for row in report[COLUMNS].itertuples(index=False)])
    return out.getvalue()


def _safe(cell: str) -> str:
    """Return a cell that a spreadsheet shows and does not run.

    >>> _safe("=1+1"), _safe("-1.5"), _safe("-- Suite")
    ("'=1+1", '-1.5', "'-- Suite")
    """
    return f"'{cell}" if cell.startswith(_FORMULA) and not _PLAIN_NUMBER.fullmatch(cell) else cell


def _read(path: Path, format: str, instrument: Instrument) -> Raw:
    if not path.is_file():
        raise DataError(f"No file at {path}: check the name{' (it is a folder)' if path.is_dir() else ''}.")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty: export it again.")
    name = recognised(path) if format == AUTO else format
    if name not in VENDORS:
        raise UsageError(f"Unknown format {name!r}: choose {', '.join((AUTO, *VENDORS))}.{nearest(name, VENDORS)}")
    raw = VENDORS[name].read(path, instrument)
    return raw._replace(source=path.name, sha256=tables.sha256_of_file(path))


def recognised(path: Path) -> str:
    """Return the name of the format that the file's content shows; UsageError where none or several fit."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    names = [name for name, vendor in VENDORS.items() if vendor.recognises(head)]
    if path.suffix in (".parquet", ".pq") and "parquet" not in names:
        raise DataError(f"{path} is not a parquet file: give it its right name, or export it again.")
    if len(names) == 1:
        return names[0]
    fitting = [f"{name} = {VENDORS[name].DESCRIPTION}" for name in names or VENDORS]
    how = "could be of several formats" if names else "is of no format that is recognised"
    raise UsageError(f"{path} {how}: say which with --format ({'; '.join(fitting)}).")
