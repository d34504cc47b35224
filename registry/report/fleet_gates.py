"""The gates of a fleet: a heat map of its series by symbol and timeframe, and what each series got of each gate."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from registry.gates import GATES, Gate
from registry.report import fleet_states
from registry.report.fleet_told import READY
from registry.report.headline import got, interval, wanted
from registry.report.markup import NOTHING, grid, joined, mark, note, table, tag

Told = Mapping[str, Any]

_EMPTY = tag("td", "–", title="no series of the fleet", class_="void")
_FAINTEST, _LOUDEST = 0.10, 0.45  # of a FAILED cell's colour
_READ = "One square a gate, in the order of the table below: full where it is passed. A cell leads to its row there."


def heat(verdicts: Sequence[Told]) -> Markup:
    """Return the series by symbol (down) and timeframe (across): the verdict of each and how many gates it passes."""
    found = {(one["symbol"], one["timeframe"]): one for one in verdicts}
    symbols, timeframes = (dict.fromkeys(one[name] for one in verdicts) for name in ("symbol", "timeframe"))
    rows = [
        (
            tag("th", symbol, scope="row"),
            [_cell(found[symbol, name]) if (symbol, name) in found else _EMPTY for name in timeframes],
        )
        for symbol in symbols
    ]
    drawn = grid("Verdict and passed gates by symbol and timeframe", ("", *timeframes), rows, "heatmap")
    return joined([drawn, fleet_states.key(verdicts), note(_READ)])


def gates(verdicts: Sequence[Told]) -> Markup:
    """Return what each judged series got of each gate of its profile, and what the others are, with the reason."""
    judged = [one for one in verdicts if one.get("gates")]
    profiles = dict.fromkeys(one["profile"] for one in judged)
    tables = [_profile(name, [one for one in judged if one["profile"] == name]) for name in profiles]
    return joined([*tables, _others([one for one in verdicts if not one.get("gates")])])


def _cell(one: Told) -> Markup:
    state, asked = fleet_states.of(one), _asked(one)
    told = [tag("b", state.word)]
    style = None
    if asked:
        passed = sum(gate.passed for gate in asked)
        share = 1.0 - passed / len(asked)
        style = f"--share:{_FAINTEST + (_LOUDEST - _FAINTEST) * share:.2f}"
        squares = tag("span", *(tag("i", class_="on" if gate.passed else None) for gate in asked), class_="squares")
        told += [tag("span", f"{passed} of {len(asked)}"), squares]
    why = one["why"] or (f"lacks {', '.join(_title(name) for name in one['failed'])}" if one.get("failed") else None)
    link = tag("a", *told, href=f"#{_row(one)}", title=why, class_=f"state {state.kind}", style=style)
    return tag("td", link)


def _profile(name: str, judged: Sequence[Told]) -> Markup:
    """Return the table of the series that the profile `name` decides, with how many pass each gate at its end."""
    names = [gate for gate in GATES if any(gate == one["name"] for row in judged for one in row["gates"])]
    rows = [_judged(row, names) for row in judged]
    rows.append((tag("th", "Passed by", scope="row"), [tag("td", _passed_by(judged, gate)) for gate in names]))
    head = ("Series", *(GATES[gate].title for gate in names))
    title = tag("h3", f"Profile {name}", tag("span", f"{len(judged)} judged", class_="aside"))
    return joined([title, grid(f"Gates of profile {name} by series", head, rows, "bygate")])


def _judged(row: Told, names: Iterable[str]) -> tuple[Markup, list[Markup]]:
    by = {gate.name: gate for gate in _all(row)}
    stamp = tag("span", row["status"], class_=f"pill {'good' if row['status'] == READY else 'bad'}")
    head = tag("th", row["series"], " ", stamp, scope="row", id=_row(row))
    return head, [_measured(by[name]) if name in by else tag("td", "not asked") for name in names]


def _measured(gate: Gate) -> Markup:
    if not gate.asked:
        return tag("td", "not asked", title=gate.note)
    reach = f"90 % interval {interval(gate)}" if gate.interval else gate.note or None
    value = tag("b", "–" if gate.got is None else got(gate))
    bound = tag("small", mark(gate.passed), wanted(gate))
    return tag("td", value, bound, title=reach, class_="good" if gate.passed else "bad")


def _passed_by(judged: Sequence[Told], name: str) -> str:
    asked = [gate for row in judged for gate in _asked(row) if gate.name == name]
    return f"{sum(gate.passed for gate in asked)} of {len(asked)}"


def _others(verdicts: Sequence[Told]) -> Markup:
    """Return the series without a verdict, those together that have the same state and reason."""
    if not verdicts:
        return NOTHING
    alike: dict[tuple[str, str], list[Told]] = {}
    for one in verdicts:
        alike.setdefault((one["status"], one["why"]), []).append(one)
    rows = []
    for (_, why), several in alike.items():
        state = fleet_states.of(several[0])
        word = tag("span", state.word, class_=f"state {state.kind}")
        names = Markup(" ").join(tag("span", one["series"], id=_row(one)) for one in several)
        rows.append((word, names, why or state.meaning))
    head = ("State", "Series", "Why")
    return joined([tag("h3", f"Without a verdict ({len(verdicts)})"), table(head, rows, (0, 1, 2))])


def _all(one: Told) -> list[Gate]:
    return [Gate.model_validate(values) for values in one.get("gates", [])]


def _asked(one: Told) -> list[Gate]:
    """Return the gates that were asked, in the order of the table."""
    by = {gate.name: gate for gate in _all(one) if gate.asked}
    return [by[name] for name in GATES if name in by]


def _title(name: str) -> str:
    return GATES[name].title.lower() if name in GATES else name


def _row(one: Told) -> str:
    return f"series-{one['series']}"
