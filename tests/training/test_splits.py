"""No training label touches what it is judged on, for any lengths of labels; no more is purged than the rule asks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.errors import DataError
from tests.markets import stamps
from training import edges, splits
from training.splits import PurgedKFold, PurgedWalkForward, purged_holdout

SPLITTERS = {
    "walk-forward": lambda purge, embargo: PurgedWalkForward(4, purge, embargo),
    "rolling walk-forward": lambda purge, embargo: PurgedWalkForward(4, purge, embargo, expanding=False),
    "k-fold": lambda purge, embargo: PurgedKFold(4, purge, embargo),
}


def labelled(count: int, lengths: np.ndarray) -> tuple[pd.DataFrame, pd.Series, np.ndarray]:
    ts = stamps(count)
    end = np.minimum(np.arange(count) + lengths, count - 1)
    return pd.DataFrame({"x": 0.0}, index=ts), pd.Series(ts[end], index=ts), end


def violations(split, end: np.ndarray, purge: int, embargo: int) -> int:
    """Count training rows whose span touches the span of a judged row, with the embargo around it."""
    train, test = split
    first, last = test.min(), end[test].max()
    spans_end = np.maximum(end, np.arange(len(end)) + purge)
    touching = (spans_end[train] > first - embargo) & (train < last + embargo)
    return int(touching.sum())


@pytest.mark.parametrize("name", SPLITTERS)
@settings(max_examples=40, deadline=None)
@given(data=st.data(), purge=st.integers(0, 30), embargo=st.integers(0, 40))
def test_no_training_label_touches_the_judged_block(name, data, purge, embargo):
    count = 400
    lengths = np.array(data.draw(st.lists(st.integers(1, 60), min_size=count, max_size=count)))
    X, t1, end = labelled(count, lengths)
    judged = []
    for split in SPLITTERS[name](purge, embargo).split(X, t1=t1):
        assert violations(split, end, purge, embargo) == 0
        assert np.intersect1d(*split).size == 0
        judged.append(split[1])
    assert len(np.unique(np.concatenate(judged))) == sum(map(len, judged))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), purge=st.integers(0, 30), embargo=st.integers(0, 40))
def test_walk_forward_keeps_every_row_that_the_rule_allows(seed, purge, embargo):
    lengths = np.random.default_rng(seed).integers(1, 60, 400)
    X, t1, end = labelled(400, lengths)
    spans_end = np.maximum(end, np.arange(400) + purge)
    for train, test in PurgedWalkForward(4, purge, embargo).split(X, t1=t1):
        assert train.tolist() == np.flatnonzero(spans_end <= test[0] - embargo).tolist()


def test_a_splitter_that_forgets_the_label_ends_is_caught():
    X, _, end = labelled(400, np.full(400, 50))
    start_only = pd.Series(X.index, index=X.index)
    caught = [violations(split, end, 0, 0) for split in PurgedWalkForward(4, 0, 0).split(X, t1=start_only)]
    assert min(caught) > 0


def test_blocks_are_equal_in_calendar_time_and_the_first_only_trains():
    X, t1, _ = labelled(1100, np.ones(1100, dtype=int))
    tests = [test for _, test in PurgedWalkForward(10, 0, 0).split(X, t1=t1)]
    assert len(tests) == 10
    assert tests[0][0] == pytest.approx(100, abs=1)
    assert {len(test) for test in tests} <= {99, 100, 101}
    assert tests[-1][-1] == 1099


def test_bars_are_counted_on_the_grid_of_bars_not_of_rows():
    X, t1, _ = labelled(400, np.ones(400, dtype=int))
    sparse, sparse_t1 = X.iloc[::10], t1.iloc[::10]
    for train, test in PurgedWalkForward(4, 0, 25).split(sparse, t1=sparse_t1, bars=X.index):
        gap = X.index.get_loc(sparse.index[test[0]]) - X.index.get_loc(sparse.index[train[-1]])
        assert 25 < gap <= 25 + 2 * 10


def test_holdout_is_the_purged_tail():
    X, t1, end = labelled(200, np.full(200, 20))
    train, test = purged_holdout(X, t1, 0.2, 5, 10)
    assert test.tolist() == list(range(160, 200))
    assert violations((train, test), end, 5, 10) == 0


def test_recorded_edges_hold_when_bars_are_added():
    drawn = edges.draw(pd.Timestamp("2020-01-01", tz="UTC"), pd.Timestamp("2021-01-01", tz="UTC"), 10)
    month_later = edges.hold(list(drawn), drawn[-1] + pd.Timedelta(days=10))
    assert month_later[:-1].equals(drawn[:-1])
    assert len(month_later) == len(drawn)
    much_later = edges.hold(list(drawn), drawn[-1] + pd.Timedelta(days=40))
    assert much_later[: len(drawn)].equals(drawn)
    assert len(much_later) == len(drawn) + 1
    earlier = edges.hold(list(drawn), drawn[6])
    assert earlier.equals(drawn[:7])


def test_what_does_not_fit_is_refused_with_the_facts():
    X, t1, _ = labelled(40, np.ones(40, dtype=int))
    with pytest.raises(DataError, match="indexed by the same stamps"):
        next(PurgedKFold().split(X, t1=t1.iloc[1:]))
    with pytest.raises(DataError, match="stands at no bar"):
        splits.row_spans(X, t1, X.index[:5], 0)
    with pytest.raises(DataError, match="need 6 edges, found 3"):
        next(PurgedWalkForward(4, edges=list(X.index[:3])).split(X, t1=t1))
