"""How the care of a registry reads on a terminal."""

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_TOLD = 20  # runs
_MEGABYTE = 1e6


def swept(console: Console, answers: list[dict[str, Any]]) -> None:
    """Print what was mended, home by home, and what a person has to do."""
    for answer in answers:
        lines = list(_mended(answer))
        console.print(f"[bold]{escape(answer['home'])}[/]: {'mended' if lines else 'nothing to mend'}")
        for line in lines:
            console.print(f"  {escape(line)}", soft_wrap=True)
        if running := answer["running"]:
            console.print(
                f"  {len(running)} runs left RUNNING, their writer may live: {', '.join(running)}", soft_wrap=True
            )
        for line in answer["unmended"]:
            console.print(f"  [red]not mended[/]: {escape(line)}", soft_wrap=True)


def pruned(console: Console, answers: list[dict[str, Any]]) -> None:
    """Print which runs go, or went, and how much room that is."""
    for answer in answers:
        doomed, done = answer["doomed"], answer["done"]
        if doomed:
            console.print(_runs(doomed))
        more = f", {len(doomed) - _TOLD} more than shown" if len(doomed) > _TOLD else ""
        room = sum(one["bytes"] for one in doomed) / _MEGABYTE
        console.print(
            f"[bold]{escape(answer['home'])}[/]: {len(doomed)} runs {'deleted' if done else 'would go'}{more}, "
            f"{room:,.1f} MB; {answer['kept']} stay"
        )
        if doomed and not done:
            console.print("  Nothing was deleted: --yes does it, for good.")


def repaired(console: Console, answers: list[dict[str, Any]]) -> None:
    """Print how many addresses were rewritten, and those that could not be."""
    for answer in answers:
        console.print(f"[bold]{escape(answer['home'])}[/]: {answer['rewritten']} addresses rewritten")
        if answer["rewritten"]:
            console.print(f"  from {escape(', '.join(answer['moved_from']))}", soft_wrap=True)
            console.print(f"  the database as it was: {escape(answer['aside'])}", soft_wrap=True)
        for place in answer["left"]:
            console.print(
                f"  [red]left[/]: {escape(place)}, whose artifacts are still there and not in this home", soft_wrap=True
            )


def _mended(answer: dict[str, Any]) -> Iterator[str]:
    told = {
        "killed": "runs whose writer is gone, marked KILLED",
        "models": "models that were never finished, deleted",
        "versions": "versions that were half there, deleted",
    }
    for name, what in told.items():
        if found := answer[name]:
            yield f"{len(found)} {what}: {', '.join(found)}"
    yield from answer["aliases"]


def _runs(doomed: list[dict[str, Any]]) -> Table:
    table = Table("Series", "Run", "Ended", "MB", box=None)
    table.columns[-1].justify = "right"
    for one in doomed[:_TOLD]:
        table.add_row(one["series"], one["run_id"], one["ended"][:16], f"{one['bytes'] / _MEGABYTE:,.1f}")
    return table
