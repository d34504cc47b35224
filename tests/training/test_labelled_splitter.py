"""scikit-learn's own tools take a splitter that is bound to its labels, and what it cannot split it says itself."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, check_cv, cross_val_predict, cross_val_score

from market.errors import DataError
from tests.markets import stamps
from training.labelled_splitter import LabelledSplitter
from training.splits import SPLITTERS, PurgedKFold, PurgedWalkForward

TS = stamps(900)
X = pd.DataFrame(np.random.default_rng(0).normal(size=(900, 3)), index=TS, columns=["a", "b", "c"])
Y = X["a"] + 0.1 * X["b"]
T1 = pd.Series(TS + pd.Timedelta("2h"), index=TS)


@pytest.mark.parametrize("name", SPLITTERS)
def test_every_splitter_scores_in_scikit_learn_what_it_scores_by_hand(name):
    splitter = SPLITTERS[name](purge=10, embargo=15)
    bound = LabelledSplitter(splitter, T1)
    scores = cross_val_score(Ridge(), X, Y, cv=bound)
    by_hand = [
        Ridge().fit(X.iloc[train], Y.iloc[train]).score(X.iloc[test], Y.iloc[test])
        for train, test in splitter.split(X, t1=T1)
    ]
    assert scores.tolist() == by_hand
    assert len(scores) == bound.get_n_splits(X) == splitter.get_n_splits()
    assert cross_val_score(Ridge(), X, Y, cv=list(splitter.split(X, t1=T1))).tolist() == by_hand
    assert check_cv(bound) is bound


def test_a_search_inside_a_fold_counts_bars_on_the_whole_grid():
    inner = LabelledSplitter(PurgedKFold(3, 10, 15), T1)
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 10.0]}, cv=inner)
    outer = LabelledSplitter(PurgedWalkForward(3, 10, 15), T1)
    assert cross_val_predict(clone(search), X, Y, cv=LabelledSplitter(PurgedKFold(3, 10, 15), T1)).shape == (900,)
    assert (cross_val_score(search, X, Y, cv=outer) > 0.9).all()
    every_third = X.iloc[::3]
    for train, test in inner.split(every_third):
        after = train[train > test[-1]]
        assert len(after) == 0 or (after[0] - test[-1]) * 3 in range(8 + 15, 8 + 15 + 3)


def test_what_is_missing_is_told():
    with pytest.raises(DataError, match="Split 1 of 3 has no row left to train on: PurgedKFold"):
        list(LabelledSplitter(PurgedKFold(3, 10, 10_000), T1).split(X))
    with pytest.raises(DataError, match="890 rows of X have no place in t1, first 2024"):
        list(LabelledSplitter(PurgedKFold(3), T1.iloc[:10]).split(X))
    with pytest.raises(DataError, match="must be indexed by the stamps"):
        list(LabelledSplitter(PurgedKFold(3), T1).split(X.to_numpy()))
