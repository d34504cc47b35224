"""Findings as a file: CSV that is safe to open in a spreadsheet, written as they come."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from market import durable
from market.findings import COLUMNS

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?")


@contextmanager
def report_at(path: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Yield a function that writes findings to the CSV at `path`, which appears whole at the end if there are any."""
    with durable.written_if_any(path) as write:
        started = False

        def reported(found: pd.DataFrame) -> None:
            nonlocal started
            write(report_csv(found, header=not started))
            started = True

        yield reported


def report_csv(report: pd.DataFrame, header: bool = True) -> str:
    """Return findings as CSV in which no cell is a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    if header:
        writer.writerow(COLUMNS)
    writer.writerows([[_safe(str(cell)) for cell in row] for row in report[COLUMNS].itertuples(index=False)])
    return out.getvalue()


def _safe(cell: str) -> str:
    """Return a cell that a spreadsheet shows and does not run.

    >>> _safe("=1+1"), _safe("-1.5"), _safe("-- Suite")
    ("'=1+1", '-1.5', "'-- Suite")
    """
    return f"'{cell}" if cell.startswith(_FORMULA) and not _PLAIN_NUMBER.fullmatch(cell) else cell
