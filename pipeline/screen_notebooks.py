"""How the run of the notebooks reads on a terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape


def made(console: Console, answer: Mapping[str, Any]) -> None:
    """Print where the pages are, and which notebooks were left out and why."""
    for one in answer["left_out"]:
        console.print(
            f"[yellow]Left out[/] {one['notebook']}: {escape(answer['series'])} has no {one['lacks']} yet; "
            f"`{escape(one['type'])}` makes {'one' if one['lacks'] == 'card' else 'them'}.",
            soft_wrap=True,
        )
    for one in answer["pages"]:
        console.print(f"  {escape(one['page'])}", soft_wrap=True)
    count = len(answer["pages"])
    console.print(
        f"{count} notebooks of {escape(answer['series'])}: open a page in a browser, the .ipynb beside it in Jupyter",
        soft_wrap=True,
    )
    if count:
        console.print(f"First: {escape(Path(answer['pages'][0]['page']).as_uri())}", soft_wrap=True)
