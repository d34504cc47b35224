"""Agreement of folds on features, beyond chance, as the paper defines it."""

from itertools import pairwise

import numpy as np
import pytest

from tests.oracles import choice as oracle
from training.stability import folds_choosing, stability


def test_by_hand():
    """Three folds choose two of four: a in all, b in two, c in one. Variances 0, 1/3, 1/3, 0; by chance ½ × ½."""
    chosen = [["a", "b"], ["a", "b"], ["a", "c"]]
    assert stability(chosen, 4) == pytest.approx(1 - (2 / 3 / 4) / (1 / 4))
    assert folds_choosing(chosen) == {"a": 3, "b": 2, "c": 1}


def test_it_is_the_definition_also_where_folds_choose_different_numbers():
    rng = np.random.default_rng(0)
    names = [f"f{number}" for number in range(12)]
    chosen = [list(rng.choice(names, size=rng.integers(1, 9), replace=False)) for _ in range(7)]
    assert stability(chosen, 12) == pytest.approx(oracle.stability(chosen, names))


def test_chance_has_zero_and_raw_overlap_would_not():
    rng = np.random.default_rng(1)
    chosen = [rng.choice(40, size=30, replace=False).astype(str).tolist() for _ in range(300)]
    assert abs(stability(chosen, 40)) < 0.01
    overlap = np.mean([len({*a} & {*b}) / 30 for a, b in pairwise(chosen)])
    assert overlap > 0.7  # without its correction for chance the agreement looks excellent


def test_what_has_no_meaning_is_none():
    assert stability([["a"]], 3) is None
    assert stability([["a", "b"], ["b", "a"]], 2) is None
    assert stability([[], []], 2) is None
    assert stability([], 2) is None
    assert stability([["a"], ["a"]], 2) == 1.0
