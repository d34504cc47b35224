"""No training label touches what it is judged on, for any lengths of labels; no more is purged than the rule asks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, TimeSeriesSplit

from market.errors import DataError, UsageError
from tests.markets import stamps
from tests.oracles import splits as oracle
from tests.training.labelled_rows import MINUTE, World, world_of, worlds
from training import edges
from training.splits import (
    SPLITTERS,
    CombinatorialPurgedCV,
    PurgedHoldout,
    PurgedKFold,
    PurgedWalkForward,
    equal_edges,
)

purges = st.integers(0, 8)
embargoes = st.one_of(st.integers(0, 10), st.sampled_from([0, 20, 60, 200]).map(lambda n: pd.Timedelta(minutes=n)))
every_splitter = pytest.mark.parametrize("name", SPLITTERS)


def labelled(count: int, lengths: np.ndarray) -> tuple[pd.DataFrame, pd.Series]:
    ts = stamps(count)
    end = np.minimum(np.arange(count) + lengths, count - 1)
    return pd.DataFrame({"x": 0.0}, index=ts), pd.Series(ts[end], index=ts)


def plain(world: World, purge: int, embargo) -> tuple[list[oracle.Label], float]:
    """Return the labels of a world on the axis of the embargo, and the embargo on it."""
    if isinstance(embargo, pd.Timedelta):
        return oracle.in_time(world.ts, world.ends, world.grid, purge), embargo // pd.Timedelta(minutes=1) * MINUTE
    return oracle.in_bars(world.ts, world.ends, world.grid, purge), embargo


def splits_of(splitter, world: World) -> list[tuple[list[int], list[int]]]:
    return [(train.tolist(), test.tolist()) for train, test in splitter.split(world.X, t1=world.t1, bars=world.bars)]


def walked(splitter, world: World) -> list[tuple[list[int], list[int]]]:
    """Return the splits of a walk-forward, but for worlds with a block in a gap, which it refuses."""
    try:
        return splits_of(splitter, world)
    except DataError:
        assume(False)
        raise


@every_splitter
@settings(max_examples=40)
@given(drawn=worlds, purge=purges, embargo=embargoes)
def test_no_training_label_touches_a_judged_label_or_the_embargo_around_it(name, drawn, purge, embargo):
    world = world_of(drawn)
    splitter = SPLITTERS[name](purge=purge, embargo=embargo)
    labels, gap = plain(world, purge, embargo)
    splits = walked(splitter, world)
    assert len(splits) == splitter.get_n_splits(world.X)
    for train, test in splits:
        assert oracle.touching(labels, train, test, gap) == []
        assert train == sorted(set(train)) and test == sorted(set(test)) and len(test) > 0


@settings(max_examples=60)
@given(drawn=worlds, purge=purges, embargo=embargoes, folds=st.integers(2, 6))
def test_k_fold_leaves_out_no_more_than_the_rule_asks(drawn, purge, embargo, folds):
    world = world_of(drawn)
    labels, gap = plain(world, purge, embargo)
    wanted = [(oracle.trains(labels, [block], gap), block) for block in oracle.groups(len(labels), folds)]
    assert splits_of(PurgedKFold(folds, purge, embargo), world) == wanted


@settings(max_examples=60)
@given(drawn=worlds, purge=purges, embargo=embargoes, groups=st.integers(3, 6), data=st.data())
def test_around_several_blocks_no_more_is_left_out_than_the_rule_asks(drawn, purge, embargo, groups, data):
    world, n_test = world_of(drawn), data.draw(st.integers(1, groups - 1))
    labels, gap = plain(world, purge, embargo)
    splits = splits_of(CombinatorialPurgedCV(groups, n_test, purge, embargo), world)
    runs = oracle.groups(len(labels), groups)
    for (train, test), judged in zip(splits, oracle.combinations(runs, n_test), strict=True):
        assert (train, test) == (oracle.trains(labels, list(judged), gap), [row for run in judged for row in run])


@settings(max_examples=60)
@given(drawn=worlds, purge=purges, embargo=embargoes, length=st.sampled_from([None, 12, pd.Timedelta("4h")]))
def test_walk_forward_keeps_every_row_that_the_rule_allows(drawn, purge, embargo, length):
    world = world_of(drawn)
    labels, gap = plain(world, purge, embargo)
    positions = [world.grid.index(ts) for ts in world.ts]
    cuts = [edge.as_unit("ns").value for edge in equal_edges(world.X.index, 4)]
    first_bars = [sum(bar <= cut for bar in world.grid) for cut in cuts]
    expanding = walked(PurgedWalkForward(3, purge, embargo), world)
    rolling = walked(PurgedWalkForward(3, purge, embargo, expanding=False, length=length), world)
    for at, (train, test) in enumerate(expanding):
        begins, stops = first_bars[at + 1], first_bars[at + 2]
        start = world.grid[begins] if isinstance(embargo, pd.Timedelta) else begins
        assert test == [row for row, bar in enumerate(positions) if begins <= bar < stops]
        assert train == [row for row in range(test[0]) if labels[row].reach <= start - gap]
        if length is None:
            since = world.grid[first_bars[at]]
        elif length == 12:
            since = world.grid[max(begins - 12, 0)]
        else:
            since = world.grid[begins] - 240 * MINUTE
        assert rolling[at] == ([row for row in train if world.ts[row] >= since], test)


def test_rows_between_two_judged_groups_train_where_the_rule_allows():
    X, t1 = labelled(600, np.full(600, 10))
    apart = next(
        split for split in CombinatorialPurgedCV(6, 2, 20, 30).split(X, t1=t1) if {100, 300} <= set(split[1].tolist())
    )
    between = apart[0][(apart[0] > 199) & (apart[0] < 300)]
    assert (between[0], between[-1]) == (199 + 10 + 30, 300 - 20 - 30)


def test_a_long_label_in_the_middle_of_a_block_keeps_rows_after_it_away():
    lengths = np.ones(300, dtype=int)
    lengths[150] = 80
    X, t1 = labelled(300, lengths)
    train, test = list(PurgedKFold(3, 0, 5).split(X, t1=t1))[1]
    assert (test[0], test[-1]) == (100, 199)
    assert train[train > 199][0] == 150 + 80 + 5


def test_the_first_row_of_a_block_never_trains_for_it_even_without_any_gap():
    X, _ = labelled(90, np.ones(90, dtype=int))
    at_once = pd.Series(X.index, index=X.index)
    for splitter in (PurgedKFold(3, 0, 0), PurgedWalkForward(3, 0, 0), PurgedHoldout(0.2, 0, 0)):
        for train, test in splitter.split(X, t1=at_once):
            assert np.intersect1d(train, test).size == 0


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_without_overlap_and_gaps_it_is_scikit_learns_own_split(folds):
    X, _ = labelled(840, np.ones(840, dtype=int))
    at_once = pd.Series(X.index, index=X.index)
    blocks = [X.index[0] - pd.Timedelta(minutes=1), *X.index[840 // (folds + 1) - 1 :: 840 // (folds + 1)]]
    for ours, theirs in (
        (PurgedKFold(folds, 0, 0), KFold(folds)),
        (PurgedWalkForward(folds, 0, 0, edges=blocks), TimeSeriesSplit(folds)),
        (PurgedWalkForward(folds, 0, 25, edges=blocks), TimeSeriesSplit(folds, gap=24)),
        (CombinatorialPurgedCV(folds, 1, 0, 0), KFold(folds)),
    ):
        for got, wanted in zip(ours.split(X, t1=at_once), theirs.split(X), strict=True):
            assert [part.tolist() for part in got] == [part.tolist() for part in wanted]


def test_blocks_are_equal_in_calendar_time_and_the_first_only_trains():
    X, t1 = labelled(1100, np.ones(1100, dtype=int))
    tests = [test for _, test in PurgedWalkForward(10, 0, 0).split(X, t1=t1)]
    assert len(tests) == 10
    assert tests[0][0] == pytest.approx(100, abs=1)
    assert {len(test) for test in tests} <= {99, 100, 101}
    assert tests[-1][-1] == 1099


def test_bars_are_counted_on_the_grid_of_bars_not_of_rows():
    X, t1 = labelled(400, np.ones(400, dtype=int))
    sparse, sparse_t1 = X.iloc[::10], t1.iloc[::10]
    for train, test in PurgedWalkForward(4, 0, 25).split(sparse, t1=sparse_t1, bars=X.index):
        gap = X.index.get_loc(sparse.index[test[0]]) - X.index.get_loc(sparse.index[train[-1]])
        assert 25 < gap <= 25 + 2 * 10


def test_an_embargo_in_time_counts_the_weekend_and_one_in_bars_does_not():
    ts = stamps(96).append(stamps(96) + pd.Timedelta("3D"))
    X, t1 = pd.DataFrame(index=ts), pd.Series(ts, index=ts)
    in_bars, in_time = (
        next(PurgedHoldout(0.5, 0, gap).split(X, t1=t1))[0][-1] for gap in (8, pd.Timedelta(minutes=8 * 15))
    )
    assert (in_bars, in_time) == (88, 95)


@every_splitter
@pytest.mark.parametrize("bars", [0, 1, 7])
def test_where_no_bar_is_missing_time_and_bars_are_one_gap(name, bars):
    lengths = np.random.default_rng(bars).integers(0, 12, 400)
    X, t1 = labelled(400, lengths)
    t1 = t1.mask(lengths > 9)
    both = (SPLITTERS[name](purge=5, embargo=gap) for gap in (bars, bars * pd.Timedelta("15min")))
    for in_bars, in_time in zip(*(splitter.split(X, t1=t1) for splitter in both), strict=True):
        assert [part.tolist() for part in in_bars] == [part.tolist() for part in in_time]


def test_a_row_without_a_label_is_judged_at_its_own_stamp():
    X, t1 = labelled(90, np.zeros(90, dtype=int))
    for gap in (6, pd.Timedelta("90min")):
        train, test = next(PurgedKFold(3, 0, gap).split(X, t1=t1.mask(X.index <= X.index[29])))
        assert (test[-1], train[0]) == (29, 35)


def test_the_purge_reaches_past_the_last_bar_in_time_as_in_bars():
    X, t1 = labelled(40, np.ones(40, dtype=int))
    for gap in (0, pd.Timedelta(0)):
        train, test = next(PurgedHoldout(0.03, 5, gap).split(X, t1=t1))
        assert (train[-1], test.tolist()) == (34, [39])


def test_holdout_is_the_purged_tail():
    X, t1 = labelled(200, np.full(200, 20))
    train, test = next(PurgedHoldout(0.2, 5, 10).split(X, t1=t1))
    assert test.tolist() == list(range(160, 200))
    assert train.tolist() == list(range(160 - 20 - 10 + 1))


@pytest.mark.parametrize(("groups", "tested", "splits", "paths"), [(6, 2, 15, 5), (10, 2, 45, 9), (10, 8, 45, 36)])
def test_splits_and_paths_are_as_many_as_published(groups, tested, splits, paths):
    cv = CombinatorialPurgedCV(groups, tested)
    assert (cv.get_n_splits(), cv.n_paths, cv.paths.shape) == (splits, paths, (paths, groups))
    assert cv.paths.tolist() == oracle.paths(groups, tested)


def test_an_independent_library_purges_the_same_rows():
    # purgedcv 0.1.11, CombinatorialPurgedCV(6, 2) without an embargo: how many rows train, the sum of their positions
    wanted = [(144, 24120), (110, 19619), (113, 17412), (109, 13870), (129, 16008), (129, 19365), (106, 15037)]
    wanted += [(102, 11495), (122, 13633), (133, 15660), (98, 8290), (118, 10428), (129, 10492), (122, 8280)]
    X, t1 = labelled(240, np.arange(240) * 7 % 23 + 1)
    trained = [train for train, _ in CombinatorialPurgedCV(6, 2, 0, 0).split(X, t1=t1)]
    assert [(len(train), int(train.sum())) for train in trained] == [*wanted, (149, 11050)]


def test_the_first_two_paths_of_six_groups_are_those_of_the_book():
    # López de Prado (2018), §12.4: (G1,S1) (G2,S1) (G3,S2) (G4,S3) (G5,S4) (G6,S5), then (G1,S2) (G2,S6) (G3,S6) …
    assert (CombinatorialPurgedCV(6, 2).paths[:2] + 1).tolist() == [[1, 1, 2, 3, 4, 5], [2, 6, 6, 7, 8, 9]]


@given(rows=st.integers(12, 60), groups=st.integers(2, 6), data=st.data())
@settings(max_examples=30)
def test_each_path_is_one_prediction_of_every_row_by_a_split_that_judged_it(rows, groups, data):
    cv = CombinatorialPurgedCV(groups, data.draw(st.integers(1, groups - 1)), 0, 0)
    X, t1 = labelled(rows, np.ones(rows, dtype=int))
    tests = [test for _, test in cv.split(X, t1=t1)]
    made = cv.to_paths([np.column_stack([test, np.full(len(test), at)]) for at, test in enumerate(tests)])
    assert made.shape == (cv.n_paths, rows, 2)
    assert (made[:, :, 0] == np.arange(rows)).all()
    runs = oracle.groups(rows, groups)
    for path, by_group in enumerate(oracle.paths(groups, cv.n_test)):
        assert [made[path, run, 1].tolist() for run in runs] == [
            [split] * len(run) for split, run in zip(by_group, runs, strict=True)
        ]
    judged = np.concatenate([made[:, row, 1] for row in range(rows)]).reshape(rows, cv.n_paths)
    assert all(len(set(splits)) == cv.n_paths for splits in judged.tolist())


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


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: PurgedKFold(1), "n_splits is 1: wanted 2 or more"),
        (lambda: PurgedWalkForward(0), "n_splits is 0: wanted 1 or more"),
        (lambda: PurgedKFold(purge=-1), "purge is -1: wanted 0 or more"),
        (lambda: PurgedKFold(purge=pd.Timedelta("1D")), "purge is Timedelta.*: wanted a whole number"),
        (lambda: PurgedKFold(embargo=0.01), r"embargo is 0.01: wanted bars \(a whole number\) or a pd.Timedelta"),
        (lambda: PurgedKFold(embargo="1D"), "embargo is '1D': wanted bars"),
        (lambda: PurgedHoldout(embargo=pd.Timedelta("-1D")), "embargo is -1 days.*: wanted 0 or more"),
        (lambda: PurgedWalkForward(length=100), "only a rolling window has a length"),
        (lambda: PurgedWalkForward(expanding=False, length=0), "length=0 .* only a rolling window has a length"),
        (lambda: CombinatorialPurgedCV(6, 6), "n_test is 6 of 6 groups: at least one group must train"),
        (lambda: next(PurgedKFold().split(labelled(40, np.ones(40, int))[0])), "needs the end of each label"),
    ],
)
def test_what_was_typed_wrong_is_told(make, says):
    with pytest.raises(UsageError, match=says):
        make()


def test_what_does_not_fit_is_refused_with_the_facts():
    X, t1 = labelled(40, np.ones(40, dtype=int))
    naive = pd.Series(t1.dt.tz_localize(None).to_numpy(), index=X.index)
    for rows, ends, bars, says in (
        (X, t1.iloc[1:], None, "indexed by the same stamps: X has 40 rows, t1 39"),
        (X, t1, X.index[:5], "Row 2024-01-08 01:30.* stands at no bar"),
        (X.to_numpy(), t1, None, r"X \(ndarray\) must be indexed by the stamps"),
        (X.iloc[::-1], t1.iloc[::-1], None, "The stamps of X must increase"),
        (X, t1, X.index.repeat(2), "The stamps of bars must increase"),
        (X, t1 - pd.Timedelta("1D"), None, "ends at .*, before it starts"),
        (X, naive, None, "X is in UTC, t1 in no zone"),
        (X, pd.Series(range(40), index=X.index), None, "t1 must hold stamps, found int64"),
    ):
        with pytest.raises(DataError, match=says):
            PurgedKFold().split(rows, t1=ends, bars=bars)


def test_what_cannot_be_split_is_refused_with_the_facts():
    X, t1 = labelled(40, np.ones(40, dtype=int))
    holed = X.index[:20].append(X.index[20:] + pd.Timedelta("9D"))
    cuts = [X.index[0], X.index[30], X.index[20], X.index[35]]
    for splitter, rows, says in (
        (PurgedWalkForward(4, edges=list(X.index[:3])), X.index, "4 folds need 6 edges, found 3"),
        (PurgedWalkForward(2, edges=cuts), X.index, "Edges must rise"),
        (PurgedWalkForward(9), holed, "Block 1 of 9, after 2024-01-08.* holds no row"),
        (PurgedKFold(5), X.index[:4], "4 rows are too few for 5 folds"),
        (CombinatorialPurgedCV(), X.index[:9], "9 rows are too few for 10 folds"),
        (PurgedHoldout(0.001), X.index, "leaves nothing to train on or nothing to judge"),
    ):
        with pytest.raises(DataError, match=says):
            list(splitter.split(pd.DataFrame(index=rows), t1=pd.Series(rows, index=rows)))
    cv = CombinatorialPurgedCV(4, 2, 0, 0)
    parts = [test for _, test in cv.split(X, t1=t1)]
    for wrong in (parts[:-1], [*parts[:-1], parts[-1][:-1]]):
        with pytest.raises(DataError, match="not those of the 6 test parts"):
            cv.to_paths(wrong)
