"""The pictures of notebook 01: what the bars of a series are like."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FuncFormatter, PercentFormatter

from pipeline.notebooks.style import DOWN, FLAT, GOLD, INK, LOOK, UP, by_date, dated, picture, sheet

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_THERE = LinearSegmentedColormap.from_list("there", ["#ffffff", "#cfe0f0", UP])
_MONTH = 21  # trading days
_BASIS_POINT = 1e-4


def price(name: str, bars: pd.DataFrame) -> bytes:
    """Draw the close of each day between its low and high, and below it how far prices moved on that day.

    The move is √Σ of squared log returns from close to close in a day; its median of 21 days is the line.
    """
    day = pd.DatetimeIndex(bars.index).floor("D")
    daily = bars.groupby(day).agg({"low": "min", "high": "max", "close": "last"})
    squared = np.log(bars["close"]).diff().fillna(0.0) ** 2
    moved = np.sqrt(squared.groupby(day).sum())
    stamps = dated(daily.index)
    with matplotlib.rc_context(LOOK):
        figure = sheet(4.8)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2.2, 1.0])
        upper.fill_between(stamps, daily["low"], daily["high"], color=GOLD, alpha=0.5, linewidth=0, label="low to high")
        upper.plot(stamps, daily["close"], color=INK, linewidth=1.0, label="close of the day")
        upper.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
        upper.set_ylabel("Price")
        upper.set_title(f"{name}: {len(bars):,} bars on {len(daily):,} days")
        upper.legend(loc="upper left", ncols=2)
        lower.scatter(stamps, moved, s=5, color=FLAT, linewidths=0)
        lower.plot(stamps, moved.rolling(_MONTH, min_periods=1).median(), color=UP, linewidth=1.5)
        lower.set_ylim(0.0, 1.15 * float(moved.quantile(0.995)))
        lower.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
        lower.set_ylabel("Move in a day")
        by_date(lower)
        lower.set_title(f"How far prices moved each day, and the median of {_MONTH} days")
        return picture(figure)


def week(name: str, bars: pd.DataFrame) -> bytes:
    """Draw for each hour of the week, UTC, how many bars stand there, as a share of the fullest hour."""
    stamps = _opens(bars)
    counts = np.zeros((7, 24))
    np.add.at(counts, (stamps.day_of_week.to_numpy(), stamps.hour.to_numpy()), 1.0)
    with matplotlib.rc_context(LOOK):
        figure = sheet(3.0)
        axes = figure.add_subplot()
        shown = axes.pcolormesh(counts / counts.max(), cmap=_THERE, vmin=0.0, vmax=1.0, edgecolors="white", linewidth=1)
        axes.set_ylim(7, 0)
        axes.set_yticks(np.arange(7) + 0.5, _DAYS)
        _hour_ticks(axes)
        axes.grid(visible=False)
        axes.set_title(f"{name}: when bars stand in the week (UTC hour of their open)")
        scale = figure.colorbar(shown, ax=axes, pad=0.01, aspect=14, format=PercentFormatter(1.0))
        scale.outline.set_visible(False)
        return picture(figure)


def hours(name: str, bars: pd.DataFrame) -> bytes:
    """Draw the range of a bar and the spread by UTC hour, in basis points of the price: the median and its reach."""
    hour = _opens(bars).hour
    ranges = ((bars["high"] - bars["low"]) / bars["close"] / _BASIS_POINT).groupby(hour)
    spreads = (bars["spread"] / bars["close"] / _BASIS_POINT).groupby(hour)
    with matplotlib.rc_context(LOOK):
        figure = sheet(3.4)
        left, right = figure.subplots(1, 2)
        _by_hour(left, ranges, UP, (0.1, 0.9))
        left.set_title(f"{name}: high less low of a bar", fontsize=10)
        _by_hour(right, spreads, DOWN, (0.05, 0.95))
        right.set_title("Spread that is charged", fontsize=10)
        return picture(figure)


def _by_hour(axes: Axes, grouped: "pd.api.typing.SeriesGroupBy", colour: str, reach: tuple[float, float]) -> None:
    median, low, high = grouped.median(), grouped.quantile(reach[0]), grouped.quantile(reach[1])
    places = median.index.to_numpy() + 0.5
    between = f"{reach[0]:.0%} to {reach[1]:.0%} of bars"
    axes.fill_between(places, low, high, step="mid", color=colour, alpha=0.2, linewidth=0, label=between)
    axes.plot(places, median, color=colour, linewidth=1.6, marker="o", markersize=3, label="median")
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel("Basis points of the price")
    _hour_ticks(axes)
    axes.legend(loc="upper left")


def _hour_ticks(axes: Axes) -> None:
    axes.set_xlim(0, 24)
    axes.set_xlabel("UTC hour")
    axes.set_xticks(range(0, 25, 4), [f"{hour:02}:00" for hour in range(0, 25, 4)])


def _opens(bars: pd.DataFrame) -> pd.DatetimeIndex:
    """Return when each bar opened, UTC: the close less the shortest step between two closes."""
    stamps = pd.DatetimeIndex(bars.index)
    return stamps - pd.Series(stamps).diff().min()
