"""`feature_store.chunks`: the same bits as `compute`, in however many processes, cut where only the calendar says."""

import pickle
from importlib import import_module

import numpy as np
import pandas as pd
import pytest

from feature_store import chunks, compute, lookback
from feature_store.arrays import Bars
from feature_store.chunks import edges
from market import workers
from market.timeframe import TIMEFRAMES

QUARTER_HOUR, MINUTE = TIMEFRAMES["15T"], TIMEFRAMES["1T"]
GROUPS = ("momentum", "candlestick", "calendar")


def same_bits(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    return one.to_numpy().tobytes() == other.to_numpy().tobytes()


def of_each_piece_alone(bars: pd.DataFrame) -> pd.DataFrame:
    """What chunks would be that forgot the bars before them."""
    ranges = edges(bars.index, QUARTER_HOUR)
    return pd.concat([compute(bars.iloc[start:end], GROUPS) for start, end in ranges])


def test_one_after_the_other_they_are_what_compute_returns(bars):
    parts = list(chunks(bars, GROUPS))
    assert len(parts) == 2
    assert same_bits(pd.concat(parts), compute(bars, GROUPS))
    with pytest.raises(AssertionError):
        same_bits(of_each_piece_alone(bars), compute(bars, GROUPS))


def test_two_processes_compute_the_same_bits_as_one(bars, monkeypatch):
    monkeypatch.setattr(import_module("feature_store.chunks"), "_FEW", 0)
    monkeypatch.setattr(workers, "_until_started", lambda *_: iter(()))
    assert same_bits(pd.concat(list(chunks(bars, GROUPS, processes=2))), compute(bars, GROUPS))


@pytest.mark.parametrize(
    ("timeframe", "first_days"),
    [
        ("1T", ["2024-03-04", "2024-03-11", "2024-03-21", "2024-04-01"]),
        ("5T", ["2024-03-04", "2024-05-01"]),
        ("15T", ["2024-03-04", "2024-07-01", "2025-01-01"]),
        ("1H", ["2024-03-04", "2026-01-01"]),
    ],
)
def test_they_are_cut_where_the_calendar_says_and_nowhere_else(timeframe, first_days):
    ends = {"1T": "2024-04-08", "5T": "2024-06-20", "15T": "2025-05-20", "1H": "2026-05-20"}
    ts = pd.date_range("2024-03-04", ends[timeframe], freq=TIMEFRAMES[timeframe].delta, tz="UTC")
    cuts = edges(ts, TIMEFRAMES[timeframe])
    assert [str(ts[start].date()) for start, _ in cuts] == first_days
    assert [start for start, _ in cuts[1:]] == [end for _, end in cuts[:-1]]
    assert edges(ts[5000:], TIMEFRAMES[timeframe]) == [
        (max(start - 5000, 0), end - 5000) for start, end in cuts if end > 5000
    ]


def test_the_bars_of_another_process_are_the_same_bars(bars):
    own = Bars.of(bars, QUARTER_HOUR, {"DXY": bars.iloc[:100]}).part(300, 900)
    assert own.unit.size == 600
    sent = pickle.loads(pickle.dumps(own))
    assert "unit" not in vars(sent)
    np.testing.assert_array_equal(sent.ts, own.ts)
    np.testing.assert_array_equal(sent.unit, own.unit)
    assert sent.high.flags.c_contiguous
    assert sent.timeframe == QUARTER_HOUR
    np.testing.assert_array_equal(sent.companions["DXY"].close, own.companions["DXY"].close)


def test_only_a_few_chunks_are_in_memory_at_a_time(generate):
    """Whoever takes one chunk has not paid for the rest."""
    begun = []
    made = chunks(generate(8500), ["calendar"], timeframe=MINUTE)
    begun.append(next(made))
    made.close()
    assert len(begun[0]) < 8500
    assert lookback(["calendar"], MINUTE) < len(begun[0])
