"""How a card tells what luck and worse fills would have made of a result: a line a number, with what it says."""

from collections.abc import Mapping
from typing import Any

from registry import luck_told
from registry.gates import GATES, Gate, status, what_it_would_take
from registry.markdown_tables import bullets, section, table
from registry.shortfall import percent
from registry.stress_told import TITLES, break_even, leak, reshuffled

Told = Mapping[str, Any]


def luck(card: Told) -> str:
    """Return the section on significance; empty where an older card knows nothing of it."""
    return section("Against luck", bullets(luck_lines(card)))


def luck_lines(card: Told) -> list[str]:
    """Return a line for each question, the number and what it says; one line where there was no trade."""
    told = card["significance"]
    if "why" in told:
        return [f"Against luck: nothing can be asked, {told['why']}."]
    return [f"{line}." for line in luck_told.lines(told).values()]


def robustness(card: Told) -> str:
    """Return the section on worse fills: scenarios, each bound, the cost at which the edge dies, the sign of a leak."""
    told = card["robustness"]
    if not told:
        return ""
    if "why" in told:
        return section("Worse fills", f"Nothing can be asked, {told['why']}.")
    rows = [_scenario(one) for one in told["scenarios"]]
    said = [break_even(told), reshuffled(told), leak(told), f"{_bounds(told)}."]
    return section("Worse fills", f"{table(rows)}\n\n{bullets(said)}")


def chances(card: Told) -> str:
    """Return the section on how often the six benchmarks pass by luck, and with the edge that is claimed."""
    told = card["chances"]
    if not told or "why" in told:
        return section("Chances of the benchmarks", f"Nothing can be asked, {told['why']}." if told else "")
    rows = [
        {
            "Benchmark": GATES[name].title if name in GATES else "All",
            "By luck": _share(chance, told),
            "At this edge": _share(told["power"][name], told),
        }
        for name, chance in told["luck"].items()
    ]
    explained = (
        f"Of {told['histories']:,} histories of {told['trades']:,} trades like these, the share that passes: without "
        f"an edge (a mean of 0 R), and with the one claimed ({told['expectancy']:+.3f} R)."
    )
    return section("Chances of the benchmarks", f"{table(rows)}\n\n{explained}")


def proof_lines(card: Told) -> list[str]:
    """Return the few lines that a terminal shows: the other verdicts, what a result is worth, where its edge dies."""
    lines = [verdict_line(name, gates, card) for name, gates in _others(card).items()]
    told, worse = card["significance"], card["robustness"]
    if "why" in told:
        return [*lines, *luck_lines(card)]
    if "shrunken" in told:
        lines.append(luck_told.lines(told)["shrunken"])
    if "verdicts" in worse:
        lines += [break_even(worse), _bounds(worse)]
    return lines


def verdicts(card: Told) -> str:
    """Return the section on what the profiles say that do not decide."""
    lines = [f"{verdict_line(name, gates, card)}." for name, gates in _others(card).items()]
    if not lines:
        return ""
    return section("Other profiles", f"Profile `{card['profile']}` decides promotion.\n\n{bullets(lines)}")


def verdict_line(profile: str, gates: list[Any], card: Told) -> str:
    """Return what a profile says in one line, with what each failed gate lacks."""
    judged = [Gate.model_validate(gate) for gate in gates]
    trades = trades_of(card)
    failed = [
        f"{GATES[gate.name].title.lower()}: {what_it_would_take(gate, trades)}" for gate in judged if not gate.passed
    ]
    left_out = [f"{GATES[gate.name].title.lower()} not asked ({gate.note})" for gate in judged if not gate.asked]
    said = status(judged, profile)
    counts = f"fails {len(failed)} of {len(judged)}" if failed else f"passes all {len(judged)}"
    return "; ".join([f"Profile {profile} says {said}, {counts}", *failed, *left_out])


def trades_of(card: Told) -> int:
    """Return how many trades were judged: those of the gate that counts them, else those of the window's figures."""
    counted_by_gate = [gate["got"] for gate in card["gates"] if gate["name"] == "trades"]
    return int((counted_by_gate or [card["oos"].get("trades")])[0] or 0)


def _others(card: Told) -> dict[str, list[Any]]:
    return {name: gates for name, gates in card["verdicts"].items() if name != card["profile"]}


def _bounds(told: Told) -> str:
    broken = [one for one in told["verdicts"] if not one["passed"]]
    if not broken:
        return f"All {len(told['verdicts'])} bounds of the stress test hold"
    named = ", ".join(
        f"{one['name'].replace('_', ' ')} {_number(one['got'])} (wanted {_sign(one)} {one['wanted']:g})"
        for one in broken
    )
    return f"{len(broken)} of {len(told['verdicts'])} bounds of the stress test do not hold: {named}"


def _scenario(one: Told) -> dict[str, str]:
    return {
        "Scenario": TITLES[one["name"]],
        "Trades": f"{one['trades']:,}",
        "PF": _number(one["profit_factor"]),
        "R/trade": "–" if one["expectancy"] is None else f"{one['expectancy']:+.3f}",
        "Wins": "–" if one["win_rate"] is None else percent(one["win_rate"], 1),
        "Fall": percent(one["max_drawdown"], 1),
    }


def _sign(one: Told) -> str:
    return "≥" if one["direction"] == ">=" else "≤"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _share(chance: float, told: Told) -> str:
    return percent(chance, 1) if chance >= 0.001 else f"{round(chance * told['histories'])} of {told['histories']:,}"
