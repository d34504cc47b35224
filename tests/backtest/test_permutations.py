"""Permutation tests against exact answers, and on worlds without an edge, where a shuffle of rows would be fooled."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binom

from backtest.significance import circular_shifts, random_signs
from market.errors import DataError, UsageError


def apart(trades: int) -> tuple[np.ndarray, np.ndarray]:
    """Entries and exits of trades that share no bar."""
    entered = np.arange(trades) * 10
    return entered, entered + 5


@pytest.mark.parametrize("wins", [40, 50, 58, 66])
def test_signs_of_even_bets_are_a_binomial(wins):
    r = np.array([1.0] * wins + [-1.0] * (100 - wins))
    found = random_signs(r, -r, *apart(100), permutations=20_000)
    exact = binom.sf(wins - 1, 100, 0.5)
    assert found.p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000) + 1e-4)
    assert (found.observed, found.choices) == (pytest.approx((2 * wins - 100) / 100), 100)


def test_costs_are_in_the_mirror_too():
    """A strategy that pays the spread either way is no worse for it: its sides are still as good as any."""
    r = np.random.default_rng(1).choice([0.9, -1.1], 400)
    assert random_signs(r, -r - 0.2, *apart(400)).p > 0.05
    assert r.mean() < 0.0


def clustered(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two hundred trades of no edge: five at a time enter together and end alike."""
    r = np.repeat(random.choice([1.0, -1.0], 40), 5)
    entered = np.repeat(np.arange(40) * 20, 5) + np.tile(np.arange(5), 40)
    return r, entered, entered + 10


def test_trades_that_are_open_together_get_one_sign_and_one_by_one_would_fool():
    random = np.random.default_rng(2)
    worlds = [clustered(random) for _ in range(120)]
    together = [random_signs(r, -r, entered, left, permutations=499) for r, entered, left in worlds]
    one_by_one = [random_signs(r, -r, *apart(200), permutations=499) for r, _, _ in worlds]
    assert {found.choices for found in together} == {40}
    assert np.mean([found.p <= 0.05 for found in together]) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 120)
    assert np.mean([found.p <= 0.05 for found in one_by_one]) > 0.15


def test_a_chain_of_overlaps_is_one_group_in_whatever_order_it_is_given():
    entered = np.concatenate([[0, 4, 8], np.arange(30) * 10 + 100])
    left = np.concatenate([[5, 9, 12], np.arange(30) * 10 + 105])
    order = np.random.default_rng(3).permutation(33)
    r = np.ones(33)
    assert random_signs(r, -r, entered[order], left[order], permutations=99).choices == 31
    assert random_signs(r, -r, *apart(33), permutations=99).choices == 33
    assert random_signs(r, -r, np.arange(33) * 5, np.arange(33) * 5 + 4, permutations=99).choices == 33
    with pytest.raises(DataError, match="33 trades in 1 groups"):
        random_signs(r, -r, np.arange(33) * 5, np.arange(33) * 5 + 5, permutations=99)  # each enters as one leaves


@pytest.mark.parametrize("statistic", ["mean", "sharpe_per_trade", "profit_factor", "win_rate"])
def test_an_edge_is_found_by_each_statistic_and_the_same_seed_tells_the_same(statistic):
    r = np.random.default_rng(4).choice([1.4, -1.0], 200, p=[0.75, 0.25])
    first, again = (random_signs(r, -r - 0.1, *apart(200), statistic, seed=7) for _ in range(2))
    assert first == again and first.p < 0.01


def test_ten_thousand_permutations_of_five_hundred_trades_take_under_a_second():
    r = np.random.default_rng(5).choice([0.9, -1.1], 500)
    begin = time.perf_counter()
    random_signs(r, -r - 0.2, *apart(500), permutations=10_000)
    assert time.perf_counter() - begin < 1.0


sides = arrays(np.int64, st.integers(120, 160), elements=st.sampled_from([-1, 0, 1])).filter(np.any).map(list)


@settings(max_examples=12)
@given(sides, st.integers(1, 8), st.integers(0, 10**6))
def test_shifts_are_what_rolling_gives(side, horizon, seed):
    r_long, r_short = np.random.default_rng(seed).choice([1.5, -1.0, 0.0], (2, len(side)))
    decided = np.count_nonzero(side)

    def mean(shift: int) -> float:
        there = [side[at - shift] for at in range(len(side))]
        return sum(r_long[at] * (s > 0) + r_short[at] * (s < 0) for at, s in enumerate(there)) / decided

    found = circular_shifts(np.array(side), r_long, r_short, horizon)
    others = [mean(shift) for shift in range(horizon, len(side) - horizon + 1)]
    assert found.observed == pytest.approx(mean(0), abs=1e-12)
    assert found.permutations == len(others)
    assert found.p == (1 + sum(value >= mean(0) - 1e-9 for value in others)) / (1 + len(others))


def wandering(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A signal that stays for long and outcomes that overlap for ten bars, without anything in common."""
    signal, noise = random.standard_normal((2, 1200))
    slow = np.convolve(signal, np.ones(60), mode="same")
    return np.sign(slow), np.convolve(noise, np.ones(10), mode="same")


def test_overlapping_outcomes_keep_their_overlap_and_single_rows_shuffled_would_fool():
    random = np.random.default_rng(6)
    worlds = [wandering(random) for _ in range(100)]
    shifted = np.mean([circular_shifts(side, out, -out, 10).p <= 0.05 for side, out in worlds])
    assert shifted <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)
    shuffled = [[np.mean(side * random.permutation(out)) for _ in range(49)] for side, out in worlds]
    fooled = np.mean(
        [
            np.mean([one >= np.mean(side * out) for one in found]) <= 0.05
            for (side, out), found in zip(worlds, shuffled, strict=True)
        ]
    )
    assert fooled > 0.2


def test_a_signal_that_knows_is_found():
    side, outcome = wandering(np.random.default_rng(8))
    assert circular_shifts(side, outcome + 2.0 * side, -outcome - 2.0 * side, 10).p < 0.01


R = np.ones(40)
LONG = np.random.default_rng(9).standard_normal(200)


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        (lambda: random_signs(R, -R[:-1], *apart(40)), DataError, "as many: found \\[40, 39, 40, 40\\]"),
        (lambda: random_signs(R[:10], -R[:10], *apart(10)), DataError, "10 trades in 10 groups.*wanted 20"),
        (lambda: random_signs([], [], *apart(0)), DataError, "0 trades in 0 groups"),
        (lambda: random_signs(R, -R, *reversed(apart(40))), DataError, "Trade 0 leaves before it enters"),
        (lambda: random_signs(R, -R, *apart(40), "sharp_per_trade"), UsageError, "Did you mean sharpe_per"),
        (lambda: random_signs(R, -R, *apart(40), "profit_factor"), DataError, "cannot be computed"),
        (lambda: circular_shifts(np.zeros(200), LONG, -LONG, 5), DataError, "some of them are not 0"),
        (lambda: circular_shifts(np.full(200, 0.6), LONG, -LONG, 5), DataError, "cut a score at its thresholds"),
        (lambda: circular_shifts(np.ones(200), LONG, -LONG[1:], 5), DataError, "200 long and 199 short"),
        (lambda: circular_shifts(np.ones(200), np.r_[LONG[1:], np.nan], -LONG, 5), DataError, "NaN"),
        (lambda: circular_shifts(np.ones(200), LONG, -LONG, 60), DataError, "leave 81 shifts of 60 bars"),
        (lambda: circular_shifts(np.ones(200), LONG, -LONG, 0), UsageError, "1 at least: found 0"),
    ],
)
def test_what_would_not_be_valid_is_refused_with_the_reason(asked, error, told):
    with pytest.raises(error, match=told):
        asked()
