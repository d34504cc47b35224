"""Drawings as inline SVG that fill the width they are given while letters and strokes keep their size.

A plot is a picture without a view box: places are shares of its width and height, so a phone gets the same plot as a
desk, narrower. Only paths cannot be in shares: they lie in a stretched picture of their own.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup

from registry.report.markup import NOTHING, joined, tag

OCTAGON = Markup(
    '<svg class="hallmark" viewBox="0 0 40 40" width="34" height="34" aria-hidden="true">'
    '<path d="M12 2H28L38 12V28L28 38H12L2 28V12Z"/><path d="M13 29 20 10 27 29M16 22.500H24"/></svg>'
)  # the mark of fineness of gold is an octagon

_WIDTH, _HEIGHT = 4000, 1000  # of the stretched picture
_CROWDED = 5  # ticks along x of which a phone shows every other
_LETTER, _GAP, _EDGE = 7.4, 10, 0.025
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


class Axis(NamedTuple):
    """What one side of a plot reaches from and to, and its ticks: places and words."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def at(self, value: float) -> float:
        """Return where `value` lies, as a share of the way."""
        return (value - self.low) / (self.high - self.low)


def numbers(low: float, high: float, told: Callable[[float], str], count: int = 5) -> Axis:
    """Return an axis from `low` to `high` with about `count` round ticks."""
    if not high > low:
        low, high = low - 0.5, high + 0.5
    step = _step((high - low) / count)
    first = np.ceil(low / step - 1e-9)
    places = [float(at * step) + 0.0 for at in np.arange(first, np.floor(high / step + 1e-9) + 1)]  # + 0: no −0
    return Axis(low, high, tuple((place, told(place)) for place in places))


def names(words: Sequence[str]) -> Axis:
    """Return an axis with a place, 0, 1 …, for each of `words`."""
    return Axis(-0.5, len(words) - 0.5, tuple((float(at), word) for at, word in enumerate(words)))


def times(stamps: pd.DatetimeIndex) -> Axis:
    """Return an axis of days since 1970 over `stamps` (two at least) with about six ticks at the start of months."""
    days = days_of(stamps)
    starts = pd.date_range(stamps[0].normalize(), stamps[-1], freq="MS")
    every = max(1, round(len(starts) / 6))
    told = [(stamp, f"{stamp:%b}" if stamp.month > 1 else f"{stamp:%Y}") for stamp in starts[::every]]
    if not told:
        told = [(stamp, f"{stamp:%d %b}") for stamp in stamps[[0, -1]]]
    if not any(word.isdigit() for _, word in told):
        told[0] = (told[0][0], f"{told[0][0]:%b %Y}")
    places = days_of(pd.DatetimeIndex([stamp for stamp, _ in told]))
    return Axis(float(days[0]), float(days[-1]), tuple(zip(places.tolist(), [word for _, word in told], strict=True)))


def days_of(stamps: pd.DatetimeIndex) -> np.ndarray:
    """Return stamps as days since 1970."""
    return stamps.as_unit("us").asi8 / 86_400_000_000.0


def margin(*axes: Axis) -> float:
    """Return the room, in pixels, for the words beside plots that stand above each other."""
    return _GAP + _LETTER * max((len(word) for y in axes for _, word in y.ticks), default=0)


def plot(
    told: str,
    x: Axis,
    y: Axis,
    *marks: Markup,
    height: int = 230,
    x_title: str = "",
    y_title: str = "",
    left: float | None = None,
) -> Markup:
    """Return a plot of `marks` over its grid; `told` says in words what it shows, `left` is the room beside it."""
    left = margin(y) if left is None else left
    picture = tag(
        "svg",
        tag("title", told),
        _grid(y),
        *marks,
        _along_x(x),
        width="100%",
        height=height,
        role="img",
        overflow="visible",
    )
    box = tag("div", picture, class_="plot", style=f"padding-left:{left:.0f}px")
    return joined(
        [
            tag("p", y_title, class_="axis") if y_title else NOTHING,
            box,
            tag("p", x_title, class_="axis along") if x_title else NOTHING,
        ]
    )


def line(x: Axis, y: Axis, xs: Sequence[float], ys: Sequence[float], kind: str) -> Markup:
    """Return a line through points."""
    return _stretched(tag("path", d=_way(x, y, xs, ys), class_=f"line {kind}"))


def area(x: Axis, y: Axis, xs: Sequence[float], ys: Sequence[float], base: float, kind: str) -> Markup:
    """Return what lies between a line and `base`."""
    way = f"{_way(x, y, xs, ys)}V{_down(y, base)}H{_across(x, xs[0])}Z"
    return _stretched(tag("path", d=way, class_=f"area {kind}"))


def dots(x: Axis, y: Axis, xs: Sequence[float], ys: Sequence[float], kind: str) -> Markup:
    """Return points, all in one path."""
    way = "".join(f"M{_across(x, a)} {_down(y, b)}h0" for a, b in zip(xs, ys, strict=True))
    return _stretched(tag("path", d=way, class_=f"dots {kind}"))


def bar(x: Axis, y: Axis, at: float, width: float, low: float, high: float, kind: str) -> Markup:
    """Return a bar of `width` around `at` from `low` to `high`."""
    top, bottom = y.at(max(low, high)), y.at(min(low, high))
    return tag(
        "rect",
        x=_share(x.at(at - width / 2)),
        y=_share(1.0 - top),
        width=_share(x.at(at + width / 2) - x.at(at - width / 2)),
        height=_share(top - bottom),
        class_=f"bar {kind}",
    )


def whisker(x: Axis, y: Axis, at: float, low: float, high: float, kind: str) -> Markup:
    """Return an upright interval."""
    place = _share(x.at(at))
    return tag(
        "line", x1=place, x2=place, y1=_share(1 - y.at(low)), y2=_share(1 - y.at(high)), class_=f"whisker {kind}"
    )


def level(y: Axis, value: float, words: str = "", kind: str = "rule", begin: bool = False) -> Markup:
    """Return a line across at `value` with words above its end, or its `begin`."""
    place = _share(1.0 - y.at(value))
    x, anchor = ("4", "start") if begin else ("100%", "end")
    text = tag("text", words, x=x, y=place, dy="-5", text_anchor=anchor, class_="said") if words else NOTHING
    return joined([tag("line", x1="0", x2="100%", y1=place, y2=place, class_=kind), text])


def upright(x: Axis, value: float, words: str = "", kind: str = "rule", line_number: int = 0) -> Markup:
    """Return an upright line at `value` with words beside its top."""
    share = x.at(value)
    side, away = ("end", "-5") if share > 0.55 else ("start", "5")
    place = _share(share)
    text = tag("text", words, x=place, dx=away, y=12 + 15 * line_number, text_anchor=side, class_="said")
    return joined([tag("line", x1=place, x2=place, y1="0", y2="100%", class_=kind), text if words else NOTHING])


def words_at(x: Axis, y: Axis, at: float, value: float, words: str, kind: str = "", away: int = -6) -> Markup:
    """Return words in the middle above (`away` below 0) a point."""
    return tag(
        "text",
        words,
        x=_share(x.at(at)),
        y=_share(1 - y.at(value)),
        dy=away,
        text_anchor="middle",
        class_=f"said {kind}",
    )


def thinned(values: np.ndarray, most: int = 1200) -> np.ndarray:
    """Return the places of at most `most` values that draw like all: ends, least and largest of each stretch."""
    count = len(values)
    if count <= most:
        return np.arange(count)
    kept = {0, count - 1}
    for part in np.array_split(np.arange(count), most // 2 - 1):
        kept |= {int(part[np.argmin(values[part])]), int(part[np.argmax(values[part])])}
    return np.array(sorted(kept))


def _grid(y: Axis) -> Markup:
    made = []
    for value, word in y.ticks:
        place = _share(1.0 - y.at(value))
        made.append(tag("line", x1="0", x2="100%", y1=place, y2=place, class_="grid"))
        made.append(tag("text", word, x="-8", y=place, dy=".34em", text_anchor="end", class_="tick"))
    return joined(made)


def _along_x(x: Axis) -> Markup:
    made = [tag("line", x1="0", x2="100%", y1="100%", y2="100%", class_="base")]
    for number, (value, word) in enumerate(x.ticks):
        share = x.at(value)
        anchor = "start" if share < _EDGE else "end" if share > 1.0 - _EDGE else "middle"
        kind = "tick wide" if len(x.ticks) > _CROWDED and number % 2 else "tick"
        made.append(tag("text", word, x=_share(share), y="100%", dy="17", text_anchor=anchor, class_=kind))
    return joined(made)


def _stretched(path: Markup) -> Markup:
    box = f"0 0 {_WIDTH} {_HEIGHT}"
    return tag("svg", path, viewBox=box, preserveAspectRatio="none", width="100%", height="100%", overflow="visible")


def _way(x: Axis, y: Axis, xs: Sequence[float], ys: Sequence[float]) -> str:
    return "M" + "L".join(f"{_across(x, a)} {_down(y, b)}" for a, b in zip(xs, ys, strict=True))


def _across(x: Axis, value: float) -> int:
    return round(_WIDTH * x.at(value))


def _down(y: Axis, value: float) -> int:
    return round(_HEIGHT * (1.0 - y.at(value)))


def _share(share: float) -> str:
    return f"{100.0 * share:.2f}%"


def _step(rough: float) -> float:
    power = 10.0 ** np.floor(np.log10(rough))
    return float(next(power * step for step in _STEPS if power * step >= rough * (1 - 1e-9)))
