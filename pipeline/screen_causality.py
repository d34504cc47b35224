"""How the causality check reads: what was tried in each series, and everything that knew of the future."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from market.perturbation import KINDS
from pipeline.causality import FAULTS, faults_told


def checked(console: Console, answer: Mapping[str, Any]) -> None:
    """Print what was found in each series; every leak by column, bar and both values."""
    for one in answer["series"]:
        if "refused" in one:
            console.print(f"[yellow]{one['series']}[/] not checked: {escape(one['refused'])}", soft_wrap=True)
        else:
            _series(console, one)


def _series(console: Console, one: Mapping[str, Any]) -> None:
    for fault in faults_told(one):
        console.print(f"[red]LEAK[/] {escape(fault)}", soft_wrap=True)
    console.print(_tried(one))
    found = sum(len(one.get(kind, [])) for kind in FAULTS)
    told = f"[red]{found} {'leak' if found == 1 else 'leaks'}[/]" if found else "[green]no look ahead[/]"
    columns = f"{one['columns']} features of {len(one['groups'])} groups"
    console.print(f"{one['series']}: {told} in {columns} and in the labels, in {one['seconds']:.1f} s")


def _tried(one: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(one["series"])
    for kind in (*KINDS, "all"):
        table.add_column(kind, justify="right")
    for what, counts in (("cut points", one["cuts"]), ("labels", one["labels"])):
        table.add_row(what, *(str(counts[kind]) for kind in KINDS), str(sum(counts.values())))
    return table
