"""`assay fleet report --html`: the report on a fleet as one page beside its board, or wherever one asks for it."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from market import durable, settings
from market.errors import UsageError
from pipeline import fleet_report
from pipeline.fleet_lock import FOLDER
from registry.report import NAME, fleet_page


def write(only: Iterable[str], to: Path | None) -> dict[str, Any]:
    """Write the page to `to`, by default into the fleet's folder of the home; return the report with its path, `page`.

    Raises as `fleet_report.report`, and UsageError where `to` is a folder.
    """
    path = settings.home() / FOLDER / NAME if to is None else to.absolute()
    if path.is_dir():
        raise UsageError(f"--to {to} is a folder: wanted a file, such as {path / NAME}.")
    answer = fleet_report.report(only)
    durable.write_text(path, fleet_page.to_html(answer, dt.datetime.now(dt.UTC)))
    return answer | {"page": str(path)}
