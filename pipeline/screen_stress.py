"""What a person sees of a stress test: scenarios, the cost that kills the edge, the sign of a leak, each bound."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backtest.stress import BOUNDS
from pipeline.stressing import PICTURE
from registry.stress_told import TITLES, break_even, leak, reshuffled

_HEAD = ("Scenario", "Trades", "Profit factor", "Expectancy", "Sharpe/trade", "Win rate", "Drawdown")


def stressed(console: Console, answer: Mapping[str, Any]) -> None:
    """Print a stress test, its verdicts last."""
    span = f"{answer['bars']:,} bars from {answer['first'][:10]} to {answer['last'][:10]}"
    console.print(f"[bold]{answer['series']}[/] {escape(answer['judged'])}: {span}", soft_wrap=True)
    if answer["scenarios"][0]["trades"] == 0:
        console.print("[yellow]No trade was closed in the judged window:[/] nothing could survive.", soft_wrap=True)
    console.print(_table(_HEAD, [_scenario(one) for one in answer["scenarios"]]))
    for line in (reshuffled(answer), break_even(answer), leak(answer)):
        console.print(escape(line), soft_wrap=True)
    console.print(_table(("Bound", "Got", "Wanted", ""), [_verdict(one) for one in answer["verdicts"]]))
    console.print(f"Picture: {escape(str(Path(answer['folder']) / PICTURE))}", soft_wrap=True)
    console.print("[bold green]SURVIVES[/]" if answer["passed"] else "[bold red]DOES NOT SURVIVE[/]")


def _scenario(one: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        TITLES[one["name"]],
        f"{one['trades']:,}",
        _number(one["profit_factor"]),
        "–" if one["expectancy"] is None else f"{one['expectancy']:+.3f} R",
        _number(one["sharpe_per_trade"], 3),
        "–" if one["win_rate"] is None else _percent(one["win_rate"]),
        _percent(one["max_drawdown"]),
    )


def _verdict(one: Mapping[str, Any]) -> tuple[str, ...]:
    show = _percent if one["name"].startswith("drawdown") else _number
    got = f"not computable: {one['note']}" if one["got"] is None else show(one["got"])
    sign = "≥" if one["direction"] == ">=" else "≤"
    return BOUNDS[one["name"]].title, got, f"{sign} {show(one['wanted'])}", "pass" if one["passed"] else "FAIL"


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for at, name in enumerate(head):
        table.add_column(name, justify="right" if at else "left")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table
