"""The verb of advice: whether to train again."""

import click

from pipeline.cli_options import JSON


@click.command()
@click.argument("series")
@JSON
def advise(series: str, as_json: bool) -> None:
    """Say whether the champion of a series should be trained again, or kept, and how often such advice is wrong."""
    from pipeline import advising, screen, screen_advice

    screen.show(advising.advise(series, screen.Screen()), as_json, screen_advice.advised)


VERBS = (advise,)
