"""The picture of a gate's power: the share of worlds with an edge that it promotes, by what an oracle earns there.

Import this module where it is used: it loads matplotlib.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FormatStrFormatter, NullLocator, PercentFormatter

from registry.plots import BAD, GOLD, GOOD, INK, STYLE, png

WIDTH, HEIGHT, DPI = 1000, 560, 100  # pixels
_BESIDE = 1.015  # so that intervals of two profiles do not hide each other
_FACTORS = (0.5, 1, 1.5, 2, 3, 5, 10, 20, 50)


def draw(told: Mapping[str, Any]) -> bytes:
    """Return one PNG of the power curve that a card quotes (`Card.placebo`), by profile, above what it promises."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, layout="constrained")
        axes = figure.subplots()
        power(axes, told["power"], list(told["profiles"]))
        axes.set_title(told["told"], fontsize=9.5)
        return png(figure, DPI)


def power(axes: Axes, rows: Sequence[Mapping[str, Any]], profiles: Sequence[str]) -> None:
    """Draw the share of promoted worlds with its 95 % interval against the oracle's profit factor, a line a profile."""
    factors = [row["oracle_profit_factor"] or np.nan for row in rows]
    for at, (profile, colour) in enumerate(zip(profiles, (GOLD, GOOD, BAD), strict=False)):
        told = [row["profiles"][profile] for row in rows]
        shares = np.array([one["share"] for one in told])
        ends = np.array([[one["share"] - one["low"], one["high"] - one["share"]] for one in told]).reshape(-1, 2).T
        errors = np.maximum(ends, 0.0)
        beside = [factor * _BESIDE**at for factor in factors]
        axes.errorbar(beside, shares, yerr=errors, fmt="o-", color=colour, elinewidth=0.9, capsize=3, label=profile)
    for factor, row in zip(factors, rows, strict=True):
        axes.annotate(f"ρ {row['edge']:g}", (factor, 0.0), (0, -14), textcoords="offset points", color=INK, ha="center")
    if rows:
        axes.legend(frameon=False, loc="upper left")
    axes.set_ylim(-0.12, 1.05)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(_FACTORS))
    axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("profit factor of the oracle (median)")
