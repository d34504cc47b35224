"""Weights are heard wherever something is fitted on labels: what has no weight teaches nothing."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.training.worlds import rows_of, small_bars, small_plan
from training import calibration, ensemble, fold, selection
from training.dataset import Dataset
from training.members import MEMBERS

Weigh = Callable[[Dataset, np.ndarray], Dataset]


def unheard(data: Dataset, rows: np.ndarray) -> Dataset:
    return data._replace(w=np.where(rows, 0.0, data.w))


def heard_faintly(data: Dataset, rows: np.ndarray) -> Dataset:
    return data._replace(w=np.where(rows, 0.1 * data.w, data.w))


def two_tales(data: Dataset, weigh: Weigh) -> tuple[Dataset, Dataset]:
    """Return `data`, and the same with every third label and its money told at random, both weighed by `weigh`."""
    random = np.random.default_rng(0)
    rows = np.arange(len(data.y)) % 3 == 0
    y = np.where(rows, random.permutation(data.y), data.y).astype(np.int8)
    r = np.where(rows[:, None], random.permutation(data.r), data.r)
    return weigh(data, rows), weigh(data._replace(y=y, r=r), rows)


@pytest.fixture(scope="module")
def data() -> Dataset:
    rows = rows_of(small_bars(), small_plan())
    return rows.take(np.flatnonzero(rows.labelled)[:2000])


def probabilities(name: str) -> Callable[[Dataset], np.ndarray]:
    def fitted(data: Dataset) -> np.ndarray:
        X = np.ascontiguousarray(data.X.to_numpy(), dtype=np.float32)
        return MEMBERS[name].load(fold.fit_member(name, data, list(data.X), 20, 0)).predict(X)

    return fitted


def calibrations(data: Dataset) -> np.ndarray:
    p = np.random.default_rng(1).dirichlet([2.0, 1.0, 2.0], len(data.y))
    return calibration.calibrated(p, calibration.fit(p, data.y, data.w))


FITTED = {name: probabilities(name) for name in MEMBERS} | {
    "the choice of features": lambda data: selection.gains(fold.sample_of(data), 0),
    "calibration": calibrations,
    "what outcomes have paid": lambda data: np.array(ensemble.outcomes(data.y, data.r, data.w)),
}


@pytest.mark.parametrize("fitted", FITTED.values(), ids=FITTED)
def test_what_has_no_weight_teaches_nothing_and_what_has_little_something(fitted, data):
    once, again = (fitted(one) for one in two_tales(data, unheard))
    np.testing.assert_allclose(once, again, rtol=0.0, atol=1e-6)
    once, again = (fitted(one) for one in two_tales(data, heard_faintly))
    assert np.abs(np.asarray(once) - again).max() > 1e-4
