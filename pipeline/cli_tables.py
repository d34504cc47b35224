"""The verbs of shared tables: status, send, bring."""

import sys

import click

from pipeline.cli_options import JSON

_ONLY = click.option("--only", multiple=True, metavar="PATTERN", help="Series such as 'XAU*_15T'; may be repeated.")


@click.group()
def tables() -> None:
    """Share bars and what was made of them with other machines, by the store that ASSAY_TABLES names."""


@tables.command()
@_ONLY
@JSON
def status(only: tuple[str, ...], as_json: bool) -> None:
    """Say what of each series is here, what is in the store, and which side is newer; nothing is moved."""
    from pipeline import screen, screen_tables, sharing

    screen.show(sharing.status(only), as_json, screen_tables.stood)


@tables.command()
@_ONLY
@JSON
def send(only: tuple[str, ...], as_json: bool) -> None:
    """Send what is newer here; where both sides differ, --only SERIES lets this home's hold."""
    from pipeline import screen, screen_tables, sharing

    answer = sharing.send(only)
    screen.show(answer, as_json, screen_tables.moved)
    sys.exit(sharing.exit_code(answer))


@tables.command()
@_ONLY
@JSON
def bring(only: tuple[str, ...], as_json: bool) -> None:
    """Bring what is newer in the store; where both sides differ, --only SERIES lets the store's hold."""
    from pipeline import screen, screen_tables, sharing

    answer = sharing.bring(only)
    screen.show(answer, as_json, screen_tables.moved)
    sys.exit(sharing.exit_code(answer))


VERBS = (tables,)
