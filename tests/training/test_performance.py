"""What scores would have earned each day, against a sum by hand."""

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

from training.performance import daily


def made(rows: int = 400, seed: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray, pd.DatetimeIndex]:
    """Return scores (some NaN, some exactly even), net R, uniqueness and closes of hours around midnights."""
    draw = np.random.default_rng(seed)
    score = draw.random(rows)
    score[draw.random(rows) < 0.2] = np.nan
    score[draw.random(rows) < 0.1] = 0.5
    ts = pd.date_range("2024-01-02 13:00", periods=rows, freq="h", tz="UTC").as_unit("us")
    return score, draw.normal(size=(rows, 2)), draw.random(rows), ts


def by_hand(score: np.ndarray, r: np.ndarray, w: np.ndarray, ts: pd.DatetimeIndex) -> dict[str, float]:
    """Return net R by UTC day, added up row by row."""
    earned: dict[str, float] = defaultdict(float)
    for one, (long, short), unique, at in zip(score, r, w, ts, strict=True):
        if one == one:  # not NaN
            favoured = long if one > 0.5 else short if one < 0.5 else 0.0
            earned[at.tz_convert("UTC").strftime("%Y-%m-%d")] += favoured * unique
    return dict(earned)


def test_each_day_is_the_sum_of_the_favoured_sides_by_uniqueness():
    found = daily(*made())
    expected = by_hand(*made())
    assert list(found.index.strftime("%Y-%m-%d")) == list(expected)
    assert found.to_numpy() == pytest.approx(list(expected.values()))
    assert found.dtype == np.float64 and str(found.index.dtype) == "datetime64[us, UTC]"


def test_days_are_those_of_utc_whatever_the_clock_of_the_stamps():
    score, r, w, ts = made()
    assert daily(score, r, w, ts.tz_convert("America/New_York")).equals(daily(score, r, w, ts))


def test_a_day_without_a_judged_row_is_absent_and_one_without_a_view_earns_nothing():
    score, r, w, ts = made()
    days = ts.strftime("%Y-%m-%d")
    found = daily(np.where(days == "2024-01-03", np.nan, np.where(days == "2024-01-04", 0.5, score)), r, w, ts)
    assert pd.Timestamp("2024-01-03", tz="UTC") not in found.index
    assert found[pd.Timestamp("2024-01-04", tz="UTC")] == 0.0


def test_rows_that_were_not_judged_may_have_no_label():
    score, r, w, ts = made()
    r[np.isnan(score)] = np.nan
    assert daily(score, r, w, ts).equals(daily(*made()))
    nothing = daily(np.full(len(ts), np.nan), r, w, ts)
    assert nothing.empty and nothing.dtype == np.float64 and str(nothing.index.dtype) == "datetime64[us, UTC]"


def test_a_judged_row_without_a_result_is_refused_and_so_are_other_rows():
    score, r, w, ts = made()
    r[np.flatnonzero(score > 0.5)[0], 0] = np.nan
    with pytest.raises(ValueError, match="1 judged rows have no net R"):
        daily(score, r, w, ts)
    with pytest.raises(ValueError, match="not of the same rows"):
        daily(score[1:], r, w, ts)
