"""The tables and pictures of notebook 06: every run of a series, what stands in production, and what was tried."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from backtest import multiplicity
from pipeline.notebooks.style import DOWN, FLAT, INK, LOOK, UP, nothing, picture, sheet
from pipeline.workspace import Workspace
from registry import card as model_card
from registry import expiry, history, ledger, tracking
from registry.deflation import ERROR_RATE, TRADES, Deflation
from registry.figures import counted
from registry.ledger import Entry

_MOST_TRIALS = 1000  # along the curve, at least
_DIGITS = 12  # of a run's id


def runs(target: Workspace) -> pd.DataFrame:
    """Return every judged run of the series, FAILED ones too, the newest first."""
    every = [model_card.from_json(path.read_bytes(), str(path)) for path in (target.run / "cards").glob("*.json")]
    cards = sorted(every, key=lambda card: card.made_at, reverse=True)
    rows = [
        {
            "run": card.run_id[:_DIGITS],
            "judged at": card.made_at[:16],
            "verdict": card.status,
            "gates passed": f"{sum(gate.passed for gate in card.gates)} of {len(card.gates)}",
            "trades": card.oos.get("trades"),
            "R a trade": card.oos.get("expectancy"),
            "looks so far": card.looks,
        }
        for card in cards
    ]
    return pd.DataFrame(rows).set_index("run").round(3) if rows else pd.DataFrame()


def promotions(target: Workspace) -> pd.DataFrame:
    """Return every record of the series that is signed by today's key, oldest first, and until when it holds."""
    rows = [
        {
            "serial": one["serial"],
            "what": one.get("action", "promote"),
            "version": one["version"],
            "run": one["run_id"][:_DIGITS],
            "when": one["when"][:16],
            "why": one["why"],
            "expires": str(one.get("expires") or "never")[:10],
            "still vouched for": "no" if expiry.expired(one) else "yes",
        }
        for one in history.of(target.home, target.series.name)
    ]
    return pd.DataFrame(rows).set_index("serial") if rows else pd.DataFrame()


def in_mlflow(target: Workspace) -> pd.DataFrame:
    """Return what MLflow knows of the series' runs, the newest first: nothing is written."""
    with tracking.opened(target.home) as client:
        found = tracking.every_run(client, target.series.name)
        pointed = {version: alias for alias, version in tracking.aliases_of(client, target.series.name).items()}
    rows = [
        {
            "run": run.info.run_id[:_DIGITS],
            "status": run.info.status,
            "metrics": len(run.data.metrics),
            "profit factor": run.data.metrics.get("oos/profit_factor"),
            "trades": run.data.metrics.get("oos/trades"),
        }
        for run in found
    ]
    told = ", ".join(f"{alias} → version {version}" for version, alias in pointed.items()) or "no alias"
    table = pd.DataFrame(rows).set_index("run").round(3) if rows else pd.DataFrame()
    return table.rename_axis(columns=told)


def tried(name: str, entries: Sequence[Entry]) -> bytes:
    """Draw how many trials and looks a series has had, entry by entry as the ledger has them."""
    if not entries:
        return nothing(f"{name}: trials and looks", "The ledger holds nothing of this series.")
    places = np.arange(len(entries) + 1)
    with matplotlib.rc_context(LOOK):
        figure = sheet(2.8)
        axes = figure.add_subplot()
        for kind, colour, style in (("trial", UP, "-"), ("look", DOWN, "--")):
            so_far = np.concatenate([[0], np.cumsum([one.kind == kind for one in entries])])
            told = counted(int(so_far[-1]), kind)
            axes.step(places, so_far, where="post", color=colour, linestyle=style, linewidth=1.8, label=told)
        axes.set_ylim(bottom=0.0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel=f"Entries, from {entries[0].when[:10]} to {entries[-1].when[:10]}", ylabel="So far")
        axes.set_title(f"{name}: trials and looks")
        axes.legend(loc="upper left")
        return picture(figure)


def cost_of_looking(name: str, told: Deflation) -> bytes:
    """Draw how good luck alone looks the more is tried, and how often some look passes a gate by luck."""
    most = max(_MOST_TRIALS, int(2 * told.effective_trials))
    tries = np.unique(np.geomspace(1, most, 120).round().astype(int))
    luck = [multiplicity.expected_maximum(float(count)) / np.sqrt(TRADES - 1) for count in tries]
    looks = np.arange(0, max(20, 2 * told.looks) + 1)
    with matplotlib.rc_context(LOOK):
        figure = sheet(3.2)
        left, right = figure.subplots(1, 2)
        left.plot(tries, luck, color=FLAT, linewidth=2.2)
        left.scatter([max(told.effective_trials, 1.0)], [told.expected_best_sharpe_200], s=60, color=DOWN, zorder=3)
        left.set_xscale("log")
        left.set_ylim(bottom=-0.01)
        left.set(xlabel="Independent trials", ylabel=f"Sharpe ratio over {TRADES} trades")
        left.set_title(f"{name}: the best that luck shows", fontsize=10)
        chance = [multiplicity.chance_of_a_pass(int(count), ERROR_RATE) for count in looks]
        right.plot(looks, chance, color=FLAT, linewidth=2.2)
        right.scatter([told.looks], [told.chance_of_a_pass], s=60, color=DOWN, zorder=3)
        right.axhline(ERROR_RATE, color=INK, linewidth=0.8, linestyle="--")
        right.set_ylim(0.0, 1.0)
        right.set(xlabel="Looks at judged windows", ylabel="Chance that one passes by luck")
        right.set_title(
            f"A gate that is wrong once in {1 / ERROR_RATE:.0f}; {counted(told.looks, 'look')} so far", fontsize=10
        )
        return picture(figure)


def entries(target: Workspace) -> list[Entry]:
    """Return what the ledger holds of the series, in the order of writing."""
    return ledger.of(target.home, target.series.name)
