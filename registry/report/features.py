"""The features of a model: how far each has drifted, and what each means."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from feature_store.catalogue import described, entries_of, matches
from feature_store.groups import GROUPS
from registry.card import Card
from registry.report.markup import figure, folded, joined, note, table, tag
from registry.report.shown import Drift, Shown

_DRAWN = 12
_MODERATE = 0.1  # folklore, but a shift below it is small whoever asks


def drift(shown: Shown) -> Markup:
    """Return how far the judged window of each feature lies from what came before, by windows of the same length."""
    if not shown.drift:
        return note(f"Not measured: {shown.why_not('drift')}.")
    ordered = sorted(shown.drift.items(), key=lambda item: (-item[1].judged, item[0]))
    further = news(shown.drift)
    windows = ordered[0][1].windows
    said = (
        f"{len(further)} of {len(ordered)} features lie further off in the judged window than in any of the {windows} "
        f"windows before it, and by {_MODERATE:g} or more."
    )
    drawn = figure(
        "Stability index of the judged window against all before",
        ranges(ordered[:_DRAWN]),
        "The line is how far the windows before it strayed from each other; a dot beyond it is news. 0 is alike; the "
        "scale is that of square roots.",
    )
    head = ("Feature", "Judged", "Least before", "Most before")
    rows = [(tag("code", name), *(f"{value:.3f}" for value in one[:3])) for name, one in ordered]
    return joined([tag("p", said), drawn, folded(f"All {len(ordered)} features", table(head, rows))])


def news(drift: Mapping[str, Drift]) -> list[str]:
    """Return the features that lie further off in the judged window than in any before, and by 0.1 or more."""
    return [name for name, one in drift.items() if one.judged > one.largest and one.judged >= _MODERATE]


def ranges(rows: Sequence[tuple[str, Drift]]) -> Markup:
    """Return for each name a line over the drift of the windows before, and a dot for that of the judged one."""
    top = max(max(one.judged, one.largest) for _, one in rows) or 1.0
    made = []
    for name, one in rows:
        low, high, at = (
            f"{96 * (max(value, 0.0) / top) ** 0.5:.2f}%" for value in (one.least, one.largest, one.judged)
        )
        kind = "bad" if one.judged > one.largest else "gold"
        picture = tag(
            "svg",
            tag("line", x1=low, x2=high, y1="6", y2="6", class_="whisker quiet"),
            tag("circle", cx=at, cy="6", r="4.5", class_=f"point {kind}"),
            width="100%",
            height="12",
            aria_hidden="true",
            overflow="visible",
        )
        made.append(tag("div", tag("code", name), picture, tag("span", f"{one.judged:.2f}"), class_="row"))
    return tag("div", *made, class_="rows")


def catalogue(card: Card) -> Markup:
    """Return what each feature of the model means, by group, those that move it most first."""
    weights = card.selection.get("features", {})
    ordered = sorted(card.features, key=lambda name: (-weights.get(name, {}).get("shap", 0.0), name))
    rows = [joined([tag("dt", tag("code", name)), tag("dd", *_described(name))]) for name in ordered]
    return tag("dl", *rows, class_="catalogue")


def _described(column: str) -> tuple[object, ...]:
    group, _, name = column.partition("__")
    if group not in GROUPS or not matches(entries_of(group), name):
        return ("Not described: a group of the owner's, or of another version.",)
    entry = described(column)
    said = f"{entry.meaning[:1].upper()}{entry.meaning[1:]}."
    return (said, tag("span", entry.unit, class_="aside")) if entry.unit else (said,)
