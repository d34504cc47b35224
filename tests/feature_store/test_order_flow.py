"""Order flow by hand, by scipy's normal distribution and straight lines, and without regard to the unit of volume."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from feature_store.arrays import Bars
from feature_store.groups import order_flow
from feature_store.window_flow import bulk_balance, tick_rule

ROWS = range(700, 8500, 1130)


@pytest.fixture(scope="module")
def found(bars):
    return pd.DataFrame(order_flow.compute(Bars.of(bars)))


def last(**prices: list[float]) -> pd.Series:
    """The columns of the last of these bars, with as many bars before them as needed that all are like the first."""
    count = len(prices["close"])
    plain = {name: prices.get(name, prices["close"]) for name in ("open", "high", "low", "close")}
    table = pd.DataFrame(plain | {"volume": prices.get("volume", [1.0] * count), "spread": 0.1})
    whole = pd.concat([table.iloc[:1]] * order_flow.LOOKBACK + [table])
    index = pd.date_range("2025-01-01", periods=len(whole), freq="15min", tz="UTC", name="ts").as_unit("us")
    return pd.DataFrame(order_flow.compute(Bars.of(whole.set_index(index)))).iloc[-1]


def plain_tick_rule(moves: list[float], longest: int) -> list[float]:
    signs: list[float] = []
    for i in range(len(moves)):
        newest = [move for move in moves[max(i - longest, 0) : i + 1] if move != 0.0]
        signs.append(float(np.sign(newest[-1])) if newest else 0.0)
    return signs


@pytest.mark.parametrize("longest", [0, 1, 3, 20])
def test_an_unmoved_bar_goes_with_the_newest_that_moved(longest):
    moves = np.random.default_rng(1).choice([-1.0, 0.0, 0.0, 0.0, 0.0, 2.0], 500)
    found = tick_rule(moves, longest).tolist()
    assert found == plain_tick_rule(moves.tolist(), longest)
    assert (found == np.sign(moves).tolist()) == (longest == 0), "the twin that leaves unmoved bars out"


def test_bulk_volume_is_classified_by_the_normal_distribution():
    moves = np.linspace(-4.0, 4.0, 81)
    np.testing.assert_allclose(bulk_balance(moves), 2.0 * stats.norm.cdf(moves) - 1.0, atol=1e-12)


def test_imbalance_by_hand():
    """Two rises with 30, an unmoved bar with 5 that goes with them, two falls with 10: 35 − 10 of 45."""
    found = last(close=[10.0, 11.0, 12.0, 12.0, 11.0, 10.0], volume=[1.0, 20.0, 10.0, 5.0, 4.0, 6.0])
    assert found["tick_imbalance_5"] == pytest.approx((35.0 - 10.0) / 45.0)
    found = last(
        close=[10.0, 12.0, 11.0, 10.5, 11.0, 11.0],
        high=[10.0, 12.0, 12.0, 12.0, 12.0, 11.0],
        low=[10.0, 10.0, 10.0, 10.0, 10.0, 11.0],
        volume=[1.0, 40.0, 10.0, 20.0, 10.0, 20.0],
    )
    assert found["place_imbalance_5"] == pytest.approx((40.0 - 0.5 * 20.0) / 100.0)


@pytest.mark.parametrize("row", ROWS)
def test_toxicity_is_the_share_of_volume_that_is_out_of_balance(row, bars, found):
    returns = np.log(bars["close"]).diff()
    bought = stats.norm.cdf(returns / returns.rolling(100).std())
    volume = bars["volume"].to_numpy()
    net = volume * bought - volume * (1.0 - bought)
    for n in (10, 50):
        share = net[row + 1 - n : row + 1].sum() / volume[row + 1 - n : row + 1].sum()
        assert found.loc[row, f"bulk_imbalance_{n}"] == pytest.approx(share, rel=1e-6)
    for n in (20, 100):
        share = np.abs(net[row + 1 - n : row + 1]).sum() / volume[row + 1 - n : row + 1].sum()
        assert found.loc[row, f"vpin_{n}"] == pytest.approx(share, rel=1e-6)


@pytest.mark.parametrize("row", ROWS)
def test_impact_is_the_slope_of_a_straight_line(row, bars, found):
    returns = 1e4 * np.log(bars["close"]).diff().to_numpy()
    relative = (bars["volume"] / bars["volume"].rolling(100).mean()).to_numpy()
    signs = np.array(plain_tick_rule(bars["close"].diff().fillna(0.0).tolist(), 20))
    for column, flow, n in (
        ("kyle_50", signs * relative, 50),
        ("kyle_200", signs * relative, 200),
        ("hasbrouck_50", signs * np.sqrt(relative), 50),
    ):
        line = stats.linregress(flow[row + 1 - n : row + 1], returns[row + 1 - n : row + 1])
        assert found.loc[row, column] == pytest.approx(line.slope, rel=1e-9)
        if column != "hasbrouck_50":
            assert found.loc[row, f"impact_fit_{n}"] == pytest.approx(line.rvalue, rel=1e-9)


@pytest.mark.parametrize("row", ROWS)
def test_illiquidity_is_the_mean_over_bars_that_traded(row, bars, found):
    relative = (bars["volume"] / bars["volume"].rolling(100).mean()).to_numpy()
    sizes = 1e4 * np.log(bars["close"]).diff().abs().to_numpy()
    for n in (20, 100):
        own = [sizes[i] / relative[i] for i in range(row + 1 - n, row + 1) if relative[i] > 0.0]
        assert found.loc[row, f"amihud_{n}"] == pytest.approx(np.mean(own), rel=1e-9)
    assert any((bars["volume"].iloc[row - 99 : row + 1] == 0.0).any() for row in ROWS), "some bars must be without any"


def test_the_unit_of_volume_does_not_matter(bars, found):
    thousands = pd.DataFrame(order_flow.compute(Bars.of(bars.assign(volume=bars["volume"] * 1000.0))))
    rows = slice(order_flow.LOOKBACK - 1, None)
    difference = (thousands - found)[rows].abs().max() / found[rows].std()
    assert difference.max() < 1e-9


def test_without_volume_flow_is_nothing_and_a_ratio_is_one(bars):
    found = pd.DataFrame(order_flow.compute(Bars.of(bars.assign(volume=0.0)))).iloc[order_flow.LOOKBACK - 1 :]
    assert (found.pop("vpin_20_to_100") == 1.0).all()
    assert (found == 0.0).all(axis=None)
