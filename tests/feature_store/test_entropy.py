"""Entropies against plain counting on each window, printed examples and markets whose entropy is known."""

from math import log, log2

import numpy as np
import pandas as pd
import pytest

from feature_store.arrays import COLUMNS, Bars
from feature_store.groups import entropy
from feature_store.window_words import count_likenesses, longest_match, ordinal_pattern, spell, window_entropy
from tests.oracles import entropies as oracle

RANDOM = np.random.default_rng(4)
BANDT_POMPE = [4.0, 7.0, 9.0, 10.0, 6.0, 11.0, 3.0]
ROWS = range(700, 8500, 1130)


def closing(close: np.ndarray) -> Bars:
    """Bars without a range that close at these prices."""
    index = pd.date_range("2025-01-01", periods=len(close), freq="15min", tz="UTC", name="ts").as_unit("us")
    return Bars.of(pd.DataFrame(dict.fromkeys(COLUMNS, close), index=index))


def last(close: np.ndarray) -> dict[str, float]:
    return {name: float(values[-1]) for name, values in entropy.compute(closing(close)).items()}


@pytest.fixture(scope="module")
def found(bars):
    return entropy.compute(Bars.of(bars))


@pytest.fixture(scope="module")
def close(bars):
    return bars["close"].to_numpy()


def returns_until(close: np.ndarray, row: int, count: int) -> list[float]:
    return np.diff(np.log(close[row - count : row + 1])).tolist()


@pytest.mark.parametrize(("length", "printed"), [(2, 0.918), (3, 1.522)])
def test_permutation_entropy_is_bandts_and_pompes_own_example(length, printed):
    patterns = ordinal_pattern(np.array(BANDT_POMPE), length)
    found = window_entropy(patterns, 6, len(BANDT_POMPE))[-1]
    assert found == pytest.approx(printed, abs=5e-4)
    assert found == pytest.approx(oracle.shannon(oracle.orders(BANDT_POMPE, length)))


@pytest.mark.parametrize("row", ROWS)
def test_words_of_directions_are_counted(row, close, found):
    for length, window in ((3, 100), (4, 250)):
        letters = oracle.directions(close[row + 1 - window - length : row + 1].tolist())
        words = oracle.words(letters, length)
        share = oracle.shannon(words) / length
        assert found[f"direction_words_{length}_{window}"][row] == pytest.approx(share, abs=1e-12)
        if length == 4:
            surprise = oracle.next_letter(letters, 3)
            assert found["next_direction_250"][row] == pytest.approx(surprise, abs=1e-12)


@pytest.mark.parametrize("row", ROWS)
def test_words_of_quartiles_are_counted(row, close, found):
    letters = oracle.sizes(returns_until(close, row, 100 + 250), 100)
    expected = oracle.shannon(oracle.words(letters, 2)) / 4.0
    assert found["quartile_words_2_250"][row] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("row", ROWS)
def test_orders_are_counted_and_ties_left_out(row, bars, close, found):
    for length, window in ((3, 100), (4, 250)):
        orders = oracle.orders(close[row + 2 - window - length : row + 1].tolist(), length)
        share = oracle.shannon(orders) / log2(6 if length == 3 else 24)
        assert found[f"permutation_{length}_{window}"][row] == pytest.approx(share, abs=1e-12)
    part = bars.iloc[row - 101 : row + 1]
    spans = (100 * part["high"]).round() - (100 * part["low"]).round()
    share = oracle.shannon(oracle.orders(spans.tolist(), 3)) / log2(6)
    assert found["range_permutation_3_100"][row] == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize("row", ROWS)
def test_repetitions_are_the_longest_matches_of_slices(row, close, found):
    letters = oracle.carried(oracle.directions(close[row - 400 : row + 1].tolist()), 20)
    for n in (50, 200):
        expected = oracle.lempel_ziv(letters, n, 100, 20)
        assert found[f"lempel_ziv_{n}"][row] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("row", ROWS)
def test_likeness_is_compared_pair_by_pair(row, close, found):
    scaled = [
        part[-1] / np.std(part, ddof=1) if np.ptp(part) else 0.0
        for part in (returns_until(close, at, 100) for at in range(row - 230, row + 1))
    ]
    for n in (20, 100):
        pairs, triples = (oracle.alike_pairs(scaled, n, 100, length, 0.5) for length in (2, 3))
        assert found[f"sample_entropy_{n}"][row] == pytest.approx(log((pairs + 1) / (triples + 1)), abs=1e-12)


def test_twins_that_count_ties_or_forget_a_letter_are_not_the_same(close, found):
    """The bars must have unmoved ones in these windows, or the comparisons above show nothing."""
    twins = []
    for row in ROWS:
        letters = oracle.directions(close[row - 102 : row + 1].tolist())
        with_ties = oracle.words([letter or "none" for letter in letters], 3)
        twins.append(
            (
                oracle.shannon(with_ties) / 3.0,
                oracle.shannon(oracle.words(letters[1:], 3)) / 3.0,
                oracle.shannon(oracle.orders(close[row - 100 : row + 1].tolist(), 3)) / log2(6),
            )
        )
    own = [(found["direction_words_3_100"][row],) * 2 + (found["permutation_3_100"][row],) for row in ROWS]
    assert (np.abs(np.array(twins) - np.array(own)) > 1e-6).any(axis=0).all()


def test_where_nothing_moved_nothing_is_surprising():
    assert set(last(np.full(400, 1234.5)).values()) == {0.0}


def test_a_coin_is_as_surprising_as_can_be():
    """Within what chance and the bias of counting (kinds − 1) ÷ (2 ln 2 × words) leave."""
    close = 1000.0 * np.exp(1e-4 * np.cumsum(RANDOM.choice([-1.0, 1.0], 4000) * (1.0 + RANDOM.random(4000))))
    means = {name: np.nanmean(values[400:]) for name, values in entropy.compute(closing(close)).items()}
    assert means["direction_words_3_100"] == pytest.approx(1.0 - 7 / (2 * log(2) * 100) / 3, abs=0.01)
    assert means["next_direction_250"] == pytest.approx(1.0 - 8 / (2 * log(2) * 250), abs=0.01)
    assert 0.85 < means["lempel_ziv_200"] < 1.0, "matches in no more than 100 bars are short"


def test_a_market_that_alternates_has_rich_words_and_no_surprise():
    """Every second bar falls: one bit tells the whole market, and the direction before tells the next one."""
    found = last(1000.0 + np.arange(600) % 2 * 5.0)
    assert found["direction_words_4_250"] == pytest.approx(1.0 / 4.0)
    assert found["next_direction_250"] == 0.0
    assert found["lempel_ziv_200"] == 0.0
    assert found["sample_entropy_100"] < 0.01


def test_letters_make_numbers_and_a_letter_that_is_not_there_breaks_every_word_with_it():
    letters = np.array([1, 0, 1, 1, -1, 0, 0, 1])
    assert spell(letters, 2, 3).tolist() == [-1, -1, 5, 3, -1, -1, -1, 1]


@pytest.mark.parametrize("length", [2, 3, 4])
def test_each_order_has_its_own_number(length):
    values = RANDOM.random(2000)
    named: dict[tuple[int, ...], set[int]] = {}
    for i, pattern in enumerate(ordinal_pattern(values, length)[length - 1 :]):
        named.setdefault(tuple(np.argsort(values[i : i + length])), set()).add(int(pattern))
    assert sorted(number for numbers in named.values() for number in numbers) == list(range(len(named)))
    assert len(named) == np.prod(range(1, length + 1))


@pytest.mark.parametrize("row", [119, 120, 300, 399])
def test_counts_that_run_along_remember_nothing(row):
    words = RANDOM.integers(-1, 8, 400)
    letters = RANDOM.integers(0, 2, 400) * 1.0
    values = RANDOM.normal(size=400)
    assert window_entropy(words[row - 39 : row + 1], 8, 40)[-1] == window_entropy(words, 8, 40)[row]
    assert longest_match(letters[row - 119 : row + 1], 100, 20)[-1] == longest_match(letters, 100, 20)[row]
    alone, whole = (count_likenesses(part, 100, 2, 0.5) for part in (values[row - 102 : row + 1], values))
    assert [counts[-1] for counts in alone] == [counts[row] for counts in whole]
    assert np.isnan(longest_match(letters[row - 118 : row + 1], 100, 20)[-1])


def test_the_number_of_words_of_equal_shares_is_told_exactly():
    words = np.tile(np.arange(8), 20)
    assert window_entropy(words, 8, 80)[-1] == pytest.approx(3.0, abs=1e-12)
    assert window_entropy(np.where(words > 0, -1, 0), 8, 80)[-1] == 0.0
    assert window_entropy(np.full(80, -1), 8, 80)[-1] == 0.0
