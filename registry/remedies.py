"""What might help a model that failed: rules on facts measured on the folds, never on the out-of-sample window.

The window has spoken once; nothing here proposes to try again on it. Each rule looks at the folds and, where its fact
holds, proposes one thing to do before the next model is judged on bars that nobody has looked at.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from registry.gates import Gate
from registry.measures import FOLD_TRADES
from registry.shortfall import percent

TOP = 3
COST_SHARE = 0.40
NO_TRADE = "no trade"


class Facts(NamedTuple):
    """What the rules look at; numbers that were not measured are None."""

    failed: dict[str, Gate]
    folds: int
    skilled: int | None
    without_trade: int
    thin: int
    trades: float | None
    expectancy: float | None
    cost_share: float | None
    fold_profit_factor: float | None
    oos_profit_factor: float | None
    risk_per_trade: float | None


def remedies(
    gates: Sequence[Gate],
    folds: Sequence[Mapping[str, Any]],
    oos: Mapping[str, float | int | None],
    risk_per_trade: float | None = None,
) -> list[str]:
    """Return at most three remedies for the failed gates, the most likely to matter first; [] where none failed.

    Of each fold are used, where present: `skill_low` (above 0 is skill), `thresholds` (`"no trade"` or None where none
    had positive expectancy), `trades`, `expectancy` (net R a trade), `cost_r` (costs in R a trade), `profit_factor`.
    `oos` serves only to say that the folds' edge did not last.
    """
    facts = gather(gates, folds, oos, risk_per_trade)
    if not facts.failed:
        return []
    found = [text for rule in RULES if (text := rule(facts)) is not None]
    return found[:TOP]


def gather(
    gates: Sequence[Gate],
    folds: Sequence[Mapping[str, Any]],
    oos: Mapping[str, float | int | None],
    risk_per_trade: float | None,
) -> Facts:
    """Return the facts that the rules need, medians over the folds where they are of folds."""
    lows = [fold["skill_low"] for fold in folds if "skill_low" in fold]
    trades = _median(folds, "trades")
    expectancy, cost = _median(folds, "expectancy"), _median(folds, "cost_r")
    gross = None if expectancy is None or cost is None else expectancy + cost
    return Facts(
        failed={gate.name: gate for gate in gates if not gate.passed},
        folds=len(folds),
        skilled=sum(low is not None and low > 0 for low in lows) if lows else None,
        without_trade=sum(fold.get("thresholds", "") in (None, NO_TRADE) for fold in folds),
        thin=sum(fold.get("trades", FOLD_TRADES) < FOLD_TRADES for fold in folds),
        trades=trades,
        expectancy=expectancy,
        cost_share=cost / gross if cost is not None and gross is not None and gross > 0 else None,
        fold_profit_factor=_median(folds, "profit_factor"),
        oos_profit_factor=oos.get("profit_factor"),
        risk_per_trade=risk_per_trade,
    )


def no_skill(facts: Facts) -> str | None:
    """Fewer than half of the folds have skill: the features do not know these labels."""
    if facts.skilled is None or 2 * facts.skilled >= facts.folds:
        return None
    return (
        f"{facts.skilled or 'None'} of {facts.folds} folds knows the direction better than the base rate: change what "
        "is asked before how it is traded. Try other feature groups, wider barriers with a longer time barrier, or a "
        "higher timeframe."
    )


def no_trade(facts: Facts) -> str | None:
    """In some folds no threshold paid."""
    if facts.without_trade == 0:
        return None
    return (
        f"In {facts.without_trade} of {facts.folds} folds no threshold had a positive expectancy after costs: give the "
        "model labels with more room (a larger take-profit in ATR), or leave this series out."
    )


def costs_eat_the_edge(facts: Facts) -> str | None:
    """Costs take a large share of the gross edge, or all of it."""
    if facts.cost_share is None or facts.cost_share < COST_SHARE:
        return None
    what = "all of" if facts.cost_share >= 1 else f"{percent(facts.cost_share)} of"
    return (
        f"On the folds costs take {what} the gross edge: use wider barriers or a higher timeframe, so that a trade "
        "earns more per spread paid, or a broker with a tighter spread (config/instruments.toml)."
    )


def edge_did_not_last(facts: Facts) -> str | None:
    """The folds were profitable and the window was not."""
    folds, window = facts.fold_profit_factor, facts.oos_profit_factor
    if "profit_factor" not in facts.failed or folds is None or window is None or folds < 1.2 or window > 0.8 * folds:
        return None
    return (
        f"The folds had a median profit factor of {folds:.2f}, the out-of-sample window {window:.2f}: the edge faded "
        "or was fitted. Use fewer features and simpler members, and let later bars decide, by paper trading."
    )


def too_few_trades(facts: Facts) -> str | None:
    """The window or the folds have too few trades, and not because no threshold paid."""
    if ("trades" not in facts.failed and not facts.thin) or 0 < facts.folds <= 2 * facts.without_trade:
        return None
    counted = "" if facts.trades is None else f" (median {facts.trades:.0f} a fold)"
    return (
        f"Too few trades{counted}: lower the thresholds of the recipe towards 0.5 or let them be fitted, shorten the "
        "cooldown, or train a finer timeframe of the same symbol."
    )


def drawdown(facts: Facts) -> str | None:
    """Equity fell too far at the judged risk."""
    gate = facts.failed.get("max_drawdown")
    if gate is None or gate.got is None or gate.got <= 0:
        return None
    if len(facts.failed) == 1 and gate.note:
        return f"Risk less a trade: the drawdown benchmark {gate.note}. Set per_trade in config/policy.toml."
    if facts.risk_per_trade is None or (facts.expectancy is not None and facts.expectancy <= 0):
        return None
    risk = np.floor(facts.risk_per_trade * gate.wanted / gate.got * 1e4) / 1e4
    return (
        f"Risk about {percent(risk, 2)} a trade instead of {percent(facts.risk_per_trade, 2)} (per_trade in "
        "config/policy.toml): a drawdown shrinks almost in proportion. It repairs no other benchmark."
    )


def unstable(facts: Facts) -> str | None:
    """Profit factors differ too much from fold to fold."""
    gate = facts.failed.get("fold_profit_factor_variation")
    if gate is None or (gate.got is None and facts.thin):
        return None
    return (
        "Profit factors differ too much from fold to fold: give each fold more data (an earlier history_start, fewer "
        "folds), and prefer feature groups that are chosen in most folds."
    )


def low_win_rate(facts: Facts) -> str | None:
    """Trades win too rarely though they may pay."""
    gate = facts.failed.get("win_rate")
    if gate is None or (gate.got is None and facts.trades == 0):
        return None
    return (
        "Wins are too rare for this benchmark: a nearer take-profit or a farther stop raises the win rate (and lowers "
        "what a win pays), higher thresholds do so at the price of trades."
    )


def weak_edge(facts: Facts) -> str | None:
    """Nothing more telling was found: the edge is thin."""
    if not {"profit_factor", "sharpe_per_trade"} & set(facts.failed):
        return None
    return (
        "The edge a trade is too thin: raise the thresholds until the folds' expectancy is clearly positive, or add a "
        "source of information that the bars of this timeframe do not hold, such as higher-timeframe context."
    )


RULES: tuple[Callable[[Facts], str | None], ...] = (
    no_skill,
    no_trade,
    costs_eat_the_edge,
    edge_did_not_last,
    drawdown,
    too_few_trades,
    unstable,
    low_win_rate,
    weak_edge,
)


def _median(folds: Sequence[Mapping[str, Any]], name: str) -> float | None:
    values = [fold[name] for fold in folds if fold.get(name) is not None]
    return float(np.median(values)) if values else None
