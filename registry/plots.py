"""The pictures of a model card as PNG bytes: drawn without a display, the same bytes for the same numbers.

Uses matplotlib's object interface alone, so that nothing global is touched; import this module where it is used.
"""

import io
from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from registry.card import Card
from registry.gates import GATES, Gate
from registry.shortfall import percent

GOOD, BAD, INK, QUIET, GOLD, PAPER = "#2f7d4f", "#b5403a", "#22272e", "#8a93a0", "#b8862b", "#ffffff"
TOP_FEATURES = 20
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": "#c9ced6",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e9ecf0",
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "savefig.facecolor": PAPER,
}


def draw(
    card: Card,
    equity: pd.DataFrame | None = None,
    calibration: pd.DataFrame | None = None,
    importance: Mapping[str, float] | None = None,
) -> dict[str, bytes]:
    """Return every plot of `card` by name: gates, equity, folds, calibration and importance, each a PNG.

    `equity` is the out-of-sample equity table; `calibration` has a row a bin with `predicted`, `observed`, `count` and
    optionally `label` (a curve each); `importance` maps features to any non-negative weight. What is missing or empty
    gives a plot that says so.
    """
    with matplotlib.rc_context(STYLE):
        return {
            "gates": gate_table(card),
            "equity": equity_and_fall(card, equity),
            "folds": fold_profit_factors(card),
            "calibration": calibration_curve(card, calibration),
            "importance": feature_importance(card, importance),
        }


def gate_table(card: Card) -> bytes:
    """Draw what each benchmark got on a scale where its bound is 1, with its interval.

    The good side is shaded; green passed, red failed."""
    figure = Figure(figsize=(9, 0.62 * len(card.gates) + 1.5), layout="constrained")
    axes = figure.add_subplot()
    for row, gate in enumerate(card.gates):
        _gate_row(axes, -row, gate)
    axes.axvline(1.0, color=INK, linewidth=1.2)
    axes.set_yticks([-row for row in range(len(card.gates))], [_gate_name(gate) for gate in card.gates])
    axes.set_xlim(0.0, 2.35)
    axes.set_ylim(0.6 - len(card.gates), 0.6)
    axes.set_xticks([0.0, 0.5, 1.0, 1.5, 2.0], ["0", "½ ×", "the bound", "1½ ×", "2 ×"])
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False)
    axes.set_title(f"{card.series}: {card.status}", color=GOOD if card.status == "READY" else BAD)
    return png(figure)


def equity_and_fall(card: Card, equity: pd.DataFrame | None) -> bytes:
    """Draw out-of-sample equity, and below it the fall from its highest value before, against the bound."""
    if equity is None or len(equity) == 0 or equity["equity"].nunique() < 2:
        return _nothing("Out-of-sample equity", "No trade was closed out of sample.")
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.3])
    values = equity["equity"].to_numpy(np.float64)
    stamps = pd.DatetimeIndex(equity.index).tz_convert(None).to_numpy()
    fall = values / np.maximum.accumulate(values) - 1.0
    upper.plot(stamps, values, color=GOLD, linewidth=1.4)
    upper.axhline(values[0], color=QUIET, linewidth=0.8)
    upper.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    upper.set_ylabel("USD")
    upper.set_title(f"{card.series}: out-of-sample equity, marked at each close")
    lower.fill_between(stamps, fall, 0.0, color=BAD, alpha=0.25, linewidth=0)
    lower.plot(stamps, fall, color=BAD, linewidth=0.8)
    bound = next((gate.wanted for gate in card.gates if gate.name == "max_drawdown"), None)
    if bound is not None:
        lower.axhline(-bound, color=INK, linewidth=1.0, linestyle="--")
        lower.annotate(
            f"bound {percent(bound)}", (1, -bound), (-4, 3), ("axes fraction", "data"), "offset points", ha="right"
        )
    lower.yaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value)))
    lower.yaxis.set_major_locator(MaxNLocator(4))
    lower.set_ylabel("Fall")
    return png(figure)


def fold_profit_factors(card: Card) -> bytes:
    """Draw each fold's profit factor with its number of trades; an outline where it is not computable."""
    title = f"{card.series}: profit factor by fold"
    if not card.folds:
        return _nothing(title, "There are no folds.")
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    axes = figure.add_subplot()
    factors = [fold.get("profit_factor") for fold in card.folds]
    top = max([factor for factor in factors if factor is not None] + [1.0]) * 1.25
    for at, (fold, factor) in enumerate(zip(card.folds, factors, strict=True)):
        _fold_bar(axes, at, factor, fold.get("trades"))
    axes.axhline(1.0, color=INK, linewidth=1.0)
    axes.annotate(
        "break-even", (1, 1.0), (4, 0), ("axes fraction", "data"), "offset points", va="center", annotation_clip=False
    )
    axes.set_xticks(range(len(card.folds)), [_fold_name(fold, at) for at, fold in enumerate(card.folds, start=1)])
    axes.set_ylim(0.0, top)
    axes.grid(visible=False, axis="x")
    axes.set_title(f"{title} (trades above)")
    return png(figure)


def calibration_curve(card: Card, calibration: pd.DataFrame | None) -> bytes:
    """Draw how often what was predicted with a probability happened; on the diagonal a probability can be trusted."""
    title = f"{card.series}: calibration"
    if calibration is None or len(calibration) == 0:
        return _nothing(title, "There are no out-of-fold predictions to compare with.")
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1.0, linestyle="--", label="as predicted")
    labels = calibration["label"] if "label" in calibration else pd.Series("observed", index=calibration.index)
    for (name, rows), colour in zip(calibration.groupby(labels, sort=True), (BAD, QUIET, GOOD, GOLD) * 4, strict=False):
        sizes = 12 + 90 * rows["count"] / calibration["count"].max()
        axes.plot(rows["predicted"], rows["observed"], color=colour, linewidth=1.2, label=str(name))
        axes.scatter(rows["predicted"], rows["observed"], s=sizes, color=colour, edgecolor=PAPER, zorder=3)
    high = float(min(1.0, 1.1 * max(calibration["predicted"].max(), calibration["observed"].max())))
    axes.set(xlim=(0, high), ylim=(0, high), xlabel="Predicted probability", ylabel="How often it happened")
    axes.set_title(title)
    axes.legend(loc="upper left")
    return png(figure)


def feature_importance(card: Card, importance: Mapping[str, float] | None) -> bytes:
    """Draw the most important features, the largest on top, as shares of the sum over all.

    They are those that move the scores most (SHAP) where the card knows it, else those of `importance`.
    """
    moving = {name: one["shap"] for name, one in card.selection.get("features", {}).items()}
    most = "features that move it most" if moving else "most important features"
    title = f"{card.series}: the {TOP_FEATURES} {most}"
    weights = {name: value for name, value in (moving or importance or {}).items() if value > 0}
    if not weights:
        return _nothing(title, "No feature has any importance.")
    total = sum(weights.values())
    top = sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:TOP_FEATURES]
    figure = Figure(figsize=(9, 0.28 * len(top) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    axes.barh([-at for at in range(len(top))], [value / total for _, value in top], color=GOLD, height=0.72)
    axes.set_yticks([-at for at in range(len(top))], [name for name, _ in top])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value, 0 if value in (0.0,) else 1)))
    axes.set_ylim(0.6 - len(top), 0.6)
    axes.grid(visible=False, axis="y")
    axes.set_title(title)
    return png(figure)


def _gate_row(axes: Axes, y: float, gate: Gate) -> None:
    colour = GOOD if gate.passed else BAD
    good = (1.0, 2.0) if gate.direction == ">=" else (0.0, 1.0)
    axes.fill_between(good, y - 0.3, y + 0.3, color=GOOD, alpha=0.07, linewidth=0)
    if gate.got is None:
        around = {"facecolor": PAPER, "edgecolor": "none", "pad": 2}
        axes.text(0.03, y, f"✗ not computable: {gate.note}", color=colour, va="center", bbox=around)
        return
    scale = gate.wanted or 1.0
    if gate.interval is not None:
        low, high = (float(np.clip(end / scale, 0.0, 2.0)) for end in gate.interval)
        axes.plot([low, high], [y, y], color=colour, alpha=0.3, linewidth=7, solid_capstyle="butt")
    axes.scatter([np.clip(gate.got / scale, 0.0, 2.0)], [y], color=colour, s=60, zorder=3, clip_on=False)
    axes.text(
        2.06,
        y,
        f"{'✓' if gate.passed else '✗'} {GATES[gate.name].show(gate.got)}",
        color=colour,
        va="center",
        weight="bold",
    )


def _gate_name(gate: Gate) -> str:
    sign = "≥" if gate.direction == ">=" else "≤"
    return f"{GATES[gate.name].title} {sign} {GATES[gate.name].show(gate.wanted)}"


def _fold_bar(axes: Axes, at: int, factor: float | None, trades: Any) -> None:
    text = "–" if trades is None else f"{trades}"
    if factor is None:
        axes.bar(at, 1.0, color="none", edgecolor=QUIET, linestyle=":", width=0.7)
        axes.text(at, 0.5, "not com-\nputable", ha="center", va="center", color=QUIET, fontsize=8)
    else:
        axes.bar(at, factor, color=GOOD if factor >= 1 else BAD, width=0.7)
        axes.text(at, factor / 2, f"{factor:.2f}", ha="center", va="center", color=PAPER, weight="bold", fontsize=9)
    axes.annotate(text, (at, factor or 1.0), (0, 4), textcoords="offset points", ha="center", color=QUIET, fontsize=8.5)


def _fold_name(fold: Mapping[str, Any], at: int) -> str:
    begins = str(fold.get("test_start") or "")[:7]
    return f"{fold.get('fold', at)}\n{begins}" if begins else str(fold.get("fold", at))


def _nothing(title: str, why: str) -> bytes:
    figure = Figure(figsize=(9, 2.4), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_title(title)
    axes.text(0.5, 0.5, why, ha="center", va="center", color=QUIET, fontsize=12, transform=axes.transAxes)
    return png(figure)


def png(figure: Figure, dpi: int = 130) -> bytes:
    """Return a figure as a PNG, the same bytes each time."""
    stream = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(stream, format="png", dpi=dpi, metadata={"Software": "Assay"})
    return stream.getvalue()
