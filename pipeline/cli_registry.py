"""The verbs of what is in production: promote, rollback."""

import click

from market import durable
from pipeline.cli_options import JSON


@click.command()
@click.argument("series")
@click.option("--run", "run_id", metavar="RUN_ID", help="Any READY run of the series; default: the last.")
@click.option("--why", default="", help="Your reason; needed where it cannot be compared with the champion.")
@click.option("--unproven", is_flag=True, help="Waive the measured error rate of the gate: for paper trading alone.")
@JSON
def promote(series: str, run_id: str | None, why: str, unproven: bool, as_json: bool) -> None:
    """Make a READY run the champion of its series, over another one only where it is better; a refusal exits 3."""
    from pipeline import promoting, screen, screen_registry

    record = promoting.promote(series, run_id, why, unproven, screen.Screen())
    screen.show(record, as_json, screen_registry.promoted)


@click.command()
@click.argument("series")
@click.option("--why", required=True, help="Your reason: it is signed and kept.")
@JSON
def rollback(series: str, why: str, as_json: bool) -> None:
    """Bring back the champion before this one, from local files; again, with another reason: the other way round."""
    from registry import record as records
    from registry import rollback as rolling

    done = rolling.rollback(records.home_of(series), series, why)
    now, before = done.record, done.record["previous"]
    if as_json:
        answer = {"series": series, "new": done.new, "left": done.left} | now
        click.echo(durable.as_json(answer), nl=False)
        return
    what = "is the champion again" if done.new else "is the champion since, as asked before"
    kept = f"version {before['version']} is kept as the one before"
    click.echo(f"{series}: version {now['version']} (run {now['run_id']}) {what}; {kept}.")
    click.echo(f"Signed as serial {now['serial']} by {now['who']} at {now['when']}: {now['why']}")
    if done.left:
        click.echo(f"warning: {done.left}", err=True)


VERBS = (promote, rollback)
