"""What an import has to know and files do not say: declared with an option, asked for on a terminal, never guessed."""

from pathlib import Path

import click

from market import instruments
from market.intake import CLOSE, OPEN
from market.vendors import door
from market.vendors.door import Declared
from market.vendors.source import Asked


def answered(files: list[Path], symbol: str, declared: Declared, ask: bool) -> Declared:
    """Return what is declared, completed by what a person at the terminal answers if there is one to `ask`."""
    if not ask:
        return declared
    asked = Asked(instruments.instrument(symbol), declared.dates)
    known = [door.recognised(path, declared) for path in files]
    for one in known:
        click.echo(f"{one.name}: {door.described(one)}", err=True)
    if declared.stamp is None and any(one.stamp is None for one in known):
        question = "Do stamps mark the open or the close of a bar?"
        declared = declared._replace(stamp=click.prompt(question, type=click.Choice([OPEN, CLOSE]), err=True))
    known = [door.recognised(path, declared) for path in files]
    if declared.timezone is None and any(door.lacks_clock(one, asked) for one in known):
        question = "On which clock are the stamps (UTC, Europe/Athens, EET-EU, NY+7, UTC+3 …)?"
        declared = declared._replace(timezone=click.prompt(question, err=True))
    return declared
