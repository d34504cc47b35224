"""What you type: `assay VERB`. Nothing heavy is imported before a verb runs, so that help answers at once."""

import datetime as dt
import errno
import json
import os
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from market.errors import AssayError, GateError, UsageError

# Failures of the machine that no code of ours can cause or mend.
_MACHINE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENOTDIR}


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


class _Date(click.ParamType):
    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        """Return the date, or fail with what a date looks like."""
        if isinstance(value, dt.date):
            return value
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date: wanted YYYY-MM-DD.", param, ctx)


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
@click.option("--cut-off", type=_Date(), help="Judge up to this day (excluded) instead of the configured one.")
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
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with assay.make_context("assay", list(given)) as context:
            assay.invoke(context)
        sys.stdout.flush()
        sys.exit(0)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.exceptions.NoArgsIsHelpError as shown:
        click.echo(shown.format_message(), err=True)
        sys.exit(2)
    except AssayError as error:
        _fail(str(error), error.exit_code, given)
    except click.ClickException as error:
        _fail(error.format_message(), 2, given)
    except (KeyboardInterrupt, click.exceptions.Abort):
        _fail("interrupted: run the same command again to go on with what is not done yet", 130, given)
    except BrokenPipeError:  # whoever read has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        _fail(*_unexpected(error), given)


def _fail(message: str, code: int, given: list[str]) -> None:
    """Say in one line what went wrong, without anything that a terminal would obey, and exit."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in message).split())
    if "--json" in given:
        click.echo(json.dumps({"error": line, "exit_code": code}))
    click.echo(f"error: {line}", err=True)
    sys.exit(code)


def _unexpected(error: Exception) -> tuple[str, int]:
    """Return what to say, and the exit code: the machine's failures are no bugs; whatever else happens is, and kept."""
    if isinstance(error, OSError) and error.errno in _MACHINE:
        return f"{error.strerror}: {error.filename or 'the disk'}: mend that and run the same command again.", 6
    return _bug(error), 70


def _bug(error: Exception) -> str:
    import traceback

    from market import settings, tables

    what = f"this is a bug in Assay ({type(error).__name__}: {str(error)[:200]})."
    try:
        path = settings.home() / "logs" / f"bug-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}.txt"
        tables.write_text(path, "".join(traceback.format_exception(error)))
    except (AssayError, OSError):
        return f"{what} Its details could not be written; please report it."
    return f"{what} The details are in {path}; please report them."


if __name__ == "__main__":
    main()
