"""What a stress test says, in sentences: the same on a card, in a terminal and in a report."""

from collections.abc import Mapping
from typing import Any

from registry.shortfall import percent

TITLES = {
    "undisturbed": "As judged",
    "jitter": "Slippage jitter, median",
    "jitter_5": "Slippage jitter, 1 in 20",
    "latency_1": "One bar late",
    "latency_2": "Two bars late",
    "costs_25": "Costs +25 %",
    "costs_2x": "Costs ×2",
    "worse_broker": "A worse broker's spread",
}


def reshuffled(answer: Mapping[str, Any]) -> str:
    """Return in a sentence what the block bootstrap of the trades says."""
    drawn = answer["bootstrapped"]
    if None in drawn.values():
        return "Reshuffled trades: not computable."
    factor, fall = drawn["profit_factor"], drawn["max_drawdown"]
    return (
        f"Reshuffled trades: of {answer['bounds']['paths']:,} histories nine in ten have a profit factor from "
        f"{factor['low']:.2f} to {factor['high']:.2f} and fall by {percent(fall['low'], 1)} to "
        f"{percent(fall['high'], 1)}."
    )


def break_even(answer: Mapping[str, Any]) -> str:
    """Return in a sentence what a round trip costs, and at which cost the edge dies."""
    own, dead = answer["break_even"]["own"], answer["break_even"]["dead"]
    if own is None:
        return "The edge dies at: not computable, no trade was closed."
    costs = f"A round trip costs {_trip(own)}."
    if dead is None:
        return f"{costs} The edge dies at: {answer['break_even']['why']}."
    return f"{costs} The edge dies at {_trip(dead)}, {dead['multiple']:.2f} times the broker's own."


def leak(answer: Mapping[str, Any]) -> str:
    """Return in a sentence what acting a bar early and a bar late makes of the result before costs."""
    found = answer["leak"]
    if found["deviations"] is None:
        return "Before costs a bar early, in time, a bar late: not computable."
    told = ", ".join(f"{found[name]:+.3f} R" for name in ("early", "now", "late"))
    said = "the shape of a leak" if found["deviations"] > 0 else "not the shape of a leak"
    return f"Before costs a bar early, in time, a bar late: {told}; {said}."


def _trip(one: Mapping[str, Any]) -> str:
    return f"{one['usd_per_lot']:,.2f} USD a lot ({one['price']:.4g} in price, {one['r']:.3f} R)"
