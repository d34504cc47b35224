"""What keeps a fleet going: drift of inputs, champions with their ages and expiry, and what all of it cost."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from registry.figures import counted
from registry.report import fleet_told
from registry.report.features import ranges
from registry.report.markup import NOTHING, figure, folded, joined, note, table, tag
from registry.report.shown import Drift

Told = Mapping[str, Any]

_DRAWN = 12
_NONE = "No series of the fleet has a champion: nothing of it may trade."
_SPREAD = (
    "Of the worst feature of each series. The line is how far the windows before the judged one strayed from each "
    "other; a dot beyond it is news. 0 is alike; the scale is that of square roots."
)


def drift(told: Mapping[str, Told]) -> Markup:
    """Return for each judged series how far its inputs lie in the judged window from what came before."""
    known = {name: one for name, one in told.items() if "why" not in one}
    ordered = sorted(known, key=lambda name: (-known[name]["further"] / known[name]["features"], name))
    lacking = [tag("span", tag("strong", name), f": {one['why']}.") for name, one in told.items() if "why" in one]
    unknown = folded(f"Not measured ({len(lacking)})", *(note(line) for line in lacking)) if lacking else NOTHING
    if not known:
        return joined([note("It could be measured for no series."), unknown])
    news = sum(one["further"] > 0 for one in known.values())
    said = (
        f"Inputs of {news} of {len(known)} series lie further off in the judged window than in any of its length "
        "before, by a stability index of 0.1 or more."
    )
    worst = sorted(known, key=lambda name: (-known[name]["judged"], name))[:_DRAWN]
    drawn = ranges([(f"{name} {known[name]['worst']}", _drift(known[name])) for name in worst])
    head = ("Series", "Further than ever", "By chance", "Worst feature", "Judged", "Most before")
    rows = [_drifted(name, known[name]) for name in ordered]
    return joined([tag("p", said), figure("Furthest inputs", drawn, _SPREAD), table(head, rows, (0, 3)), unknown])


def champions(rows: Sequence[Told], today: dt.datetime) -> Markup:
    """Return each champion: until when it learnt, when it was promoted, until when it is vouched for, and its stage."""
    if not rows:
        return note(_NONE)
    head = ("Series", "Stage", "Trained until", "Age", "Promoted", "Expires", "State")
    told = [_champion(one, today) for one in sorted(rows, key=lambda one: (one["expires"] or "9", one["series"]))]
    problems = [note(f"{one['series']}: {one['problem']}") for one in rows if one["problem"]]
    said = "Stage is what the promotion allows. Age counts from the last bar that the model learnt from."
    return joined([table(head, told, (0, 1, 6)), note(said), *problems])


def cost(told: Told) -> Markup:
    """Return seconds by stage with the slowest series of each, and by series."""
    stages = [
        (name, f"{one['seconds']:,.1f}", f"{one['median']:,.2f}", f"{one['most']:,.1f}", one["slowest"])
        for name, one in told["stages"].items()
    ]
    by = sorted(told["series"].items(), key=lambda one: (-one[1], one[0]))
    drawn = figure("Seconds of work by series", _bars(by[:_DRAWN]))
    every = folded(f"All {len(by)} series", table(("Series", "s"), [(name, f"{spent:,.1f}") for name, spent in by]))
    made = table(("Stage", "s", "Median s", "Most s", "Slowest"), stages, (0, 4))
    return joined([tag("p", f"{fleet_told.spent(told)}."), made, drawn, every if len(by) > _DRAWN else NOTHING])


def _drift(one: Told) -> Drift:
    return Drift(one["judged"], one["least"], one["largest"], one["windows"])


def _drifted(name: str, one: Told) -> tuple[object, ...]:
    chance = one["features"] / (one["windows"] + 1)
    further = f"{one['further']} of {one['features']}"
    return (name, further, f"{chance:.1f}", tag("code", one["worst"]), f"{one['judged']:.2f}", f"{one['largest']:.2f}")


def _champion(one: Told, today: dt.datetime) -> tuple[object, ...]:
    trained = one["trained_until"]
    age = "–" if trained is None else counted((today - dt.datetime.fromisoformat(trained)).days, "day")
    state, kind = _state(one, today)
    word = tag("span", state, class_=f"mark {kind}") if kind else state
    days = (str(one[name] or "–")[:10] for name in ("promoted", "expires"))
    return (f"{one['series']} v{one['version']}", one["stage"] or "–", str(trained or "–")[:10], age, *days, word)


def _state(one: Told, today: dt.datetime) -> tuple[str, str]:
    """Return the state of a champion and the class of its mark, "" for a plain one."""
    if one["problem"]:
        return "NOT TRUSTED", "bad"
    if one["expires"] is None:
        return "never expires", ""
    left = dt.datetime.fromisoformat(one["expires"]) - today
    if left <= dt.timedelta(0):
        return f"EXPIRED {counted(-left.days, 'day')} ago", "bad"
    return f"{counted(left.days, 'day')} left", ""


def _bars(rows: Sequence[tuple[str, float]]) -> Markup:
    top = max((spent for _, spent in rows), default=0.0) or 1.0
    made = []
    for name, spent in rows:
        stroke = tag("rect", x="0", y="1", height="10", width=f"{100 * spent / top:.2f}%", rx="2", class_="bar gold")
        picture = tag("svg", stroke, width="100%", height="12", aria_hidden="true")
        made.append(tag("div", tag("code", name), picture, tag("span", f"{spent:,.0f} s"), class_="row"))
    return tag("div", *made, class_="rows")
