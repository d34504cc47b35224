"""States of the market and of a gap: thirds of volatility, a trend that is in order, what is left of a gap."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from feature_store.arrays import Bars
from feature_store.groups import range_structure, regime


def table(group, bars: pd.DataFrame) -> pd.DataFrame:
    rows = len(bars) - group.LOOKBACK + 1
    return pd.DataFrame({name: values[-rows:] for name, values in group.compute(Bars.of(bars)).items()})


@pytest.fixture(scope="module")
def states(bars):
    return table(regime, bars)


def test_the_third_is_where_volatility_stands_among_its_last_500(bars, states):
    deviation = np.log(bars["close"]).diff().rolling(20).std()
    low, high = (deviation.rolling(500).quantile(share).to_numpy()[-len(states) :] for share in (1 / 3, 2 / 3))
    own = deviation.to_numpy()[-len(states) :]
    plain = np.where(own > high, 1.0, np.where(own < low, -1.0, 0.0))
    assert (plain == states["volatility_third_500"]).mean() > 0.995, "the middle of a rank may be half a bar off"
    assert states["volatility_third_500"].value_counts(normalize=True).min() > 0.2


def test_a_trend_has_a_state_only_where_close_and_averages_are_in_order(bars, states):
    close = bars["close"]
    lines = [close, *(close.rolling(n).mean() for n in (20, 50, 200))]
    up = np.logical_and.reduce([fast > slow for fast, slow in pairwise(lines)])
    down = np.logical_and.reduce([fast < slow for fast, slow in pairwise(lines)])
    plain = (up * 1.0 - down)[-len(states) :]
    np.testing.assert_array_equal(states["trend_state"], plain)
    assert set(plain) == {-1.0, 0.0, 1.0}
    runs = pd.Series(plain).groupby((pd.Series(plain).diff() != 0.0).cumsum()).cumcount() + 1
    known = runs.index >= 100
    np.testing.assert_array_equal(states["trend_state_streak_100"][known], (runs.clip(upper=100) * plain)[known])


def test_a_close_on_its_average_is_in_no_order(bars):
    """Price rose for long and then stood for twenty bars: it is its own mean, and that is over the slower ones."""
    close = np.r_[np.linspace(1000.0, 1700.0, regime.LOOKBACK), np.full(20, 1700.0)]
    risen = bars.iloc[: len(close)].assign(open=close, high=close, low=close, close=close)
    found = table(regime, risen)
    assert found["trend_order"].iloc[-1] == pytest.approx(2.0 / 3.0)
    assert found["trend_state"].tolist() == [1.0] * 19 + [0.0, 0.0]
    assert found["trend_state_streak_100"].iloc[-3:].tolist() == [100.0, 0.0, 0.0]


def test_the_largest_gap_is_kept_for_a_hundred_bars_and_the_newest_of_equal_ones_counts(bars):
    found, unit = table(range_structure, bars), Bars.of(bars).unit
    open_, close = ((100 * bars[name]).round().astype(int).tolist() for name in ("open", "close"))
    first, ages = range_structure.LOOKBACK - 1, []
    for row in range(first, len(bars), 97):
        gaps = {at: open_[at] - close[at - 1] for at in range(row - 99, row + 1)}
        at = max(gaps, key=lambda at: (abs(gaps[at]), at))
        assert found["bars_since_largest_gap_100"][row - first] == row - at
        size, distance = gaps[at] / 100 / unit[row], (close[row] - close[at - 1]) / 100 / unit[row]
        assert found["largest_gap_100_atr"][row - first] == pytest.approx(size, abs=1e-9)
        assert found["largest_gap_100_origin_distance_atr"][row - first] == pytest.approx(distance, abs=1e-9)
        ages.append(row - at)
    assert min(ages) < 5 and max(ages) > 90


def test_the_gap_of_a_weekend_is_known_on_monday():
    """Friday closed at 100, Sunday opened at 104, and since then price came back to 103."""
    rows = [(100.0, 101.0, 99.0, 100.0)] * range_structure.LOOKBACK + [(104.0, 105.0, 103.0, 103.0)] * 2
    rows += [(103.0, 104.0, 102.0, 103.0)] * 8
    index = pd.date_range("2025-01-01", periods=len(rows), freq="15min", tz="UTC", name="ts").as_unit("us")
    bars = pd.DataFrame(rows, columns=["open", "high", "low", "close"], index=index).assign(volume=1.0, spread=0.1)
    monday, unit = table(range_structure, bars).iloc[-1], Bars.of(bars).unit[-1]
    assert monday["bars_since_largest_gap_100"] == 9.0
    assert monday["largest_gap_100_atr"] == pytest.approx(4.0 / unit)
    assert monday["largest_gap_100_origin_distance_atr"] == pytest.approx(3.0 / unit)
