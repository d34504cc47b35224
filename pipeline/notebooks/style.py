"""How the notebooks' pictures look: one width, one type, and colours that every kind of eye can tell apart.

Import this module where it is used: it loads matplotlib.
"""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from registry.plots import GOLD, INK, QUIET, STYLE, png

__all__ = [
    "DOWN",
    "FLAT",
    "GOLD",
    "INK",
    "LIGHT",
    "LOOK",
    "QUIET",
    "UP",
    "by_date",
    "dated",
    "nothing",
    "picture",
    "sheet",
]

UP, DOWN, FLAT, LIGHT = "#1f6fb2", "#d1632b", "#b9c0c9", "#e9ecf0"  # blue and orange, never green and red
LOOK = STYLE | {"font.size": 9.5, "axes.titlesize": 11, "axes.titlepad": 8, "legend.fontsize": 8.5}

_WIDTH, _DPI = 9.6, 96  # inches, points


def sheet(height: float) -> Figure:
    """Return an empty figure of the notebooks' width and `height` in inches; call it inside `rc_context(LOOK)`."""
    return Figure(figsize=(_WIDTH, height), layout="constrained")


def picture(figure: Figure) -> bytes:
    """Return a figure as a PNG, the same bytes each time."""
    return png(figure, _DPI)


def dated(stamps: pd.Index) -> np.ndarray:
    """Return stamps as matplotlib wants them: UTC, without a zone."""
    return pd.DatetimeIndex(stamps).tz_convert(None).to_numpy()


def by_date(axes: Axes) -> None:
    """Let the dates along `axes` be as short as they can be told apart."""
    locator = AutoDateLocator(minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def nothing(title: str, why: str) -> bytes:
    """Return a low picture that says why there is nothing to draw."""
    with matplotlib.rc_context(LOOK):
        figure = sheet(1.8)
        axes: Axes = figure.add_subplot()
        axes.set_axis_off()
        axes.set_title(title)
        axes.text(0.5, 0.5, why, ha="center", va="center", color=QUIET, fontsize=11.5, transform=axes.transAxes)
        return picture(figure)
