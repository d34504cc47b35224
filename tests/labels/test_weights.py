"""Overlap measured, and what is made of it: equal to plain Python, to exact laws and to the numbers the book prints."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import labels
from market.errors import DataError, UsageError
from tests.oracles import weights as oracle

BOOK = Path("../shared/vectors/03_sampling/afml_sequential_bootstrap_example.json")
EXAMPLE = [(0, 2), (2, 3), (4, 5)]  # of AFML, section 4.5.3

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 15)), min_size=1, max_size=30).map(
    lambda pairs: [(start, start + length) for start, length in pairs]
)


def ends(spans: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.array(spans).T)


@settings(max_examples=60, deadline=None)
@given(SPANS)
def test_concurrency_and_uniqueness_equal_their_definitions(spans):
    counted = [oracle.alive(spans, bar) for bar in range(60)]
    assert labels.concurrency(*ends(spans), 60).tolist() == counted
    unique = labels.average_uniqueness(*ends(spans))
    np.testing.assert_allclose(unique, oracle.average_uniqueness(spans), rtol=1e-12)
    assert labels.effective_size(unique) <= min(len(spans), sum(count > 0 for count in counted)) + 1e-9


@settings(max_examples=60, deadline=None)
@given(SPANS, st.integers(0, 1000))
def test_return_attribution_equals_its_definition(spans, seed):
    returns = np.random.default_rng(seed).normal(0.0, 0.01, 60)
    found = labels.return_attribution(*ends(spans), returns)
    np.testing.assert_allclose(found, oracle.return_attribution(spans, returns.tolist()), rtol=1e-9)
    assert found.mean() == pytest.approx(1.0)


@settings(max_examples=60, deadline=None)
@given(SPANS, st.floats(-0.99, 1.0))
def test_time_decay_equals_the_snippet(spans, oldest):
    unique = oracle.average_uniqueness(spans)
    found = labels.time_decay(np.array(unique), oldest)
    np.testing.assert_allclose(found, oracle.time_decay(unique, oldest), atol=1e-9)
    assert found[-1] == 1.0
    assert (np.diff(found) >= 0.0).all()


def test_what_is_alone_on_its_bars_is_unique_and_copies_share():
    assert labels.average_uniqueness(np.array([0, 5]), np.array([4, 9])).tolist() == [1.0, 1.0]
    assert labels.average_uniqueness(np.array([3] * 4), np.array([9] * 4)).tolist() == [0.25] * 4


def test_uniqueness_knows_only_labels_that_began_before_the_end():
    random = np.random.default_rng(1)
    t0 = np.sort(random.integers(0, 500, 200))
    t1 = t0 + random.integers(0, 30, 200)
    whole = labels.average_uniqueness(t0, t1)
    for now in range(50, 500, 50):
        begun, ended = t0 <= now, t1 <= now
        assert (labels.average_uniqueness(t0[begun], t1[begun])[ended[begun]] == whole[ended]).all()


# The sequential bootstrap.


def test_the_printed_example_is_reproduced():
    t0, t1 = ends(EXAMPLE)
    first, second = (labels.draw_probabilities(t0, t1, np.array(drawn)) for drawn in ([], [1]))
    np.testing.assert_allclose(first, [1 / 3] * 3, rtol=1e-15)
    np.testing.assert_allclose(second, [5 / 14, 3 / 14, 6 / 14], rtol=1e-15)
    np.testing.assert_allclose(labels.average_uniqueness(t0, t1), [5 / 6, 3 / 4, 1.0], rtol=1e-15)


def test_the_published_file_says_the_same():
    if not BOOK.exists():
        pytest.skip(f"the published numbers are not there: {BOOK}")
    book = json.loads(BOOK.read_text())
    inside = np.array(book["ind_matrix"]).T
    t0, t1 = inside.argmax(axis=1), inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
    unique = labels.average_uniqueness(t0, t1)
    told = book["published"]
    np.testing.assert_allclose(labels.draw_probabilities(t0, t1, np.array([])), told["first_draw"])
    np.testing.assert_allclose(labels.draw_probabilities(t0, t1, np.array([1])), told["after_drawing_obs2"])
    np.testing.assert_allclose(unique, told["avg_uniqueness"])
    lengths = t1 - t0 + 1
    assert unique @ lengths / lengths.sum() == pytest.approx(book["mlfinpy_avg_uniqueness_full"])
    once = book["mc_mean_avg_uniqueness"]
    evenly = dict.fromkeys(product(range(3), repeat=3), 1 / 27)
    for law, name in ((exact_law(3), "sequential"), (evenly, "standard")):
        expected = sum(chance * np.mean(uniqueness_of(drawn)) for drawn, chance in law.items())
        error = np.sqrt(sum(chance * np.mean(uniqueness_of(drawn)) ** 2 for drawn, chance in law.items()) - expected**2)
        assert abs(once[name] - expected) < 3.0 * error / np.sqrt(once["reps"])


@settings(max_examples=40, deadline=None)
@given(SPANS, st.lists(st.integers(0, 10_000), max_size=10))
def test_probabilities_equal_exact_ones(spans, picks):
    drawn = [pick % len(spans) for pick in picks]
    expected = [float(one) for one in oracle.probabilities(spans, drawn)]
    np.testing.assert_allclose(labels.draw_probabilities(*ends(spans), np.array(drawn)), expected, rtol=1e-12)


def uniqueness_of(drawn: tuple[int, ...]) -> list[float]:
    return oracle.average_uniqueness([EXAMPLE[i] for i in drawn])


def exact_law(draws: int) -> dict[tuple[int, ...], float]:
    """Return the probability of each sequence of `draws` of the example."""
    law = {}
    for sequence in product(range(3), repeat=draws):
        chances = [oracle.probabilities(EXAMPLE, list(sequence[:k]))[i] for k, i in enumerate(sequence)]
        law[sequence] = float(np.prod([float(chance) for chance in chances]))
    return law


def agrees(drawn: list[tuple[int, ...]], law: dict[tuple[int, ...], float]) -> bool:
    """Return whether sequences come as often as they should, at one chance in ten thousand of a false no."""
    counted = [drawn.count(sequence) for sequence in law]
    return bool(stats.chisquare(counted, [len(drawn) * chance for chance in law.values()]).pvalue > 1e-4)


def test_draws_follow_the_exact_law():
    drawn = [tuple(labels.sequential_bootstrap(*ends(EXAMPLE), 3, seed).tolist()) for seed in range(20_000)]
    assert agrees(drawn, exact_law(3))


def test_draws_that_forget_what_was_drawn_are_caught():
    random = np.random.default_rng(0)
    assert not agrees([tuple(row) for row in random.integers(0, 3, (20_000, 3)).tolist()], exact_law(3))


def test_sequential_samples_overlap_less_than_standard_ones():
    """The book's experiment: 10 labels of up to 5 bars on 100 (section 4.5.4; it prints medians of 0.7 and 0.6)."""
    random, sequential, standard = np.random.default_rng(3), [], []
    for seed in range(1000):
        t0 = random.integers(0, 100, 10)
        t1 = t0 + random.integers(1, 5, 10)
        for drawn, kept in (
            (labels.sequential_bootstrap(t0, t1, 10, seed), sequential),
            (random.integers(0, 10, 10), standard),
        ):
            kept.append(labels.average_uniqueness(t0[drawn], t1[drawn]).mean())
    assert (round(np.median(sequential), 1), round(np.median(standard), 1)) == (0.7, 0.6)


def test_the_same_seed_draws_the_same_wherever_the_bars_begin():
    t0, t1 = ends(EXAMPLE)
    once = labels.sequential_bootstrap(t0, t1, 50, 7)
    assert (once == labels.sequential_bootstrap(t0 + 10**9, t1 + 10**9, 50, 7)).all()
    assert (once != labels.sequential_bootstrap(t0, t1, 50, 8)).any()
    assert (once.dtype, len(once), set(once.tolist())) == (np.int64, 50, {0, 1, 2})


# What is refused.


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: labels.average_uniqueness(np.array([0, 5]), np.array([1, 4])), r"Label 1 ends \(bar 4\) before"),
        (lambda: labels.average_uniqueness(np.array([0, 5]), np.array([1])), "2 labels start and 1 end"),
        (lambda: labels.concurrency(np.array([0]), np.array([9]), 9), "there are only bars 0 to 8"),
        (lambda: labels.concurrency(np.array([-1]), np.array([3]), 9), "Labels live from bar -1 to bar 3"),
        (lambda: labels.return_attribution(np.array([0]), np.array([1]), np.array([0.1, np.nan])), "return of bar 1"),
        (lambda: labels.return_attribution(np.array([0]), np.array([1]), np.zeros(2)), "No price moves inside any"),
        (lambda: labels.sequential_bootstrap(np.array([]), np.array([]), 3, 0), "There is no label to draw"),
    ],
)
def test_what_are_no_labels_or_returns_is_refused(call, told):
    with pytest.raises(DataError, match=told):
        call()


@pytest.mark.parametrize("oldest", [-1.0, 1.1, float("nan")])
def test_a_decay_that_is_none_is_refused(oldest):
    with pytest.raises(UsageError, match="choose above −1 and up to 1"):
        labels.time_decay(np.ones(3), oldest)


def test_no_labels_have_no_weights():
    none = np.array([], dtype=np.int64)
    assert len(labels.average_uniqueness(none, none)) == 0
    assert len(labels.return_attribution(none, none, np.zeros(3))) == 0
    assert len(labels.time_decay(none.astype(float), 0.5)) == 0
    assert len(labels.draw_probabilities(none, none, none)) == 0
    assert labels.concurrency(none, none, 3).tolist() == [0, 0, 0]
    assert labels.effective_size(np.empty(0)) == 0.0


def test_a_return_that_is_missing_outside_of_every_label_does_not_matter():
    returns = np.array([np.nan, 0.1, -0.2, np.nan])
    assert labels.return_attribution(np.array([1, 2]), np.array([1, 2]), returns).tolist() == pytest.approx(
        [2 / 3, 4 / 3]
    )
