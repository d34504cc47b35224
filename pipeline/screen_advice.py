"""What a person sees of advice to train again: the verdict, each rule with how often it is wrong, whence the trades."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from registry.figures import counted
from registry.shortfall import percent

_COLOURS = {"KEEP": "green", "RETRAIN": "red", "TOO EARLY": "yellow"}
_SHOW = {
    "win_rate": lambda value: percent(value, 1),
    "losing_months": "{:+.1f} R".format,
    "profit_factor": "{:.2f}".format,
    "features": "{:.3f}".format,
    "volatility": "{:.3f}".format,
}
_WANTED = {"win_rate": ">", "losing_months": "≥", "profit_factor": "≥", "features": "≤", "volatility": "≤"}
_SAID = {True: "[red]FIRES[/]", False: "[green]holds[/]", None: "[yellow]too early[/]"}


def advised(console: Console, answer: Mapping[str, Any]) -> None:
    """Print the advice."""
    colour = _COLOURS[answer["verdict"]]
    console.print(f"[bold {colour}]{answer['verdict']}[/] {escape(_headline(answer))}", soft_wrap=True)
    console.print(escape(_whence(answer)), soft_wrap=True)
    console.print(_table(answer["rules"]))
    for rule in answer["rules"]:
        console.print(escape(told(rule)), soft_wrap=True)
    if answer["any_wrong"] is not None:
        wrong = answer["regime_wrong"]
        market = f", one of those on the market in up to {percent(wrong)}" if wrong else ""
        console.print(
            "Though nothing has changed, at least one of the three rules on trades fires in "
            f"{percent(answer['any_wrong'])} of such spells{market}: advice is no gate.",
            soft_wrap=True,
        )
    if answer["expires"]:
        what = "expired" if answer["expired"] else "expires"
        console.print(f"The champion {what} on {answer['expires'][:10]}, whatever these rules say.")


def told(rule: Mapping[str, Any]) -> str:
    """Return a rule in words, with how often it is wrong."""
    text = f"{rule['name'].replace('_', ' ')}: {rule['told']}"
    if rule["why"]:
        text += f". Not yet: {rule['why']}"
    if rule["wrong"] is None:
        return f"{text}."
    if rule["seen"] is None:
        return f"{text}. By chance it fires in {percent(rule['wrong'], 1)} of cases."
    return (
        f"{text}. With {rule['spell']} it is wrong in {percent(rule['wrong'], 1)} of cases, and sees an edge that is "
        f"gone in {percent(rule['seen'])}."
    )


def _headline(answer: Mapping[str, Any]) -> str:
    firing = [rule["name"].replace("_", " ") for rule in answer["rules"] if rule["fires"]]
    waiting = [rule["name"].replace("_", " ") for rule in answer["rules"] if rule["fires"] is None]
    said = f"{answer['series']}, run {answer['run_id'][:12]}: "
    if firing:
        return f"{said}{', '.join(firing)}"
    return said + (f"nothing says so yet; not asked: {', '.join(waiting)}" if waiting else "no rule fires")


def _whence(answer: Mapping[str, Any]) -> str:
    span = "" if answer["first"] is None else f", {answer['first'][:10]} to {answer['last'][:10]}"
    months = [f"{month['name']} ({month['trades']})" for month in answer["months"]]
    whole = f"; whole months (trades): {', '.join(months)}" if months else "; no whole month"
    return f"{counted(answer['trades'], 'trade')} by {answer['source_told']}{span}{whole}."


def _table(rules: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for at, head in enumerate(("rule", "", "got", "wanted", "trades", "wrong in")):
        table.add_column(head, justify="left" if at < 2 else "right")
    for rule in rules:
        show = _SHOW[rule["name"]]
        got = ", ".join(show(value) for value in rule["got"]) or "–"
        wanted = f"{_WANTED[rule['name']]} {show(rule['wanted'])}" if rule["got"] or rule["trades"] else "–"
        wrong = "–" if rule["wrong"] is None else percent(rule["wrong"], 1)
        name, trades = rule["name"].replace("_", " "), f"{rule['trades'] or '–'}"
        table.add_row(name, _SAID[rule["fires"]], got, wanted, trades, wrong)
    return table
