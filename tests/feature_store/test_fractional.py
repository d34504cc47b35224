"""Fractional differences against printed weights, an independent library and exact fractions."""

from fractions import Fraction

import numpy as np
import pytest

from feature_store.arrays import Bars
from feature_store.groups import fractional
from feature_store.window_moments import window_filter
from tests.oracles import fractional as oracle

# The first 54 daily closes of GOOG (19 August to 3 November 2004), and what fracdiff 0.9.0 makes of their logs with
# order 0.4 and 50 weights, at the last five.
CLOSE = [100.34, 108.31, 109.4, 104.87, 106.0, 107.91, 106.15, 102.01, 102.37, 100.25, 101.51, 100.01, 101.58, 102.3]
CLOSE += [102.31, 105.33, 107.5, 111.49, 112.0, 113.97, 117.49, 119.36, 117.84, 118.38, 120.82, 119.83, 118.26]
CLOSE += [126.86, 131.08, 129.6, 132.58, 135.06, 138.37, 137.08, 138.85, 137.73, 135.26, 137.4, 140.9, 142.0, 144.11]
CLOSE += [149.16, 147.94, 140.49, 149.38, 172.43, 187.4, 181.8, 185.97, 193.3, 190.64, 196.03, 194.87, 191.67]
FRACDIFF = [0.8582378920990976, 0.8182681038728319, 0.839311710216494, 0.815272661614026, 0.7918821149331512]

ORDERS = {"d02": Fraction(1, 5), "d04": Fraction(2, 5), "d06": Fraction(3, 5)}
THRESHOLD = Fraction(1, 1000)


def test_the_weights_of_a_half_are_those_that_are_printed():
    """López de Prado (2018), section 5.4.2."""
    assert fractional.weights(0.5)[:5].tolist() == [1.0, -1 / 2, -1 / 8, -1 / 16, -5 / 128]


def test_a_whole_difference_has_two_weights_and_none_has_one():
    assert fractional.weights(1.0).tolist() == [1.0, -1.0]
    assert fractional.weights(0.0).tolist() == [1.0]


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_weights_are_the_binomial_series_down_to_a_thousandth(order):
    found = fractional.weights(float(order))
    np.testing.assert_allclose(found, oracle.weights(order, THRESHOLD), rtol=1e-12)
    assert abs(found[-1]) >= 1e-3 > abs(fractional.weights(float(order), threshold=5e-4)[len(found)])


def test_order_two_fifths_has_55_weights():
    assert len(fractional.weights(0.4)) == 55


def test_differences_are_those_of_an_independent_library():
    weighed = fractional.weights(0.4, threshold=1e-5)[:50]
    np.testing.assert_allclose(window_filter(np.log(CLOSE), weighed)[49:], FRACDIFF, rtol=1e-12)


def test_the_columns_are_scores_and_distances_of_exact_differences(bars):
    close = np.log(bars["close"].to_numpy()[:700])
    found = fractional.compute(Bars.of(bars.iloc[:700]))
    deviation = np.diff(close)[-200:].std(ddof=1)
    for name, order in ORDERS.items():
        weighed = oracle.weights(order, THRESHOLD)
        differences = [oracle.difference(close[:end].tolist(), weighed) for end in range(451, 701)]
        score = (differences[-1] - np.mean(differences)) / np.std(differences, ddof=1)
        assert found[f"close_{name}_score_250"][-1] == pytest.approx(score, rel=1e-8)
        distance = (differences[-1] - np.mean(differences[-100:])) / deviation
        assert found[f"close_{name}_distance_100"][-1] == pytest.approx(distance, rel=1e-8)


def test_a_constant_width_leaves_old_values_as_they_are_and_an_expanding_one_does_not():
    """The twin weighs all history there is: the same five days get another value once older ones are known."""
    close = np.log(CLOSE)
    weighed = fractional.weights(0.4, threshold=0.05)

    def expanding(values: np.ndarray) -> float:
        return float(fractional.weights(0.4, threshold=1e-5)[: len(values)] @ values[::-1])

    assert window_filter(close, weighed)[-1] == window_filter(close[-10:], weighed)[-1]
    assert expanding(close) != pytest.approx(expanding(close[-10:]), rel=0.1)


def test_the_lower_the_order_the_longer_the_memory():
    """A step in the level is forgotten by a return at once, and by a low order the latest."""
    step = np.where(np.arange(400) < 300, 0.0, 1.0)
    later = [window_filter(step, fractional.weights(order))[310] for order in (0.2, 0.4, 0.6, 1.0)]
    assert later == sorted(later, reverse=True)
    assert later[-1] == 0.0 < later[-2]
