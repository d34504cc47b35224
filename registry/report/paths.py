"""What combinatorial cross-validation says: how outcomes of the same procedure are spread over paths."""

from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup

from registry import markdown_paths
from registry.card import Card
from registry.figures import counted
from registry.report import svg
from registry.report.markup import figure, folded, joined, note, table, tag
from registry.report.shown import Told
from registry.shortfall import percent

_FIGURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "profit_factor": ("Profit factor", "{:.2f}".format),
    "expectancy": ("R a trade", "{:+.3f}".format),
    "sharpe_per_trade": ("Sharpe per trade", "{:+.2f}".format),
    "win_rate": ("Wins", lambda value: percent(value, 1)),
    "max_drawdown": ("Fall", lambda value: percent(value, 1)),
}
_DRAWN = ("expectancy", "profit_factor", "max_drawdown")
_EXPLAINED = (
    "On a path each group of history is traded by a model that held it out, but that learnt from what came later too: "
    "this is how outcomes of the same procedure are spread, and no forecast."
)


def paths(card: Card) -> Markup:
    """Return what each path earned, their median and their bad end; a note where none were asked for."""
    told = card.paths
    if not told:
        return note("Not measured: no combinatorial paths were asked for.")
    every = told["paths"]
    said = [tag("p", f"{line}.") for line in markdown_paths.lines(card.model_dump())]
    made = (
        f"History before the judged window in {told['groups']} groups, {told['held_out']} held out at a time: "
        f"{counted(told['splits'], 'split')}, each fitted anew; {counted(told['leaks'], 'leak')} in "
        f"{counted(told['audits'], 'audited split')}."
    )
    drawn = [_spread(name, every) for name in _DRAWN if sum(one.get(name) is not None for one in every) > 1]
    rows = [_row("median", told["median"]), _row("bad end, 5 %", told["bad_end"])]
    if told.get("drawn_anew"):
        rows.append(_row("5 %, trades drawn anew", told["drawn_anew"]))
    each = folded(
        f"Each of the {len(every)} paths", _table([_row(str(at), one) for at, one in enumerate(every, start=1)])
    )
    return joined([*said, note(made), tag("div", *drawn, class_="three"), _table(rows), each, note(_EXPLAINED)])


def _spread(name: str, every: Sequence[Told]) -> Markup:
    """Return a strip with a dot for each path and a stroke at their median."""
    title, show = _FIGURES[name]
    values = sorted(float(one[name]) for one in every if one.get(name) is not None)
    room = 0.12 * (values[-1] - values[0]) or 0.1 * abs(values[0]) or 0.5
    x, y = svg.numbers(values[0] - room, values[-1] + room, show, 3), svg.Axis(0.0, 1.0, ())
    heights = [0.3 + 0.1 * (at % 5) for at in range(len(values))]
    median = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2.0
    marks = [svg.upright(x, median, f"median {show(median)}"), svg.dots(x, y, values, heights, "gold large")]
    return figure(title, svg.plot(f"{title} of {len(values)} paths", x, y, *marks, height=86))


def _table(rows: Sequence[Sequence[str]]) -> Markup:
    return table(("Path", "Trades", *(title for title, _ in _FIGURES.values())), rows)


def _row(name: str, one: Told) -> tuple[str, ...]:
    trades = "–" if one.get("trades") is None else f"{one['trades']:,.0f}"
    return (name, trades, *(_cell(one.get(figure_name), show) for figure_name, (_, show) in _FIGURES.items()))


def _cell(value: Any, show: Callable[[float], str]) -> str:
    return "–" if value is None else show(value)
