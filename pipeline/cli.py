"""What you type: `assay VERB`. Nothing heavy is imported before a verb runs, so that help answers at once."""

import datetime as dt
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from market import command
from market.errors import GateError, UsageError


class _Verbs(click.Group):
    """A group that keeps verbs in the order of the work and suggests the nearest one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which they were defined."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a verb; an unknown one raises UsageError with the nearest."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            near = get_close_matches(args[0], self.commands, n=1)
            hint = f" Did you mean {near[0]}?" if near else " See assay --help."
            raise UsageError(f"No verb {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
_SERIES = (click.argument("symbol"), click.argument("timeframe"))


def _series(function: Any) -> Any:
    for argument in reversed(_SERIES):
        function = argument(function)
    return function


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="assay", prog_name="assay")
def assay() -> None:
    """Bars in, an honest verdict out.

    Series are named SYMBOL_TIMEFRAME as in XAUUSD_15T; settings are in ./config, everything made is in ./data.
    """


@assay.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--symbol", required=True, help="Symbol or alias in config/instruments.toml.")
@click.option(
    "--timeframe", "timeframe_name", required=True, help="1T 5T 15T 30T 1H 4H, or as you write it: M15, 15min …"
)
@click.option("--format", "vendor", default="auto", show_default=True, help="auto, mt5, csv or parquet.")
@click.option("--timezone", help="Zone of the file's stamps (Europe/Athens, UTC …); not needed where they carry one.")
@click.option("--stamp", type=click.Choice(["open", "close"]), help="Whether a stamp is the bar's open or its close.")
@click.option("--quarantine", is_flag=True, help="Set bad rows aside and import the rest.")
@_JSON
def import_(files: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Import bars from files as vendors give them."""
    from pipeline import imports, screen

    screen.show(imports.import_bars(list(files), **options), as_json, screen.imported)


@assay.command()
@click.argument("symbol")
@click.option("--to", "timeframe", required=True, help="The coarser timeframe to make.")
@_JSON
def resample(symbol: str, timeframe: str, as_json: bool) -> None:
    """Make bars of a coarser timeframe from the finest stored ones that divide it."""
    from pipeline import imports, screen

    screen.show(imports.resample(symbol, timeframe), as_json, screen.imported)


@assay.command()
@click.argument("series", nargs=-1)
@_JSON
def enrich(series: tuple[str, ...], as_json: bool) -> None:
    """Compute features of the named series, or of all imported ones."""
    from pipeline import main_job, screen

    screen.show(main_job.enrich(list(series), screen.Screen()), as_json, screen.enriched)


@assay.command()
@_series
@click.option("--cuts", default=25, show_default=True, type=click.IntRange(1), help="Cut points to perturb after.")
@_JSON
def causality(symbol: str, timeframe: str, cuts: int, as_json: bool) -> None:
    """Prove on stored bars that no feature sees the future; exits 3 on a leak."""
    from pipeline import main_job, screen

    found = main_job.causality(symbol, timeframe, cuts)
    screen.show(found, as_json, screen.leaks)
    if found["leaks"]:
        click.echo(f"error: {len(found['leaks'])} leaks in {found['series']}: repair the columns above.", err=True)
        sys.exit(GateError.exit_code)


@assay.command()
@_series
@_JSON
def label(symbol: str, timeframe: str, as_json: bool) -> None:
    """Label stored bars: each row a trade settled by the backtest's own rules."""
    from pipeline import main_job, screen

    screen.show(main_job.label(symbol, timeframe), as_json, screen.labelled)


@assay.command()
@_series
@click.option("--cut-off", type=command.Date(), help="Judge up to this day (excluded) instead of the configured one.")
@click.option("--recipe", help="A recipe of config/recipes.toml; default: the configured one.")
@click.option("--workers", type=click.IntRange(1), help="Processes; default: one for each core.")
@_JSON
def train(
    symbol: str, timeframe: str, cut_off: dt.date | None, recipe: str | None, workers: int | None, as_json: bool
) -> None:
    """Run the main job: enrich, label, train, backtest, gate, card; only what is stale. FAILED exits 3."""
    from pipeline import main_job, screen

    verdict = main_job.train(symbol, timeframe, cut_off, recipe, workers, screen.Screen())
    screen.show(verdict, as_json, screen.verdict)
    if verdict["status"] != "READY":
        sys.exit(GateError.exit_code)


@assay.command()
@click.argument("series")
@click.option("--markdown", is_flag=True, help="Print the whole card as Markdown.")
@_JSON
def card(series: str, markdown: bool, as_json: bool) -> None:
    """Show the last verdict of a series."""
    from pipeline import answers, screen

    if markdown:
        click.echo(answers.card_markdown(series))
        return
    screen.show(answers.card(series), as_json, screen.verdict)


@assay.command()
@click.argument("series")
@_JSON
def ledger(series: str, as_json: bool) -> None:
    """Show the trials and looks that a series has had."""
    from pipeline import answers, screen

    screen.show(answers.ledger(series), as_json, screen.ledger)


@assay.command()
@_JSON
def models(as_json: bool) -> None:
    """Show what is in production."""
    from pipeline import answers, screen

    screen.show(answers.models(), as_json, screen.models)


@assay.command()
@click.option("--run", "run_id", required=True, metavar="RUN_ID", help="Any run, a FAILED one too.")
@click.option("--start-date", type=command.Date(), help="First day; default: the run's judged window.")
@click.option("--end-date", type=command.Date(), help="Day on which it ends (excluded).")
@click.option("--overlay", is_flag=True, help="Lay the limits of config/live.toml over both sides.")
@click.option("--journal", type=click.Path(path_type=Path), help="Compare this journal instead of replaying anew.")
@_JSON
def parity(as_json: bool, **options: Any) -> None:
    """Replay a run through the runner and compare it with the backtest, trade by trade; exits 3 where they differ."""
    from pipeline import parity as comparison
    from pipeline import screen

    found = comparison.of_run(**options, screen=screen.Screen())
    screen.show(found, as_json, screen.parity)
    sys.exit(comparison.exit_code(found))


@assay.command()
@click.argument("signal_id")
@_JSON
def explain(signal_id: str, as_json: bool) -> None:
    """Show how a decision of the runner came about, from the raw bar's hash to the order."""
    from pipeline import explain as explanation
    from pipeline import screen

    screen.show(explanation.explain(signal_id), as_json, screen.explained)


@assay.command()
@click.argument("action", type=click.Choice(["show"]))
@click.argument("series")
@_JSON
def config(series: str, as_json: bool, **_: str) -> None:
    """Show each effective setting of a series and where it comes from."""
    from pipeline import answers, screen

    screen.show(answers.effective_settings(series), as_json, screen.settings)


@assay.command()
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1024, 65535))
@click.option("--demo", is_flag=True, help="Show the simulated market's registry.")
def ui(port: int, demo: bool) -> None:
    """Open the MLflow UI on loopback."""
    from pipeline import ui as mlflow_ui

    mlflow_ui.serve(port, demo)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the code that the design names; never a traceback for bad input."""
    command.run(assay, "assay", arguments)


if __name__ == "__main__":
    main()
