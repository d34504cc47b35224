"""An interrupted training goes on where it stopped, and ends in the same bytes as one that was left alone."""

import pandas as pd
import pytest

from pipeline.fold_store import FoldStore
from tests.training.worlds import rows_of, small_bars, small_plan
from training import crossval, edges
from training.judging import Judged


def test_a_training_interrupted_after_one_fold_resumes_to_the_same_bytes(tmp_path):
    plan, bars = small_plan(), small_bars()
    rows = rows_of(bars, plan)
    cuts = edges.draw(rows.X.index[0] - pd.Timedelta(minutes=15), rows.X.index[-1], 3)
    store = FoldStore(tmp_path / "folds", "this training")
    judged: list[int] = []

    def keep_and_stop(one: Judged) -> None:
        store.keep(one)
        raise KeyboardInterrupt

    def train(finished, keep):
        said = []
        trained = crossval.train(rows, bars, plan, cuts, 1, lambda *what: said.append(what), finished, keep)
        return trained, said

    with pytest.raises(KeyboardInterrupt):
        train({}, keep_and_stop)
    assert list(store.finished()) == [3]

    resumed, said = train(store.finished(), lambda one: judged.append(one.figures["fold"]))
    assert said[0] == ("folds", 1, 3)
    assert sorted(judged) == [1, 2]
    alone, _ = train({}, lambda one: None)
    assert resumed.ensemble.to_files() == alone.ensemble.to_files()
    assert resumed.folds == alone.folds
    assert resumed.choice == alone.choice

    assert FoldStore(tmp_path / "folds", "another training").finished() == {}
    kept = tmp_path / "folds" / "fold_3.parquet"
    kept.write_bytes(kept.read_bytes()[:-1])
    assert store.finished() == {}
    store.clear()
    assert not (tmp_path / "folds").exists()
