"""`assay notebooks`: every notebook run on the tables of one series, and kept as a notebook and as a page."""

import time
from pathlib import Path
from typing import Any

from market import durable, instruments, settings
from market.errors import UnavailableError
from pipeline import main_job, workspace
from pipeline.notebooks import kernel, page
from pipeline.notebooks.opened import CARD, NEEDED, chosen, there
from pipeline.screen import Screen
from pipeline.workspace import Workspace

SOURCES = Path(__file__).parents[2] / "notebooks"
FIRST = "XAUUSD_15T"
"""The series that is judged where nothing is there: without bars of it, its simulated market."""

NEEDS = {
    "01_bars": ("bars",),
    "02_features_and_causality": ("bars", "features"),
    "03_labels": ("bars", "labels"),
    "04_validation_and_models": (CARD,),
    "05_backtest_and_honesty": (CARD,),
    "06_registry_and_cards": (CARD,),
}

_PATIENCE = 1800  # seconds with one cell: millions of bars


def run(series: str, screen: Screen) -> dict[str, Any]:
    """Run the notebooks on the series `series` (default: `chosen`) and return what was made and what was left out.

    Where no bars of it are stored its simulated market is judged first, as `assay train` does. A notebook whose tables
    have not been made is left out, with what to type. Raises UnavailableError for a series without bars, and the error
    of a cell that failed: what was made before it stays, what would come after it is not begun.
    """
    target = chosen(series) or _judged(series or FIRST, screen)
    workspace.require_bars(target)
    left_out = lacking(target)
    names = [name for name in NEEDS if name not in left_out]
    folder = settings.home() / "notebooks" / target.series.name
    return {
        "series": target.series.name,
        "folder": str(folder),
        "pages": [_made(name, names, target, folder, screen) for name in names],
        "left_out": [
            {"notebook": name, "lacks": what, "type": NEEDED[what].format(target.series)}
            for name, what in left_out.items()
        ],
    }


def lacking(target: Workspace) -> dict[str, str]:
    """Return the notebooks that cannot be run on a series as it is, and the first thing that each of them lacks."""
    missing = {name: [what for what in needed if not there(target, what)] for name, needed in NEEDS.items()}
    return {name: found[0] for name, found in missing.items() if found}


def source_of(name: str) -> Path:
    """Return the script of a notebook; raises UnavailableError where Assay was installed without them."""
    path = SOURCES / f"{name}.py"
    if not path.exists():
        raise UnavailableError(
            f"No notebook at {path}: notebooks are part of the repository, not of an installed wheel."
        )
    return path


def _judged(name: str, screen: Screen) -> Workspace:
    """Judge a series of which no bars are stored: gold's simulated market; raises UnavailableError for any other."""
    series = instruments.series_named(name)
    verdict = main_job.train(series.symbol, series.timeframe.name, None, None, None, screen)
    return workspace.of(instruments.series_named(verdict["series"]))


def _made(name: str, names: list[str], target: Workspace, folder: Path, screen: Screen) -> dict[str, Any]:
    began = time.perf_counter()
    series = target.series.name
    parameters = {"SERIES": series, "HOME": str(settings.home()), "CONFIG": str(settings.config_folder())}
    with screen.stage(name):
        notebook = kernel.executed(source_of(name), parameters, _PATIENCE)
    durable.write_text(folder / f"{name}.ipynb", kernel.to_text(notebook))
    durable.write_text(folder / f"{name}.html", page.to_html(notebook, series, names, name))
    screen.say(f"{page.told(name)} in {time.perf_counter() - began:.1f} s")
    return {"notebook": str(folder / f"{name}.ipynb"), "page": str(folder / f"{name}.html")}
