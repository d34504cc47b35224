"""The window: each bar is taken once, whatever order they arrive in, and what is wrong with one is said."""

import hashlib
import math
import struct
import tracemalloc
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.feeds import ClosedBar
from live.window import TOLERANCE, Verdict, Window, bar_sha256
from market import tables
from market.errors import DataError, UsageError
from market.timeframe import TIMEFRAMES
from tests.live.arriving import QUARTER, as_table, bar, stamp, table

LATER = stamp(1_000_000)


def window(numbers=(), capacity: int = 100) -> Window:
    made = Window("XAUUSD_15T", TIMEFRAMES["15T"], capacity)
    made.load(table(numbers))
    return made


def test_a_window_holds_the_last_bars_of_its_history():
    held = window(range(1, 11), capacity=4)
    assert len(held) == 4
    assert held.last == bar(10)
    pd.testing.assert_frame_equal(held.frame(4), table(range(7, 11)), check_freq=False)
    pd.testing.assert_frame_equal(held.frame(2), table([9, 10]), check_freq=False)
    assert len(held.frame(9)) == 4
    assert len(held.frame(0)) == 0
    tables.check(held.frame(4), tables.BARS, "window")


def test_an_empty_window_has_no_last_bar_and_an_empty_frame():
    assert window().last is None
    assert len(window()) == 0
    tables.check(window().frame(5), tables.BARS, "window")


def test_a_new_bar_is_accepted_and_is_the_last():
    held = window([1, 2])
    assert held.accept(bar(3), stamp(3)) == Verdict("accepted", "")
    assert held.last == bar(3)


def test_a_hole_is_no_reason_to_refuse_the_bar_after_it():
    assert window([1, 2]).accept(bar(60), stamp(60)).kind == "accepted"


def test_the_same_bar_again_is_a_duplicate():
    held = window([1, 2, 3])
    assert held.accept(bar(2), stamp(3)) == Verdict("duplicate", "")
    assert held.sha256(3) == window([1, 2, 3]).sha256(3)


def test_a_revised_bar_is_taken_and_each_changed_field_is_named():
    held = window([1, 2, 3])
    revised = bar(3, close=2002.25, spread=0.5)
    assert held.accept(revised, stamp(4)) == Verdict("revised", "close 2003.0 → 2002.25, spread 0.3 → 0.5")
    assert held.last == revised
    assert held.accept(revised, stamp(4)).kind == "duplicate"
    assert held.accept(bar(3), stamp(4)).kind == "revised"


def test_a_late_bar_is_put_in_its_place():
    held = window([1, 2, 4, 5])
    verdict = held.accept(bar(3), stamp(5))
    assert verdict.kind == "late"
    assert "2025-01-06 01:15:00 UTC" in verdict.detail
    pd.testing.assert_frame_equal(held.frame(9), table(range(1, 6)), check_freq=False)
    assert held.accept(bar(3), stamp(5)).kind == "duplicate"


def test_a_late_bar_pushes_the_oldest_out_of_a_full_window():
    held = window([1, 2, 4, 5], capacity=4)
    assert held.accept(bar(3), stamp(5)).kind == "late"
    assert held.sha256(4) == window([2, 3, 4, 5]).sha256(4)


def test_a_late_bar_from_before_a_full_window_is_left_out():
    held = window([2, 3, 4], capacity=3)
    assert held.accept(bar(1), stamp(5)).detail.endswith("it is before the window and left out")
    assert held.sha256(3) == window([2, 3, 4]).sha256(3)
    roomy = window([2, 3, 4], capacity=4)
    assert roomy.accept(bar(1), stamp(5)).kind == "late"
    assert roomy.sha256(4) == window([1, 2, 3, 4]).sha256(4)


@pytest.mark.parametrize(
    ("early", "kind"),
    [(-1, "accepted"), (0, "accepted"), (TOLERANCE, "accepted"), (TOLERANCE + 1, "unclosed"), (QUARTER, "unclosed")],
)
def test_a_bar_from_the_future_is_not_taken(early, kind):
    held = window([1, 2])
    assert held.accept(bar(3), stamp(3) - early).kind == kind
    assert len(held) == (3 if kind == "accepted" else 2)


@pytest.mark.parametrize(
    ("timeframe", "at", "aligned"),
    [
        ("15T", "2025-01-07 10:15", True),
        ("15T", "2025-01-07 10:14", False),
        ("15T", "2025-01-07 10:15:00.000001", False),
        ("4H", "2025-01-07 08:00", True),
        ("4H", "2025-01-07 10:00", False),
        ("4H", "2025-01-07 21:00", False),
        ("1H", "2025-01-07 21:00", True),
    ],
)
def test_a_bar_off_the_grid_is_not_taken(timeframe, at, aligned):
    ts = pd.Timestamp(at, tz="UTC").value // 1000
    verdict = Window("XAUUSD", TIMEFRAMES[timeframe], 10).accept(bar(1)._replace(ts=ts), LATER)
    assert verdict.kind == ("accepted" if aligned else "misaligned")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"close": math.nan}, "close not finite"),
        ({"open": math.inf, "volume": -math.inf}, "open, volume not finite"),
        ({"spread": math.nan}, "spread not finite"),
        ({"spread": -0.1}, "spread -0.1 below 0"),
        ({"volume": -1.0}, "volume -1 below 0"),
        ({"low": 0.0}, "low 0 is not above 0"),
        ({"low": -5.0}, "low -5 is not above 0"),
        ({"high": 1990.0}, "are not between"),
        ({"low": 2003.5}, "are not between"),
    ],
)
def test_what_no_bar_can_be_is_not_taken(changes, told):
    held = window([1, 2])
    verdict = held.accept(bar(3, **changes), stamp(3))
    assert verdict.kind == "invalid"
    assert told in verdict.detail
    assert held.sha256(9) == window([1, 2]).sha256(9)


def test_a_bar_without_spread_or_volume_is_a_bar():
    assert window([1]).accept(bar(2, spread=0.0, volume=0.0), stamp(2)).kind == "accepted"


def scaled(one: ClosedBar, factor: float) -> ClosedBar:
    return one._replace(**{name: getattr(one, name) * factor for name in ("open", "high", "low", "close")})


@pytest.mark.parametrize("factor", [100.0, 0.01, 1.6, 0.4])
def test_another_symbol_or_unit_is_not_taken(factor):
    held = window([1, 2, 3])
    for number in (4, 3):
        verdict = held.accept(scaled(bar(number), factor), stamp(5))
        assert verdict.kind == "implausible"
        assert "over 50% away" in verdict.detail
    assert held.sha256(9) == window([1, 2, 3]).sha256(9)
    assert held.accept(scaled(bar(4), 1.4), stamp(5)).kind == "accepted"


def test_a_first_bar_has_nothing_that_it_could_be_implausible_against():
    assert window().accept(scaled(bar(1), 100.0), stamp(1)).kind == "accepted"


@pytest.mark.parametrize(
    ("history", "wanted"),
    [
        (lambda: as_table([bar(1), bar(2, low=math.nan)]), "not positive and finite"),
        (lambda: table([2, 1]), "must increase strictly"),
        (lambda: table([1]).drop(columns="spread"), "lacks columns"),
        (lambda: as_table([bar(1), bar(1)._replace(ts=stamp(1) + 60_000_000)]), "00:16:00 UTC is no close of 15T"),
    ],
)
def test_a_history_that_is_not_sound_is_refused(history, wanted):
    with pytest.raises(DataError, match=rf"history of XAUUSD_15T.*{wanted}"):
        window().load(history())


def test_a_window_holds_at_least_one_bar():
    with pytest.raises(UsageError, match="wanted at least 1"):
        window(capacity=0)
    held = window(capacity=1)
    for number in range(1, 8):
        assert held.accept(bar(number), LATER).kind == "accepted"
    assert held.last == bar(7)


def test_a_frame_does_not_change_when_the_window_moves_on():
    held = window(range(1, 5), capacity=4)
    frame, before = held.frame(4), table(range(1, 5))
    held.accept(bar(4, volume=0.0), LATER)
    for number in range(5, 20):
        held.accept(bar(number), LATER)
    pd.testing.assert_frame_equal(frame, before, check_freq=False)


def test_anybody_can_work_out_the_hashes():
    bars = [bar(number) for number in range(1, 6)]
    packed = [struct.pack("<q6d", *one) for one in bars]
    assert [bar_sha256(one) for one in bars] == [hashlib.sha256(one).hexdigest() for one in packed]
    assert window(range(1, 6)).sha256(3) == hashlib.sha256(b"".join(packed[2:])).hexdigest()
    assert window().sha256(3) == hashlib.sha256(b"").hexdigest()


def test_equal_bars_have_equal_hashes_whatever_the_sign_of_a_zero():
    positive, negative = bar(1, spread=0.0), bar(1, spread=-0.0)
    assert bar_sha256(positive) == bar_sha256(negative)
    held = window()
    held.load(as_table([negative]))
    assert held.accept(positive, LATER).kind == "duplicate"
    assert held.sha256(1) == bar_sha256(positive)


def test_memory_stays_flat():
    held = window(capacity=500)
    tracemalloc.start()
    try:
        for number in range(1, 2_000):
            held.accept(bar(number), LATER)
        early = tracemalloc.get_traced_memory()[0]
        for number in range(2_000, 20_000):
            held.accept(bar(number), LATER)
        assert tracemalloc.get_traced_memory()[0] - early < 10_000
    finally:
        tracemalloc.stop()


# ---- any order of arrivals ----

ARRIVALS = st.lists(st.tuples(st.integers(1, 30), st.sampled_from([10.0, 11.0, 12.0])), max_size=80)


def of(arrival: tuple[int, float]) -> ClosedBar:
    return bar(arrival[0], volume=arrival[1])


def arrived(held, arrivals: list[tuple[int, float]]) -> list[ClosedBar]:
    """Return the bars that `held` says may be acted on."""
    return [of(one) for one in arrivals if held.accept(of(one), LATER).kind == "accepted"]


def acts_once(made: Callable[[], Window], arrivals: list[tuple[int, float]]) -> None:
    acted = [one.ts for one in arrived(made(), arrivals)]
    assert acted == sorted(set(acted))


def holds_what_a_restart_would_read(made: Callable[[], Window], capacity: int, arrivals) -> None:
    held = made()
    arrived(held, arrivals)
    last_told = {one.ts: one for one in map(of, arrivals)}
    wanted = as_table([last_told[ts] for ts in sorted(last_told)][-capacity:])
    pd.testing.assert_frame_equal(held.frame(capacity), wanted, check_freq=False)
    restarted = Window("XAUUSD_15T", TIMEFRAMES["15T"], capacity)
    restarted.load(wanted)
    assert held.sha256(capacity) == restarted.sha256(capacity)


@settings(deadline=None)
@given(arrivals=ARRIVALS, capacity=st.integers(1, 40))
def test_in_any_order_each_bar_is_acted_on_once_and_in_order(arrivals, capacity):
    acts_once(lambda: window(capacity=capacity), arrivals)


@settings(deadline=None)
@given(arrivals=ARRIVALS, capacity=st.integers(1, 40))
def test_in_any_order_the_window_holds_what_a_restart_would_read(arrivals, capacity):
    holds_what_a_restart_would_read(lambda: window(capacity=capacity), capacity, arrivals)


class ActsAgain(Window):
    """Broken: a revision counts as a new bar."""

    def accept(self, bar: ClosedBar, now: int) -> Verdict:
        verdict = super().accept(bar, now)
        return Verdict("accepted", "") if verdict.kind == "revised" else verdict


class KeepsTheFirst(Window):
    """Broken: what was told first stays."""

    def accept(self, bar: ClosedBar, now: int) -> Verdict:
        before = self._values.copy()
        verdict = super().accept(bar, now)
        if verdict.kind == "revised":
            np.copyto(self._values, before)
        return verdict


class AppendsWhateverComes(Window):
    """Broken: a late bar goes to the end."""

    def _insert(self, bar: ClosedBar, place: int) -> None:
        super()._insert(bar, self._end)


def test_the_search_finds_a_window_that_acts_twice():
    with pytest.raises(AssertionError):
        acts_once(lambda: ActsAgain("XAUUSD_15T", TIMEFRAMES["15T"], 40), [(1, 10.0), (2, 10.0), (2, 11.0)])


@pytest.mark.parametrize("broken", [KeepsTheFirst, AppendsWhateverComes])
def test_the_search_finds_a_window_that_a_restart_would_not_give(broken):
    with pytest.raises(AssertionError):
        holds_what_a_restart_would_read(
            lambda: broken("XAUUSD_15T", TIMEFRAMES["15T"], 40), 40, [(1, 10.0), (3, 10.0), (2, 10.0), (3, 11.0)]
        )
