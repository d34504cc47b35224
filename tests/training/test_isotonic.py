"""Isotonic calibration rises, means in each block what came out there, and is what a plain definition says."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import isotonic as oracle
from training import isotonic
from training.isotonic import rising

ROWS = st.lists(st.tuples(st.sampled_from([i / 8 for i in range(9)]), st.integers(0, 1), st.integers(1, 4)), min_size=1)


def as_arrays(rows: list[oracle.Row]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    score, hit, count = zip(*rows, strict=True)
    return np.array(score), np.array(hit) == 1, np.array(count, dtype=float)


@given(ROWS)
@settings(max_examples=150, deadline=None)
def test_it_is_the_largest_of_least_means(rows):
    wanted = oracle.rising(rows)
    found = np.interp([at for at, _ in wanted], *rising(*as_arrays(rows)))
    np.testing.assert_allclose(found, [float(value) for _, value in wanted], rtol=0.0, atol=1e-12)


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_it_rises_and_is_never_sure(rows):
    knots = rising(*as_arrays(rows))
    assert (np.diff(knots.at) > 0).all()
    assert (np.diff(knots.share) >= 0).all()
    assert knots.share.min() > 0.0
    assert knots.share.max() < 1.0


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_a_block_means_what_came_out_in_it(rows):
    score, hit, w = as_arrays(rows)
    score, hit, w = np.r_[score, score.min(), score.max()], np.r_[hit, True, False], np.r_[w, 1.0, 1.0]
    fitted = np.interp(score, *rising(*as_arrays(rows)))
    for share in np.unique(fitted):
        block = fitted == share
        np.testing.assert_allclose(np.average(hit[block], weights=w[block]), share, atol=1e-12)


@given(ROWS, st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_order_of_rows_does_not_matter_and_a_weight_is_a_repetition(rows, random):
    once = rising(*as_arrays(rows))
    each = [(score, hit, 1) for score, hit, count in rows for _ in range(count)]
    random.shuffle(each)
    again = rising(*as_arrays(each))
    np.testing.assert_array_equal(once.at, again.at)
    np.testing.assert_array_equal(once.share, again.share)


def test_what_has_no_weight_is_not_heard_and_nothing_at_all_is_even():
    knots = rising(np.array([0.1, 0.9, 0.5]), np.array([False, True, True]), np.array([2.0, 2.0, 0.0]))
    assert knots.at.tolist() == [0.1, 0.9]
    assert knots.share.tolist() == [1 / 3, 2 / 3]
    assert np.interp([0.0, 1.0], *rising(np.array([]), np.array([], dtype=bool), np.array([]))).tolist() == [0.5, 0.5]


def test_probabilities_sum_to_one_keep_their_order_and_a_row_alone_has_its_bits():
    random = np.random.default_rng(0)
    p = random.dirichlet([2.0, 1.0, 2.0], 4000)
    y = np.array([random.choice(3, p=row) for row in p]) - 1
    fitted = isotonic.fit(p, y, np.ones(len(y)))
    q = fitted.calibrated(p)
    np.testing.assert_allclose(q.sum(axis=1), 1.0, atol=1e-12)
    order = np.argsort(p[:, 1])
    assert (np.diff(q[order, 1]) >= 0).all()
    alone = np.vstack([fitted.calibrated(p[i : i + 1]) for i in range(200)])
    np.testing.assert_array_equal(alone, q[:200])
    assert np.isnan(fitted.calibrated(np.full((1, 3), np.nan))).all()


def test_a_row_that_is_flat_for_sure_or_up_for_sure_is_answered():
    p = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    fitted = isotonic.fit(np.tile(p, (20, 1)), np.tile([0, 1, -1], 20), np.ones(60))
    assert fitted.calibrated(p).min() > 0.0
    assert fitted.calibrated(p).argmax(axis=1).tolist() == [1, 2, 0]
