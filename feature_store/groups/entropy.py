"""Entropy: how surprising the order of the last returns was, by words, orders, repetitions and likeness.

About 1 (bit, or share of the most) is a coin that is tossed; less is a pattern. A word or an order with an unmoved bar
or a tie in it does not count, and where nothing moved every entropy is 0.
Source of the family: López de Prado (2018), Advances in Financial Machine Learning, ch. 18.
"""

import numpy as np

from feature_store.arrays import Bars, Columns, change, ratio, together, whole
from feature_store.described import Catalogue, Described
from feature_store.window_flow import tick_rule
from feature_store.window_moments import window_deviation, window_mean, window_sum
from feature_store.window_words import count_likenesses, longest_match, ordinal_pattern, spell, window_entropy

LOOKBACK = 360

_PAST = 100
"""Bars in which a repetition or a likeness is looked for, and behind the deviation that sizes are measured by."""
_LONGEST = 20
"""Bars of a repetition beyond which the newest is no surprise, and unmoved bars after which none has a direction."""
_QUARTILE = 0.6745
"""Deviations within which half of all normal returns lie."""
_TOLERANCE = 0.5
"""Deviations by which returns that are alike may differ."""

_AFML_WORDS = "Shannon (1948); López de Prado (2018), section 18.2"
_BANDT_POMPE = "Bandt and Pompe (2002), Phys. Rev. Letters 88"

CATALOGUE: Catalogue = {
    "direction_words_{n}_{n}": Described(
        "Entropy of the words that {0} successive directions make, over {1} bars, as a share of the most",
        _AFML_WORDS,
        "share",
        0.0,
        1.0,
    ),
    "next_direction_{n}": Described(
        "Entropy of a direction once the three before it are known, over {0} bars", _AFML_WORDS, "bits", 0.0, 1.0
    ),
    "quartile_words_{n}_{n}": Described(
        "Entropy of the words that {0} successive returns, sorted into four sizes, make over {1} bars, as a share of "
        "the most",
        "López de Prado (2018), section 18.5",
        "share",
        0.0,
        1.0,
    ),
    "permutation_{n}_{n}": Described(
        "Entropy of the order in which {0} successive closes stand, over {1} bars, as a share of the most",
        _BANDT_POMPE,
        "share",
        0.0,
        1.0,
    ),
    "range_permutation_{n}_{n}": Described(
        "Entropy of the order in which the ranges of {0} successive bars stand, over {1} bars, as a share of the most",
        _BANDT_POMPE,
        "share",
        0.0,
        1.0,
    ),
    "lempel_ziv_{n}": Described(
        "Entropy rate of directions by how far they repeat those of the 100 bars before, mean of {0} bars",
        "Kontoyiannis, Algoet, Suhov and Wyner (1998), IEEE Trans. Information Theory 44",
        "bits",
        0.0,
        np.log2(_PAST),
    ),
    "sample_entropy_{n}": Described(
        "Minus the log of the share of alike pairs of returns that stay alike for a third, over {0} bars",
        "Richman and Moorman (2000), Am. J. Physiology 278",
        "nats",
        0.0,
        np.inf,
    ),
}


def compute(bars: Bars) -> Columns:
    """Return the entropy columns of each bar (float64, NaN in warm-up)."""
    return together(PARTS, bars)


def _words(bars: Bars) -> Columns:
    """Shannon entropy of words of directions, of the next direction given three, and of words of quartiles.

    Letters of the last are large fall, fall, rise, large rise; large is beyond the quartile of a normal distribution.
    """
    returns = bars.returns
    rise = np.where(returns > 0, 1, np.where(returns < 0, 0, -1))
    large = np.abs(returns) > _QUARTILE * window_deviation(returns, _PAST)
    quartile = np.where(rise == 1, 2 + large, np.where(rise == 0, 1 - large, -1))
    four, pairs = spell(rise, 2, 4), spell(quartile, 4, 2)
    contexts = four // 2  # the three letters before the last; −1 stays −1
    fours = window_entropy(four, 16, 250)
    return {
        "direction_words_3_100": window_entropy(spell(rise, 2, 3), 8, 100) / 3.0,
        "direction_words_4_250": fours / 4.0,
        "next_direction_250": np.maximum(fours - window_entropy(contexts, 8, 250), 0.0),
        "quartile_words_2_250": window_entropy(pairs, 16, 250) / 4.0,
    }


def _orders(bars: Bars) -> Columns:
    """Permutation entropy of closes and of ranges, as a share of its maximum (Bandt and Pompe 2002)."""
    close, span = whole(bars.close), whole(bars.high) - whole(bars.low)
    return {
        "permutation_3_100": window_entropy(ordinal_pattern(close, 3), 6, 100) / np.log2(6.0),
        "permutation_4_250": window_entropy(ordinal_pattern(close, 4), 24, 250) / np.log2(24.0),
        "range_permutation_3_100": window_entropy(ordinal_pattern(span, 3), 6, 100) / np.log2(6.0),
    }


def _repetitions(bars: Bars) -> Columns:
    """Entropy rate (bits) by Lempel and Ziv: the longer the newest directions repeat older ones, the lower.

    Mean of log₂(100) ÷ (length of the longest match + 1); an unmoved bar goes with the one before. A match ends at the
    bar instead of beginning there, so that none needs a later bar: a stationary series has the same rate backwards.
    Sources: Kontoyiannis, Algoet, Suhov and Wyner (1998), IEEE Trans. Information Theory 44; López de Prado (2018),
    section 18.4.
    """
    match = longest_match(tick_rule(change(bars.close), _LONGEST), _PAST, _LONGEST)
    surprise = np.where(match == _LONGEST, 0.0, np.log2(_PAST) / (match + 1.0))
    return {f"lempel_ziv_{n}": window_mean(surprise, n) for n in (50, 200)}


def _likeness(bars: Bars) -> Columns:
    """Sample entropy: −log of the share of alike pairs of returns that stay alike for a third one.

    Each bar is compared with the 100 before it, and one pair is added to both counts, so that none is no division by
    zero. Source: Richman and Moorman (2000), Am. J. Physiology 278.
    """
    scaled = ratio(bars.returns, window_deviation(bars.returns, _PAST))
    alike, still_alike = count_likenesses(scaled, _PAST, 2, _TOLERANCE)
    columns = {}
    for n in (20, 100):
        columns[f"sample_entropy_{n}"] = np.log((window_sum(alike, n) + 1.0) / (window_sum(still_alike, n) + 1.0))
    return columns


PARTS = (_words, _orders, _repetitions, _likeness)
