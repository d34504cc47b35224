"""The picture of a stress test as PNG bytes: drawn without a display, the same bytes for the same numbers.

Import this module where it is used: it loads matplotlib.
"""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from registry.plots import BAD, GOLD, GOOD, INK, PAPER, QUIET, STYLE, png
from registry.stress_told import TITLES

BOUND_OF = {
    "jitter_5": "profit_factor_jitter_5",
    **{name: f"{name}_profit_factor" for name in ("latency_1", "latency_2", "costs_25", "costs_2x", "worse_broker")},
}

_BINS = 24


def draw(series: str, told: Mapping[str, Any]) -> bytes:
    """Return one PNG: the jittered profit factors beside the judged one, and the profit factor of each scenario.

    `told` is a `backtest.stress.Stress` as JSON knows it (`registry.plain_values.plain`). What is not computable is
    left out of the first and said in the second.
    """
    scenarios = {one["name"]: one for one in told["scenarios"]}
    verdicts = {one["name"]: one for one in told["verdicts"]}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(11, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])
        figure.suptitle(f"{series}: profit factor with worse fills", x=0.01, ha="left", weight="bold")
        _jittered(left, told["jittered"]["profit_factor"], scenarios["undisturbed"], verdicts)
        _scenarios(right, scenarios, verdicts)
        return png(figure)


def _jittered(
    axes: Axes, factors: list[float | None], judged: Mapping[str, Any], verdicts: Mapping[str, Mapping[str, Any]]
) -> None:
    known = np.array([value for value in factors if value is not None])
    axes.set_title(f"{len(factors)} runs with jittered slippage and lost orders")
    if not len(known) or judged["profit_factor"] is None:
        axes.set_axis_off()
        why = "No trade lost." if judged["trades"] else "No trade was closed."
        axes.text(0.5, 0.5, why, ha="center", va="center", color=QUIET, fontsize=12, transform=axes.transAxes)
        return
    bound = verdicts["profit_factor_jitter_5"]
    axes.hist(known, bins=_BINS, color=GOLD, edgecolor=PAPER)
    axes.axvline(judged["profit_factor"], color=INK, linewidth=1.6, label=f"as judged {judged['profit_factor']:.2f}")
    if bound["got"] is not None:
        colour = GOOD if bound["passed"] else BAD
        axes.axvline(bound["got"], color=colour, linewidth=1.6, label=f"1 in 20 is below {bound['got']:.2f}")
    axes.axvline(bound["wanted"], color=QUIET, linewidth=1.2, linestyle="--", label=f"bound {bound['wanted']:.2f}")
    axes.set(xlabel="Profit factor", ylabel="Runs")
    axes.grid(visible=False, axis="x")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3, fontsize=8.5)


def _scenarios(
    axes: Axes, scenarios: Mapping[str, Mapping[str, Any]], verdicts: Mapping[str, Mapping[str, Any]]
) -> None:
    wanted = [verdicts[name]["wanted"] for name in BOUND_OF.values()]
    top = max(1.0, *wanted, *(one["profit_factor"] or 0.0 for one in scenarios.values()))
    for row, (name, one) in enumerate(scenarios.items()):
        verdict = verdicts.get(BOUND_OF.get(name, ""))
        factor = one["profit_factor"]
        colour = GOLD if verdict is None else GOOD if verdict["passed"] else BAD
        axes.barh(-row, factor or 0.0, color=colour, height=0.68)
        told = "not computable" if factor is None else f"{factor:.2f}"
        right = max(factor or 0.0, 0.0 if verdict is None else verdict["wanted"])
        axes.text(right + 0.02 * top, -row, f"{told}  ({one['trades']:,})", va="center", fontsize=9)
        if verdict is not None:
            axes.plot([verdict["wanted"]] * 2, [-row - 0.42, -row + 0.42], color=INK, linewidth=1.8)
    axes.set_yticks([-row for row in range(len(scenarios))], [TITLES[name] for name in scenarios])
    axes.set_xlim(0.0, 1.3 * top)
    axes.set_ylim(0.6 - len(scenarios), 0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("Profit factor (trades); a stroke is the bound")
    axes.set_title("Scenarios")
