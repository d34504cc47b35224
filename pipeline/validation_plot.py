"""The picture of a validation as PNG bytes: drawn without a display, the same bytes for the same bars.

Import this module where it is used: it loads matplotlib.
"""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from market.gaps import KINDS
from pipeline.validation_report import Seen
from registry.plots import BAD, GOLD, GOOD, INK, PAPER, QUIET, STYLE, png

WIDTH, HEIGHT, DPI = 1400, 1000, 100  # pixels

_SHUT, _BESIDE = "#e9ecf0", "#7fa8d9"
_STYLE = STYLE | {"font.size": 9, "axes.titlesize": 10.5, "axes.grid": False}
_COVERED = LinearSegmentedColormap.from_list("covered", [BAD, "#e8b04a", "#cfe3c6", GOOD])
_PRESENT = LinearSegmentedColormap.from_list("present", [PAPER, "#dbe6f3", "#2c5d94"])
_COLOURS = dict(zip(KINDS, (QUIET, "#c9ced6", GOLD, BAD), strict=True))
_HOUR = 3_600_000_000  # microseconds
_LENGTHS = {
    1 / 30: "2 min",
    1 / 12: "5 min",
    0.25: "15 min",
    0.5: "30 min",
    1.0: "1 h",
    4.0: "4 h",
    12.0: "12 h",
    24.0: "1 day",
    48.0: "2 days",
    96.0: "4 days",
    240.0: "10 days",
    720.0: "30 days",
    2160.0: "90 days",
    8760.0: "1 year",
}
_MOST_YEAR_LABELS = 12
_SHUT_BELOW = 0.5  # share of an hour in which the market trades


def draw(seen: Seen, spread: Mapping[str, Any]) -> bytes:
    """Return one PNG: coverage by day, presence by hour and month, gaps by kind, the recorded spread by hour."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, layout="constrained")
        grid = figure.add_gridspec(3, 2, height_ratios=[1.0, 1.25, 1.0], width_ratios=[1.6, 1.0])
        _calendar(figure, figure.add_subplot(grid[0, :]), seen)
        _hours(figure, figure.add_subplot(grid[1, :]), seen)
        _gaps(figure.add_subplot(grid[2, 0]), seen)
        _spread(figure.add_subplot(grid[2, 1]), spread)
        return png(figure, DPI)


def _calendar(figure: Figure, axes: Axes, seen: Seen) -> None:
    """A row a year, a column a day: the share of expected bars; grey where none is expected."""
    days = seen.expected.days
    stamps = pd.DatetimeIndex(days.index)
    years = np.arange(stamps[0].year, stamps[-1].year + 1)
    share = np.full((len(years), 366), np.nan)
    expected = days["expected"].to_numpy()
    place = (stamps.year.to_numpy() - years[0], stamps.day_of_year.to_numpy() - 1)
    share[place] = np.where(expected > 0, days["present"].to_numpy() / np.maximum(expected, 1), np.nan)
    beside = np.full_like(share, np.nan)
    beside[place] = np.where((expected == 0) & (days["beside"].to_numpy() > 0), 1.0, np.nan)
    axes.set_facecolor(_SHUT)
    picture = axes.pcolormesh(share, cmap=_COVERED, vmin=0.0, vmax=1.0, rasterized=True)
    axes.pcolormesh(beside, cmap=LinearSegmentedColormap.from_list("beside", [_BESIDE] * 2), rasterized=True)
    axes.set_ylim(len(years), 0)
    step = -(-len(years) // _MOST_YEAR_LABELS)
    axes.set_yticks(np.arange(len(years))[::step] + 0.5, [str(year) for year in years[::step]])
    months = pd.date_range("2023-01-01", periods=12, freq="MS")
    axes.set_xticks(months.day_of_year - 1, [f"{month:%b}" for month in months], ha="left")
    for y in range(1, len(years)):
        axes.axhline(y, color=PAPER, linewidth=1.5)
    total = days[["expected", "present"]].sum()
    axes.set_title(
        f"{seen.name}: {total['present'] / max(total['expected'], 1):.2%} of the expected bars are there, by UTC day "
        "(grey: none expected, blue: bars where none was)"
    )
    _scale(figure, axes, picture)


def _hours(figure: Figure, axes: Axes, seen: Seen) -> None:
    """A column a month, a row a part of the day: the share of bars that fit in; outlined where the market is shut."""
    parts = seen.expected.parts
    possible = np.maximum(parts["possible"], 1)
    bars = (parts["bars"] / possible).unstack("part").to_numpy().T
    shut = parts["trading"].unstack("part").to_numpy().T < _SHUT_BELOW
    picture = axes.pcolormesh(np.minimum(bars, 1.0), cmap=_PRESENT, vmin=0.0, vmax=1.0, rasterized=True)
    axes.add_collection(LineCollection(_outline(shut), colors=BAD, linewidths=1.3))
    axes.set_ylim(0, len(bars))
    axes.set_xlim(0, bars.shape[1])
    hours = 24 // len(bars)
    ticks = np.arange(0, len(bars) + 1, max(1, 4 // hours))
    axes.set_yticks(ticks, [f"{tick * hours:02}:00" for tick in ticks])
    months = parts.index.unique("month")
    step = max(1, -(-len(months) // 14))
    axes.set_xticks(np.arange(len(months))[::step], [f"{month:%Y-%m}" for month in months[::step]], ha="left")
    outlined = " (outlined in red: when the market is shut)" if shut.any() else ""
    axes.set_title(f"When bars stand, by UTC hour and month{outlined}")
    _scale(figure, axes, picture)


def _gaps(axes: Axes, seen: Seen) -> None:
    """The length of each gap over time, coloured by its kind."""
    if not len(seen.gaps):
        _nothing(axes, "Gaps by length and kind", "no gaps")
        return
    hours = ((seen.gaps["end"] - seen.gaps["start"]) / _HOUR).to_numpy()
    stamps = seen.gaps["start"].to_numpy().astype("datetime64[us]")
    for kind in KINDS:
        at = (seen.gaps["kind"] == kind).to_numpy()
        if at.any():
            hole = kind == KINDS[-1]
            dots = axes.scatter(stamps[at], hours[at], s=16 if hole else 6, color=_COLOURS[kind], linewidths=0)
            dots.set(label=f"{kind} ({at.sum():,})", zorder=3 if hole else 2)
    days = seen.expected.days.index
    axes.set_xlim(days[0], days[-1] + pd.Timedelta(days=1))
    axes.set_yscale("log")
    ticks = [tick for tick in _LENGTHS if hours.min() / 2 <= tick <= hours.max() * 2]
    axes.set_yticks(ticks, [_LENGTHS[tick] for tick in ticks])
    axes.minorticks_off()
    axes.grid(visible=True)
    small = int(seen.profile.days["small_gaps"].sum())
    alone = f" ({small:,} of one bar, not drawn)" if small else ""
    missing = int(seen.gaps["missing"].sum()) + small
    axes.set_title(f"Gaps by length and kind: {missing:,} bars missing in holes{alone}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4, handletextpad=0.2)


def _spread(axes: Axes, spread: Mapping[str, Any]) -> None:
    """Median and 95th percentile of the recorded spread by UTC hour."""
    if not spread["recorded"]:
        _nothing(axes, "Recorded spread by UTC hour", "no spread recorded")
        return
    hours = [one["hour"] + 0.5 for one in spread["hours"]]
    for name, label, colour in (("p95", "95th percentile", BAD), ("median", "median", INK)):
        axes.plot(hours, [one[name] for one in spread["hours"]], color=colour, marker="o", markersize=3, label=label)
    axes.axhline(spread["floor"], color=GOLD, linestyle="--", linewidth=1.2, label="floor that is charged")
    axes.set_xlim(0, 24)
    axes.set_xticks(range(0, 25, 4), [f"{hour:02}:00" for hour in range(0, 25, 4)])
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    axes.grid(visible=True)
    axes.set_title(f"Recorded spread by UTC hour ({spread['recorded'] / spread['bars']:.0%} of bars have one)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)


def _nothing(axes: Axes, title: str, why: str) -> None:
    axes.set_axis_off()
    axes.set_title(title)
    axes.text(0.5, 0.5, why, ha="center", va="center", color=QUIET, fontsize=13)


def _outline(inside: np.ndarray) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the edges between cells that are inside and cells that are not (rows × columns, bool)."""
    padded = np.pad(inside, 1)
    upright = np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1])
    level = np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1])
    edges = [((int(x), int(y)), (int(x), int(y) + 1)) for y, x in upright]
    return edges + [((int(x), int(y)), (int(x) + 1, int(y))) for y, x in level]


def _scale(figure: Figure, axes: Axes, picture: Any) -> None:
    bar = figure.colorbar(picture, ax=axes, pad=0.01, aspect=14, format=FuncFormatter(lambda value, _: f"{value:.0%}"))
    bar.outline.set_visible(False)
    bar.set_ticks([0.0, 0.5, 1.0])
