"""What a person sees of bars that came in: what files were taken for, what was stored, and what to know about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def imported(console: Console, answer: Mapping[str, Any]) -> None:
    """Print what was imported."""
    for line in answer.get("formats", []):
        console.print(f"[dim]{escape(line)}[/]", soft_wrap=True)
    if answer["clock"]:
        console.print(f"[dim]{escape(answer['clock'])}[/]", soft_wrap=True)
    _stored(console, answer)
    merging = answer["merging"]
    if merging["same"] or merging["differing"]:
        kept = f", {merging['differing']:,} differed" if merging["differing"] else ""
        console.print(
            f"{merging['added']:,} bars added, {merging['same']:,} were stored already{kept}.", soft_wrap=True
        )
    if merging["shown"]:
        _differences(console, merging["shown"])
    _notes(console, answer)


def resampled(console: Console, answer: Sequence[Mapping[str, Any]]) -> None:
    """Print what was resampled."""
    for one in answer:
        _stored(console, one)
        _notes(console, one)


def _stored(console: Console, answer: Mapping[str, Any]) -> None:
    held = f"{answer['rows']:,} bars from {answer['first']} to {answer['last']}"
    console.print(f"[green]{answer['series']}[/] {held}", soft_wrap=True)


def _differences(console: Console, shown: Sequence[Mapping[str, Any]]) -> None:
    table = Table("bar", "stored → new", box=None, pad_edge=False)
    for one in shown:
        table.add_row(
            one["ts"], ", ".join(f"{name} {value} → {one['new'][name]}" for name, value in one["old"].items())
        )
    console.print(table)


def _notes(console: Console, answer: Mapping[str, Any]) -> None:
    for line in answer["notes"]:
        console.print(escape(line), soft_wrap=True)
