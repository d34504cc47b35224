"""How a fleet's answers look: plan, board, report and what was imported."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

Told = Mapping[str, Any]

_COLOURS = {
    "READY": "green",
    "FAILED": "red",
    "failed": "red",
    "refused": "red",
    "missing": "yellow",
    "stale": "yellow",
}
_SHOWN_WHY = 110


def planned(console: Console, answer: Told) -> None:
    """Print each series with what must run and why, and what all of it will cost."""
    table = _table("series", "state", "bars", "s", "memory", "disk", "why")
    for one in answer["series"]:
        cost = (_seconds(one["seconds"]), _gigabytes(one["memory"]), _gigabytes(one["disk"]))
        table.add_row(one["series"], _coloured(one["state"]), f"{one['bars']:,}", *cost, escape(one["why"]))
    console.print(table)
    told = answer["totals"]
    states = ", ".join(f"{told[name]} {name}" for name in ("up to date", "stale", "missing", "refused") if told[name])
    console.print(f"{told['series']} series: {states}", soft_wrap=True)
    if told["stale"]:
        time = "unknown, as nothing was trained in this home yet"
        if told["seconds"] is not None:
            time = f"{_seconds(told['seconds'])} s, by {told['workers']} workers {_seconds(told['wall_seconds'])} s"
        console.print(
            f"Expected: {time}; memory of the largest {_gigabytes(told['largest_memory'])}; disk "
            f"{_gigabytes(told['disk'])} of {_gigabytes(told['disk_free'])} free",
            soft_wrap=True,
        )


def stood(console: Console, answer: Told) -> None:
    """Print where each series stands."""
    table = _table("series", "state", "stage", "verdict", "since", "why")
    for name, one in answer["series"].items():
        told = (one.get("stage", ""), _coloured(one.get("verdict", "")), one.get("at", ""), escape(one.get("why", "")))
        table.add_row(name, _coloured(one["state"]), *told)
    console.print(table)
    who = answer["holder"]
    at_work = f"process {who['pid']} on {who['host']} is at work since {who['since']}"
    console.print(at_work if answer["running"] else f"nobody is at work; the last run: {escape(answer['state'])}")


def ran(console: Console, answer: Told) -> None:
    """Print what a run came to: the series that failed with their reasons, and the report."""
    for name, one in answer["series"].items():
        if one["state"] in ("failed", "missing"):
            console.print(f"{name}: {_coloured(one['state'])}: {escape(one['why'])}", soft_wrap=True)
    reported(console, answer["report"])
    console.print(", ".join(f"{count} {name}" for name, count in answer["totals"].items()))


def reported(console: Console, answer: Told) -> None:
    """Print the verdicts, and what they are worth together."""
    table = _table("series", "verdict", "trades", "PF", "win", "Sharpe/trade", "drawdown", "looks", "failed benchmarks")
    for one in answer["verdicts"]:
        figures = [_figure(one.get(name)) for name in ("profit_factor", "win_rate", "sharpe_per_trade", "max_drawdown")]
        why = ", ".join(one.get("failed", [])) or one["why"][:_SHOWN_WHY]
        looks, trades = (str(one[name]) if one.get(name) is not None else "–" for name in ("looks", "trades"))
        table.add_row(one["series"], _coloured(one["status"]), trades, *figures, looks, escape(why))
    console.print(table)
    for line in (_luck(answer["luck"]), _independence(answer["independence"]), _portfolio(answer["portfolio"])):
        console.print(escape(line), soft_wrap=True)
    _cost(console, answer["cost"])


def brought(console: Console, answer: Told) -> None:
    """Print what became of each series' bars."""
    table = _table("series", "", "bars", "first", "last", "why")
    for one in answer["series"]:
        rows = f"{one['rows']:,}" if "rows" in one else ""
        told = (one.get("first") or "", one.get("last") or "", escape(one["why"]))
        table.add_row(one["series"], _coloured(one["state"]), rows, *told)
    console.print(table)


def _luck(told: Told) -> str:
    said = f"Luck: {told['looks']} looks at judged windows, {told['ready']} READY. "
    if told["unmeasured"]:
        return (
            said + f"Nobody has measured the gate's error rate for {len(told['unmeasured'])} of them: `assay placebo`."
        )
    return said + (
        f"Expected false promotions by the gate's measured rate: {told['expected_false']:.2f}, at most "
        f"{told['at_most_95']:.2f} at 95 %; the chance of one or more is at most {told['chance_of_one_at_most']:.0%}."
    )


def _independence(told: Told) -> str:
    said = (
        f"Independence: {told['models']} models are worth {told['effective']:g} independent ones (mean correlation of "
        f"daily returns {told['mean_correlation']:+.3f} over {told['days']} days)."
    )
    alike = told["most_alike"][:1]
    return said + "".join(f" Most alike: {a['first']} and {a['second']}, {a['correlation']:+.2f}." for a in alike)


def _portfolio(told: Told) -> str:
    if "why" in told:
        return f"Portfolio: {told['why']}"
    return (
        f"Portfolio of {len(told['series'])} on one account, {told['first'][:10]} to {told['last'][:10]}: "
        f"{told['trades']} trades, return {told['total_return']:+.1%}, drawdown {told['max_drawdown']:.1%}, profit "
        f"factor {_figure(told['profit_factor'])}, daily Sharpe {_figure(told['daily_sharpe'])}."
    )


def _cost(console: Console, told: Told) -> None:
    table = _table("stage", "s", "median s", "most s", "slowest")
    for stage, one in told["stages"].items():
        table.add_row(stage, f"{one['seconds']:.1f}", f"{one['median']:.2f}", f"{one['most']:.1f}", one["slowest"])
    console.print(table)
    share = f"{told['slowest_share']:.0%}" if told["slowest_share"] is not None else "–"
    console.print(f"{told['seconds']:.0f} s of work; the slowest series is {told['slowest']}: {share} of it")


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        right = name in ("bars", "s", "memory", "disk", "trades", "PF", "win", "Sharpe/trade", "drawdown", "looks")
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=name == "series")
    return table


def _coloured(word: str) -> str:
    return f"[{_COLOURS[word]}]{word}[/]" if word in _COLOURS else escape(word)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _seconds(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f}"


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count else ""
