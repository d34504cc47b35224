"""What a person sees of the runner: lines and progress on standard error, an answer on standard output."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def say(line: str) -> None:
    """Print one line on standard error."""
    with contextlib.suppress(OSError):
        _console().print(escape(line), soft_wrap=True)


@contextmanager
def progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """Show progress over bars on a terminal and yield the function that reports it."""
    console = _console()
    if not console.is_terminal:
        yield lambda done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(name, total=None)

        def report(done: int, total: int) -> None:
            shown.update(task, completed=done, total=total)

        yield report


def replay(answer: Mapping[str, Any]) -> str:
    """Return what a replay did, as text."""
    lines = [
        f"REPLAY of run {answer['run_id']} ({answer['series']}, {answer['status']}), on an account of its own",
        f"  bars {answer['bars']:,} from {answer['first']} to {answer['last']}",
        f"  trades {answer['trades']:,}, result {answer['pnl']:+,.2f} USD, {answer['r']:+.2f} R",
        f"  no order: {_counted(answer['reasons'])}",
        f"  journal {answer['journal']}",
    ]
    return "\n".join([*lines, *(f"  {line}" for line in answer["told"])])


def ended(answer: Mapping[str, Any]) -> str:
    """Return how a session ended, as text."""
    held = ", ".join(answer["open_positions"]) or "none"
    equity = "–" if answer["equity"] is None else f"{answer['equity']:,.2f} USD"
    return (
        f"{', '.join(answer['series'])}: {answer['decisions']:,} decisions, {answer['orders']:,} orders; "
        f"equity {equity}; open positions: {held}"
    )


def status(answer: Mapping[str, Any]) -> str:
    """Return the state of the runner, as text."""
    running = answer["running"]
    who = f"pid {running['pid']} on {running['host']} since {running['since']}" if running else "no runner"
    lines = [f"running      {who}", f"restriction  {answer['level']}", *(f"  {reason}" for reason in answer["reasons"])]
    if account := answer["account"]:
        lines.append(
            f"account      equity {account['equity']:,.2f}, cash {account['cash']:,.2f}, peak {account['peak']:,.2f}, "
            f"today {account['day_result']:+,.2f} in {account['day_trades']} trades"
        )
    for one in answer["positions"]:
        side = "long" if one["side"] > 0 else "short"
        lines.append(
            f"position     {one['series']} {side} {one['size']:g} lots at {one['price']:g}, stop {one['stop']:g}, "
            f"target {one['target']:g}, since {one['ts']}"
        )
    for one in answer["series"]:
        told = one["detail"] or one["reason"]
        lines.append(f"last bar     {one['series']} {one['last_bar']}: {told} ({one['signal_id']})")
    return "\n".join(lines)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "–"


class _Log(Console):
    """A console on standard error; where nobody reads it any more the runner goes on."""

    def on_broken_pipe(self) -> None:
        """Do nothing."""


def _console() -> Console:
    return _Log(stderr=True, highlight=False)
