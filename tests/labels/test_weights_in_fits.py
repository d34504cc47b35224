"""Weights are heard wherever something is fitted on labels: what has no weight teaches nothing."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.training.worlds import rows_of, small_bars, small_plan
from training import calibration, ensemble, fold, inner
from training.dataset import Dataset, aged
from training.members import MEMBERS
from training.samples import sample_of
from training.scout import scout

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
        return inner.fit_member(name, data, list(data.X), 20, {}, small_plan()).predict(X)

    return fitted


def calibrations(data: Dataset) -> np.ndarray:
    p = np.random.default_rng(1).dirichlet([2.0, 1.0, 2.0], len(data.y))
    return calibration.calibrated(p, calibration.fit(p, data.y, data.w))


def scouted(data: Dataset) -> np.ndarray:
    early, late = (sample_of(data.take(rows)) for rows in (np.arange(1400), np.arange(1400, 2000)))
    found = scout(early, late, np.arange(data.X.shape[1]), 0)
    return np.concatenate([found.gain, found.permutation])


FITTED = {name: probabilities(name) for name in MEMBERS} | {
    "the choice of features": scouted,
    "calibration": calibrations,
    "what outcomes have paid": lambda data: np.array(ensemble.outcomes(data.y, data.r, data.w)),
}


@pytest.mark.parametrize("fitted", FITTED.values(), ids=FITTED)
def test_what_has_no_weight_teaches_nothing_and_what_has_little_something(fitted, data):
    once, again = (fitted(one) for one in two_tales(data, unheard))
    np.testing.assert_allclose(once, again, rtol=0.0, atol=1e-6)
    once, again = (fitted(one) for one in two_tales(data, heard_faintly))
    assert np.abs(np.asarray(once) - again).max() > 1e-4


def test_weights_fade_with_age_where_the_settings_say_so(data):
    plan = small_plan()
    faded = aged(data, 0.25)
    assert faded.w[-1] == data.w[-1]
    assert 0.25 < faded.w[0] / data.w[0] < 0.26
    assert (np.diff(faded.w / data.w) >= 0.0).all()
    assert aged(data, 1.0) is data
    bars = small_bars()
    bars = bars.loc[: data.t1.max()]
    fading = plan._replace(research=plan.research.model_copy(update={"oldest_weight": 0.25}))
    even, late = (fold.fit(data, bars, one, 1.0).ensemble for one in (plan, fading))
    assert late.outcomes == ensemble.outcomes(data.y, data.r, faded.w) != even.outcomes
    assert late.to_files() != even.to_files()
