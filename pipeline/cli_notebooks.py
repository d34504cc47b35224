"""The verb of the notebooks."""

import click

from pipeline.cli_options import JSON


@click.command()
@click.argument("series", required=False, default="")
@JSON
def notebooks(series: str, as_json: bool) -> None:
    """Run the notebooks on a series and keep them as pages; default: the first with a verdict, else a simulated one."""
    from pipeline import screen, screen_notebooks
    from pipeline.notebooks import running

    screen.show(running.run(series, screen.Screen()), as_json, screen_notebooks.made)


VERBS = (notebooks,)
