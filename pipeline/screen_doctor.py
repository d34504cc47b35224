"""What a person sees of a doctor: findings, the worst first, each with its evidence and what to do."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from registry.figures import counted

_COLOURS = {"critical": "bold red", "warning": "yellow", "note": "cyan"}


def examined(console: Console, answer: Mapping[str, Any]) -> None:
    """Print findings, or plainly that there is none, and what could not be asked: a line for each reason."""
    console.print(_subject(answer), soft_wrap=True)
    for one in answer["findings"]:
        console.print(f"[{_COLOURS[one['severity']]}]{one['severity']}[/] {one['check']}", soft_wrap=True)
        console.print(f"  {escape(one['evidence'])}", soft_wrap=True)
        console.print(f"  Fix: {escape(one['fix'])}", soft_wrap=True)
    for left in answer["not_asked"]:
        console.print(f"Not asked, {escape(left['why'])}: {', '.join(left['checks'])}.", soft_wrap=True)
    console.print(escape(_sum(answer)), soft_wrap=True)


def _subject(answer: Mapping[str, Any]) -> str:
    if "home" in answer:
        return f"[bold]{escape(answer['home'])}[/]"
    made = f"judged {answer['made_at'][:10]}"
    return f"[bold]{answer['series']}[/] run {answer['run_id'][:12]}, {answer['status']}, {made}"


def _sum(answer: Mapping[str, Any]) -> str:
    asked = answer["checks"] - sum(len(left["checks"]) for left in answer["not_asked"])
    if not answer["findings"]:
        return f"Nothing found in {counted(asked, 'check')}."
    severities = [one["severity"] for one in answer["findings"]]
    each = ", ".join(_counted(severities.count(name), name) for name in dict.fromkeys(severities))
    return f"{counted(len(severities), 'finding')} in {counted(asked, 'check')}: {each}."


def _counted(count: int, severity: str) -> str:
    return f"{count} {severity}" if severity == "critical" else counted(count, severity)
