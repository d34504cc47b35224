"""How fast rows are split by their labels, as a ratio to scikit-learn's `KFold`, blind to them. `make bench` prints it.

The plain bound writes down the positions of as many rows in ten folds, and looks at nothing.
"""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold

from tests.markets import stamps
from training.audit import audit
from training.splits import CombinatorialPurgedCV, PurgedKFold, PurgedWalkForward

ROWS, DAY = 160_000, pd.Timedelta("1D")
PURGED = {
    "walk-forward": PurgedWalkForward(10),
    "rolling walk-forward": PurgedWalkForward(10, expanding=False, length=30_000),
    "walk-forward, embargo in time": PurgedWalkForward(10, embargo=DAY),
    "k-fold": PurgedKFold(10),
    "k-fold, embargo in time": PurgedKFold(10, embargo=DAY),
    "combinatorial, 45 splits": CombinatorialPurgedCV(10, 2),
}


@pytest.fixture(scope="module")
def rows() -> tuple[pd.DataFrame, pd.Series]:
    ts = stamps(ROWS)
    ends = np.minimum(np.arange(ROWS) + np.random.default_rng(0).integers(1, 51, ROWS), ROWS - 1)
    return pd.DataFrame({"x": 0.0}, index=ts), pd.Series(ts[ends], index=ts)


def best(work: Callable[[], object]) -> float:
    """Return the least seconds of five."""
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


@pytest.mark.parametrize("name", PURGED)
def test_splits_against_those_that_know_no_labels(benchmark, rows, name):
    X, t1 = rows
    benchmark(lambda: list(PURGED[name].split(X, t1=t1)))
    told(benchmark, best(lambda: list(KFold(10).split(X))))


def test_audit_of_ten_folds_against_splitting_them(benchmark, rows):
    X, t1 = rows
    splitter = PurgedKFold(10)
    splits = list(splitter.split(X, t1=t1))
    benchmark(lambda: audit(splitter, X, t1=t1, splits=splits))
    told(benchmark, best(lambda: list(splitter.split(X, t1=t1))))


def told(benchmark, plain: float) -> None:
    """Print and keep the ratio to the plain bound."""
    own = benchmark.stats.stats.min
    benchmark.extra_info["times_the_plain_split"] = round(own / plain, 2)
    print(f"\n{benchmark.name}: {own * 1e3:.1f} ms, plain {plain * 1e3:.1f} ms, {own / plain:.1f}×")
