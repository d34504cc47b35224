"""Some candlestick patterns in plain words, on whole-number prices: TA-Lib's default settings, whole arithmetic.

A bar is (open, high, low, close). What is small or long is so against the ten bars before.
"""

from collections.abc import Callable, Sequence

Bar = tuple[int, int, int, int]
Pattern = Callable[[Sequence[Bar], int], int]


def colour(bar: Bar) -> int:
    return 1 if bar[3] >= bar[0] else -1


def body(bar: Bar) -> int:
    return abs(bar[3] - bar[0])


def upper(bar: Bar) -> int:
    return bar[1] - max(bar[0], bar[3])


def lower(bar: Bar) -> int:
    return min(bar[0], bar[3]) - bar[2]


def ten_ranges(bars: Sequence[Bar], at: int) -> int:
    return sum(bar[1] - bar[2] for bar in bars[at - 10 : at])


def ten_bodies(bars: Sequence[Bar], at: int) -> int:
    return sum(body(bar) for bar in bars[at - 10 : at])


def doji(bars: Sequence[Bar], at: int) -> int:
    """The body is at most a tenth of the mean range."""
    return int(100 * body(bars[at]) <= ten_ranges(bars, at))


def marubozu(bars: Sequence[Bar], at: int) -> int:
    """A body longer than the mean one, shadows under a tenth of the mean range."""
    bar = bars[at]
    bare = max(100 * upper(bar), 100 * lower(bar)) < ten_ranges(bars, at)
    return colour(bar) if bare and 10 * body(bar) > ten_bodies(bars, at) else 0


def spinningtop(bars: Sequence[Bar], at: int) -> int:
    """A body shorter than the mean one, and than each of its shadows."""
    bar = bars[at]
    small = 10 * body(bar) < ten_bodies(bars, at)
    return colour(bar) if small and min(upper(bar), lower(bar)) > body(bar) else 0


def engulfing(bars: Sequence[Bar], at: int) -> int:
    """A body that covers the one before, of the other colour; one of the two ends may be equal."""
    (open_, _, _, close), (open_before, _, _, close_before) = bars[at], bars[at - 1]
    if colour(bars[at]) == colour(bars[at - 1]):
        return 0
    bottom, top = sorted((open_, close))
    bottom_before, top_before = sorted((open_before, close_before))
    covers = bottom <= bottom_before and top >= top_before and (bottom, top) != (bottom_before, top_before)
    return colour(bars[at]) if covers else 0


def three_outside(bars: Sequence[Bar], at: int) -> int:
    """A body that covers the one before to both sides, and a close further on."""
    sign = engulfing(bars, at - 1)
    before = bars[at - 2]
    strictly = sorted((bars[at - 1][0], bars[at - 1][3]))
    wider = strictly[0] < min(before[0], before[3]) and strictly[1] > max(before[0], before[3])
    further = (bars[at][3] - bars[at - 1][3]) * sign > 0
    return sign if wider and further else 0


def matchinglow(bars: Sequence[Bar], at: int) -> int:
    """Two falls with closes no further apart than a twentieth of the mean range of the five bars before the first."""
    five = sum(bar[1] - bar[2] for bar in bars[at - 6 : at - 1])
    falls = colour(bars[at]) == colour(bars[at - 1]) == -1
    return int(falls and 100 * abs(bars[at][3] - bars[at - 1][3]) <= five)


PATTERNS: dict[str, Pattern] = {
    "doji": doji,
    "marubozu": marubozu,
    "spinningtop": spinningtop,
    "engulfing": engulfing,
    "3outside": three_outside,
    "matchinglow": matchinglow,
}
