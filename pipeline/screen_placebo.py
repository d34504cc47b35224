"""How the placebo reads: what was promoted of nothing, what fixed thresholds earned, which leaks show, and power."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def shown(console: Console, answer: Mapping[str, Any]) -> None:
    """Print the verdict over the verdict, then its tables and what is wrong."""
    colour = "green" if answer["status"] == "PASSED" else "red"
    bound = answer["upper_bound_95"] or 0.0
    told = f"{answer['promotions']} of {answer['worlds']} null worlds promoted, at most {bound:.2%} are (95 %)"
    others = "; ".join(
        f"by {profile} {one['promotions']}, at most {one['upper_bound_95']:.2%}"
        for profile, one in answer["profiles"].items()
        if one["worlds"]
    )
    console.print(f"[bold {colour}]{answer['status']}[/] tier {answer['tier']}: {told}", soft_wrap=True)
    console.print(others, soft_wrap=True)
    console.print(_nulls(answer))
    console.print(_power(answer))
    console.print(_controls(answer))
    for one in answer["promoted"]:
        by = ", ".join(one["by"])
        console.print(f"[red]PROMOTED[/] {one['family']}, seed {one['seed']}, {one['variant']}, by {by}")
    if answer["agreement"]["worlds"]:
        console.print(_agreement(answer["agreement"]), soft_wrap=True)
    for complaint in answer["complaints"]:
        console.print(f"[red]WRONG[/] {escape(complaint)}", soft_wrap=True)
    after = answer["sequential"]
    console.print(f"Sequential test: {after['says']} after {after['after']} null worlds; source: {answer['source']}")
    console.print(
        f"{answer['judged']} of {answer['asked']} worlds judged, {answer['seconds_per_world']:.1f} s of a core each"
    )
    console.print(f"Result: {escape(answer['result'])}; picture: {escape(answer['plot'])}", soft_wrap=True)


def _nulls(answer: Mapping[str, Any]) -> Table:
    table = _table("null worlds", "worlds", "promoted", "≤ (95 %)", "skilled", "mean R", "random", "excess R", "z of R")
    table.add_column("z of Sharpe", justify="right")
    table.add_column("p uniform", justify="right")
    for row in (*answer["families"], {"family": "all (means: but N4)"} | dict(answer)):
        bound = "–" if row["upper_bound_95"] is None else f"{row['upper_bound_95']:.2%}"
        counts = (str(row["worlds"]), str(row["promotions"]), bound, str(row["skilled"]))
        means = (_number(row[name], "+.3f") for name in ("mean_r", "random_r", "excess_r"))
        zs = (_number(row[name], "+.2f") for name in ("mean_r_z", "mean_sharpe_z"))
        table.add_row(row["family"], *counts, *means, *zs, _number(row["p_uniformity"], ".3f"))
    return table


def _power(answer: Mapping[str, Any]) -> Table:
    profiles = list(answer["profiles"])
    table = _table("edge", "worlds", "oracle's profit factor", "profit factor", "trades", "refused", *profiles)
    for row in answer["power"]:
        factors = (_number(row[name], ".2f") for name in ("oracle_profit_factor", "profit_factor"))
        counts = (_number(row["trades"], ".0f"), str(row["refused"]))
        shares = (_interval(row["profiles"].get(profile)) for profile in profiles)
        table.add_row(f"{row['edge']:.2f}", str(row["worlds"]), *factors, *counts, *shares)
    return table


def _interval(one: Mapping[str, Any] | None) -> str:
    """Return how many were promoted, and the 95 % interval of their share."""
    if one is None or one["share"] is None:
        return "–"
    return f"{one['promoted']} ({one['low']:.0%} … {one['high']:.0%})"


def _agreement(told: Mapping[str, Any]) -> str:
    alike = "; ".join(f"{profile} {one['alike']} of {told['worlds']}" for profile, one in told["profiles"].items())
    correlation = _number(told["correlation"], "+.2f")
    return (
        f"Full size and small variant decide alike: {alike}. Correlation of their Sharpe ratios by fixed thresholds "
        f"over {told['compared']} worlds: {correlation}"
    )


def _controls(answer: Mapping[str, Any]) -> Table:
    table = _table("leak switched on", "worlds", "promoted", "refused", "excess R", "z of R", "z of Sharpe")
    table.add_column("seen")
    table.add_column("also found by", overflow="fold")
    words = {True: "[green]yes[/]", False: "no", None: "not run"}
    for row in answer["controls"]:
        numbers = (_number(row[name], form) for name, form in _CONTROL_NUMBERS)
        seen = "[red]NO[/]" if row["expected"] and row["flagged"] is False else words[row["flagged"]]
        counts = (str(row["worlds"]), str(row["promotions"]), str(row["refused"]))
        table.add_row(
            row["control"], *counts, *numbers, seen, escape(PurePath(row["found_by"].partition("::")[0]).name)
        )
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


_CONTROL_NUMBERS = (("excess_r", "+.3f"), ("mean_r_z", "+.2f"), ("mean_sharpe_z", "+.2f"))
