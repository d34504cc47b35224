"""An audit counts what was left out and why; every way in which other people's splitters leak is caught by it."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from market.errors import DataError, GateError
from tests.markets import stamps
from tests.oracles import splits as oracle
from tests.training.labelled_rows import as_tables, world_of, worlds
from tests.training.worlds import rows_of, small_bars, small_plan
from training import edges, parts
from training.audit import SplitAudit, audit, audit_before, refuse_leaks
from training.splits import SPLITTERS, CombinatorialPurgedCV, PurgedKFold, PurgedWalkForward

PURGE, EMBARGO = 6, 9
Rule = Callable[[oracle.Label, list[oracle.Label]], bool]

LEAKY: dict[str, Rule] = {
    "a block ends with its last row's label": lambda label, block: (
        label.reach <= block[0].start - EMBARGO or label.start >= block[-1].end + EMBARGO
    ),
    "a block starts where its first label ends": lambda label, block: (
        label.reach <= block[0].end - EMBARGO or label.start >= max(one.end for one in block) + EMBARGO
    ),
    "no embargo after a block": lambda label, block: (
        label.reach <= block[0].start - EMBARGO or label.start >= max(one.end for one in block)
    ),
    "no embargo before a block": lambda label, block: (
        label.reach <= block[0].start or label.start >= max(one.end for one in block) + EMBARGO
    ),
    "the embargo points the wrong way": lambda label, block: (
        label.reach <= block[0].start + EMBARGO or label.start >= max(one.end for one in block) - EMBARGO
    ),
    "purged by a count of bars": lambda label, block: (
        label.start + PURGE <= block[0].start - EMBARGO or label.start >= block[-1].start + PURGE + EMBARGO
    ),
    "without a purge": lambda label, block: (
        label.end <= block[0].start - EMBARGO or label.start >= max(one.end for one in block) + EMBARGO
    ),
}


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(4)
    grid = (np.arange(300) * 15 * 60 * 10**9 + 1_704_000_000 * 10**9).tolist()
    ends = [grid[min(at + int(length), 299)] for at, length in enumerate(rng.integers(1, 40, 300))]
    ends[20:180:3] = [grid[at + 2] for at in range(20, 180, 3)]  # short ones, which the purge alone keeps away
    return as_tables(grid, ends, grid)


def splits_by(rule: Rule, labels: list[oracle.Label]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return three folds of which rows train as `rule` says."""
    found = []
    for block in oracle.groups(len(labels), 3):
        judged = [labels[at] for at in block]
        train = [row for row in range(len(labels)) if row not in block and rule(labels[row], judged)]
        found.append((np.array(train, dtype=int), np.array(block)))
    return found


@pytest.mark.parametrize("name", LEAKY)
def test_every_known_leak_is_caught(world, name):
    labels = oracle.in_bars(world.ts, world.ends, world.grid, PURGE)
    splits = splits_by(LEAKY[name], labels)
    told = audit(PurgedKFold(3, PURGE, EMBARGO), world.X, t1=world.t1, splits=splits)
    wanted = [len(oracle.touching(labels, *map(np.ndarray.tolist, split), EMBARGO)) for split in splits]
    assert [one.leaks for one in told] == wanted
    assert sum(wanted) > 0
    with pytest.raises(GateError, match=r"Leak in fold \d: \d+ of \d+ training rows overlap what judges them"):
        refuse_leaks({f"fold {at}": one for at, one in enumerate(told, start=1)})


def test_the_rule_itself_is_no_leak_and_what_splits_alike_is_audited_alike(world):
    labels = oracle.in_bars(world.ts, world.ends, world.grid, PURGE)
    splitter = PurgedKFold(3, PURGE, EMBARGO)
    splits = splits_by(lambda label, block: oracle.fits(label, block, EMBARGO), labels)
    told = audit(splitter, world.X, t1=world.t1, splits=splits)
    assert [one.leaks for one in told] == [0, 0, 0]
    assert told == audit(splitter, world.X, t1=world.t1)
    refuse_leaks({"k-fold": told[0]})


def test_rows_that_are_judged_or_that_follow_a_walk_forwards_block_leak(world):
    splitter = PurgedWalkForward(2, PURGE, EMBARGO)
    (train, test), other = splitter.split(world.X, t1=world.t1)
    for more in (test[:7], np.arange(290, 297)):
        told = audit(splitter, world.X, t1=world.t1, splits=[(np.append(train, more), test), other])
        assert [one.leaks for one in told] == [7, 0]


@pytest.mark.parametrize("name", SPLITTERS)
@settings(max_examples=40)
@given(
    drawn=worlds,
    purge=st.integers(0, 8),
    embargo=st.one_of(st.integers(0, 10), st.sampled_from([pd.Timedelta("20min"), pd.Timedelta("3h")])),
)
def test_what_is_purged_embargoed_and_left_is_all_there_is(name, drawn, purge, embargo):
    world = world_of(drawn)
    splitter = SPLITTERS[name](purge=purge, embargo=embargo)
    given_rows = {"t1": world.t1, "bars": world.bars}
    try:
        splits = list(splitter.split(world.X, **given_rows))
    except DataError:
        assume(False)
    bare = SPLITTERS[name](purge=purge, embargo=embargo * 0).split(world.X, **given_rows)
    known = world.t1.notna().to_numpy()
    for told, (train, test), (purged_only, _) in zip(audit(splitter, world.X, **given_rows), splits, bare, strict=True):
        before = name in ("walk_forward", "holdout")
        might = known & (np.arange(len(known)) < test[0] if before else ~np.isin(np.arange(len(known)), test))
        assert (told.leaks, told.test, told.left) == (0, len(test), int(known[train].sum()))
        assert told.purged + told.embargoed + told.left == might.sum()
        if name != "walk_forward":  # whose blocks may begin before their first row: what that costs counts as embargo
            assert told.purged == might.sum() - known[purged_only].sum()


def test_nothing_is_audited_that_was_not_used(world):
    with pytest.raises(ValueError, match="shorter"):
        audit(PurgedKFold(3), world.X, t1=world.t1, splits=[])


def test_the_gap_before_the_judged_window_is_audited_with_the_bars_that_come():
    ts = stamps(200)
    X, t1 = pd.DataFrame(index=ts), pd.Series(ts, index=ts)
    told = audit_before(X, np.arange(141), t1=t1, bars=ts, purge=20, embargo=40)
    assert told == SplitAudit(test=0, purged=19, embargoed=40, left=141, leaks=0)
    assert audit_before(X, np.arange(145), t1=t1, bars=ts, purge=20, embargo=40).leaks == 4
    hours = audit_before(X, np.arange(178), t1=t1, bars=ts, purge=0, embargo=pd.Timedelta(hours=5))
    assert (hours.leaks, hours.left) == (0, 178)


def test_combinatorial_splits_are_audited_around_each_block(world):
    told = audit(CombinatorialPurgedCV(5, 2, PURGE, EMBARGO), world.X, t1=world.t1)
    together, apart = told[0], told[1]  # groups 0 and 1, groups 0 and 2
    assert together.purged < apart.purged and together.embargoed < apart.embargoed
    assert {one.leaks for one in told} == {0}


@pytest.fixture(scope="module")
def cut():
    plan, bars = small_plan(), small_bars()
    rows = rows_of(bars, plan)
    cuts = edges.draw(rows.X.index[0] - pd.Timedelta(minutes=15), rows.X.index[-1], 3)
    return rows, bars, plan.research, cuts


def test_the_parts_of_a_training_are_those_that_were_always_cut(cut):
    rows, bars, research, cuts = cut
    folds = parts.walk_forward(rows, bars, research, cuts)
    position = bars.index.get_indexer(rows.X.index)
    ends = np.maximum(bars.index.get_indexer(rows.t1.fillna(rows.X.index[0])), position + research.purge)
    for part, edge in zip(folds, cuts[1:-1], strict=True):
        first = int((bars.index <= edge).sum())
        assert part.train.tolist() == np.flatnonzero(rows.labelled & (ends <= first - research.embargo)).tolist()
        before = int((rows.labelled & (rows.X.index <= edge)).sum())
        assert part.audit.purged + part.audit.embargoed == before - len(part.train)
        assert part.audit == (len(part.test), research.purge - 1, research.embargo, len(part.train), 0)
    known = rows.take(np.flatnonzero(rows.labelled))
    last = parts.final(known, bars, research)
    assert last.train.tolist() == np.flatnonzero(ends[rows.labelled] <= len(bars) - research.embargo).tolist()
    assert last.audit.left == len(last.train)


def test_what_is_told_of_a_part_names_the_part_that_it_is_in(cut):
    rows, bars, research, _ = cut
    known = rows.take(np.flatnonzero(rows.labelled))
    told = [part.told("fold 2") for part in [*parts.inner(known, bars, research), parts.holdout(known, bars, research)]]
    assert [one["split"] for one in told[1:]] == [
        "fold 2, inner fold 2 of 3",
        "fold 2, inner fold 3 of 3",
        "fold 2, early stopping",
    ]
    assert set(told[0]) == {"split", "kind", "test", "purged", "embargoed", "left", "leaks"}
    assert all(one["left"] > 0 and one["embargoed"] > 0 and one["leaks"] == 0 for one in told)
