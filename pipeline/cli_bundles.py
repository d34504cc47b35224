"""The verbs of bundles: export writes a model, or bars, for elsewhere; diff says what two models have not in common."""

import datetime as dt
from pathlib import Path
from typing import Any

import click

from market import command
from market.errors import UsageError
from pipeline.cli_options import JSON


@click.command(options_metavar="[--run RUN_ID]", epilog="Bars: assay export SYMBOL TIMEFRAME --to FILE.parquet|.csv")
@click.argument("name", metavar="SERIES")
@click.argument("where", metavar="DIR")
@click.option("--run", "run_id", metavar="RUN_ID", help="Any run, a FAILED one too; it is marked as not for trading.")
@click.option("--to", type=click.Path(path_type=Path), metavar="FILE", help="Bars: a new file, .parquet or .csv.")
@click.option("--as-of", type=command.Instant(), help="Bars: as they were stored at this instant (UTC).")
@click.option("--force", is_flag=True, help="Bars: write over a file that is there.")
@JSON
def export(
    name: str,
    where: str,
    run_id: str | None,
    to: Path | None,
    as_of: dt.datetime | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write the champion to a folder that another machine verifies and trades; with --to, stored bars to a file.

    Bars come back bit for bit by `assay import --stamp close`.
    """
    from pipeline import bundle_export, screen, screen_bars, screen_bundles
    from pipeline import export as exporting

    if to is not None:
        if run_id is not None:
            raise UsageError("--run names a model and --to a file of bars: give one of them.")
        screen.show(exporting.export(name, where, to, as_of, force), as_json, screen_bars.exported)
        return
    if as_of is not None or force:
        raise UsageError("--as-of and --force are of bars: write `assay export SYMBOL TIMEFRAME --to FILE`.")
    if "_" not in name:
        raise UsageError(f"{name!r} is no series as in XAUUSD_15T; bars need a file: add --to FILE.parquet or .csv.")
    screen.show(bundle_export.export(name, Path(where), run_id), as_json, screen_bundles.exported)


@click.command()
@click.argument("a")
@click.argument("b")
@JSON
def diff(a: str, b: str, as_json: bool) -> None:
    """Say in what two models differ: A and B are run ids, or XAUUSD_15T@champion, XAUUSD_15T@previous."""
    from pipeline import models_diff, screen, screen_bundles

    parent: Any = click.get_current_context().parent
    screen.show(models_diff.diff(a, b), as_json or parent.params["as_json"], screen_bundles.compared)


VERBS = (export,)
