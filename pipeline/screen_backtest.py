"""What a person sees of a backtest on request: what it was, warnings, figures, costs, refusals, where the rest is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline import tear_sheet

_SHORTLY = ("side", "session", "regime")  # the other breakdowns are on the page


def backtested(console: Console, answer: Mapping[str, Any]) -> None:
    """Print a backtest, its warnings first."""
    span = f"{answer['bars']:,} bars from {_stamp(answer['first'])} to {_stamp(answer['last'])} UTC"
    console.print(f"[bold]{answer['series']}[/] {escape(answer['judged'])}: {span}", soft_wrap=True)
    for line in answer["warnings"]:
        console.print(f"[yellow]Warning:[/] {escape(line)}", soft_wrap=True)
    if said := tear_sheet.same(answer):
        console.print(f"[green]{said.strip()}[/]", soft_wrap=True)
    console.print(_table(("", "", "90 % interval"), tear_sheet.figure_rows(answer)))
    for by in _SHORTLY:
        console.print(_table(*tear_sheet.breakdown(by, answer["breakdown"][by])))
    console.print(f"Costs: {tear_sheet.costs(answer)}", soft_wrap=True)
    console.print(f"Ties: {tear_sheet.ties(answer)}", soft_wrap=True)
    console.print(f"Ended by: {_counted(answer['exits_by_reason'])}", soft_wrap=True)
    console.print(f"No order: {_counted(tear_sheet.refused(answer))}", soft_wrap=True)
    console.print(f"Tear sheet: {escape(str(Path(answer['folder']) / tear_sheet.PAGE))}", soft_wrap=True)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for at, name in enumerate(head):
        table.add_column(name, justify="right" if at else "left")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def _counted(counts: Mapping[str, int]) -> str:
    told = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in told) or "never"


def _stamp(iso: str) -> str:
    return iso[:16].replace("T", " ")
