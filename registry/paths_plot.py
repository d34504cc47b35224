"""The picture of combinatorial paths as PNG bytes: drawn without a display, the same bytes for the same numbers.

Import this module where it is used: it loads matplotlib.
"""

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from registry.plots import BAD, GOLD, INK, QUIET, STYLE, png


def draw(series: str, trades: Sequence[pd.DataFrame]) -> bytes:
    """Return one PNG: what each path has earned in R by the exit of each of its trades, and the median of the paths.

    `trades` is a trades table for each path. The path that ends lowest is drawn in red; where no path traded, the
    picture says so.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 4.4), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(f"{series}: {len(trades)} combinatorial paths")
        earned = cumulative(trades)
        if earned.empty:
            axes.set_axis_off()
            axes.text(0.5, 0.5, "No path closed a trade.", ha="center", va="center", color=QUIET, fontsize=12)
            return png(figure)
        stamps = pd.DatetimeIndex(earned.index).tz_convert(None).to_numpy()
        worst = int(earned.iloc[-1].argmin())
        for at, name in enumerate(earned):
            colour, told = (BAD, f"lowest (path {name})") if at == worst else (GOLD, None)
            axes.step(stamps, earned[name], where="post", color=colour, linewidth=1.1, alpha=0.8, label=told)
        axes.step(stamps, earned.median(axis=1), where="post", color=INK, linewidth=1.8, label="median")
        axes.axhline(0.0, color=QUIET, linewidth=0.8)
        axes.set_ylabel("Net R, added up")
        axes.legend(loc="upper left")
        return png(figure)


def cumulative(trades: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the net R that each path (a column, from 1 on) has earned by each instant at which any closes a trade."""
    exits = [path.groupby("t_exit")["r"].sum() for path in trades]
    instants = pd.DatetimeIndex(sorted(set().union(*(one.index for one in exits))))
    earned = {number: one.reindex(instants).fillna(0.0).cumsum() for number, one in enumerate(exits, start=1)}
    return pd.DataFrame(earned, index=instants, dtype=np.float64)
