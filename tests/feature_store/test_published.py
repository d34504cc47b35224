"""Indicators against printed tables (StockCharts ChartSchool worked examples)."""

import math
import statistics

import numpy as np
import pandas as pd
import pytest
import talib

from feature_store.arrays import Bars, whole
from feature_store.groups import momentum, trend, volatility, volume

# QQQQ, December 2009 to February 2010.
RSI_CLOSE = [44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931]
RSI_CLOSE += [46.0328, 45.614, 46.282, 46.282, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439, 46.2122, 46.2521]
RSI_CLOSE += [45.7137, 46.4515, 45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672, 43.4205, 42.6628, 43.1314]
RSI_14 = [70.53, 66.32, 66.55, 69.41, 66.36, 57.97, 62.93, 63.26, 56.06, 62.38, 54.71, 50.42, 39.99, 41.46, 41.87]
RSI_14 += [45.46, 37.30, 33.08, 37.77]

# QQQQ, December 2010 to January 2011: high, low, close, volume in thousands.
MFI_BARS = [
    (24.8283, 24.3205, 24.7486, 18730.144),
    (24.7586, 24.5993, 24.7088, 12271.740),
    (25.1568, 24.7785, 25.0373, 24691.414),
    (25.5848, 24.9477, 25.5450, 18357.606),
    (25.6844, 24.8083, 25.0672, 22964.080),
    (25.3360, 25.0572, 25.1070, 15918.948),
    (25.2862, 24.8482, 24.8880, 16067.044),
    (25.1269, 24.7496, 24.9975, 16568.487),
    (25.2762, 24.9278, 25.0473, 16018.729),
    (25.3857, 25.0274, 25.3360, 9773.569),
    (25.5351, 25.0473, 25.0572, 22572.712),
    (25.6048, 25.0622, 25.4455, 12986.669),
    (25.7441, 25.5351, 25.5649, 10906.659),
    (25.7242, 25.4554, 25.5550, 5799.259),
    (25.6744, 25.2862, 25.4057, 7395.274),
    (25.4455, 25.1667, 25.3658, 5818.162),
    (25.3161, 24.9178, 25.0373, 7164.726),
    (25.2563, 24.9079, 24.9178, 5672.914),
]
MFI_14 = [49.46631, 45.10974, 36.27215, 28.40665]


def as_bars(rows: list[tuple[float, ...]]) -> Bars:
    """The rows as bars, after as many bars like the first that every row is one that counts."""
    table = pd.DataFrame(rows[:1] * volume.LOOKBACK + rows, columns=["high", "low", "close", "volume"])
    index = pd.date_range("2025-01-01", periods=len(table), freq="D", tz="UTC", name="ts")
    return Bars.of(table.assign(open=table["close"], spread=0.1).set_index(index))


def test_rsi_is_wilders():
    found = momentum.rsi(np.array(RSI_CLOSE), 14)
    np.testing.assert_allclose(found[14:], RSI_14, atol=0.006)


def test_rsi_of_a_market_that_stands_still_is_neutral():
    assert (momentum.rsi(np.full(60, 1.5), 14)[14:] == 50.0).all()


def test_money_flow_index_is_quongs_and_soudacks():
    found = volume.compute(as_bars(MFI_BARS))["mfi_14"][-len(MFI_BARS) :]
    np.testing.assert_allclose(found[14:], MFI_14, atol=2e-3)


def test_chaikin_money_flow_by_hand():
    """Twenty bars that close at their high push with all their volume, then twenty at their low with half as much."""
    rows = [(2.0, 1.0, 2.0, 100.0)] * 20 + [(2.0, 1.0, 1.0, 50.0)] * 10
    found = volume.compute(as_bars(rows))
    assert found["cmf_20"][-11] == 1.0
    assert found["cmf_20"][-1] == pytest.approx((10 * 100 - 10 * 50) / (10 * 100 + 10 * 50))
    assert found["cmf_10"][-1] == -1.0


def test_macd_is_the_distance_of_two_averages_in_atr(bars):
    close = bars["close"].to_numpy()
    line, _, histogram = talib.MACD(close, 12, 26, 9)
    atr = talib.ATR(bars["high"].to_numpy(), bars["low"].to_numpy(), close, 14)
    found = momentum.compute(Bars.of(bars))
    np.testing.assert_allclose(found["macd_atr"][100:], (line / atr)[100:], rtol=1e-12)
    np.testing.assert_allclose(found["macd_histogram_atr"][100:], (histogram / atr)[100:], rtol=1e-12)


def test_directional_movement_is_talibs_on_whole_prices(bars):
    prices = [whole(bars[name].to_numpy()) for name in ("high", "low", "close")]
    found = trend.compute(Bars.of(bars))
    np.testing.assert_allclose(found["adx_14"][27:], talib.ADX(*prices, 14)[27:], rtol=1e-9)
    difference = talib.PLUS_DI(*prices, 14) - talib.MINUS_DI(*prices, 14)
    np.testing.assert_allclose(found["di_difference_14"][27:], difference[27:], rtol=1e-9, atol=1e-9)


def test_cci_ultimate_and_stochastic_are_talibs(bars):
    high, low, close = (bars[name].to_numpy() for name in ("high", "low", "close"))
    rows = slice(momentum.LOOKBACK - len(bars), None)
    found = {name: values[rows] for name, values in momentum.compute(Bars.of(bars)).items()}
    moves = (bars["high"].rolling(7).max() > bars["low"].rolling(7).min()).to_numpy()[rows]
    np.testing.assert_allclose(
        found["cci_20"][moves], talib.CCI(high, low, close, 20)[rows][moves], rtol=1e-6, atol=1e-6
    )
    np.testing.assert_allclose(
        found["ultimate"][moves], talib.ULTOSC(high, low, close, 7, 14, 28)[rows][moves], rtol=1e-6
    )
    k = talib.STOCHF(high, low, close, 14, 1)[0][rows] / 100.0
    np.testing.assert_allclose(found["stochastic_14"][moves], k[moves], rtol=1e-9, atol=1e-12)


def test_deviations_by_range_are_the_papers(bars):
    """Parkinson, Garman and Klass, Rogers and Satchell, Yang and Zhang, one row at a time from the formulas."""
    found = volatility.compute(Bars.of(bars))
    prices = bars[["open", "high", "low", "close"]].to_numpy().tolist()
    for row in (-1, -2, -700, -2500):
        end = len(bars) + row + 1
        window = prices[end - 20 : end]
        before = [close for *_, close in prices[end - 21 : end - 1]]
        reach = [math.log(high / low) for _, high, low, _ in window]
        inside = [math.log(close / open_) for open_, _, _, close in window]
        up = [math.log(high / open_) for open_, high, _, _ in window]
        down = [math.log(low / open_) for open_, _, low, _ in window]
        gaps = [math.log(one[0] / close) for one, close in zip(window, before, strict=True)]
        triples = list(zip(up, down, inside, strict=True))
        rogers_satchell = sum(u * (u - c) + d * (d - c) for u, d, c in triples) / 20
        k = 0.34 / (1.34 + 21 / 19)
        variances = {
            "parkinson": sum(x * x for x in reach) / 20 / (4 * math.log(2)),
            "garman_klass": sum(x * x / 2 - (2 * math.log(2) - 1) * c * c for x, c in zip(reach, inside, strict=True))
            / 20,
            "rogers_satchell": rogers_satchell,
            "yang_zhang": statistics.variance(gaps) + k * statistics.variance(inside) + (1 - k) * rogers_satchell,
        }
        for name, variance in variances.items():
            assert found[f"{name}_20_percent"][row] == pytest.approx(100 * math.sqrt(variance), rel=1e-9), name
