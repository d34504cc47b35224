"""The labels table: classes, which rows stand in it, and that nothing after a label's end changes it."""

import pandas as pd
import pytest

from labels import absent, cusum, triple_barrier
from labels import barriers as barriers_module
from market.errors import DataError
from market.execution import Exits
from tests.markets import COSTS, bars_of, random_bars

EXITS = Exits(1.4, 1.0, 50)
RISE = [(100.0, 100.5, 99.5, 100.0)] * 3


@pytest.mark.parametrize(
    ("what", "rows", "y"),
    [
        ("only a long ends at its target", [(100, 103, 99.8, 103)] * 3, 1),
        ("only a short does", [(100, 100.2, 97, 97)] * 3, -1),
        ("neither does", [(100, 100.2, 99.8, 100)] * 3, 0),
        ("one bar stops both", [(100, 104, 96, 100)] * 3, 0),
    ],
)
def test_class_of_a_label(what, rows, y):
    bars = bars_of([*RISE, *rows])
    labels = triple_barrier(bars, Exits(1.5, 1.0, 3, 2), COSTS._replace(commission=0.0, slippage=0.0))
    assert labels["y"].iloc[0] == y, what


def test_rows_without_atr_or_horizon_are_absent_and_counted():
    bars = random_bars(2, 200)
    labels = triple_barrier(bars, EXITS, COSTS)
    assert absent(bars, labels, EXITS) == {"no_atr": 14, "no_horizon": 50, "not_an_event": 0}
    assert len(labels) == 200 - 64
    assert (labels[["t1_long", "t1_short"]].gt(labels.index.to_series(), axis=0)).all(axis=None)


def test_events_are_labelled_alone_and_weighted_among_themselves():
    bars = random_bars(4, 300)
    events = bars.index[[30, 90, 150]]
    labels = triple_barrier(bars, EXITS, COSTS, events=events)
    assert labels.index.equals(events)
    assert (labels["weight"] == 1.0).all()


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (
            lambda ts: ts[[30, 90]] + pd.Timedelta(minutes=1),
            "Event 2024-01-08 07:46:00.00:00 is not the stamp of a bar",
        ),
        (
            lambda ts: ts[[90, 30]],
            "Event .* 07:45:00.00:00 follows .* 22:45:00.00:00: sort events and remove duplicates",
        ),
        (lambda ts: ts[[30, 30]], "sort events and remove duplicates"),
    ],
    ids=["no stamp", "unsorted", "twice"],
)
def test_events_that_are_no_events_are_refused(events, told):
    bars = random_bars(4, 300)
    with pytest.raises(DataError, match=told):
        triple_barrier(bars, EXITS, COSTS, events=events(bars.index))


def test_every_bar_without_a_label_has_one_reason():
    still = random_bars(2, 200)
    still.loc[still.index[:40], ["open", "high", "low", "close"]] = 2000.0
    for events in (None, cusum(still, 1.0)):
        labels = triple_barrier(still, EXITS, COSTS, events)
        counted = absent(still, labels, EXITS)
        assert sum(counted.values()) + len(labels) == 200
        assert (counted["no_atr"], counted["no_horizon"]) == (40, 50)
        assert (counted["not_an_event"] > 0) == (events is not None)


def test_labels_change_with_nothing_after_they_end():
    bars = random_bars(5, 300)
    labels = triple_barrier(bars, EXITS, COSTS)
    cut = bars.index[200]
    later = bars.copy()
    later.loc[later.index > cut, ["open", "high", "low", "close"]] *= 3.0
    ended = labels[labels[["t1_long", "t1_short"]].max(axis=1) <= cut].index
    again = triple_barrier(later, EXITS, COSTS).loc[ended]
    pd.testing.assert_frame_equal(labels.loc[ended].drop(columns="weight"), again.drop(columns="weight"))


def test_kernels_are_compiled_for_one_signature():
    bars = random_bars(6, 100)
    triple_barrier(bars, Exits(1, 1, 5), COSTS._replace(spread_floor=0, minimum_stop=1))
    triple_barrier(bars, EXITS, COSTS, events=cusum(bars, 1))
    assert len(barriers_module._outcomes.signatures) == 1
