"""What you type: `assay VERB`. Nothing heavy is imported before a verb runs, so that help answers at once."""

import datetime as dt
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from market import command
from market.errors import GateError, UsageError
from pipeline import (
    cli_advice,
    cli_bars,
    cli_bundles,
    cli_fleet,
    cli_mlflow,
    cli_notebooks,
    cli_prune,
    cli_registry,
    cli_tables,
)
from pipeline.cli_options import JSON, of_series


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


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="assay", prog_name="assay")
def assay() -> None:
    """Bars in, an honest verdict out.

    Series are named SYMBOL_TIMEFRAME as in XAUUSD_15T; settings are in ./config, everything made is in ./data.
    """


for _room in (
    cli_bars,
    cli_fleet,
    cli_bundles,
    cli_registry,
    cli_mlflow,
    cli_prune,
    cli_advice,
    cli_notebooks,
    cli_tables,
):
    for _verb in _room.VERBS:
        assay.add_command(_verb)


@assay.command()
@click.argument("series", nargs=-1)
@JSON
def enrich(series: tuple[str, ...], as_json: bool) -> None:
    """Compute features of the named series, or of all imported ones."""
    from pipeline import main_job, screen

    screen.show(main_job.enrich(list(series), screen.Screen()), as_json, screen.enriched)


@assay.command()
@click.argument("symbol", required=False)
@click.argument("timeframe", required=False)
@click.option("--cuts", default=200, show_default=True, type=click.IntRange(1), help="Cut points to perturb after.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the cut points and the noise.")
@JSON
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
@of_series
@JSON
def label(symbol: str, timeframe: str, as_json: bool) -> None:
    """Label stored bars: each row a trade settled by the backtest's own rules."""
    from pipeline import main_job, screen

    screen.show(main_job.label(symbol, timeframe), as_json, screen.labelled)


@assay.command()
@of_series
@click.option("--cut-off", type=command.Date(), help="Judge up to this day (excluded) instead of the configured one.")
@click.option("--recipe", help="A recipe of config/recipes.toml; default: the configured one.")
@click.option("--workers", type=click.IntRange(1), help="Processes; default: one for each core.")
@click.option("--tune", "trials", metavar="N", type=click.IntRange(0), help="Tune each member by N trials a fold.")
@click.option(
    "--tune-minutes", "minutes", metavar="M", type=click.FloatRange(0), help="Tune for M minutes of the training."
)
@click.option("--paths", is_flag=True, help="Besides, put the distribution of combinatorial paths on the card.")
@click.option("--accept-failed", is_flag=True, help="Exit 0 on a FAILED verdict too; whatever else is refused keeps 3.")
@JSON
def train(
    symbol: str,
    timeframe: str,
    cut_off: dt.date | None,
    recipe: str | None,
    workers: int | None,
    accept_failed: bool,
    as_json: bool,
    **more: Any,
) -> None:
    """Run the main job: enrich, label, train, backtest, gate, card; only what is stale. FAILED exits 3."""
    from pipeline import main_job, screen

    verdict = main_job.train(symbol, timeframe, cut_off, recipe, workers, screen.Screen(), **more)
    screen.show(verdict, as_json, screen.verdict)
    if verdict["status"] != "READY" and not accept_failed:
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
@JSON
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
@JSON
def stress(series: str, run_id: str | None, as_json: bool) -> None:
    """Say whether a run survives worse fills: slippage, latency, costs, luck; exits 3 where a bound fails."""
    from pipeline import screen, screen_stress, stressing

    answer = stressing.stress(series, run_id, screen.Screen())
    screen.show(answer, as_json, screen_stress.stressed)
    if complaint := stressing.complaint(answer):
        click.echo(f"error: {complaint}", err=True)
    sys.exit(stressing.exit_code(answer))


@assay.command()
@click.option("--tier", default="commit", show_default=True, help="commit, merge, night, agreement, release.")
@click.option("--seed", type=click.IntRange(0), help="The first seed; default: the one in config/placebo.toml.")
@click.option("--workers", type=click.IntRange(1), help="Processes; default: one for each core.")
@JSON
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
@click.option("--html", is_flag=True, help="Print where the report is, one page for a browser.")
@JSON
def card(series: str, markdown: bool, html: bool, as_json: bool) -> None:
    """Show the last verdict of a series."""
    from pipeline import answers, screen

    if html:
        from pipeline import reporting

        click.echo(reporting.report(series))
        return
    if markdown:
        click.echo(answers.card_markdown(series))
        return
    screen.show(answers.card(series), as_json, screen.verdict)


@assay.command()
@click.argument("series", required=False)
@click.option("--run", "run_id", metavar="RUN_ID", help="Any run of the series, by its card; default: the last.")
@click.option("--home", "whole", is_flag=True, help="Examine the installation, data, registry and keys instead.")
@JSON
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
@JSON
def gate(series: str, profile: str | None, as_json: bool) -> None:
    """Judge the last run of a series by a profile of gates, without promoting it; exits 3 where it says no."""
    from pipeline import gating, screen, screen_gating

    answer = gating.gate(series, profile)
    screen.show(answer, as_json, screen_gating.judged)
    sys.exit(gating.exit_code(answer))


@assay.command()
@click.argument("series")
@click.option("--all", "every", is_flag=True, help="Show every entry; default: the last 20.")
@JSON
def ledger(series: str, every: bool, as_json: bool) -> None:
    """Show the trials and looks that a series has had, and what they cost: how good luck alone would look."""
    from pipeline import answers, screen, screen_ledger

    screen.show(answers.ledger(series), as_json, screen_ledger.every if every else screen_ledger.last)


@assay.group(cls=_Verbs, invoke_without_command=True)
@JSON
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """Show what is in production; `models diff` says in what two models differ."""
    from pipeline import answers, screen, screen_registry

    if context.invoked_subcommand is None:
        screen.show(answers.models(), as_json, screen_registry.models)


models.add_command(cli_bundles.diff)


@assay.command()
@click.option("--run", "run_id", required=True, metavar="RUN_ID", help="Any run, a FAILED one too.")
@click.option("--start-date", type=command.Date(), help="First day; default: the run's judged window.")
@click.option("--end-date", type=command.Date(), help="Day on which it ends (excluded).")
@click.option("--overlay", is_flag=True, help="Lay the limits of config/live.toml over both sides.")
@click.option("--journal", type=click.Path(path_type=Path), help="Compare this journal instead of replaying anew.")
@JSON
def parity(as_json: bool, **options: Any) -> None:
    """Replay a run through the runner and compare it with the backtest, trade by trade; exits 3 where they differ."""
    from pipeline import parity as comparison
    from pipeline import screen

    found = comparison.of_run(**options, screen=screen.Screen())
    screen.show(found, as_json, screen.parity)
    sys.exit(comparison.exit_code(found))


@assay.command()
@click.argument("signal_id")
@JSON
def explain(signal_id: str, as_json: bool) -> None:
    """Show how a decision of the runner came about, from the raw bar's hash to the order."""
    from pipeline import explain as explanation
    from pipeline import screen

    screen.show(explanation.explain(signal_id), as_json, screen.explained)


@assay.command()
@click.argument("action", type=click.Choice(["show"]))
@click.argument("series")
@JSON
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
