"""How `assay prune` reads on a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_MEGABYTE = 1e6
_TOLD = 40  # series


def freed(console: Console, answer: Mapping[str, Any]) -> None:
    """Print what goes, or went, by series and kind, with the total, and what was left alone."""
    kinds = list(answer["kinds"])
    if kinds:
        console.print(_table(answer, kinds))
    done, home = answer["done"], escape(answer["home"])
    total = f"{answer['bytes'] / _MEGABYTE:,.1f} MB"
    console.print(f"[bold]{home}[/]: {total} {'freed' if done else 'would be freed'}" if kinds else f"{home}: nothing")
    if count := (again := answer["made_again"])["tables"]:
        seconds = f"{again['seconds']:,.0f}"
        console.print(
            f"  {count} of these tables {'held' if done else 'hold'}: the next training of their series makes them "
            f"again, about {seconds} s in all, and trains nothing anew for that."
        )
    for line in answer["left_alone"]:
        console.print(f"  {escape(line)}", soft_wrap=True)
    if kinds and not done:
        console.print("  Nothing was deleted: --yes does it, for good.")


def _table(answer: Mapping[str, Any], kinds: list[str]) -> Table:
    """Return megabytes by series and kind, the largest series first."""
    table = Table("MB of", *kinds, "together", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    found = sorted(answer["series"], key=lambda name: -answer["series"][name])
    rows = found if len(found) <= _TOLD else found[: _TOLD - 1]
    for name in rows:
        mine = [one for one in answer["needless"] if one["series"] == name]
        told = [_megabytes([one for one in mine if one["kind"] == kind]) for kind in kinds]
        table.add_row(name or "the home", *told, _megabytes(mine))
    if len(rows) < len(found):
        rest = [one for one in answer["needless"] if one["series"] not in rows]
        told = [_megabytes([one for one in rest if one["kind"] == kind]) for kind in kinds]
        table.add_row(f"{len(found) - len(rows)} more", *told, _megabytes(rest))
    return table


def _megabytes(found: list[Mapping[str, Any]]) -> str:
    return f"{sum(one['bytes'] for one in found) / _MEGABYTE:,.1f}" if found else "–"
