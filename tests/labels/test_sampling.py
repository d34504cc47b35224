"""Events that a window of bars tells as all of history does: sums of moves that begin anew with each UTC day."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labels import EVERY_BAR, Sampling, cusum, daily_cusum, events, sampled
from labels.sampling import bars_needed, is_event
from market.atr import atr
from market.errors import UsageError
from market.perturbation import scrambled
from market.timeframe import parse
from tests.labels.test_events import same_in_every_prefix
from tests.markets import bars_of, random_bars
from tests.oracles import events as oracle
from tests.real_bars import gold

HOUR, QUARTER = parse("1H"), parse("15T")

Rule = Callable[[pd.DataFrame, Sampling], bool]


def unanchored(bars: pd.DataFrame, sampling: Sampling) -> bool:
    """A rule whose sums began wherever the bars begin."""
    found = cusum(bars, sampling.threshold, sampling.atr_period)
    return len(found) > 0 and found[-1] == bars.index[-1]


def apart(bars: pd.DataFrame, sampling: Sampling, needed: int, rows: Iterable[int], rule: Rule = is_event) -> list[int]:
    """Return those of `rows` at which `rule`, in a window of `needed` bars, says otherwise than all of the bars."""
    whole = bars.index.isin(cusum(bars, *sampling) if rule is unanchored else sampled(bars, sampling))
    return [row for row in rows if rule(bars.iloc[max(row + 1 - needed, 0) : row + 1], sampling) != whole[row]]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), threshold=st.sampled_from([0.2, 0.7, 1.4, 5.0]), period=st.sampled_from([2, 14]))
def test_events_equal_those_of_plain_python(seed, threshold, period):
    bars = random_bars(seed, 300)
    ranges = atr(bars, period).tolist()
    found = oracle.daily_cusum(bars.index.to_pydatetime().tolist(), bars["close"].tolist(), ranges, threshold)
    assert daily_cusum(bars, threshold, period).equals(bars.index[found])
    assert len(found) > 0


def test_a_day_begins_anew_and_the_bar_that_ends_at_midnight_is_of_the_day_before():
    closes = [100.0, 100.0, 100.0, 100.7, 101.4, 101.4, 101.4]
    rows = [(c, c + 0.5, c - 0.5, c) for c in closes]
    together, parted = (bars_of(rows, start=start) for start in ("2024-01-08 23:00", "2024-01-08 23:15"))
    midnight = pd.Timestamp("2024-01-09", tz="UTC")
    assert daily_cusum(together, 1.2, 2).tolist() == [midnight]
    assert parted.index[3] == midnight, "it ends the first half of the move, and the day"
    assert daily_cusum(parted, 1.2, 2).tolist() == []
    assert cusum(parted, 1.2, 2).tolist() == [parted.index[4]]


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000), threshold=st.sampled_from([0.3, 1.0, 2.5]), period=st.sampled_from([2, 3]))
def test_a_window_tells_an_event_as_all_of_history_does_at_every_bar(seed, threshold, period):
    bars, sampling = random_bars(seed, 600, minutes=60), Sampling(threshold, period)
    assert apart(bars, sampling, bars_needed(sampling, HOUR), range(len(bars))) == []


def test_sums_that_begin_where_a_window_begins_are_caught_where_the_market_rises_steadily():
    rising = bars_of([(c, c + 0.3, c - 0.7, c) for c in 100.0 + 0.4 * np.arange(600)], minutes=60)
    sampling = Sampling(1.0, 2)
    needed = bars_needed(sampling, HOUR)
    assert apart(rising, sampling, needed, range(600)) == []
    assert len(apart(rising, sampling, needed, range(600), unanchored)) > 100


def test_windows_of_real_gold_have_the_events_of_eight_years():
    bars, sampling = gold("15T"), Sampling(1.0)
    needed = bars_needed(sampling, QUARTER)
    rows = np.random.default_rng(1).choice(len(bars), 800, replace=False)
    assert apart(bars, sampling, needed, rows) == []
    assert len(apart(bars, sampling, 30, rows)) > 0, "half an ATR and a part of a day are not enough"
    assert len(apart(bars, Sampling(10.0), 50, rows, unanchored)) > 0


def test_an_atr_that_began_elsewhere_flips_no_event(monkeypatch):
    steps = np.tile([0.5, 0.5, 0.5, -0.5, -0.5, -0.5], 20)
    closes = 100.0 + np.cumsum(steps)
    bars = bars_of([(c, max(c, c - s) + 0.25, min(c, c - s) - 0.25, c) for c, s in zip(closes, steps, strict=True)])
    assert set(atr(bars, 2)[2:]) == {1.0}, "two steps are one ATR, to the last bit"
    anchored, plain = daily_cusum(bars, 1.0, 2), cusum(bars, 1.0, 2)
    monkeypatch.setattr(events, "atr", lambda bars, period: np.nextafter(atr(bars, period), np.inf))
    assert daily_cusum(bars, 1.0, 2).equals(anchored)
    assert not cusum(bars, 1.0, 2).equals(plain), "sums that are not rounded hang on the last bit"


def of_the_next_bar(bars: pd.DataFrame) -> pd.DatetimeIndex:
    found = np.flatnonzero(bars.index.isin(daily_cusum(bars, 1.4)))
    return bars.index[found[found > 0] - 1]


def of_a_day_that_has_ended(bars: pd.DataFrame) -> pd.DatetimeIndex:
    moved = bars["close"].groupby((bars.index - pd.Timedelta(microseconds=1)).date).transform("last") - bars["close"]
    return bars.index[moved.abs() > 2.0]


def test_events_know_nothing_of_the_future():
    assert same_in_every_prefix(random_bars(5, 400), lambda bars: daily_cusum(bars, 1.4))


@pytest.mark.parametrize("twin", [of_the_next_bar, of_a_day_that_has_ended])
def test_events_that_know_the_future_are_caught(twin):
    assert not same_in_every_prefix(random_bars(5, 400), twin)


def test_bars_of_the_days_before_change_no_event_but_by_their_atr():
    bars, random = random_bars(6, 2000), np.random.default_rng(0)
    before = int(np.flatnonzero(bars.index.normalize() == bars.index[-1].normalize())[0])
    altered = scrambled(bars, slice(0, before - 1450), random)
    assert not altered.equals(bars)
    known, found = daily_cusum(bars, 1.0), daily_cusum(altered, 1.0)
    assert found[found > bars.index[before]].equals(known[known > bars.index[before]])
    assert len(known[known > bars.index[before]]) > 5


def test_every_bar_is_asked_unless_a_threshold_says_otherwise():
    bars = random_bars(1, 50)
    assert sampled(bars, EVERY_BAR).equals(bars.index)
    assert all(is_event(bars.iloc[: end + 1], EVERY_BAR) for end in range(50))
    assert bars_needed(EVERY_BAR, QUARTER) == 1


def test_bars_that_are_few_or_none_hold_no_event_and_a_threshold_that_is_none_is_refused():
    assert not is_event(random_bars(1, 10), Sampling(1.0))
    assert len(daily_cusum(random_bars(1, 10).iloc[:0], 1.0)) == 0
    with pytest.raises(UsageError, match="a CUSUM needs a positive number of ATRs"):
        daily_cusum(random_bars(1, 50), -1.0)
