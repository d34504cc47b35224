"""How the answers of `assay tables` look."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_COLOURS = {"in step": "green", "differ": "red"}


def stood(console: Console, answer: Mapping[str, Any]) -> None:
    """Print each part of each series with its state and its size here and there."""
    table = Table("series", "part", "state", "here", "there", box=None, pad_edge=False)
    for one in answer["series"]:
        for row in one.get("parts", []):
            state = row["state"]
            shown = f"[{_COLOURS.get(state, 'yellow')}]{state}[/]"
            sizes = _size(row["bytes_here"]), _size(row["bytes_there"])
            table.add_row(escape(one["series"]), row["part"], shown, *sizes)
    console.print(table)
    console.print(f"here: {escape(answer['home'])}; there: {escape(answer['store'])}", soft_wrap=True)
    for one in answer["series"]:
        if "refused" in one:
            console.print(f"[red]{escape(one['series'])}: {escape(one['refused'])}[/]", soft_wrap=True)


def moved(console: Console, answer: Mapping[str, Any]) -> None:
    """Print the same, and how much was moved."""
    stood(console, answer)
    console.print(f"moved: {_size(sum(one.get('moved', 0) for one in answer['series']))}")


def _size(count: int) -> str:
    return f"{count / 1e6:,.2f} MB" if count else "–"
