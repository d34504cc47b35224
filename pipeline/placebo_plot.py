"""The picture of a placebo as PNG bytes: drawn without a display, the same bytes for the same numbers.

Import this module where it is used: it loads matplotlib.
"""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from registry import power_plot
from registry.plots import BAD, GOLD, GOOD, INK, QUIET, STYLE, png

WIDTH, HEIGHT, DPI = 1400, 900, 100  # pixels
_STYLE = STYLE | {"font.size": 9, "axes.titlesize": 10.5}


def draw(found: Mapping[str, Any]) -> bytes:
    """Return one PNG: promotions with their bounds, fixed thresholds against random entries, leaks, and power."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, layout="constrained")
        title = f"Placebo, tier {found['tier']}: {found['status']}, {found['judged']} worlds"
        figure.suptitle(title, x=0.01, ha="left", weight="bold", size=13)
        grid = figure.subplots(2, 2)
        _promotions(grid[0, 0], found)
        _excess(grid[0, 1], found)
        _controls(grid[1, 0], found)
        _power(grid[1, 1], found)
        return png(figure, DPI)


def _promotions(axes: Axes, found: Mapping[str, Any]) -> None:
    rows = _families(found)
    at = np.arange(len(rows))
    axes.barh(at, [row["upper_bound_95"] for row in rows], color=QUIET)
    axes.barh(at, [row["promotions"] / row["worlds"] for row in rows], color=BAD)
    axes.set_yticks(at, [f"{row['family']} ({row['worlds']})" for row in rows])
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_title("Null worlds promoted (red), at most (95 %, grey)")


def _excess(axes: Axes, found: Mapping[str, Any]) -> None:
    rows = [row for row in _families(found) if row["excess_r"] is not None]
    at = np.arange(len(rows))
    errors = [3.0 * row["excess_r_error"] for row in rows]
    axes.errorbar([row["excess_r"] for row in rows], at, xerr=errors, fmt="o", color=GOLD, ecolor=QUIET, capsize=3)
    axes.axvline(0.0, color=INK, linewidth=0.8)
    axes.set_yticks(at, [row["family"] for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("R a trade, three standard errors")
    axes.set_title("Fixed thresholds less random entries on the same bars")


def _controls(axes: Axes, found: Mapping[str, Any]) -> None:
    rows = [row for row in found["controls"] if row["worlds"]]
    at = np.arange(len(rows))
    axes.barh(at, [row["mean_r_z"] or 0.0 for row in rows], color=[GOOD if row["flagged"] else QUIET for row in rows])
    axes.axvline(3.0, color=INK, linewidth=0.8, linestyle="--")
    axes.set_yticks(at, [f"{row['control']} (refused)" if row["refused"] else row["control"] for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("standard errors above random entries")
    axes.set_title("Leaks that were switched on, and seen (green)")


def _power(axes: Axes, found: Mapping[str, Any]) -> None:
    power_plot.power(axes, [row for row in found["power"] if row["worlds"]], sorted(found["profiles"], reverse=True))
    axes.set_title("Promoted worlds with an edge, by profile")


def _families(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"family": "all"} | dict(found), *(row for row in found["families"] if row["worlds"])]
