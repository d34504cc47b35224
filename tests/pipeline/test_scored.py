"""Scores for a comparison or a backtest need few bars, and are those of all bars, bit for bit."""

import pandas as pd
import pytest

import feature_store
from market import simulated
from pipeline import parity
from registry.champion import Bundle
from tests.live import fitted

GROUPS = ("momentum", "trend", "context")


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """Return nine months of quarters of an hour: parts of two chunks."""
    return simulated.simulate("XAUUSD", "15T", "2023-10-02", "2024-07-20")


@pytest.fixture(scope="module")
def bundle(bars: pd.DataFrame) -> Bundle:
    return fitted.bundle("XAUUSD_15T", bars.iloc[:6000], count=20, rounds=3, groups=GROUPS)


@pytest.mark.parametrize("first", ["2024-01-01 23:15", "2024-06-20 00:00", "2024-07-19 12:00", "2023-12-29 12:00"])
def test_scores_are_those_of_all_bars_and_few_are_looked_at(bars, bundle, first, monkeypatch):
    looked: list[int] = []
    compute = feature_store.compute
    first = bars.index[bars.index.searchsorted(pd.Timestamp(first, tz="UTC"))]
    whole = bundle.score(compute(bars, GROUPS).loc[first:, list(bundle.model.features)])
    monkeypatch.setattr(
        feature_store, "compute", lambda some, *a, **k: looked.append(len(some)) or compute(some, *a, **k)
    )
    found = parity.scored(bundle, bars, first)
    pd.testing.assert_frame_equal(found, whole, check_exact=True)
    assert found.index[0] == first and found.notna().all().all()
    assert (looked[0] < 0.8 * len(bars)) == (first.year == 2024)


def test_bars_that_do_not_reach_back_are_caught(bars, bundle, monkeypatch):
    first = bars.index[bars.index.searchsorted(pd.Timestamp("2024-01-01 23:15", tz="UTC"))]
    monkeypatch.setattr(parity, "_enough", lambda bundle, bars, first, groups: bars.loc[first:])
    assert parity.scored(bundle, bars, first).isna().any().any()
