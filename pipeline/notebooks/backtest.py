"""The tables and pictures of notebook 05: what was earned, at which costs, and whether luck would show as much."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter
from scipy.stats import norm

from backtest.cost_frontier import Point
from pipeline.notebooks.style import DOWN, FLAT, INK, LIGHT, LOOK, QUIET, UP, nothing, picture, sheet
from registry.card import Card
from registry.gates import GATES
from registry.measures import NO_TRADE
from registry.significance import standard_error_by_luck

_BIN = 0.25  # R
_LEVEL = 0.05
_LEAST_P = 1e-4  # drawn; what is smaller stands at the edge
_CHANCES = {
    "wins": "win rate against break-even",
    "signs": "the same trades, sides by chance",
    "shifts": "the same signals at other times",
    "superiority": "better than doing nothing, the search paid for",
    "superiority_random": "better than random entries, the search paid for",
}


def trades(name: str, trades: pd.DataFrame, excursions: pd.DataFrame | None) -> bytes:
    """Draw the net R of each trade, and how far it went against and with its owner before it ended."""
    if not len(trades):
        return nothing(f"{name}: trades of the judged window", "No trade was closed.")
    r = trades["r"].to_numpy(np.float64)
    edges = np.arange(np.floor(r.min() / _BIN), np.ceil(r.max() / _BIN) + 2) * _BIN
    with matplotlib.rc_context(LOOK):
        figure = sheet(3.6)
        left, right = figure.subplots(1, 2)
        counts, _ = np.histogram(r, edges)
        colours = [UP if edge >= 0 else DOWN for edge in edges[:-1]]
        left.bar(edges[:-1], counts, width=0.94 * _BIN, align="edge", color=colours)
        left.axvline(r.mean(), color=INK, linewidth=1.3, linestyle="--", label=f"mean {r.mean():+.3f} R")
        left.set(xlabel="R, net of all costs", ylabel="Trades")
        left.set_title(f"{name}: {len(r):,} trades, {np.mean(r > 0):.0%} won")
        left.legend(loc="upper left")
        right.set_title("How far trades went before they ended")
        if excursions is not None:
            for won, colour, marker, told in ((False, DOWN, "v", "lost"), (True, UP, "^", "won")):
                rows = excursions[(excursions["r"] > 0) == won]
                right.scatter(
                    rows["mae"], rows["mfe"], s=14, color=colour, marker=marker, alpha=0.5, linewidths=0, label=told
                )
            right.legend(loc="upper right")
        right.set(xlabel="Farthest against, R", ylabel="Farthest with, R")
        right.set_xlim(left=0)
        right.set_ylim(bottom=0)
        return picture(figure)


def frontier(name: str, points: Sequence[Point], told: Mapping[str, Any], why_not: str) -> bytes:
    """Draw the profit factor along multiples of all that the broker charges; `told` is the card's robustness."""
    known = [(one.multiple, one.profit_factor) for one in points if one.profit_factor is not None]
    if not known:
        return nothing(f"{name}: what dearer costs leave", f"Not drawn: {why_not}.")
    dead = (told.get("break_even") or {}).get("dead")
    with matplotlib.rc_context(LOOK):
        figure = sheet(3.2)
        axes = figure.add_subplot()
        multiples, factors = zip(*known, strict=True)
        axes.fill_between(
            multiples, factors, 1.0, where=np.array(factors) > 1.0, color=UP, alpha=0.12, interpolate=True
        )
        axes.plot(multiples, factors, color=UP, linewidth=1.8, marker="o", markersize=4)
        axes.axhline(1.0, color=INK, linewidth=1.0)
        axes.axvline(1.0, color=QUIET, linewidth=1.0, linestyle="--")
        axes.annotate("as judged", (1.0, 1.0), (4, -14), textcoords="offset points", color=QUIET)
        if dead:
            axes.axvline(dead["multiple"], color=DOWN, linewidth=1.4, linestyle=":")
            axes.annotate(
                f"nothing left at {dead['multiple']:.2f} ×",
                (dead["multiple"], 1.0),
                (-6, 34),
                textcoords="offset points",
                color=DOWN,
                ha="right",
            )
        axes.set_ylim(bottom=0.0)
        axes.set(xlabel="Multiple of spread, slippage, commission and swap", ylabel="Profit factor")
        axes.set_title(f"{name}: what dearer costs leave")
        return picture(figure)


def luck(card: Card, trades: pd.DataFrame) -> bytes:
    """Draw the Sharpe ratio per trade beside what luck shows without an edge: at one try, and at the best of all tries.

    Normal, with the standard error that the deflated ratio has; the best of N by the density of a maximum.
    """
    title = f"{card.series}: Sharpe ratio per trade, and what luck alone shows"
    result, deflated = (card.significance.get(name, {}) for name in ("result", "deflated"))
    error = standard_error_by_luck(trades.sort_values("t_exit")["r"].to_numpy(np.float64)) if len(trades) > 1 else None
    if error is None or "probability" not in deflated or result.get("sharpe") is None:
        return nothing(title, str(deflated.get("why") or card.significance.get("why") or "Too few trades to ask."))
    tries, sharpe = max(float(deflated["trials"]), 1.0), float(result["sharpe"])
    x = np.linspace(min(-4 * error, sharpe - error), max(5 * error, sharpe + error), 600)
    one = norm.pdf(x, scale=error)
    best = tries * one * norm.cdf(x, scale=error) ** (tries - 1.0)
    with matplotlib.rc_context(LOOK):
        figure = sheet(3.2)
        axes = figure.add_subplot()
        axes.fill_between(x, one, color=FLAT, alpha=0.5, linewidth=0, label="one try without an edge")
        if tries > 1.0:
            axes.plot(x, best, color=DOWN, linewidth=1.6, label=f"the best of {tries:.3g} tries without an edge")
        axes.axvline(sharpe, color=UP, linewidth=2.0, label=f"this model: {sharpe:.3f}")
        axes.set_ylim(bottom=0.0)
        axes.set_yticks([])
        axes.set_xlabel("Sharpe ratio per trade")
        chance = f"deflated Sharpe ratio {deflated['probability']:.3f}"
        axes.set_title(f"{title} ({chance})", fontsize=10)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3)
        return picture(figure)


def p_values(card: Card) -> bytes:
    """Draw the p of each question put to luck, on a scale of tens; left of 0.05 luck alone seldom shows as much."""
    rows = [(told, card.significance.get(name, {}).get("p")) for name, told in _CHANCES.items()]
    title = f"{card.series}: how often luck alone shows as much"
    if all(p is None for _, p in rows):
        return nothing(title, str(card.significance.get("why") or NO_TRADE))
    with matplotlib.rc_context(LOOK):
        figure = sheet(2.8)
        axes = figure.add_subplot()
        axes.axvspan(_LEAST_P / 2, _LEVEL, color=LIGHT, linewidth=0)
        for place, (_, p) in enumerate(rows):
            if p is None:
                axes.text(_LEVEL, -place, "  could not be asked", va="center", color=QUIET)
                continue
            shown = max(float(p), _LEAST_P)
            axes.plot([shown, 1.0], [-place] * 2, color=FLAT, linewidth=1.5)
            axes.scatter(
                [shown], [-place], s=48, color=UP if p < _LEVEL else DOWN, marker="o" if p < _LEVEL else "v", zorder=3
            )
            axes.annotate(
                f"{p:.2g}" if p >= _LEAST_P else "less",
                (shown, -place),
                (0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
        axes.set_xscale("log")
        axes.set_xlim(_LEAST_P / 2, 1.4)
        axes.set_ylim(0.7 - len(rows), 0.7)
        axes.set_yticks([-place for place in range(len(rows))], [told for told, _ in rows])
        axes.set_xlabel(f"p (shaded: below {_LEVEL:g})")
        axes.set_title(title)
        return picture(figure)


def chances(card: Card) -> bytes:
    """Draw how often each benchmark is passed by a model without an edge, and by one with the edge that is claimed."""
    title = f"{card.series}: how often each benchmark is passed"
    found = card.chances
    if "luck" not in found or "power" not in found:
        return nothing(title, str(found.get("why") or "This card does not know."))
    names = list(found["luck"])
    places = -np.arange(len(names))
    with matplotlib.rc_context(LOOK):
        figure = sheet(0.42 * len(names) + 1.3)
        axes = figure.add_subplot()
        for key, colour, beside, told in (
            ("luck", DOWN, 0.19, "without an edge"),
            ("power", UP, -0.19, "with the edge claimed"),
        ):
            values = [found[key][name] or 0.0 for name in names]
            axes.barh(places + beside, values, height=0.36, color=colour, label=told)
            for place, value in zip(places, values, strict=True):
                axes.annotate(
                    f"{value:.1%}", (value, place + beside), (4, 0), textcoords="offset points", va="center", fontsize=8
                )
        axes.set_yticks(places, ["all six" if name == "every" else GATES[name].title for name in names])
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_xlim(0.0, 1.12)
        axes.grid(visible=False, axis="y")
        axes.set_title(f"{title}, in {found['histories']:,} drawn histories")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2)
        return picture(figure)


def gates(card: Card) -> pd.DataFrame:
    """Return every gate of every profile on the card: what was got, wanted, and whether that passes."""
    rows = [
        {
            "profile": f"{profile} (decides)" if profile == card.profile else profile,
            "gate": GATES[gate.name].title,
            "got": "–" if gate.got is None else GATES[gate.name].show(gate.got),
            "wanted": f"{'≥' if gate.direction == '>=' else '≤'} {GATES[gate.name].show(gate.wanted)}",
            "90 % interval": " … ".join(map(GATES[gate.name].show, gate.interval)) if gate.interval else "–",
            "passed": "yes" if gate.passed else "no",
        }
        for profile, every in (card.verdicts or {card.profile: card.gates}).items()
        for gate in every
    ]
    return pd.DataFrame(rows).set_index(["profile", "gate"])


def error_rate(card: Card) -> pd.DataFrame:
    """Return how often the gate itself was measured to promote worlds without an edge, by profile."""
    told = card.placebo.get("profiles", {})
    rows = {
        name: {
            "worlds without an edge": one["worlds"],
            "promoted": one["promotions"],
            "at most (95 %)": f"{one['upper_bound_95']:.1%}",
        }
        for name, one in told.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def earned(card: Card) -> pd.DataFrame:
    """Return the figures of the judged window that a reader asks for first."""
    asked = {
        "trades": "trades",
        "total_r": "R in all, net",
        "expectancy": "R a trade, net",
        "profit_factor": "profit factor",
        "win_rate": "share won",
        "break_even_win_rate": "share won at which nothing is left",
        "max_drawdown": "largest fall of equity",
        "total_return": "return of the account",
    }
    values = {told: card.oos.get(key) for key, told in asked.items()}
    return pd.DataFrame(
        {card.series: {told: "–" if value is None else f"{value:.4g}" for told, value in values.items()}}
    )
