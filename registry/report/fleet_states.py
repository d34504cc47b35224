"""How each state of a series looks on the page of a fleet: a word, a look of its own, and what it means."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from registry.report.fleet_told import FAILED, READY
from registry.report.markup import tag

Told = Mapping[str, Any]


class State(NamedTuple):
    """A state: the word in its cells, the class of its looks, and what it means."""

    word: str
    kind: str
    meaning: str


_OTHER = State("", "other", "at work, or waiting for it")
_STATES = {
    READY: State(READY, "ready", "passed every benchmark of its profile"),
    FAILED: State(FAILED, "failed", "judged, and lacks a benchmark or more; the stronger the colour, the more"),
    "stale": State("stale", "stale", "trained again since its verdict, which counts nowhere"),
    "failed": State("error", "error", "a stage broke off: there is no verdict"),
    "damaged": State("damaged", "error", "its card cannot be read"),
    "refused": State("refused", "refused", "its bars or settings cannot be used"),
    "missing": State("missing", "missing", "no bars"),
    "not run": State("not run", "idle", "nobody has trained it yet"),
}


def of(one: Told) -> State:
    """Return the state of a series of the report's verdicts."""
    return _STATES.get(one["status"], _OTHER._replace(word=one["status"]))


def key(verdicts: Sequence[Told]) -> Markup:
    """Return each state that occurs, with its look, how many are in it and what it means."""
    counts: dict[State, int] = {}
    for one in verdicts:
        counts[of(one)] = counts.get(of(one), 0) + 1
    order = [*_STATES.values()]
    ordered = sorted(counts, key=lambda state: order.index(state) if state in order else len(order))
    return tag("ul", *(_told(state, counts[state]) for state in ordered), class_="states")


def _told(state: State, count: int) -> Markup:
    sample = tag(
        "span", state.word, class_=f"state {state.kind}", style="--share:.25" if state.word == FAILED else None
    )
    return tag("li", sample, tag("b", f"{count}"), f" {state.meaning}")
