"""How often the gate itself is wrong: worlds without an edge that it promotes, worlds with one that it does not."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from registry.card import Card
from registry.report import svg
from registry.report.markup import NOTHING, figure, joined, note, table, tag
from registry.report.shown import Told
from registry.shortfall import percent

_KINDS = ("gold", "good", "quiet")


def placebo(card: Card) -> Markup:
    """Return how often the gate promotes worlds without an edge, and worlds with one, by profile."""
    told = card.placebo
    if not told or "why" in told:
        return note(told.get("why", "Not measured: this card does not know how often its gate is wrong."))
    rows = [_profile(name, one, told) for name, one in told["profiles"].items()]
    head = ("Profile", "Promoted without an edge", "At most, at 95 %")
    facts = [f"Tier {told['tier']}, worlds of the variant {told.get('variant', '–')}, from {told.get('source', '–')}."]
    if "leaks" in told:
        facts.append(f"{told['leaks_seen']} of {told['leaks']} planted leaks were seen.")
    facts += told.get("complaints", [])
    said = tag("p", tag("strong", told["told"]))
    return joined([said, table(head, rows), *(note(fact) for fact in facts), _power(told.get("power", []))])


def _profile(name: str, one: Told, told: Told) -> tuple[str, ...]:
    worlds, bound = one.get("worlds", told["worlds"]), one["upper_bound_95"]
    return (name, f"{one['promotions']:,} of {worlds:,}", "–" if bound is None else percent(bound, 1))


def _power(power: Sequence[Told]) -> Markup:
    """Return the share of worlds with an edge that each profile promotes."""
    if not power:
        return NOTHING
    profiles = list(power[0]["profiles"])
    key = tag("p", *(tag("span", name, class_=f"dot {_kind(at)}") for at, name in enumerate(profiles)), class_="key")
    caption = (
        "Worlds with a planted edge, 95 % intervals. Oracle: the profit factor of trading the hidden signal itself."
    )
    drawn = figure("Power: how often a true edge is promoted", joined([key, _drawn(power, profiles)]), caption)
    rows = [
        (f"{one['edge']:g}", _two(one["oracle_profit_factor"]), *(_share(one["profiles"][name]) for name in profiles))
        for one in power
    ]
    return joined([drawn, table(("Edge", "Oracle", *(f"promoted by {name}" for name in profiles)), rows)])


def _drawn(power: Sequence[Told], profiles: Sequence[str]) -> Markup:
    x = svg.names([f"{one['edge']:g}" for one in power])
    y = svg.numbers(0.0, 1.06, percent, 4)
    marks = []
    for number, name in enumerate(profiles):
        aside = 0.14 * (number - (len(profiles) - 1) / 2.0)
        for at, one in enumerate(power):
            found: Mapping[str, Any] = one["profiles"][name]
            if found["share"] is not None:
                marks.append(svg.whisker(x, y, at + aside, found["low"], found["high"], f"{_kind(number)} thin"))
                marks.append(svg.dots(x, y, [at + aside], [found["share"]], f"{_kind(number)} large"))
    return svg.plot(
        "Share of worlds promoted, by edge", x, y, *marks, height=210, x_title="Planted edge →", y_title="↑ Promoted"
    )


def _kind(number: int) -> str:
    return _KINDS[number % len(_KINDS)]


def _share(one: Told) -> str:
    if one["share"] is None:
        return "–"
    return f"{percent(one['share'])} ({percent(one['low'])} … {percent(one['high'])})"


def _two(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}"
