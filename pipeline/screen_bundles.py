"""What a person sees of an exported model, and of what two models have not in common."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from registry.gates import GATES

_SHOWN = 40  # characters of a value
_FEW = 12  # features by name


def exported(console: Console, answer: Mapping[str, Any]) -> None:
    """Print what was exported, whether it may be traded, and with which key it is signed."""
    what = "the champion" if answer["for_trading"] else f"a {answer['status']} run, [bold red]NOT FOR TRADING[/]"
    console.print(f"[green]{answer['series']}[/] run {answer['run_id']}: {what}", soft_wrap=True)
    console.print(f"{len(answer['files'])} files in {escape(answer['folder'])}", soft_wrap=True)
    console.print(f"bundle {answer['bundle_sha256']}", soft_wrap=True)
    console.print(f"signed by key {answer['key']}; a runner verifies with production.pub in ASSAY_KEYS", soft_wrap=True)


def compared(console: Console, answer: Mapping[str, Any]) -> None:
    """Print in what two models differ, section by section, and their gates side by side."""
    for side in "ab":
        one = answer[side]
        told = (
            f"{one['series']} run {one['run_id']}, {one['status']}, made {one['made_at'][:16]}, recipe {one['recipe']}"
        )
        console.print(f"[bold]{side.upper()}[/] {escape(told)}", soft_wrap=True)
    for note in answer["notes"]:
        console.print(f"[yellow]Note:[/] {escape(note)}", soft_wrap=True)
    if answer["same"]:
        console.print("They are the same bundle, byte for byte.")
    _features(console, answer["features"])
    if answer["changed"]:
        console.print(_values(answer["changed"]))
    console.print(_gates(answer["gates"]))


def _features(console: Console, features: Mapping[str, Any]) -> None:
    console.print(f"{features['common']} features in common")
    for what, sign in (("added", "+"), ("removed", "−")):
        if names := features[what]:
            rest = f" and {len(names) - _FEW} more (--json)" if len(names) > _FEW else ""
            console.print(f"{sign} {len(names)} {what}: {', '.join(names[:_FEW])}{rest}", soft_wrap=True)


def _values(changed: Mapping[str, Any]) -> Table:
    table = Table("", "", "A", "B", box=None, pad_edge=False, header_style="bold")
    for section, values in changed.items():
        for at, one in enumerate(values):
            table.add_row("" if at else section, escape(one["name"]), _told(one["a"]), _told(one["b"]))
    return table


def _gates(gates: list[Mapping[str, Any]]) -> Table:
    table = Table("benchmark", "A", "B", "wanted", box=None, pad_edge=False, header_style="bold")
    for gate in gates:
        known, show = gate["a"] or gate["b"], GATES[gate["name"]].show
        wanted = f"{'≥' if known['direction'] == '>=' else '≤'} {show(known['wanted'])}"
        table.add_row(GATES[gate["name"]].title, *(_got(gate[side], show) for side in "ab"), wanted)
    return table


def _got(side: Mapping[str, Any] | None, show: Any) -> str:
    if side is None:
        return "not judged"
    got = "–" if side["got"] is None else show(side["got"])
    return f"{got} [green]pass[/]" if side["passed"] else f"{got} [red]FAIL[/]"


def _told(value: Any) -> str:
    text = "–" if value is None else str(value)
    return escape(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")
