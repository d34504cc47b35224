"""The first lines of a report: the verdict, its six numbers, skill, trials and looks, what is wrong with the data."""

from markupsafe import Markup

from market.gate_settings import SIX
from registry.card import Card, headline
from registry.gates import GATES, Gate
from registry.markdown import skilled_folds, trials_line
from registry.report.markup import NOTHING, joined, listed, mark, note, table, tag
from registry.report.svg import OCTAGON

_SKILLS = {
    "oos": "direction, out of sample",
    "out_of_fold": "direction, out of fold",
    "oos_classes": "all classes, out of sample",
    "out_of_fold_classes": "all classes, out of fold",
}
_EXPLAINED = (
    "Share of log-loss saved against the base rate of what was trained on, with its 90 % interval. In direction it is "
    "asked of rows that ended up or down; over all classes it is positive on any market and earns nothing."
)
_STRIPS = "Below each number: its 90 % interval; the stroke is the bound, the shaded side is the good one."
_DIGITS = 12


def masthead(card: Card) -> Markup:
    """Return what stands on top: whose card it is, and READY or FAILED."""
    said = headline(card)[0].partition(": ")[2].removeprefix("SIMULATED, never real: ")
    facts = f"Made {card.made_at[:16].replace('T', ' ')} UTC, recipe {card.recipe}"
    if card.run_id:
        facts += f", run {card.run_id[:_DIGITS]}"
    kind = "good" if card.status == "READY" else "bad"
    stamp = tag("p", OCTAGON, tag("strong", card.status), class_=f"stamp {kind}")
    words = tag("div", tag("p", "Model card", class_="kicker"), tag("h1", card.series), class_="whose")
    said = f"{said[:1].upper()}{said[1:]}."
    return tag("header", tag("div", words, stamp, class_="top"), tag("p", said, class_="verdict"), note(facts))


def band(card: Card) -> Markup:
    """Return the band over the page of a market that is made up, nothing where it is real."""
    if not card.simulated:
        return NOTHING
    return tag("p", tag("strong", "SIMULATED"), " made up, never real", class_="band")


def numbers(card: Card) -> Markup:
    """Return the benchmarks of the profile that decides, a tile each."""
    by = NOTHING if card.profile == SIX else note(f"Profile {card.profile} decides.")
    tiles = tag("div", *(_tile(gate) for gate in card.gates), class_="tiles")
    return joined([by, tiles, note(_STRIPS)])


def honesty(card: Card) -> Markup:
    """Return skill, trials and looks, and what is wrong with the data."""
    rows = [_skill(_SKILLS.get(name, name.replace("_", " ")), told) for name, told in card.skill.items()]
    folds = skilled_folds(card.folds)
    if folds is not None:
        rows.append(("folds with skill", f"{folds} of {len(card.folds)}", ""))
    warnings = tag("ul", *(tag("li", line) for line in card.warnings), class_="warnings")
    data = warnings if card.warnings else tag("p", "None.")
    return tag(
        "div",
        tag("div", tag("h3", "Skill"), table(("", "Saved", "90 % interval"), rows), note(_EXPLAINED)),
        tag(
            "div",
            tag("h3", "Trials and looks"),
            tag("p", f"{trials_line(card.model_dump())}."),
            tag("h3", f"Data warnings ({len(card.warnings)})" if card.warnings else "Data warnings"),
            data,
        ),
        class_="two",
    )


def remedies(card: Card) -> Markup:
    """Return what might help."""
    if not card.remedies:
        return tag("p", "None is needed: every benchmark is passed." if card.status == "READY" else "None is known.")
    return listed(card.remedies, ordered=True)


def got(gate: Gate) -> str:
    """Return what a gate got, for people."""
    if gate.got is None:
        return "not computable" if gate.asked else "not asked"
    shown = GATES[gate.name].show(gate.got)
    return f"{gate.got:.6g}" if not gate.passed and shown == GATES[gate.name].show(gate.wanted) else shown


def wanted(gate: Gate) -> str:
    """Return what a gate wanted."""
    return f"{'≥' if gate.direction == '>=' else '≤'} {GATES[gate.name].show(gate.wanted)}"


def interval(gate: Gate) -> str:
    """Return the 90 % interval of a gate, a dash where there is none."""
    if gate.interval is None:
        return "–"
    low, high = (GATES[gate.name].show(end) for end in gate.interval)
    return f"{low} … {high}"


def _tile(gate: Gate) -> Markup:
    value = tag("p", tag("span", "–" if gate.got is None else got(gate)), mark(gate.passed), class_="value")
    title = tag("p", GATES[gate.name].title, class_="name")
    said = interval(gate) if gate.interval else gate.note or "counted"
    small = tag("p", f"wanted {wanted(gate)}", class_="wanted")
    kind = "good" if gate.passed else "bad"
    return tag("div", title, value, small, _strip(gate), tag("p", said, class_="interval"), class_=f"tile {kind}")


def _strip(gate: Gate) -> Markup:
    """Return a strip on which the bound is the middle, its good side shaded, with the interval and what was got."""
    scale = gate.wanted or 1.0
    good = 50 if gate.direction == ">=" else 0
    parts = [tag("rect", x=f"{good}%", y="3", width="50%", height="8", class_="side")]
    if gate.interval is not None:
        low, high = (min(max(end / scale, 0.0), 2.0) * 50 for end in gate.interval)
        parts.append(tag("rect", x=f"{low:.2f}%", y="5", width=f"{high - low:.2f}%", height="4", class_="reach"))
    parts.append(tag("line", x1="50%", x2="50%", y1="0", y2="14", class_="bound"))
    if gate.got is not None:
        at = min(max(gate.got / scale, 0.0), 2.0) * 50
        parts.append(tag("circle", cx=f"{at:.2f}%", cy="7", r="4", class_="got"))
    return tag("svg", *parts, width="100%", height="14", class_="strip", aria_hidden="true", overflow="visible")


def _skill(name: str, told: object) -> tuple[object, ...]:
    if not isinstance(told, dict) or told.get("skill") is None:
        return (name, "not computable", "–")
    low, high = told.get("low"), told.get("high")
    reach = "–" if low is None or high is None else f"{low:+.4f} … {high:+.4f}"
    return (name, f"{told['skill']:+.4f}", reach)
