"""`assay prune`: free what no champion and no newer run needs."""

from typing import Any

import click

from pipeline.cli_options import JSON


@click.command()
@click.option("--only", multiple=True, metavar="PATTERN", help="Series such as 'XAU*_15T'; may be repeated.")
@click.option("--keep", default=5, show_default=True, type=click.IntRange(1), help="Newest finished runs of a series.")
@click.option("--tables", is_flag=True, help="Features and labels that hold, too: the next training makes them again.")
@click.option("--yes", is_flag=True, help="Delete for good; default: only say what would go.")
@JSON
def prune(as_json: bool, **wish: Any) -> None:
    """Say what of the home no champion and no newer run needs, with sizes, and delete it for good with --yes."""
    from pipeline import freeing, screen, screen_prune

    screen.show(freeing.prune(freeing.Wish(**wish)), as_json, screen_prune.freed)


VERBS = (prune,)
