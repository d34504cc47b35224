"""Meta-labels: what became of the side that a primary took, out of fold alone."""

import numpy as np
import pandas as pd
import pytest

from labels import meta_labels, triple_barrier
from market.errors import DataError, UsageError
from market.execution import Exits
from tests.markets import COSTS, random_bars
from tests.oracles import weights as oracle

EXITS = Exits(1.4, 1.0, 20)


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return random_bars(7, 500)


@pytest.fixture(scope="module")
def table(bars) -> pd.DataFrame:
    return triple_barrier(bars, EXITS, COSTS, market="metal")


def sides_of(table: pd.DataFrame, folds: int = 3, seed: int = 0) -> pd.DataFrame:
    """Return what a primary that guesses would hand over: sides of every row after the first block, by fold."""
    judged = table.index[100:]
    side = np.random.default_rng(seed).integers(-1, 2, len(judged))
    return pd.DataFrame({"side": side, "fold": 1 + np.arange(len(judged)) * folds // len(judged)}, judged)


def test_a_side_was_worth_taking_where_it_made_money(bars, table):
    sides = sides_of(table)
    found = meta_labels(sides, table, bars.index)
    assert found.index.equals(sides.index[sides["side"] != 0])
    for ts, row in found.iterrows():
        name = "long" if row["side"] > 0 else "short"
        assert (row["r"], row["t1"]) == (table.at[ts, f"r_{name}"], table.at[ts, f"t1_{name}"])
        assert row["z"] == (row["r"] > 0.0)
        assert row["side"] == sides.at[ts, "side"]
    assert found["z"].dtype == np.int8
    assert 0.1 < found["z"].mean() < 0.9


def test_a_time_exit_counts_by_its_money(bars):
    table = triple_barrier(bars, Exits(30.0, 30.0, 5), COSTS, market="metal")
    found = meta_labels(sides_of(table), table, bars.index)
    assert table["y"].eq(0).mean() > 0.95
    assert 0.1 < found["z"].mean() < 0.9


def test_a_result_of_nothing_was_not_worth_taking(bars, table):
    found = meta_labels(sides_of(table), table.assign(r_long=0.0, r_short=0.0), bars.index)
    assert (found["z"] == 0).all()


def test_weights_are_uniqueness_among_the_sides_taken(bars, table):
    found = meta_labels(sides_of(table), table, bars.index)
    spans = list(zip(bars.index.get_indexer(found.index) + 1, bars.index.get_indexer(found["t1"]), strict=True))
    np.testing.assert_allclose(found["weight"], oracle.average_uniqueness(spans), rtol=1e-12)
    assert found["weight"].mean() > table["weight"].mean()


def test_rows_without_a_label_are_absent(bars, table):
    sides = sides_of(table).assign(side=1)
    kept = table.drop(table.index[[150, 200]])
    assert meta_labels(sides, kept, bars.index).index.equals(sides.index.drop(table.index[[150, 200]]))


def in_sample(sides, table):
    """The final model on its own training rows, as `fold` 0 of a table of predictions."""
    return sides.assign(fold=0)


def one_model_for_all(sides, table):
    return sides.assign(fold=1).reindex(table.index, method="bfill").astype(int)


def trained_on_the_later_half(sides, table):
    return sides.assign(fold=sides["fold"].to_numpy()[::-1])


def predicted_twice(sides, table):
    return pd.concat([sides, sides.assign(fold=9)]).sort_index()


@pytest.mark.parametrize(
    ("twin", "told"),
    [
        (in_sample, "Fold 0 at 2024-01-09 .* is not out of fold: only folds from 1 on are"),
        (one_model_for_all, "No label stands before the first fold"),
        (trained_on_the_later_half, "follows a later one: the folds of a walk-forward never return"),
        (predicted_twice, "each row is predicted once, in time"),
        (lambda sides, table: sides.assign(fold=np.nan), "Fold nan at .* is not out of fold"),
        (lambda sides, table: sides.assign(side=0.7), "The side at .* is 0.7: sides are −1, 0 and 1"),
    ],
)
def test_sides_that_cannot_be_out_of_fold_are_refused(twin, told, bars, table):
    with pytest.raises(DataError, match=told):
        meta_labels(twin(sides_of(table), table), table, bars.index)


def test_sides_that_do_not_tell_their_fold_are_refused(bars, table):
    with pytest.raises(UsageError, match="Sides lack the columns fold: take the table of out-of-fold predictions"):
        meta_labels(sides_of(table)[["side"]], table, bars.index)


def test_bars_that_were_not_labelled_are_refused(bars, table):
    with pytest.raises(DataError, match="is not the stamp of a bar: give those that were labelled"):
        meta_labels(sides_of(table), table, bars.index[:200])
