"""The window kernels against plain numpy on each window, and the exactness that running sums do not have."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import talib
from scipy import stats

from feature_store import window_lines, window_moments, window_order
from feature_store.arrays import change, earlier, ratio, whole
from feature_store.groups.candlestick import PATTERNS

RANDOM = np.random.default_rng(7)
X = np.cumsum(RANDOM.normal(size=120)) + 100.0
Y = X * 0.3 + RANDOM.normal(size=120)
WINDOW = 17


def drawdown(values):
    return (np.maximum.accumulate(values) - values).max()


def line(values):
    return stats.linregress(np.arange(len(values)), values)


REFERENCES = {
    "window_sum": (window_moments.window_sum, np.sum),
    "window_mean": (window_moments.window_mean, np.mean),
    "window_deviation": (window_moments.window_deviation, lambda v: v.std(ddof=1)),
    "window_score": (window_moments.window_score, lambda v: (v[-1] - v.mean()) / v.std(ddof=1)),
    "window_absolute_deviation": (window_moments.window_absolute_deviation, lambda v: np.abs(v - v.mean()).mean()),
    "skewness": (lambda x, n: window_moments.window_moment(x, n, 3), stats.skew),
    "kurtosis": (lambda x, n: window_moments.window_moment(x, n, 4), lambda v: stats.kurtosis(v, fisher=False)),
    "window_highest": (window_order.window_highest, np.max),
    "bars_since_highest": (window_order.bars_since_highest, lambda v: v[::-1].argmax()),
    "window_rank": (window_order.window_rank, lambda v: (np.sum(v < v[-1]) + 0.5 * np.sum(v == v[-1])) / len(v)),
    "window_drawdown": (window_order.window_drawdown, drawdown),
    "window_ulcer": (
        window_order.window_ulcer,
        lambda v: np.sqrt(np.mean((100.0 * (v / np.maximum.accumulate(v) - 1.0)) ** 2)),
    ),
    "window_fit": (window_lines.window_fit, lambda v: line(v).rvalue * abs(line(v).rvalue)),
    "window_residual": (
        window_lines.window_residual,
        lambda v: v[-1] - line(v).intercept - line(v).slope * (len(v) - 1),
    ),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_a_kernel_gives_what_numpy_gives_on_each_window(name):
    kernel, reference = REFERENCES[name]
    found = kernel(X, WINDOW)
    assert np.isnan(found[: WINDOW - 1]).all()
    expected = [reference(X[i + 1 - WINDOW : i + 1]) for i in range(WINDOW - 1, len(X))]
    np.testing.assert_allclose(found[WINDOW - 1 :], expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_tail_of_one_window_gives_the_same_bits(name):
    kernel, _ = REFERENCES[name]
    full = kernel(X, WINDOW)
    for i in (WINDOW - 1, 50, len(X) - 1):
        assert kernel(X[i + 1 - WINDOW : i + 1], WINDOW)[-1] == full[i]


KERNELS = {name: kernel for name, (kernel, _) in REFERENCES.items()}
KERNELS["window_correlation"] = lambda x, n: window_moments.window_correlation(x, np.sin(x), n)
KERNELS["window_filter"] = lambda x, n: window_moments.window_filter(x, 0.9 ** np.arange(n))


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("window", [WINDOW, window_moments.BLOCK + 4])
def test_where_a_block_of_rows_ends_changes_no_bit(name, window):
    values = np.cumsum(RANDOM.normal(size=window + 1024 + window_moments.BLOCK)) + 100.0
    full = KERNELS[name](values, window)
    assert np.isfinite(full[window - 1 :]).all()
    for row in (0, 1, 254, 255, 256, 257, 1023, 1024, 1025, len(values) - window):
        assert KERNELS[name](values[row : row + window], window)[-1] == full[row + window - 1]


@pytest.mark.parametrize(
    "name", sorted(set(REFERENCES) - {"window_sum", "window_mean", "window_highest", "window_rank"})
)
def test_equal_values_have_no_spread_not_even_of_rounding(name):
    """0.1 added 17 times is not 1.7: the kernels merge means, and equal means have no distance."""
    kernel, _ = REFERENCES[name]
    assert (kernel(np.full(40, 0.1), WINDOW)[WINDOW - 1 :] == 0.0).all()


def test_the_mean_of_equal_values_is_that_value():
    assert (window_moments.window_mean(np.full(40, 0.1), WINDOW)[WINDOW - 1 :] == 0.1).all()


def test_correlation_is_pearsons_and_zero_when_one_side_stands_still():
    found = window_moments.window_correlation(X, Y, WINDOW)
    expected = pd.Series(X).rolling(WINDOW).corr(pd.Series(Y)).to_numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert (window_moments.window_correlation(X, np.full(120, 0.1), WINDOW)[WINDOW - 1 :] == 0.0).all()


def test_a_filter_weighs_the_newest_value_first():
    found = window_moments.window_filter(np.array([1.0, 2.0, 4.0]), np.array([1.0, 0.5]))
    np.testing.assert_array_equal(found, [np.nan, 2.5, 5.0])


def test_of_equal_highs_the_newest_counts():
    assert window_order.bars_since_highest(np.array([1.0, 5.0, 2.0, 5.0, 3.0]), 5)[-1] == 1


def test_a_rank_does_not_read_rounding():
    values = np.array([0.3, 0.1 + 0.2, 0.3, 0.3])
    assert window_order.window_rank(values, 4)[-1] == 0.5


def test_a_streak_counts_equal_signs_up_to_its_limit():
    signs = np.array([-1.0, 1.0, 1.0, 1.0, 0.0, -1.0, -1.0])
    np.testing.assert_array_equal(window_order.streak(signs, 2), [np.nan, 1, 2, 2, 0, -1, -2])


def test_a_swing_is_known_only_when_its_right_wing_has_passed():
    values = np.array([1.0, 2.0, 3.0, 9.0, 3.0, 2.0, 1.0, 1.5, 1.2])
    found = window_order.last_swing_high(values, 2, 5)
    assert np.isnan(found[:4]).all()
    assert found[4] == 9.0, "no swing yet: the window's highest"
    assert found[5] == 9.0
    np.testing.assert_array_equal(window_order.last_swing_high(-values, 1, 5)[8], -1.0)


def test_a_wave_is_found_at_its_period_and_phase():
    rows = np.arange(400.0)
    wave = np.cos(2.0 * np.pi * rows / 16.0) + 0.01 * rows
    (share, cosine, sine), (slow_share, _, _) = window_lines.window_waves(wave, 128, np.array([16, 64]))[:, :, -1]
    assert share > 0.97
    assert slow_share < 0.02
    phase = np.arctan2(sine, cosine)
    assert phase == pytest.approx(2.0 * np.pi * (rows[-1] % 16 - 16) / 16.0, abs=0.1)


def test_a_ratio_of_nothing_to_nothing_is_the_stated_number_and_unknown_stays_unknown():
    found = ratio(np.array([0.0, 1.0, np.nan, 1.0]), np.array([0.0, 0.0, 1.0, np.nan]), neutral=0.5)
    np.testing.assert_array_equal(found, [0.5, 0.5, np.nan, np.nan])


def test_earlier_values_of_a_series_shorter_than_the_shift_are_unknown():
    assert np.isnan(earlier(np.array([1.0, 2.0]), 5)).all()
    np.testing.assert_array_equal(change(np.array([1.0, 4.0])), [np.nan, 3.0])


def patterns_that_hang_on_the_price_level(bars: pd.DataFrame, convert: Callable[[np.ndarray], np.ndarray]) -> list[str]:
    """The patterns that change somewhere when every price is multiplied by ten."""
    prices = [bars[name].to_numpy() for name in ("open", "high", "low", "close")]
    own, tenfold = [convert(price) for price in prices], [convert((price * 10.0).round(8)) for price in prices]
    patterns = [getattr(talib, f"CDL{name.upper()}") for name in PATTERNS]
    return [pattern.__name__ for pattern in patterns if (pattern(*own) != pattern(*tenfold)).any()]


def test_candlesticks_on_whole_numbers_do_not_hang_on_the_price_level(bars):
    assert patterns_that_hang_on_the_price_level(bars, whole) == []
    assert patterns_that_hang_on_the_price_level(bars, np.asarray) != [], "the twin on binary fractions must be caught"
