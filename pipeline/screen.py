"""What a person sees: progress on standard error while it works, an answer on standard output, or one JSON object."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipeline import screen_registry
from registry.gates import GATES, Gate, what_it_would_take
from registry.markdown_luck import trades_of

_PLAIN_WIDTH = 140
_PLAIN_LINES = 20  # of progress at most, where there is no terminal
_WORDS = {True: "[green]pass[/]", False: "[red]FAIL[/]"}


class _Answer(Console):
    """A console that leaves a closed pipe to whoever called."""

    def on_broken_pipe(self) -> None:
        """Raise BrokenPipeError instead of ending the process."""
        raise BrokenPipeError


class Screen:
    """Progress of stages: a live bar on a terminal, plain lines elsewhere; always on standard error."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.seconds: dict[str, float] = {}

    def say(self, line: str) -> None:
        """Print one line."""
        self.console.print(escape(line), soft_wrap=True)

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[str, int, int], None]]:
        """Show that stage `name` is at work and yield the function that reports its progress."""
        began = time.perf_counter()
        if self.console.is_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn())
            with Progress(*columns, TimeElapsedColumn(), console=self.console, transient=True) as live:
                task = live.add_task(name, total=None)

                def report(what: str, done: int, total: int) -> None:
                    live.update(task, description=f"{name}: {what}", completed=done, total=total)

                yield report
        else:
            shown = 0

            def report(what: str, done: int, total: int) -> None:
                nonlocal shown
                if done * _PLAIN_LINES // max(total, 1) > shown * _PLAIN_LINES // max(total, 1):
                    self.say(f"{name}: {what} {done} of {total}")
                shown = done

            yield report
        self.seconds[name] = round(time.perf_counter() - began, 2)

    def finished(self, name: str, what: str, why: str | None) -> None:
        """Say what a stage did, or that it had nothing to do."""
        if why is None:
            self.say(f"{name:<9} up to date")
        else:
            self.say(f"{name:<9} {what} in {self.seconds.get(name, 0.0):.1f} s ({why})")


def show(answer: Any, as_json: bool, render: Callable[[Console, Any], None]) -> None:
    """Print `answer` as one JSON object, or for a person."""
    if as_json:
        sys.stdout.write(json.dumps(answer, indent=1, allow_nan=False, default=str, ensure_ascii=False) + "\n")
        return
    render(_Answer(highlight=False, width=None if sys.stdout.isatty() else _PLAIN_WIDTH), answer)


def verdict(console: Console, answer: Mapping[str, Any]) -> None:
    """Print a verdict: first whether it is READY, then the benchmarks, skill, trials, luck, warnings and the card."""
    colour = "green" if answer["status"] == "READY" else "red"
    console.print(f"[bold {colour}]{answer['status']}[/] {escape(answer['headline'])}", soft_wrap=True)
    if answer["status"] == "READY" and "promotion" in answer:
        screen_registry.settled(console, answer["promotion"])
    console.print(benchmarks(answer))
    for line in answer["skill_lines"]:
        console.print(escape(line), soft_wrap=True)
    console.print(escape(answer["trials_line"]), soft_wrap=True)
    for line in answer["proof_lines"]:
        console.print(escape(line), soft_wrap=True)
    for warning in answer["warnings"]:
        console.print(f"[yellow]Warning:[/] {escape(warning)}", soft_wrap=True)
    for number, remedy in enumerate(answer["remedies"], start=1):
        console.print(f"Remedy {number}: {escape(remedy)}", soft_wrap=True)
    console.print(f"Card: {escape(answer['card'])}", soft_wrap=True)
    console.print(f"Report: {escape(answer['report'])}", soft_wrap=True)
    console.print(f"MLflow run {answer['run_id']}: `{answer['open']}`", soft_wrap=True)


def benchmarks(answer: Mapping[str, Any]) -> Table:
    """Return the table of what each gate got, what was wanted and what a failed one lacks."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in (("", "left"), ("benchmark", "left"), ("got", "right"), ("wanted", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("90 % interval", justify="right")
    table.add_column("what it would take", overflow="fold")
    trades = trades_of(answer)
    for values in answer["gates"]:
        gate = Gate.model_validate(values)
        shown = GATES[gate.name].show
        interval = f"{shown(gate.interval[0])} … {shown(gate.interval[1])}" if gate.interval else "–"
        got = "–" if gate.got is None else shown(gate.got)
        sign = "≥" if gate.direction == ">=" else "≤"
        wanted = f"{sign} {shown(gate.wanted)}"
        takes = escape(what_it_would_take(gate, trades) if gate.asked else f"not asked: {gate.note}")
        table.add_row(_WORDS[gate.passed], GATES[gate.name].title, got, wanted, interval, takes)
    return table


def enriched(console: Console, answer: Mapping[str, Any]) -> None:
    """Print what was enriched."""
    for one in answer["series"]:
        console.print(f"[green]{one['series']}[/] {one['columns']} features × {one['rows']:,} bars")
        if absent := one["companions"]["left_out"]:
            console.print(f"left out, as no bars of them are stored: {', '.join(absent)}", soft_wrap=True)


def labelled(console: Console, answer: Mapping[str, Any]) -> None:
    """Print what was labelled."""
    shares = ", ".join(f"{name} {share:.1%}" for name, share in answer["shares"].items())
    gone = ", ".join(f"{count} {why.replace('_', ' ')}" for why, count in answer["absent"].items())
    rows = f"{answer['rows']:,} labels, worth {answer['effective']:,} without overlap"
    console.print(f"[green]{answer['series']}[/] {rows}: {shares}; absent: {gone}", soft_wrap=True)


def parity(console: Console, answer: Mapping[str, Any]) -> None:
    """Print how a replay compares with the backtest."""
    same = answer["matched"] == answer["total"] and answer["first_divergence"] is None
    share = f"{answer['matched']:,} of {answer['total']:,} trades are the same in every field"
    console.print(f"[{'green' if same else 'red'}]{share}[/], over {answer['bars']:,} bars of {answer['series']}")
    if answer["scores_differing"]:
        console.print(f"{answer['scores_differing']:,} of {answer['bars']:,} scores differ")
    if one := answer["first_divergence"]:
        told = (
            f"First divergence: {one['what']} at {one['ts']}: {one['field']} {one['live']} live, {one['backtest']} in"
        )
        console.print(f"[red]{escape(told)} the backtest[/]", soft_wrap=True)
    console.print(f"Journal: {escape(answer['journal'])}", soft_wrap=True)


def explained(console: Console, answer: Mapping[str, Any]) -> None:
    """Print how a decision came about."""
    decision, model, again = answer["decision"], answer["model"], answer["again"]
    said = {1: "buy", -1: "sell", 0: "no order"}[decision["side"]]
    why = "" if decision["side"] else f", {escape(decision['reason'])}"
    console.print(f"[bold]{escape(answer['signal_id'])}[/] ({answer['mode']}): {said}{why}")
    table = Table("", "", box=None, pad_edge=False, show_header=False)
    prices = " ".join(f"{name} {decision[name]:g}" for name in ("open", "high", "low", "close", "volume", "spread"))
    rows = {
        "bar": f"{decision['ts']}: {prices}",
        "its SHA-256": decision["bar_sha256"],
        "its tail's": f"{decision['tail_sha256']} ({again.get('bars_needed', '?')} bars)",
        "stored bars": again.get("bars_sha256", "–"),
        "again": again["why"],
        "model": f"bundle {model['bundle_sha256']}, run {model['run_id'] or '–'}, version {model['version'] or '–'}",
        "probabilities": ", ".join(f"{name[2:]} {decision[name]:.6f}" for name in ("p_down", "p_flat", "p_up")),
        "score": f"{decision['score']:.6f}, confidence {decision['confidence']:.6f}, expected net R "
        f"{decision['expected_r_long']:+.6f} long, {decision['expected_r_short']:+.6f} short",
        "decision": f"{said}{why} {decision['detail']}{' (overlay)' * decision['overlay']}",
        "account": f"equity {decision['equity']:,.2f}, cash {decision['cash']:,.2f}, peak {decision['peak']:,.2f}, "
        f"{decision['day_trades']} trades today",
    }
    for name, value in rows.items():
        table.add_row(name, escape(str(value)))
    for order in answer["orders"]:
        table.add_row(
            "order",
            f"{order['client_id']} {order['size']:g} lots: " + " → ".join(one["state"] for one in order["states"]),
        )
        for one in order["executions"]:
            ended = "" if one["kind"] == "open" else f" ({one['reason']}), {one['r']:+.3f} R, {one['pnl']:+,.2f} USD"
            table.add_row("executed", f"{one['kind']} {one['ts']} at {one['price']:g}{ended}")
    console.print(table)


def settings(console: Console, answer: Mapping[str, Any]) -> None:
    """Print each effective setting and where it comes from."""
    for file, values in answer.items():
        table = Table("setting", "value", "from", title=file, title_justify="left")
        for name, setting in values.items():
            table.add_row(name, escape(str(setting["value"])), escape(setting["origin"]))
        console.print(table)
