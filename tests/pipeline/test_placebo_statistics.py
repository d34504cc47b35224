"""How sure one can be of a share, a mean and p-values over worlds, against plain sums of the same definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.placebo_statistics import lower_bound, mean_of, sequential, uniformity, upper_bound

WORLDS = st.integers(1, 400)


def at_most(hits: int, worlds: int, share: float) -> float:
    """Return the chance of so many hits or fewer."""
    return math.fsum(math.comb(worlds, k) * share**k * (1 - share) ** (worlds - k) for k in range(hits + 1))


@given(worlds=WORLDS, data=st.data())
def test_at_the_upper_bound_so_few_promotions_happen_once_in_twenty(worlds, data):
    hits = data.draw(st.integers(0, worlds - 1))
    assert at_most(hits, worlds, upper_bound(hits, worlds)) == pytest.approx(0.05, rel=1e-6)


@given(worlds=WORLDS, data=st.data())
def test_at_the_lower_bound_so_many_happen_once_in_twenty(worlds, data):
    hits = data.draw(st.integers(1, worlds))
    assert 1 - at_most(hits - 1, worlds, lower_bound(hits, worlds)) == pytest.approx(0.05, rel=1e-6)


@pytest.mark.parametrize(("worlds", "share"), [(59, 0.05), (149, 0.02), (299, 0.01), (598, 0.005), (2995, 0.001)])
def test_as_many_clean_worlds_as_published_prove_a_share(worlds, share):
    assert upper_bound(0, worlds) <= share < upper_bound(0, worlds - 1)


def wald(promoted: list[bool]) -> tuple[str, int]:
    """Return the verdict by likelihoods themselves, multiplied up."""
    broken, honest = 1.0, 1.0
    for number, one in enumerate(promoted, start=1):
        broken *= 0.05 if one else 0.95
        honest *= 0.001 if one else 0.999
        if broken / honest >= 19.0 - 1e-9:
            return "broken", number
        if honest / broken >= 19.0 - 1e-9:
            return "honest", number
    return "undecided", len(promoted)


@given(st.lists(st.floats(0, 1), max_size=120), st.floats(0, 0.1))
def test_the_sequential_test_is_walds(draws, share):
    promoted = [draw < share for draw in draws]
    assert sequential(promoted) == wald(promoted)


def test_one_promotion_among_the_first_twenty_is_too_many_and_one_later_is_not_yet():
    said = {place: sequential([False] * (place - 1) + [True])[0] for place in range(1, 59)}
    assert [place for place, verdict in said.items() if verdict == "broken"] == list(range(1, 21))
    assert sequential([False] * 30 + [True, False, True])[0] == "broken"


def test_the_larger_of_both_errors_counts():
    apart = mean_of([-0.3, 0.3, -0.3, 0.3], [0.01] * 4)
    assert apart.error == pytest.approx(np.std([-0.3, 0.3] * 2, ddof=1) / 2)
    alike = mean_of([0.1, 0.1, 0.1, 0.1], [0.2] * 4)
    assert alike.error == pytest.approx(0.1) and alike.z == pytest.approx(1.0)
    assert mean_of([], []) == (0, None, None, None)


def test_a_mean_of_nothing_is_away_from_it_as_rarely_as_it_says():
    rng = np.random.default_rng(0)
    z = [mean_of(*_of_nothing(rng, worlds=20)).z for _ in range(1000)]
    assert np.mean(np.abs(z) > 2.0) < 0.05 and 0.8 < np.std(z) < 1.05


def _of_nothing(rng: np.random.Generator, worlds: int) -> tuple[np.ndarray, np.ndarray]:
    errors = rng.uniform(0.04, 0.06, worlds)
    return rng.normal(0.0, errors), errors


def test_p_values_that_crowd_at_one_end_are_noticed_and_uniform_ones_are_not():
    rng = np.random.default_rng(1)
    uniform = rng.random(100)
    assert uniformity(uniform) > 0.01
    assert uniformity(uniform**2) < 0.001
    assert uniformity([]) is None
