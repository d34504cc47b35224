"""The test of superior predictive ability: what the library's own studentising does not do, size, power, and steps."""

import numpy as np
import pandas as pd
import pytest
from arch.bootstrap import SPA, StepM

from backtest.significance import block_length, superior_predictive_ability
from market.errors import DataError, UsageError

QUICK = {"paths": 200, "block": 2}


def by_arch(results: np.ndarray, studentize: bool = True) -> float:
    """Hansen's p as the library gives it for results that nobody has scaled."""
    test = SPA(np.zeros(len(results)), -results, block_size=2, reps=200, studentize=studentize, seed=0)
    test.compute()
    return float(test.pvalues["consistent"])


def one_good_among_junk(seed: int) -> np.ndarray:
    results = np.random.default_rng(seed).standard_normal((200, 21))
    results[:, 1:] *= 10.0
    results[:, 0] += 0.25
    return results


def test_the_librarys_flag_changes_nothing_but_a_label():
    for seed in range(5):
        results = one_good_among_junk(seed)
        assert by_arch(results, studentize=True) == by_arch(results, studentize=False)


def test_scaled_columns_find_the_one_good_among_twenty_of_junk_and_raw_ones_do_not():
    worlds = [one_good_among_junk(seed) for seed in range(16)]
    scaled = np.mean([superior_predictive_ability(world, **QUICK).consistent <= 0.05 for world in worlds])
    raw = np.mean([by_arch(world) <= 0.05 for world in worlds])
    assert scaled >= 0.6 and raw <= 0.2


def test_without_an_edge_one_in_twenty_is_found():
    random = np.random.default_rng(1)
    found = [superior_predictive_ability(random.standard_normal((100, 8)), paths=99, block=1) for _ in range(80)]
    assert np.mean([test.consistent <= 0.05 for test in found]) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 80)
    assert 0.35 < np.mean([test.consistent for test in found]) < 0.65
    assert all(0.0 < test.lower <= test.consistent <= test.upper <= 1.0 for test in found)


def test_the_unit_of_a_column_says_nothing():
    results = np.random.default_rng(2).normal(0.05, 1.0, (150, 6))
    units = np.array([1.0, 8.0, 0.25, 1024.0, 2.0, 0.5])
    assert superior_predictive_ability(results, **QUICK) == superior_predictive_ability(results * units, **QUICK)


def test_a_benchmark_takes_away_what_everybody_earns():
    random = np.random.default_rng(3)
    drift = random.normal(0.3, 1.0, 250)
    results = drift[:, None] + 0.5 * random.standard_normal((250, 5))
    assert superior_predictive_ability(results, **QUICK).consistent <= 0.01
    assert superior_predictive_ability(results, drift, **QUICK).consistent > 0.05
    results[:, 3] += 0.2
    better = superior_predictive_ability(pd.DataFrame(results, columns=list("abcde")), pd.Series(drift), **QUICK)
    assert better.superior == ("d",)


def test_the_steps_are_those_of_the_library():
    for seed in range(6):
        results = np.random.default_rng(seed).normal([0.0, 0.15, 0.2, 0.3, 0.0, -0.3], 1.0, (200, 6))
        scaled = results / results.std(axis=0, ddof=1)
        steps = StepM(np.zeros(200), -scaled, block_size=2, reps=200, seed=0)
        steps.compute()
        assert superior_predictive_ability(results, **QUICK).superior == tuple(steps.superior_models)


def test_all_may_be_superior_and_none():
    results = np.random.default_rng(4).normal(1.0, 1.0, (100, 3))
    assert superior_predictive_ability(results, **QUICK).superior == (0, 1, 2)
    assert superior_predictive_ability(-results, **QUICK).superior == ()


def test_the_same_seed_gives_the_same_answer():
    results = np.random.default_rng(5).standard_normal((150, 4))
    first, again, other = (superior_predictive_ability(results, paths=200, seed=seed) for seed in (0, 0, 1))
    assert first == again != other


def test_blocks_are_those_of_politis_and_white():
    shocks = np.random.default_rng(6).standard_normal((2000, 4))
    following = shocks.copy()
    for at in range(1, 2000):
        following[at] += 0.5 * following[at - 1]
    assert block_length(shocks) <= 5
    assert 14 <= block_length(following) <= 24  # 18.1 was measured for one such row


@pytest.mark.parametrize(
    ("results", "against", "asked", "error", "told"),
    [
        (np.array([[1.0, np.nan], [0.0, 1.0]]), None, {}, DataError, "with 1 that are not"),
        (np.random.default_rng(0).normal(size=(50, 2)), np.zeros(49), {}, DataError, "49 periods and the results 50"),
        (np.zeros((50, 3)), None, {}, DataError, "3 columns never differ"),
        (np.eye(50), None, {"level": 0.0}, UsageError, "between 0 and 1, found 0"),
        (np.eye(50), None, {"paths": 0}, UsageError, "whole number of paths"),
        (np.eye(50), None, {"block": 1.5}, UsageError, "whole number of block"),
    ],
)
def test_what_cannot_be_tested_is_refused(results, against, asked, error, told):
    with pytest.raises(error, match=told):
        superior_predictive_ability(results, against, **asked)
