"""What might help a model that failed, in words: rules on facts measured on the folds, never on the judged window.

The window has spoken once; nothing here proposes to try it a second time. Each rule looks at the folds and, where its
fact holds, proposes one thing to do before the next model is judged on bars that nobody has looked at. Where changes of
trading were computed (`registry.remedy_search`), rules that would only guess at them are silent.
"""

from collections.abc import Callable

import numpy as np

from registry.remedy_facts import Facts
from registry.shortfall import percent

COST_SHARE = 0.40


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
    if facts.computed:
        return f"Too few trades{counted}: train a finer timeframe of the same symbol, or judge a longer window."
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
    if facts.computed or facts.risk_per_trade is None or (facts.expectancy is not None and facts.expectancy <= 0):
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
    if facts.computed or gate is None or (gate.got is None and facts.trades == 0):
        return None
    return (
        "Wins are too rare for this benchmark: a nearer take-profit or a farther stop raises the win rate (and lowers "
        "what a win pays), higher thresholds do so at the price of trades."
    )


def weak_edge(facts: Facts) -> str | None:
    """Nothing more telling was found: the edge is thin."""
    if not {"profit_factor", "sharpe_per_trade"} & set(facts.failed):
        return None
    if facts.computed:
        return (
            "The edge a trade is too thin: add a source of information that the bars of this timeframe do not hold, "
            "such as higher-timeframe context or a companion market."
        )
    return (
        "The edge a trade is too thin: raise the thresholds until the folds' expectancy is clearly positive, or add a "
        "source of information that the bars of this timeframe do not hold, such as higher-timeframe context."
    )


def worse_fills(facts: Facts) -> str | None:
    """Bounds of the stress test are broken: those of time, of costs, or of the account."""
    gate = facts.failed.get("stress")
    if gate is None or gate.got is None:
        return None
    if "latency" in gate.note:
        return (
            "A bar of delay takes the edge: use a coarser timeframe or wider barriers, so that a bar is short beside "
            "what a trade waits for, and look for a leak with `assay causality`."
        )
    if any(word in gate.note for word in ("costs", "broker", "jitter")):
        return (
            "Somewhat worse fills take the edge: use wider barriers or a coarser timeframe, so that a trade earns more "
            "per cost, or find a cheaper broker before a better model."
        )
    return "The same trades in another order fall too far: risk less a trade (per_trade in config/policy.toml)."


def other_folds(facts: Facts) -> str | None:
    """Folds differ by more than noise, or too few of them earn."""
    if not {"fold_heterogeneity_p", "folds_earning"} & set(facts.failed) or not facts.folds:
        return None
    return (
        f"{facts.earning} of {facts.folds} folds earn: the edge is of some periods. Look what the others share "
        "(`assay card SERIES --markdown`, its folds), bound volatility in config/policy.toml where that is it, and "
        "give each fold more data."
    )


def too_many_tries(facts: Facts) -> str | None:
    """What was best in one half of the days was below the median of the other half, and lost."""
    gate = facts.failed.get("overfitting")
    if gate is None or gate.got is None:
        return None
    return (
        f"In {percent(gate.got)} of the splits the configuration that was chosen lost outside: offer fewer ones (less "
        "tuning, one recipe), and fix them before any result is seen."
    )


def luck_does_as_well(facts: Facts) -> str | None:
    """Luck shows such a result too often: other signs of the trades, or the best of all trials."""
    failed = {"deflated_sharpe", "permutation_p"} & set(facts.failed)
    if not failed or any(facts.failed[name].got is None for name in failed):
        return None
    return (
        "Luck shows such a result too often: what helps is more trades of this quality, on paper or in a longer "
        "window, and fewer trials, which all count (`assay ledger SERIES`)."
    )


def seen_too_often(facts: Facts) -> str | None:
    """The window was looked at too often."""
    gate = facts.failed.get("looks")
    if gate is None or gate.got is None:
        return None
    return (
        f"This window was looked at {gate.got:.0f} times, and a pass on it means less each time: let paper trading "
        "decide, or bars that come after the last look."
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
    worse_fills,
    other_folds,
    too_many_tries,
    luck_does_as_well,
    seen_too_often,
    weak_edge,
)
