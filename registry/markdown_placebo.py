"""How a card quotes the error rate of the gate that judged it: worlds without an edge, with one, and with leaks."""

from collections.abc import Mapping
from typing import Any

from registry.markdown_tables import section, table
from registry.shortfall import percent

Told = Mapping[str, Any]


def lines(card: Told) -> list[str]:
    """Return a line about how far the gate itself is to be believed; none for an older card."""
    told = card["placebo"]
    return [str(told.get("told") or told["why"])] if told else []


def error_rate(card: Told) -> str:
    """Return the section on the gate's own error rate: what it promotes of nothing, and of an edge by its strength."""
    told = card["placebo"]
    if not told:
        return ""
    if "why" in told:
        return section("The gate itself", told["why"])
    z = told["mean_sharpe_z"]
    said = [
        f"{told['told']} Tier {told['tier']}, {told['source']}.",
        f"Leaks that were switched on and must be seen: {told['leaks_seen']} of {told['leaks']} were.",
    ]
    if z is not None:
        said.append(f"Without an edge, fixed thresholds earned what random entries earn, give or take: z {z:+.1f}.")
    said += [f"**Wrong:** {complaint}." for complaint in told["complaints"]]
    said += [_profiles(told), table([_edge(one) for one in told["power"]])]
    return section("The gate itself", "\n\n".join(said))


def _profiles(told: Told) -> str:
    rates = (
        f"`{profile}` {one['promotions']} of {one['worlds']} (at most {percent(one['upper_bound_95'], 1)})"
        for profile, one in told["profiles"].items()
    )
    return f"Promoted of nothing: {'; '.join(rates)}. Promoted of an edge, with 95 % intervals:"


def _edge(one: Told) -> dict[str, str]:
    shown = {"Edge ρ": f"{one['edge']:g}", "Oracle's PF": _number(one["oracle_profit_factor"])}
    shown["PF"] = _number(one["profit_factor"])
    return shown | {
        f"`{profile}`": f"{share['promoted']} of {one['worlds']} ({share['low']:.0%} … {share['high']:.0%})"
        for profile, share in one["profiles"].items()
    }


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
