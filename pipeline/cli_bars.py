"""The verbs of bars: import, fetch, validate, resample; they are exported in `pipeline.cli_bundles`."""

import datetime as dt
import sys
from pathlib import Path
from typing import Any

import click

from market import command
from pipeline.cli_options import JSON, of_series


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--symbol", required=True, help="Symbol or alias in config/instruments.toml.")
@click.option(
    "--timeframe", "timeframe_name", help="1T 5T 15T 30T 1H 4H, or as you write it: M15, 15min …; default: as it looks."
)
@click.option("--format", default="auto", show_default=True, help="A format by name; auto recognises it and says it.")
@click.option(
    "--timezone", help="Clock of the stamps: UTC, Europe/Athens, EET-EU, NY+7, UTC+3 …; needless where they carry it."
)
@click.option("--stamp", help="Whether a stamp is the open or the close of its bar.")
@click.option("--dates", type=click.Choice(["day", "month"]), help="What comes first in dates such as 01/02/2024.")
@click.option("--ask", type=click.Path(path_type=Path), help="The file of ask prices that goes with one of bids.")
@click.option("--quarantine", is_flag=True, help="Set bad rows aside and import the rest.")
@click.option("--prefer", help="Which bars hold where stored and new ones differ: old or new.")
@click.option("--replace", is_flag=True, help="Begin the series anew instead of adding to it.")
@JSON
def import_(
    files: tuple[Path, ...], symbol: str, timeframe_name: str | None, ask: Path | None, as_json: bool, **options: Any
) -> None:
    """Import bars from files as vendors give them, zipped or not; bars that are stored already are left alone."""
    from pipeline import imports, questions, screen, screen_imports

    wish = imports.Wish(*(options.pop(name) for name in imports.Wish._fields))
    declared = questions.answered([*files], symbol, imports.Declared(**options), ask=sys.stdin.isatty() and not as_json)
    show = screen.Screen()
    with show.stage("import") as report:
        stored = imports.import_bars(
            list(files),
            symbol=symbol,
            timeframe_name=timeframe_name,
            declared=declared,
            ask=ask,
            wish=wish,
            report=report,
        )
    screen.show(stored, as_json, screen_imports.imported)


@click.command()
@click.argument("provider")
@of_series
@click.option("--from", "first", required=True, type=command.Date(), help="First day.")
@click.option("--to", "end", type=command.Date(), help="Day on which it ends (excluded); default: now.")
@click.option("--quarantine", is_flag=True, help="Set bad rows aside and import the rest.")
@click.option("--prefer", help="Which bars hold where stored and new ones differ: old or new.")
@click.option("--replace", is_flag=True, help="Begin the series anew instead of adding to it.")
@JSON
def fetch(
    provider: str, symbol: str, timeframe: str, first: dt.date, end: dt.date | None, as_json: bool, **options: Any
) -> None:
    """Fetch bars from dukascopy, binance or polygon and import them; goes on where it was stopped."""
    from pipeline import fetching, imports, screen, screen_imports

    fetched = fetching.fetch(provider, symbol, timeframe, first, end, imports.Wish(**options), screen.Screen())
    screen.show(fetched, as_json, screen_imports.imported)


@click.command()
@of_series
@click.option("--as-of", type=command.Instant(), help="Look at the bars as they were stored at this instant (UTC).")
@JSON
def validate(symbol: str, timeframe: str, as_of: dt.datetime | None, as_json: bool) -> None:
    """Say what is wrong with stored bars: coverage, gaps by kind, spikes, spread, clock; exits 4 on errors."""
    from pipeline import screen, screen_bars
    from pipeline import validate as validation

    answer = validation.validate(symbol, timeframe, as_of)
    screen.show(answer, as_json, screen_bars.validated)
    sys.exit(validation.exit_code(answer))


@click.command()
@click.argument("symbol")
@click.option("--to", "timeframe", required=True, help="The coarser timeframe to make, or all.")
@JSON
def resample(symbol: str, timeframe: str, as_json: bool) -> None:
    """Make bars of coarser timeframes from the finest stored ones that divide them."""
    from pipeline import resampling, screen, screen_imports

    screen.show(resampling.resample(symbol, timeframe), as_json, screen_imports.resampled)


VERBS = (import_, fetch, validate, resample)
