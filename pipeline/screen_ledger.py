"""How a ledger reads: what was tried and looked at, what that costs in words, and the entries or the last of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from registry.deflation import ERROR_RATE, TRADES
from registry.figures import counted, share

_LAST = 20
_COLUMNS = ("when", "kind", "command", "part", "member", "state", "value", "objective", "window", "model")


def last(console: Console, answer: Mapping[str, Any]) -> None:
    """Print a series' ledger: its cost, and the last 20 entries."""
    _told(console, answer, answer["entries"][-_LAST:])


def every(console: Console, answer: Mapping[str, Any]) -> None:
    """Print a series' ledger: its cost, and all entries."""
    _told(console, answer, answer["entries"])


def _told(console: Console, answer: Mapping[str, Any], shown: Sequence[Mapping[str, Any]]) -> None:
    title = f"{answer['series']}: {counted(answer['trials'], 'trial')}, {counted(answer['looks'], 'look')}"
    console.print(f"[bold]{escape(title)}[/]", soft_wrap=True)
    for line in cost_told(answer):
        console.print(escape(line), soft_wrap=True)
    for warning in answer["warnings"]:
        console.print(f"[yellow]Warning:[/] {escape(warning)}", soft_wrap=True)
    if shown:
        console.print(_table(shown))
    if left := len(answer["entries"]) - len(shown):
        console.print(f"{left:,} earlier: --all shows every one.")


def cost_told(answer: Mapping[str, Any]) -> list[str]:
    """Return what trials and looks cost, a sentence each; nothing of what there was none."""
    return [*(_trials_told(answer) if answer["trials"] else []), *(_looks_told(answer) if answer["looks"] else [])]


def _trials_told(answer: Mapping[str, Any]) -> list[str]:
    states = ", ".join(f"{count:,} {state}" for state, count in answer["by_state"].items())
    commands = ", ".join(f"{count:,} by {command}" for command, count in answer["by_command"].items())
    worth = f"{answer['effective_trials']:,.1f}"
    told = [
        f"Trials: {states}; {commands}. They are of {counted(answer['configurations'], 'configuration')}, worth "
        f"{worth} independent."
    ]
    if answer["mean_correlation"] is not None:
        told.append(
            f"Daily results of {answer['compared']:,} configurations are kept and correlate by "
            f"{answer['mean_correlation']:.2f} on average; any other counts fully."
        )
    return [
        *told,
        f"With {TRADES} trades the best of {worth} trials without any edge is expected to show a Sharpe per trade of "
        f"{answer['expected_best_sharpe_200']:.2f} by luck alone (benchmark: {answer['benchmark']:.2f}).",
    ]


def _looks_told(answer: Mapping[str, Any]) -> list[str]:
    looks = answer["looks"]
    return [
        f"By luck alone {counted(looks, 'look')} at a gate that is wrong {share(ERROR_RATE)} of the time "
        f"{'passes' if looks == 1 else 'pass at least once'} with a chance of up to "
        f"{share(answer['chance_of_a_pass'])}. For all looks together to be wrong no more often than that, "
        f"look {looks + 1:,} may spend {share(answer['next_look_may_spend'])}."
    ]


def _table(entries: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(*_COLUMNS, box=None, pad_edge=False, header_style="bold")
    for one in entries:
        window = f"{one['oos_start'][:10]} … {one['cut_off'][:10]}"
        value = "–" if one["value"] is None else f"{one['value']:+.4f}"
        known = (one["when"][:19], one["kind"], one["command"], one["part"], one["member"], one["state"], value)
        table.add_row(*map(escape, (*known, one["objective"], window, one["model"][:12])))
    return table
