"""The verbs of the fleet: plan, run, resume, status, report, import."""

import sys
from pathlib import Path
from typing import Any

import click

from market.errors import AssayError, UsageError
from pipeline.cli_options import JSON

_ONLY = click.option("--only", multiple=True, metavar="PATTERN", help="Series such as 'XAU*_15T'; may be repeated.")
_WORKERS = click.option("--workers", type=click.IntRange(1), help="Series at once here; default: one for each core.")
_FROM = click.option("--from", "begin", metavar="STAGE", help="Run this stage and those after it anew.")
_SCHEDULER = click.option(
    "--scheduler", metavar="ADDRESS", help="A dask scheduler, tls://HOST:8786; default: config/fleet.toml."
)


@click.group()
def fleet() -> None:
    """Train every series of config/fleet.toml, beside each other, and go on where it was stopped."""


@fleet.command()
@_ONLY
@_WORKERS
@_FROM
@JSON
def plan(as_json: bool, **wish: Any) -> None:
    """Say what is stale of each series and why, what it will cost, and which bars are missing; nothing is written."""
    from pipeline import fleet_run, screen, screen_fleet

    screen.show(fleet_run.planned(fleet_run.Wish(**wish)), as_json, screen_fleet.planned)


@fleet.command()
@_ONLY
@_WORKERS
@_FROM
@_SCHEDULER
@JSON
def run(as_json: bool, **wish: Any) -> None:
    """Train what is stale; a series that fails does not stop the others. FAILED verdicts are answers and exit 0."""
    from pipeline import fleet_run
    from pipeline.screen_fleet_live import Watched

    _ended(fleet_run.run(fleet_run.Wish(**wish), Watched()), as_json)


@fleet.command()
@JSON
def resume(as_json: bool) -> None:
    """Go on with what was asked for last."""
    from pipeline import fleet_run
    from pipeline.screen_fleet_live import Watched

    _ended(fleet_run.resume(Watched()), as_json)


@fleet.command()
@JSON
def status(as_json: bool) -> None:
    """Say where each series stands, and who is at work."""
    from pipeline import fleet_run, screen, screen_fleet

    screen.show(fleet_run.status(), as_json, screen_fleet.stood)


@fleet.command()
@_ONLY
@click.option("--html", is_flag=True, help="Write one page for a browser and print where it is.")
@click.option("--to", type=click.Path(path_type=Path), metavar="FILE", help="The page; default: fleet/report.html.")
@JSON
def report(only: tuple[str, ...], html: bool, to: Path | None, as_json: bool) -> None:
    """Report on the verdicts that stand: luck, correlation, the READY ones on one account, and what each cost."""
    from pipeline import fleet_page, fleet_report, screen, screen_fleet

    if html:
        screen.show(fleet_page.write(only, to), as_json, lambda _, answer: click.echo(answer["page"]))
        return
    if to is not None:
        raise UsageError("--to FILE is where --html writes its page: give both.")
    screen.show(fleet_report.report(only), as_json, screen_fleet.reported)


@fleet.command("import")
@_ONLY
@JSON
def import_(only: tuple[str, ...], as_json: bool) -> None:
    """Import and resample the bars of the fleet from the files that config/fleet.toml names in [sources]."""
    from pipeline import fleet_sources, screen, screen_fleet

    answer = fleet_sources.bring(only, screen.Screen())
    screen.show(answer, as_json, screen_fleet.brought)
    sys.exit(fleet_sources.exit_code(answer))


def _ended(answer: dict[str, Any], as_json: bool) -> None:
    from pipeline import fleet_report, fleet_run, screen, screen_fleet

    try:
        report, problem = fleet_report.known(answer["asked"]["only"]), None
    except AssayError as error:
        report, problem = None, error
    screen.show(answer | {"report": report}, as_json, screen_fleet.ran)
    if problem is not None:
        raise problem
    sys.exit(fleet_run.exit_code(answer))


VERBS = (fleet,)
