"""The picture of a backtest as PNG bytes: drawn without a display, the same bytes for the same numbers.

Import this module where it is used: it loads matplotlib.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pipeline.backtest_figures import Played
from registry.plots import BAD, GOLD, GOOD, INK, PAPER, QUIET, STYLE, png

WIDTH, HEIGHT, DPI = 1400, 1750, 100  # pixels

_STYLE = STYLE | {"font.size": 9, "axes.titlesize": 10.5}
_RETURNS = LinearSegmentedColormap.from_list("returns", [BAD, PAPER, GOOD])
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BINS = 0.25  # R


def draw(answer: Mapping[str, Any], played: Played) -> bytes:
    """Return one PNG: equity and its falls, R, excursions, months, and the sum of R by hour, weekday and session."""
    trades, equity = played.result.trades, played.result.equity["equity"]
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, layout="constrained")
        figure.suptitle(f"{answer['series']}: {answer['judged']}", x=0.01, ha="left", weight="bold", size=13)
        grid = figure.add_gridspec(5, 6, height_ratios=[2.4, 1.0, 1.7, 1.3, 1.4])
        upper = figure.add_subplot(grid[0, :])
        _equity(upper, equity)
        _fall(figure.add_subplot(grid[1, :], sharex=upper), equity)
        _results(figure.add_subplot(grid[2, :3]), trades)
        _excursions(figure.add_subplot(grid[2, 3:]), trades, played.excursions)
        _months(figure.add_subplot(grid[3, :]), answer["months"])
        _groups(figure.add_subplot(grid[4, :3]), "hour", answer, "UTC hour of the entry")
        _groups(figure.add_subplot(grid[4, 3:5]), "weekday", answer, "Trading day of the entry")
        _groups(figure.add_subplot(grid[4, 5]), "session", answer, "Session")
        return png(figure, DPI)


def _stamps(equity: pd.Series) -> np.ndarray:
    return pd.DatetimeIndex(equity.index).tz_convert(None).to_numpy()


def _equity(axes: Axes, equity: pd.Series) -> None:
    axes.plot(_stamps(equity), equity.to_numpy(), color=GOLD, linewidth=1.2)
    axes.axhline(equity.iloc[0], color=QUIET, linewidth=0.8)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_ylabel("USD")
    axes.set_title("Equity, marked at each close")


def _fall(axes: Axes, equity: pd.Series) -> None:
    values = equity.to_numpy(float)
    fall = values / np.maximum.accumulate(values) - 1.0
    axes.fill_between(_stamps(equity), fall, 0.0, color=BAD, alpha=0.25, linewidth=0)
    axes.plot(_stamps(equity), fall, color=BAD, linewidth=0.8)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.1%}"))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_title("Fall from its highest value before")


def _results(axes: Axes, trades: pd.DataFrame) -> None:
    r = trades["r"].to_numpy(float)
    if _nothing(axes, "Net result of each trade", len(r)):
        return
    low, high = np.floor(r.min() / _BINS), np.ceil(r.max() / _BINS)
    edges = np.arange(low, max(high, low + 1) + 1) * _BINS
    counts, _ = np.histogram(r, edges)
    colours = [GOOD if left >= 0 else BAD for left in edges[:-1]]
    axes.bar(edges[:-1], counts, width=_BINS * 0.94, align="edge", color=colours)
    axes.axvline(r.mean(), color=INK, linewidth=1.2, label=f"mean {r.mean():+.3f} R")
    axes.set_xlabel("R, net of all costs")
    axes.set_ylabel("Trades")
    axes.legend(loc="upper left")


def _excursions(axes: Axes, trades: pd.DataFrame, found: pd.DataFrame) -> None:
    if _nothing(axes, "How far trades went before they ended", len(trades)):
        return
    won = (trades["r"] > 0).to_numpy()
    for name, which, colour in (("losers", ~won, BAD), ("winners", won, GOOD)):
        chosen = found[which]
        axes.scatter(chosen["mae"], chosen["mfe"], s=9, color=colour, alpha=0.45, linewidth=0, label=name)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("Farthest against (MAE), R")
    axes.set_ylabel("Farthest with (MFE), R")
    axes.legend(loc="upper right")


def _months(axes: Axes, months: Mapping[str, float | None]) -> None:
    years = sorted({name[:4] for name in months})
    values = np.array([[months.get(f"{year}-{month:02}") for month in range(1, 13)] for year in years], dtype=float)
    top = max(float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 0.0, 1e-9)
    axes.imshow(values, cmap=_RETURNS, vmin=-top, vmax=top, aspect="auto")
    for row, column in zip(*np.nonzero(np.isfinite(values)), strict=True):
        axes.text(column, row, f"{100 * values[row, column]:+.1f}", ha="center", va="center", fontsize=8)
    axes.set_xticks(range(12), _MONTHS)
    axes.set_yticks(range(len(years)), years)
    axes.grid(visible=False)
    axes.set_title("Return of each month, %")


def _groups(axes: Axes, by: str, answer: Mapping[str, Any], title: str) -> None:
    rows: Sequence[Mapping[str, Any]] = answer["breakdown"][by]
    if _nothing(axes, f"{title}: sum of R", len(rows)):
        return
    values = [row["total_r"] for row in rows]
    axes.bar(range(len(rows)), values, color=[GOOD if value >= 0 else BAD for value in values], width=0.75)
    axes.axhline(0.0, color=INK, linewidth=0.8)
    axes.set_xticks(range(len(rows)), [row[by].replace("_", "\n") for row in rows])
    axes.grid(visible=False, axis="x")


def _nothing(axes: Axes, title: str, count: int) -> bool:
    """Set the title; where there is nothing to draw, say so and return True."""
    axes.set_title(title)
    if count:
        return False
    axes.set_axis_off()
    axes.text(0.5, 0.5, "No trade was closed.", ha="center", va="center", color=QUIET, transform=axes.transAxes)
    return True
