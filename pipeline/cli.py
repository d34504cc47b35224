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
@_JSON
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


@assay.command()
@click.argument("provider")
@_series
@click.option("--from", "first", required=True, type=command.Date(), help="First day.")
@click.option("--to", "end", type=command.Date(), help="Day on which it ends (excluded); default: now.")
@click.option("--quarantine", is_flag=True, help="Set bad rows aside and import the rest.")
@click.option("--prefer", help="Which bars hold where stored and new ones differ: old or new.")
@click.option("--replace", is_flag=True, help="Begin the series anew instead of adding to it.")
@_JSON
def fetch(
    provider: str, symbol: str, timeframe: str, first: dt.date, end: dt.date | None, as_json: bool, **options: Any
) -> None:
    """Fetch bars from dukascopy, binance or polygon and import them; goes on where it was stopped."""
    from pipeline import fetching, imports, screen, screen_imports

    fetched = fetching.fetch(provider, symbol, timeframe, first, end, imports.Wish(**options), screen.Screen())
    screen.show(fetched, as_json, screen_imports.imported)


@assay.command()
@_series
@click.option("--as-of", type=command.Instant(), help="Look at the bars as they were stored at this instant (UTC).")
@_JSON
def validate(symbol: str, timeframe: str, as_of: dt.datetime | None, as_json: bool) -> None:
    """Say what is wrong with stored bars: coverage, gaps by kind, spikes, spread, clock; exits 4 on errors."""
    from pipeline import screen, screen_bars
    from pipeline import validate as validation

    answer = validation.validate(symbol, timeframe, as_of)
    screen.show(answer, as_json, screen_bars.validated)
    sys.exit(validation.exit_code(answer))


@assay.command()
@_series
@click.option("--to", required=True, type=click.Path(path_type=Path), help="A new file, .parquet or .csv.")
@click.option("--as-of", type=command.Instant(), help="Write the bars as they were stored at this instant (UTC).")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@_JSON
def export(symbol: str, timeframe: str, to: Path, as_of: dt.datetime | None, force: bool, as_json: bool) -> None:
    """Write stored bars to a file that `assay import --stamp close` reads back bit for bit."""
    from pipeline import export as exporting
    from pipeline import screen, screen_bars

    screen.show(exporting.export(symbol, timeframe, to, as_of, force), as_json, screen_bars.exported)


@assay.command()
@click.argument("symbol")
@click.option("--to", "timeframe", required=True, help="The coarser timeframe to make, or all.")
@_JSON
def resample(symbol: str, timeframe: str, as_json: bool) -> None:
    """Make bars of coarser timeframes from the finest stored ones that divide them."""
    from pipeline import resampling, screen, screen_imports

    screen.show(resampling.resample(symbol, timeframe), as_json, screen_imports.resampled)


@assay.command()
@click.argument("series", nargs=-1)
@_JSON
def enrich(series: tuple[str, ...], as_json: bool) -> None:
    """Compute features of the named series, or of all imported ones."""
    from pipeline import main_job, screen

    screen.show(main_job.enrich(list(series), screen.Screen()), as_json, screen.enriched)


@assay.command()
@click.argument("symbol", required=False)
@click.argument("timeframe", required=False)
@click.option("--cuts", default=200, show_default=True, type=click.IntRange(1), help="Cut points to perturb after.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the cut points and the noise.")
@_JSON
def causality(symbol: str | None, timeframe: str | None, cuts: int, seed: int, as_json: bool) -> None:
    """Prove on stored bars that no feature and no label sees the future; without a series on all. A leak exits 3."""
    from pipeline import causality as gate
    from pipeline import screen, screen_causality

    found = gate.causality(symbol, timeframe, cuts, seed, screen.Screen())
    screen.show(found, as_json, screen_causality.checked)
    if complaint := gate.complaint(found):
        click.echo(f"error: {complaint}", err=True)
    sys.exit(gate.exit_code(found))


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
@click.option("--tune", "trials", metavar="N", type=click.IntRange(0), help="Tune each member by N trials a fold.")
@click.option(
    "--tune-minutes", "minutes", metavar="M", type=click.FloatRange(0), help="Tune for M minutes of the training."
)
@_JSON
def train(
    symbol: str,
    timeframe: str,
    cut_off: dt.date | None,
    recipe: str | None,
    workers: int | None,
    as_json: bool,
    **tuning: Any,
) -> None:
    """Run the main job: enrich, label, train, backtest, gate, card; only what is stale. FAILED exits 3."""
    from pipeline import main_job, screen

    verdict = main_job.train(symbol, timeframe, cut_off, recipe, workers, screen.Screen(), **tuning)
    screen.show(verdict, as_json, screen.verdict)
    if verdict["status"] != "READY":
        sys.exit(GateError.exit_code)


@assay.command()
@click.argument("series")
@click.option(
    "--run", "run_id", metavar="RUN_ID", help="Any run, a FAILED one too; default: the champion, else the last."
)
@click.option("--model", metavar="@champion", help="The champion of the series, and no other run.")
@click.option("--rule", type=click.Path(path_type=Path), help="Scores of your own: a .parquet or .csv of ts, score.")
@click.option("--long", type=float, help="Score from which a rule goes long.  [default: 0.6]")
@click.option("--short", type=float, help="Score down to which a rule goes short.  [default: 0.4]")
@click.option(
    "--from", "first", type=command.Date(), help="First day; default: the run's judged window, a rule's first."
)
@click.option(
    "--to",
    "end",
    type=command.Date(),
    help="Day on which it ends (excluded); default: the run's judged window, a rule's last score and a trade from it.",
)
@click.option(
    "--ties",
    type=click.Choice(["pessimistic", "finer"]),
    default="pessimistic",
    show_default=True,
    help="A bar that touches stop and target: a stop, or told by the finest stored bars of the symbol.",
)
@_JSON
def backtest(series: str, as_json: bool, **options: Any) -> None:
    """Trade stored bars by a trained model, or by scores of your own, without training; write a tear sheet."""
    from pipeline import backtesting, screen, screen_backtest

    answer = backtesting.backtest(series, backtesting.Wish(**options), screen.Screen())
    screen.show(answer, as_json, screen_backtest.backtested)


@assay.command()
@click.argument("series")
@click.option(
    "--run", "run_id", metavar="RUN_ID", help="Any run, a FAILED one too; default: the champion, else the last."
)
@_JSON
def stress(series: str, run_id: str | None, as_json: bool) -> None:
    """Say whether a run survives worse fills: slippage, latency, costs, luck; exits 3 where a bound fails."""
    from pipeline import screen, screen_stress, stressing

    answer = stressing.stress(series, run_id, screen.Screen())
    screen.show(answer, as_json, screen_stress.stressed)
    if complaint := stressing.complaint(answer):
        click.echo(f"error: {complaint}", err=True)
    sys.exit(stressing.exit_code(answer))


@assay.command()
@click.option("--tier", default="commit", show_default=True, help="commit, merge, night or release.")
@click.option("--seed", type=click.IntRange(0), help="The first seed; default: the one in config/placebo.toml.")
@click.option("--workers", type=click.IntRange(1), help="Processes; default: one for each core.")
@_JSON
def placebo(tier: str, seed: int | None, workers: int | None, as_json: bool) -> None:
    """Measure the verdict itself: judge worlds without an edge, with one, and with leaks. A failed tier exits 3."""
    from pipeline import placebo as trial
    from pipeline import screen, screen_placebo

    found = trial.placebo(tier, seed, workers, screen.Screen())
    screen.show(found, as_json, screen_placebo.shown)
    sys.exit(trial.exit_code(found))


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
@click.argument("series", required=False)
@click.option("--run", "run_id", metavar="RUN_ID", help="Any run of the series, by its card; default: the last.")
@click.option("--home", "whole", is_flag=True, help="Examine the installation, data, registry and keys instead.")
@_JSON
def doctor(series: str | None, run_id: str | None, whole: bool, as_json: bool) -> None:
    """Say what would make a sceptical trader distrust a run, or what is wrong with a home; exits 3 if critical."""
    from pipeline import doctor as doctors
    from pipeline import doctor_home, screen, screen_doctor
    from pipeline.doctor_findings import exit_code

    if whole == (series is not None) or (whole and run_id is not None):
        raise UsageError("Name a series (with --run RUN_ID for any run of it), or give --home alone.")
    answer = doctor_home.examine_home() if series is None else doctors.doctor(series, run_id)
    screen.show(answer, as_json, screen_doctor.examined)
    sys.exit(exit_code(answer))


@assay.command()
@click.argument("series")
@click.option(
    "--profile", metavar="NAME", help="six, runbook, sign_off, honest or your own; default: the one that decides."
)
@_JSON
def gate(series: str, profile: str | None, as_json: bool) -> None:
    """Judge the last run of a series by a profile of gates, without promoting it; exits 3 where it says no."""
    from pipeline import gating, screen, screen_gating

    answer = gating.gate(series, profile)
    screen.show(answer, as_json, screen_gating.judged)
    sys.exit(gating.exit_code(answer))


@assay.command()
@click.argument("series")
@click.option("--all", "every", is_flag=True, help="Show every entry; default: the last 20.")
@_JSON
def ledger(series: str, every: bool, as_json: bool) -> None:
    """Show the trials and looks that a series has had, and what they cost: how good luck alone would look."""
    from pipeline import answers, screen, screen_ledger

    screen.show(answers.ledger(series), as_json, screen_ledger.every if every else screen_ledger.last)


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
