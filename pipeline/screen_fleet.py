"""How a fleet's answers look: plan, board, report and what was imported."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from registry.report import fleet_told
from registry.report.fleet_told import number

Told = Mapping[str, Any]

_COLOURS = {
    "READY": "green",
    "FAILED": "red",
    "failed": "red",
    "refused": "red",
    "missing": "yellow",
    "stale": "yellow",
}
_SHOWN_WHY = 110


def planned(console: Console, answer: Told) -> None:
    """Print each series with what must run and why, and what all of it will cost."""
    table = _table("series", "state", "bars", "s", "memory", "disk", "why")
    for one in answer["series"]:
        cost = (_seconds(one["seconds"]), _gigabytes(one["memory"]), _gigabytes(one["disk"]))
        table.add_row(one["series"], _coloured(one["state"]), f"{one['bars']:,}", *cost, escape(one["why"]))
    console.print(table)
    told = answer["totals"]
    states = ", ".join(f"{told[name]} {name}" for name in ("up to date", "stale", "missing", "refused") if told[name])
    console.print(f"{told['series']} series: {states}", soft_wrap=True)
    if told["stale"]:
        time = "unknown, as nothing was trained in this home yet"
        if told["seconds"] is not None:
            time = f"{_seconds(told['seconds'])} s, by {told['workers']} workers {_seconds(told['wall_seconds'])} s"
        console.print(
            f"Expected: {time}; memory of the largest {_gigabytes(told['largest_memory'])}; disk "
            f"{_gigabytes(told['disk'])} of {_gigabytes(told['disk_free'])} free",
            soft_wrap=True,
        )


def stood(console: Console, answer: Told) -> None:
    """Print where each series stands."""
    table = _table("series", "state", "stage", "verdict", "since", "why")
    for name, one in answer["series"].items():
        told = (one.get("stage", ""), _coloured(one.get("verdict", "")), one.get("at", ""), escape(one.get("why", "")))
        table.add_row(name, _coloured(one["state"]), *told)
    console.print(table)
    who = answer["holder"]
    if not answer["running"]:
        console.print(f"nobody is at work; the last run: {escape(answer['state'])}")
    else:
        known = f"process {who['pid']} on {who['host']} is at work since {who['since']}" if who else ""
        console.print(escape(known or "another process is at work"))


def ran(console: Console, answer: Told) -> None:
    """Print what a run came to: the series that failed with their reasons, and the report where there is a verdict."""
    for name, one in answer["series"].items():
        if one["state"] in ("failed", "missing"):
            console.print(f"{name}: {_coloured(one['state'])}: {escape(one['why'])}", soft_wrap=True)
    if answer["report"] is not None:
        reported(console, answer["report"])
    console.print(", ".join(f"{count} {name}" for name, count in answer["totals"].items()))


def reported(console: Console, answer: Told) -> None:
    """Print the verdicts, and what they are worth together."""
    table = _table("series", "verdict", "trades", "PF", "win", "Sharpe/trade", "drawdown", "looks", "failed benchmarks")
    for one in answer["verdicts"]:
        figures = [number(one.get(name)) for name in ("profit_factor", "win_rate", "sharpe_per_trade", "max_drawdown")]
        why = ", ".join(one.get("failed", [])) or one["why"][:_SHOWN_WHY]
        looks, trades = (str(one[name]) if one.get(name) is not None else "–" for name in ("looks", "trades"))
        table.add_row(one["series"], _coloured(one["status"]), trades, *figures, looks, escape(why))
    console.print(table)
    said = (
        fleet_told.luck(answer["luck"]),
        fleet_told.independence(answer["independence"]),
        fleet_told.portfolio(answer["portfolio"]),
    )
    for line in said:
        console.print(escape(line), soft_wrap=True)
    _cost(console, answer["cost"])


def brought(console: Console, answer: Told) -> None:
    """Print what became of each series' bars."""
    table = _table("series", "", "bars", "first", "last", "why")
    for one in answer["series"]:
        rows = f"{one['rows']:,}" if "rows" in one else ""
        told = (one.get("first") or "", one.get("last") or "", escape(one["why"]))
        table.add_row(one["series"], _coloured(one["state"]), rows, *told)
    console.print(table)


def _cost(console: Console, told: Told) -> None:
    table = _table("stage", "s", "median s", "most s", "slowest")
    for stage, one in told["stages"].items():
        table.add_row(stage, f"{one['seconds']:.1f}", f"{one['median']:.2f}", f"{one['most']:.1f}", one["slowest"])
    console.print(table)
    console.print(fleet_told.spent(told))


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        right = name in ("bars", "s", "memory", "disk", "trades", "PF", "win", "Sharpe/trade", "drawdown", "looks")
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=name == "series")
    return table


def _coloured(word: str) -> str:
    return f"[{_COLOURS[word]}]{word}[/]" if word in _COLOURS else escape(word)


def _seconds(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f}"


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count else ""
