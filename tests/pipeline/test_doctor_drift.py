"""Drift: by hand, against plain Python, and with no more false alarms on what hangs together than it owns up to."""

import bisect
import math

import numpy as np
import pandas as pd
import pytest

from pipeline import doctor_drift as drift

BEGIN, END = (pd.Timestamp(day, tz="UTC") for day in ("2025-04-22", "2025-10-22"))


def plain_index(one: list[float], other: list[float], edges: list[float]) -> float:
    """Return the population stability index of two lists of numbers, bin by bin."""
    counts = [[0] * (len(edges) + 1) for _ in range(2)]
    for row, values in zip(counts, (one, other), strict=True):
        for value in values:
            row[bisect.bisect_right(edges, value)] += 1
    index = 0.0
    for a, e in zip(*counts, strict=True):
        if a + e:
            both = (a + e) / (len(one) + len(other))
            a, e = (a + both) / (len(one) + 1), (e + both) / (len(other) + 1)
            index += (a - e) * math.log(a / e)
    return index


def persistent(seed: int, rows: int = 1300, memory: float = 0.98) -> np.ndarray:
    """Return a stationary row of numbers of which each hangs on the one before."""
    steps = np.random.default_rng(seed).normal(size=rows + 500)
    values = np.zeros(rows + 500)
    for at in range(1, len(values)):
        values[at] = memory * values[at - 1] + steps[at]
    return values[500:]


def windows(rows: int, count: int = 13) -> np.ndarray:
    """Return the window of each row, the last rows being window 0."""
    return count - 1 - np.arange(rows) * count // rows


def test_a_window_against_the_others_is_what_plain_python_counts():
    values, window = np.random.default_rng(4).normal(size=600), windows(600, 6)
    values[window == 0] += 0.7
    found = drift.shift(pd.DataFrame({"x": values}), window)
    before = sorted(values[window > 0])
    edges = [float(edge) for edge in np.quantile(before, [at / 10 for at in range(1, 10)])]
    each = [plain_index([*values[window == at]], [*values[window != at]], edges) for at in range(6)]
    assert found.judged == pytest.approx(each[0], rel=1e-12)
    assert (found.least, found.largest) == pytest.approx((min(each[1:]), max(each[1:])), rel=1e-12)
    assert found.windows == 5 and found.furthest and [*found.worst] == ["x"]


def test_windows_are_as_long_as_the_judged_one_and_a_rest_is_left_out():
    ts = pd.date_range("2023-01-01", "2025-11-01", freq="D", tz="UTC")
    window = drift.windows_before(ts, BEGIN, END)
    assert (window[ts > END] == -1).all() and set(window[(ts > BEGIN) & (ts <= END)]) == {0}
    lengths = pd.Series(window[window >= 0]).value_counts()
    assert set(lengths.index) == set(range(5)) and set(lengths) == {(END - BEGIN).days}


def test_weights_decide_which_column_counts():
    X = pd.DataFrame(np.random.default_rng(8).normal(size=(2600, 2)), columns=["quiet", "loud"])
    window = windows(2600)
    X.loc[window == 0, "loud"] += 2.0
    heard, deaf = (drift.shift(X, window, pd.Series({"quiet": 1.0 - w, "loud": w})) for w in (1.0, 0.0))
    assert heard.furthest and heard.judged > 1.0 and next(iter(heard.worst)) == "loud"
    assert deaf.judged < 0.1 and next(iter(deaf.worst)) == "quiet"


def test_unknown_numbers_and_constant_columns_say_nothing():
    X = pd.DataFrame({"constant": np.full(260, 3.0), "unknown": np.nan})
    found = drift.shift(X, windows(260))
    assert found.judged == pytest.approx(0.0, abs=1e-9)


def test_fewer_than_four_windows_before_are_not_compared():
    X = pd.DataFrame({"x": np.arange(400.0)})
    assert drift.shift(X, windows(400, 4)) is None and drift.shift(X, windows(400, 5)) is not None
    assert drift.shift(X, np.full(400, -1)) is None


def test_what_hangs_together_alarms_no_more_often_than_is_said_and_folklore_alarms_nearly_always():
    found = [drift.shift(pd.DataFrame({"x": persistent(seed)}), windows(1300)) for seed in range(120)]
    alarms = np.mean([one.furthest for one in found])
    folklore = np.mean([one.judged > 0.25 for one in found])
    chance = 1 / 13
    assert alarms <= chance + 3 * math.sqrt(chance * (1 - chance) / len(found))
    assert folklore > 0.8


def test_the_distance_is_the_largest_gap_between_two_staircases():
    values, window = np.array([1.0, 2.0, 3.0, 4.0, 2.5, 9.0]), np.array([1, 1, 1, 1, 0, 0])
    assert drift.distance(values, window) == pytest.approx(0.5)
