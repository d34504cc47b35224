"""The runner that one types: `python -m live.runner --mode paper`."""

import datetime as dt
import getpass
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from market import command
from market.errors import HaltError, UsageError

if TYPE_CHECKING:
    import pandas as pd

MODES = ("paper",)
_ORDERS = {"halt": "BLOCK", "reduce": "REDUCE", "flatten": "FLATTEN", "resume": ""}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--mode", help="paper: fills by the backtest's own rules, on the bars that arrive.")
@click.option("--models", "series", multiple=True, metavar="SERIES", help="Only these series, as in XAUUSD_15T.")
@click.option(
    "--bundle",
    "folders",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Trade what `assay export` wrote to DIR; with --run, replay it.",
)
@click.option("--once", is_flag=True, help="End where the stored bars end instead of waiting for new ones.")
@click.option("--run", "run_id", metavar="RUN_ID", help="Replay the bundle of any run, a FAILED one too, by itself.")
@click.option("--start-date", type=command.Date(), help="First day; default: the cut-off, or the run's judged window.")
@click.option("--end-date", type=command.Date(), help="Day on which a replay ends (excluded).")
@click.option("--overlay", is_flag=True, help="Lay the limits of config/live.toml over a replay, too.")
@click.option("--demo", is_flag=True, help="The simulated market's account, champions and restrictions instead.")
@click.option("--status", is_flag=True, help="Say what runs, what is held and what stands against new trades.")
@click.option("--halt", is_flag=True, help="No new trades until --resume; stops and targets stay.")
@click.option("--reduce", is_flag=True, help="Half the risk for new trades until --resume.")
@click.option("--flatten", is_flag=True, help="Close what is open, then no new trades.")
@click.option("--resume", is_flag=True, help="Lift every halt, by hand.")
@click.option("--why", default="", help="A reason, for the journal.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def runner(mode: str | None, status: bool, run_id: str | None, **options: Any) -> None:
    """Trade what was judged.

    Champions are loaded only with a signed record; every decision is in the journal, the refused ones too.
    """
    orders = [name for name in _ORDERS if options[name]]
    asked = [*orders, *(["status"] if status else []), *(["mode"] if mode else [])]
    if len(asked) != 1:
        told = ", ".join(f"--{name}" for name in asked) or "none"
        raise UsageError(f"Give one of --mode paper, --status, --halt, --reduce, --flatten, --resume; found {told}.")
    if orders:
        _ordered(orders[0], options)
    elif status:
        _told_status(options)
    else:
        _check_mode(str(mode))
        (_replayed(run_id, options) if run_id else _traded(options))


def _check_mode(mode: str) -> None:
    if mode not in MODES:
        hint = f" Write {mode.lower()}." if mode.lower() in MODES else ""
        raise UsageError(f"--mode {mode!r} is not built: choose {', '.join(MODES)}.{hint}")


def _home(demo: bool) -> Path:
    from market import settings

    return settings.home() / "demo" if demo else settings.home()


def _ordered(order: str, options: dict[str, Any]) -> None:
    from live import restriction, session
    from live.restriction import Level

    home, who = _home(options["demo"]), getpass.getuser()
    why = options["why"] or "by hand"
    if order == "resume":
        lifted = restriction.rearm(home, who, why)
        told = "; ".join(lifted) or "no control file stood"
    else:
        restriction.request(home, Level[_ORDERS[order]], who, why)
        told = why
    running = session.running(home)
    when = (
        f"the runner (pid {running['pid']}) obeys at its next look" if running else "the next runner obeys at its start"
    )
    answer = {"ordered": order, "told": told, "running": running}
    _show(answer, options["as_json"], f"{order}: {told}; {when}.")


def _told_status(options: dict[str, Any]) -> None:
    from live import screen, session

    answer = session.status(_home(options["demo"]))
    _show(answer, options["as_json"], screen.status(answer))


def _replayed(run_id: str, options: dict[str, Any]) -> None:
    from live import replay, screen
    from market import settings

    if len(folders := options["folders"]) > 1:
        raise UsageError(f"{len(folders)} folders are given by --bundle: one is replayed at a time.")
    days = _day(options["start_date"]), _day(options["end_date"])
    with screen.progress("REPLAY") as report:
        played = replay.play(
            settings.home(), run_id, *days, options["overlay"], report, folder=next(iter(folders), None)
        )
    answer = replay.summary(played)
    _show(answer, options["as_json"], screen.replay(answer))


def _traded(options: dict[str, Any]) -> None:
    signalled: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, frame: signalled.append(number))
    from live import restriction, screen, session

    home = _home(options["demo"])
    signal.signal(signal.SIGUSR1, lambda number, frame: restriction.block_by_signal(home))
    if signalled:
        restriction.block_by_signal(home)
    if options["end_date"] is not None:
        raise UsageError("--end-date is for replays: give --run RUN_ID too, or leave it out.")
    if options["folders"] and options["series"]:
        raise UsageError("--models names champions of this home, --bundle brings its own: give one of them.")
    stop = session.Stop()
    signal.signal(signal.SIGTERM, stop.asked)
    signal.signal(signal.SIGINT, stop.asked)
    start, folders = _day(options["start_date"]), options["folders"]
    ended = session.trade(home, options["series"], options["once"], start, stop, screen.say, folders)
    _show(ended._asdict(), options["as_json"], screen.ended(ended._asdict()))
    if ended.standing:
        raise HaltError(f"Halted: {'; '.join(ended.standing)}. Look, then `--resume`.")
    if stop.by == signal.SIGINT:
        raise KeyboardInterrupt


def _day(date: dt.date | None) -> "pd.Timestamp | None":
    import pandas as pd

    return None if date is None else pd.Timestamp(date, tz="UTC")


def _show(answer: Any, as_json: bool, text: str) -> None:
    click.echo(json.dumps(answer, indent=1, default=str, ensure_ascii=False) if as_json else text)


def main(arguments: list[str] | None = None) -> None:
    """Run the runner's command line and exit with the code that the design names."""
    command.run(runner, "live.runner", arguments)


if __name__ == "__main__":
    main()
