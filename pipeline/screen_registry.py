"""What a person sees of promotion and of what is in production."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from registry.incumbent import Stretch
from registry.shortfall import percent


def promoted(console: Console, record: Mapping[str, Any]) -> None:
    """Print the record of a promotion."""
    console.print(
        f"[bold green]{record['series']}[/] version {record['version']} (run {record['run_id']}) is the champion",
        soft_wrap=True,
    )
    for line in _lines(record):
        console.print(escape(line), soft_wrap=True)


def models(console: Console, rows: list[Mapping[str, Any]]) -> None:
    """Print what is in production, and whom a rollback would bring back."""
    if not rows:
        console.print("Nothing is in production: no model has passed every benchmark yet.")
    for row in rows:
        colour = "red" if row["expired"] else "green" if row["alias"] == "champion" else "dim"
        expires = f", expires {row['expires'][:10]}" if row["expires"] else ""
        console.print(
            f"[{colour}]{row['series']}[/] {row['alias']}: version {row['version']} since {row['when']}, run "
            f"{row['run_id']}{', EXPIRED on ' + row['expires'][:10] if row['expired'] else expires}; {_figures(row)}",
            soft_wrap=True,
        )


def settled(console: Console, told: Mapping[str, Any]) -> None:
    """Print whether a verdict was followed by promotion."""
    if told["promoted"]:
        console.print(f"[green]In production[/] as version {told['version']}.")
    else:
        console.print(f"[yellow]Not promoted:[/] {escape(told['why'])}", soft_wrap=True)


def _lines(record: Mapping[str, Any]) -> list[str]:
    lines = [
        f"Signed as serial {record['serial']} by {record['who']} at {record['when']}; expires {record['expires'][:10]}",
        f"Why: {record['why']}",
        f"Allows: {record['error_rate']['allows']}. {record['error_rate'].get('told', '')}".rstrip(),
    ]
    if comparison := record["comparison"]:
        where = Stretch(**comparison["on"]).told if comparison["on"] else ""
        lines.append(f"Against the champion before{where}: {comparison['verdict']}, {comparison['told']}")
    evidence = ", ".join(f"{name} {digest[:12]}" for name, digest in record["evidence"].items())
    return [*lines, f"Evidence (SHA-256): {evidence}"]


def _figures(row: Mapping[str, Any]) -> str:
    metrics = row["metrics"]
    if not metrics:
        return "promoted by an older version"
    shown = (("profit factor", "profit_factor", "{:.2f}".format), ("win rate", "win_rate", lambda x: percent(x, 1)))
    told = [f"{title} {show(metrics[name])}" for title, name, show in shown if metrics.get(name) is not None]
    return ", ".join([*told, f"{metrics.get('trades')} trades"])
