"""What a person sees of a profile's verdict on the last run."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from pipeline.screen import benchmarks


def judged(console: Console, answer: Mapping[str, Any]) -> None:
    """Print what a profile says of a run, gate by gate, and whether that decides anything."""
    colour = "green" if answer["status"] == "READY" else "red"
    said = f"{answer['series']} by profile {answer['profile']}, run {answer['run_id']}"
    console.print(f"[bold {colour}]{answer['status']}[/] {escape(said)}", soft_wrap=True)
    console.print(benchmarks(answer))
    if answer["profile"] != answer["decides"]:
        console.print(f"Promotion is decided by profile {escape(answer['decides'])}; nothing was promoted.")
    else:
        console.print("This profile decides promotion, which `assay train` does; nothing was promoted.")
