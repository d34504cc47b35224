"""Stored and new bars become one: nothing lost, nothing doubled, and what differs is for the user to settle."""

from collections.abc import Iterator

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from market.merging import Differences, merged
from tests.market.made_bars import made

BARS = made(60).rename_axis("ts")
OTHER = BARS.assign(close=BARS["close"] + 0.01, high=BARS["high"] + 0.01)


def windows(bars: pd.DataFrame, sizes: list[int]) -> Iterator[pd.DataFrame]:
    at = 0
    for size in sizes:
        yield bars.iloc[at : at + size]
        at += size
    yield bars.iloc[at:]


def together(
    old: pd.DataFrame, new: pd.DataFrame, prefer: str | None = None, sizes: tuple[list[int], list[int]] = ([], [])
) -> tuple[pd.DataFrame, pd.DataFrame, Differences]:
    differences = Differences()
    parts = list(merged(windows(old, sizes[0]), windows(new, sizes[1]), prefer, differences))
    return pd.concat([part.bars for part in parts]), pd.concat([part.news for part in parts]), differences


which = st.lists(st.booleans(), min_size=60, max_size=60)
sizes = st.lists(st.integers(1, 20), max_size=6)


@settings(deadline=None)
@given(stored=which, comes=which, changes=which, prefer=st.sampled_from(["old", "new"]), cuts=st.tuples(sizes, sizes))
def test_any_two_sets_of_bars_make_their_union(
    stored: list[bool], comes: list[bool], changes: list[bool], prefer: str, cuts: tuple[list[int], list[int]]
) -> None:
    stored[0] = True
    old = BARS[stored]
    new = BARS.where(pd.Series([not one for one in changes], index=BARS.index), OTHER)[comes]
    bars, news, differences = together(old, new, prefer, cuts)
    first, second = (old, new) if prefer == "old" else (new, old)
    assert_frame_equal(bars, pd.concat([first, second.drop(index=first.index, errors="ignore")]).sort_index())
    both = new.index.intersection(old.index)
    differ = int((new.loc[both, "close"] != old.loc[both, "close"]).sum())
    assert (differences.added, differences.differing) == (len(new) - len(both), differ)
    assert differences.same == len(both) - differ
    assert len(news) == differences.added + (differ if prefer == "new" else 0)


def test_the_same_bars_again_are_no_news() -> None:
    bars, news, differences = together(BARS, BARS)
    assert_frame_equal(bars, BARS)
    assert news.empty
    assert (differences.same, differences.added, differences.differing) == (60, 0, 0)


def test_a_spread_that_nobody_recorded_is_the_same_as_none() -> None:
    silent = BARS.assign(spread_recorded=float("nan"))
    assert together(silent, silent)[2].same == 60
    assert together(silent, BARS)[2].differing == 60


def test_differences_are_shown_value_by_value_and_passed_on_whole() -> None:
    passed: list[pd.DataFrame] = []
    differences = Differences(passed.append)
    list(merged(iter([BARS]), iter([OTHER]), None, differences))
    assert len(differences.shown) == 10
    one = differences.shown[0]
    assert one["ts"] == BARS.index[0].isoformat()
    assert one["old"] == pytest.approx({"high": BARS["high"].iloc[0], "close": BARS["close"].iloc[0]})
    assert one["new"] == pytest.approx({"high": OTHER["high"].iloc[0], "close": OTHER["close"].iloc[0]})
    assert pd.concat(passed).groupby("what").size().to_dict() == {"high": 60, "close": 60}
