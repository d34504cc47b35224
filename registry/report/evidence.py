"""What stands behind the result: what costs, worse fills, luck and the gate itself make of it."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from backtest.stress import BOUNDS
from registry import luck_told, stress_told
from registry.card import Card
from registry.gates import GATES
from registry.report import svg
from registry.report.markup import NOTHING, figure, joined, listed, mark, note, table, tag
from registry.report.shown import Shown
from registry.shortfall import percent


def frontier(card: Card, shown: Shown) -> Markup:
    """Return the profit factor along multiples of costs, with the one at which the edge dies."""
    told = card.robustness
    if not told or "why" in told:
        return note(f"Not measured: {told.get('why', 'the card knows nothing of worse fills')}.")
    points = [point for point in shown.frontier if point.profit_factor is not None]
    if len(points) < 2:
        return joined([note(f"Not drawn: {shown.why_not('frontier')}."), tag("p", stress_told.break_even(told))])
    xs, ys = [point.multiple for point in points], [float(point.profit_factor or 0.0) for point in points]
    x = svg.numbers(xs[0], xs[-1], lambda value: f"{value:g}×", 6)
    y = svg.numbers(0.0, 1.12 * max([1.0, *ys]), "{:g}".format)
    marks = [
        svg.line(x, y, xs, ys, "gold"),
        svg.dots(x, y, xs, ys, "gold large"),
        svg.level(y, 1.0, "nothing earned", begin=True),
    ]
    marks.append(svg.upright(x, 1.0, "as charged", "rule dashed"))
    dead = told["break_even"]["dead"]
    if dead is not None and x.low <= dead["multiple"] <= x.high:
        marks.append(svg.upright(x, dead["multiple"], f"the edge dies at {dead['multiple']:.2f}×", "rule dead", 1))
    drawn = svg.plot(
        "Profit factor along multiples of all costs", x, y, *marks, height=260,
        x_title="Costs, multiples of the broker's →", y_title="↑ Profit factor",
    )  # fmt: skip
    return figure("Profit factor if trading cost more or less", drawn, stress_told.break_even(told))


def stress(card: Card) -> Markup:
    """Return what worse fills make of the result, and whether each bound holds."""
    told = card.robustness
    if not told or "why" in told:
        return note(f"Not measured: {told.get('why', 'the card knows nothing of worse fills')}.")
    rows = [_scenario(one) for one in told["scenarios"]]
    bounds = [_bound(one) for one in told["verdicts"]]
    broken = sum(not one["passed"] for one in told["verdicts"])
    said = "Every bound holds." if not broken else f"{broken} of {len(bounds)} bounds do not hold."
    return joined(
        [
            tag("p", said),
            table(("Scenario", "Trades", "PF", "R/trade", "Wins", "Fall"), rows),
            tag("h3", "Bounds"),
            table(("Bound", "Got", "Wanted"), bounds),
            listed([stress_told.reshuffled(told), stress_told.leak(told)]),
        ]
    )


def significance(card: Card) -> Markup:
    """Return each question to luck with its answer, and how often the benchmarks are passed by luck."""
    told = card.significance
    if not told or "why" in told:
        return note(f"Nothing can be asked: {told.get('why', 'the card knows nothing of luck')}.")
    lines = [line.partition(": ") for line in luck_told.lines(told).values()]
    answers = tag("dl", *(joined([tag("dt", name), tag("dd", f"{said}.")]) for name, _, said in lines))
    return joined([answers, _chances(card)])


def _scenario(one: Mapping[str, Any]) -> tuple[object, ...]:
    expectancy, wins = one["expectancy"], one["win_rate"]
    return (
        stress_told.TITLES[one["name"]],
        f"{one['trades']:,}",
        _two(one["profit_factor"]),
        "–" if expectancy is None else f"{expectancy:+.3f}",
        "–" if wins is None else percent(wins, 1),
        percent(one["max_drawdown"], 1),
    )


def _bound(one: Mapping[str, Any]) -> tuple[object, ...]:
    title = BOUNDS[one["name"]].title if one["name"] in BOUNDS else one["name"].replace("_", " ")
    told = (lambda value: percent(value, 1)) if one["name"] == "drawdown_95" else _two
    got = told(one["got"]) if one["got"] is not None else one["note"] or "not computable"
    return (
        joined([mark(one["passed"]), title]),
        got,
        f"{'≥' if one['direction'] == '>=' else '≤'} {told(one['wanted'])}",
    )


def _chances(card: Card) -> Markup:
    told = card.chances
    if not told or "why" in told:
        return NOTHING
    rows = [
        (GATES[name].title if name in GATES else tag("strong", "All"), _share(chance), _share(told["power"][name]))
        for name, chance in told["luck"].items()
    ]
    explained = (
        f"Of {told['histories']:,} histories of {told['trades']:,} trades like these, the share that passes without an "
        f"edge (a mean of 0 R), and with the one claimed ({told['expectancy']:+.3f} R)."
    )
    head = ("Benchmark", "By luck", "At this edge")
    return joined([tag("h3", "Chances of the benchmarks"), table(head, rows), note(explained)])


def _share(value: float | None) -> str:
    if value is None:
        return "–"
    return percent(value, 1) if value >= 0.001 or value == 0.0 else f"{100 * value:.3f} %"


def _two(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}"
