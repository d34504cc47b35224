"""What each profile says of the same trades, side by side."""

from markupsafe import Markup

from registry.card import Card
from registry.gates import GATES, Gate, status, what_it_would_take
from registry.markdown_luck import trades_of
from registry.report.headline import got, interval, wanted
from registry.report.markup import NOTHING, joined, listed, mark, note, table, tag

_SAID = {
    "six": "Six benchmarks of the trades as they were.",
    "honest": "Could luck, the search or friendly fills have made these trades? Stricter where the six are generous.",
}


def verdicts(card: Card) -> Markup:
    """Return what the profiles say, the one that decides promotion first."""
    every = {card.profile: card.gates} | card.verdicts
    blocks = tag("div", *(_profile(card, name, gates) for name, gates in every.items()), class_="two")
    if len(every) > 1:
        return blocks
    return joined([blocks, note("Only one profile was asked when this card was made.")])


def _profile(card: Card, name: str, gates: list[Gate]) -> Markup:
    said = status(gates, name)
    stamp = tag("span", said, class_=f"pill {'good' if said == 'READY' else 'bad'}")
    decides = "decides promotion" if name == card.profile else "beside it"
    reach = name != card.profile and any(gate.interval for gate in gates)  # those of the other are on top
    head = ("Benchmark", "Got", "Wanted", "90 % interval")[: 4 if reach else 3]
    rows = [(_named(gate), got(gate), wanted(gate), interval(gate))[: len(head)] for gate in gates]
    lacks = _lacks(gates, trades_of(card.model_dump()))
    unasked = [f"{GATES[gate.name].title} was not asked: {gate.note}." for gate in gates if not gate.asked]
    return tag(
        "div",
        tag("h3", f"Profile {name} ", stamp, tag("span", decides, class_="aside")),
        note(_SAID[name]) if name in _SAID else NOTHING,
        table(head, rows),
        joined([tag("h4", "What it would take"), listed(lacks)]) if lacks else NOTHING,
        *(note(line) for line in unasked),
        class_="profile",
    )


def _named(gate: Gate) -> Markup:
    if not gate.asked:
        return joined([tag("span", "–", class_="mark"), GATES[gate.name].title])
    return joined([mark(gate.passed), GATES[gate.name].title])


def _lacks(gates: list[Gate], trades: int) -> list[Markup]:
    """Return what failed gates lack, a line for all that lack the same."""
    found: dict[str, list[str]] = {}
    for gate in gates:
        if not gate.passed:
            found.setdefault(what_it_would_take(gate, trades), []).append(GATES[gate.name].title)
    return [joined([tag("strong", ", ".join(titles)), f": {takes}."]) for takes, titles in found.items()]
