"""A label is known at its later exit: bars after it change nothing, and the bar of it does."""

import numpy as np
import pandas as pd
import pytest

from labels import horizon, triple_barrier
from market.errors import DataError
from market.execution import Exits
from market.perturbation import KINDS
from tests.markets import COSTS, random_bars
from tests.real_bars import gold

EXITS = Exits(1.4, 1.0, 20)


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return random_bars(3, 1500)


def faults(bars, label, rows=15) -> set[tuple[str, bool]]:
    found = horizon.examine(bars, EXITS, COSTS, "metal", rows, label=label)
    return {(fault.column, fault.late) for fault in found.misdated}


@pytest.mark.parametrize("exits", [EXITS, Exits(0.5, 0.5, 1), Exits(30.0, 30.0, 10)], ids=["usual", "one bar", "time"])
def test_labels_are_known_at_their_later_exit_and_not_before(exits, bars):
    assert horizon.examine(bars, exits, COSTS, "metal", 30).misdated == []


def test_labels_of_real_gold_are_known_at_their_later_exit():
    found = horizon.examine(gold("15T"), Exits(1.4, 1.0, 50), COSTS, "metal", 40)
    assert found.misdated == []
    assert found.labels == dict.fromkeys(KINDS, 10)


def moved(bars, labels, by):
    """Labels whose exits are told `by` bars after what they were, within the bars."""
    for name in ("t1_long", "t1_short"):
        at = np.clip(bars.index.get_indexer(labels[name]) + by, 0, len(bars) - 1)
        labels[name] = bars.index[at]
    return labels


def exit_one_bar_early(bars, exits, costs, market):
    return moved(bars, triple_barrier(bars, exits, costs, market=market), -1)


def exit_one_bar_late(bars, exits, costs, market):
    return moved(bars, triple_barrier(bars, exits, costs, market=market), 1)


def exit_always_at_the_time_barrier(bars, exits, costs, market):
    labels = triple_barrier(bars, exits, costs, market=market)
    end = bars.index[bars.index.get_indexer(labels.index) + exits.bars]
    return labels.assign(t1_long=end, t1_short=end)


def swap_of_the_night_after(bars, exits, costs, market):
    labels = triple_barrier(bars, exits, costs, market=market)
    after = bars["spread"].shift(-1).reindex(labels[["t1_long", "t1_short"]].max(axis=1)).to_numpy()
    return labels.assign(r_long=labels["r_long"] - after)


def class_by_the_whole_sample(bars, exits, costs, market):
    labels = triple_barrier(bars, exits, costs, market=market)
    return labels.assign(y=np.sign(labels["r_long"] - labels["r_long"].mean()).astype(np.int8))


def test_an_exit_that_is_told_one_bar_early_is_caught(bars):
    assert {("r_long", False), ("r_short", False), ("y", False)} <= faults(bars, exit_one_bar_early)


@pytest.mark.parametrize("label", [exit_one_bar_late, exit_always_at_the_time_barrier])
def test_an_exit_that_is_merely_late_enough_is_caught(label, bars):
    assert ("t1", True) in faults(bars, label)


def test_an_outcome_that_knows_the_bar_after_its_exit_is_caught(bars):
    assert faults(bars, swap_of_the_night_after) == {("r_long", False)}


def test_a_class_that_knows_the_whole_sample_is_caught(bars):
    assert faults(bars, class_by_the_whole_sample) == {("y", False)}


def test_a_misdated_label_says_which_column_where_and_by_how_much(bars):
    (fault,) = horizon.examine(bars, EXITS, COSTS, "metal", 5, label=swap_of_the_night_after).misdated
    assert fault.ts < fault.t1
    assert fault.ts in bars.index
    assert fault.before != fault.after


def test_the_same_seed_finds_the_same(bars):
    once, again = (horizon.examine(bars, EXITS, COSTS, "metal", 5, 9, exit_one_bar_early) for _ in range(2))
    assert once == again


def test_bars_that_stand_still_have_no_label_and_no_fault(bars):
    still = bars.assign(open=1500.0, high=1500.0, low=1500.0, close=1500.0)
    assert horizon.examine(still, EXITS, COSTS, "metal", 10).misdated == []


def test_too_few_bars_date_nothing_and_are_refused(bars):
    with pytest.raises(DataError, match="35 bars are too few to date labels: these need 36 or more"):
        horizon.examine(bars.iloc[:35], EXITS, COSTS)
    assert sum(horizon.examine(bars.iloc[:36], EXITS, COSTS).labels.values()) == 1
