"""How far trades went against and with their holder: by hand, against a plain loop, and in their limits."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import Policy, Risk, metrics, simulate
from market.errors import DataError
from market.execution import Exits
from tests.markets import COSTS, bars_of, random_bars

FREE = Risk(daily_loss=1.0, max_consecutive_losses=1_000_000, max_trades_per_day=1_000_000)


def trade(bars: pd.DataFrame, first: int, last: int, side: int, prices: str, reason: str = "time") -> pd.DataFrame:
    """Return one trade; `prices` are entry, stop and target."""
    entry, stop, target = (float(price) for price in prices.split())
    row = {"t_exit": bars.index[last], "side": side, "entry": entry, "stop": stop, "target": target, "reason": reason}
    return pd.DataFrame([row], index=bars.index[[first]].rename("t_entry"))


def measured(bars: pd.DataFrame, trades: pd.DataFrame) -> tuple[float, float]:
    found = metrics.excursions(trades, bars)
    return found["mae"].iloc[0], found["mfe"].iloc[0]


ROWS = [(100, 101, 99, 100), (100, 103, 98, 101), (101, 102, 99.5, 101), (101, 104, 97, 100)]


def test_a_long_is_measured_on_the_bid_from_the_price_it_paid() -> None:
    bars = bars_of(ROWS, spread=0.5)
    assert measured(bars, trade(bars, 0, 2, 1, "100.5 96.5 110")) == pytest.approx((2.5 / 4, 2.5 / 4))


def test_a_short_is_measured_on_the_ask() -> None:
    bars = bars_of(ROWS, spread=0.5)
    assert measured(bars, trade(bars, 0, 2, -1, "100 104 90")) == pytest.approx((3.5 / 4, 1.5 / 4))


def test_a_trade_within_one_bar_has_that_bar_alone() -> None:
    bars = bars_of(ROWS)
    assert measured(bars, trade(bars, 2, 2, 1, "101 97 110")) == pytest.approx((1.5 / 4, 1 / 4))


def test_a_stop_is_one_r_against_and_its_bar_gave_no_more_than_its_open() -> None:
    bars = bars_of(ROWS)
    assert measured(bars, trade(bars, 3, 3, 1, "101 98 110", "stop")) == pytest.approx((1.0, 0.0))
    assert measured(bars, trade(bars, 2, 3, 1, "101 98 110", "stop")) == pytest.approx((1.0, 1 / 3))


def test_a_target_bar_counts_whole_against_the_trade_and_ends_at_the_target() -> None:
    bars = bars_of(ROWS)
    assert measured(bars, trade(bars, 3, 3, 1, "101 96 103", "target")) == pytest.approx((4 / 5, 2 / 5))
    assert measured(bars, trade(bars, 3, 3, -1, "101 105 99", "target")) == pytest.approx((3 / 4, 2 / 4))


def test_an_open_beyond_the_stop_is_all_of_its_bar() -> None:
    bars = bars_of([(100, 101, 99, 100), (90, 105, 85, 104)])
    assert measured(bars, trade(bars, 0, 1, 1, "100 98 110", "stop")) == pytest.approx((5.0, 0.5))


def test_an_open_beyond_the_target_is_all_of_its_bar() -> None:
    bars = bars_of([(100, 101, 99, 100), (112, 120, 85, 104)])
    assert measured(bars, trade(bars, 0, 1, 1, "100 98 110", "target")) == pytest.approx((0.5, 6.0))


def plain(one: pd.Series, bars: pd.DataFrame) -> tuple[float, float]:
    """Return the excursions of a trade by walking open, adverse extreme, favourable extreme of each bar."""
    side = int(one["side"])
    seen = []
    for ts, bar in bars.loc[one.name : one["t_exit"]].iterrows():
        ask = 0.0 if side > 0 else bar["spread"]
        path = [side * (bar[name] + ask) for name in ("open", *(("low", "high") if side > 0 else ("high", "low")))]
        stop, target = side * one["stop"], side * one["target"]
        if ts == one["t_exit"] and one["reason"] in ("stop", "target"):
            for price in path:
                if price <= stop + 1e-9 or price >= target - 1e-9:
                    seen.append(price if price == path[0] else stop if price <= stop + 1e-9 else target)
                    break
                seen.append(price)
        else:
            seen += path
    risk = abs(one["entry"] - one["stop"])
    entry = side * one["entry"]
    return max(entry - min(seen), 0.0) / risk, max(max(seen) - entry, 0.0) / risk


def simulated(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    bars = random_bars(seed)
    score = pd.Series(np.random.default_rng(seed).random(len(bars)), index=bars.index)
    trades, _ = simulate(bars, score, Policy(0.7, 0.3, 0, 10.0), Exits(1.4, 1.0, 12), COSTS, FREE, "metal")
    return trades, bars


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_the_fast_way_is_the_plain_walk_through_each_trade(seed: int) -> None:
    trades, bars = simulated(seed)
    found = metrics.excursions(trades, bars)
    walked = [plain(one, bars) for _, one in trades.iterrows()]
    assert found.to_numpy() == pytest.approx(np.array(walked).reshape(-1, 2), abs=1e-9)


def test_a_trade_cannot_end_better_than_its_best_nor_worse_than_its_worst_but_for_costs() -> None:
    trades, bars = simulated(1)
    found = metrics.excursions(trades, bars)
    assert len(trades) > 20 and set(trades["reason"]) >= {"stop", "target", "time"}
    assert (found["mfe"] >= trades["r"] - 0.05).all()
    stopped = (trades["reason"] == "stop").to_numpy()
    assert (found["mae"][stopped] >= 1.0 - 1e-9).all() and (found["mae"][~stopped] < 1.0).all()


def test_measuring_on_the_wrong_side_would_be_noticed() -> None:
    trades, bars = simulated(1)
    other = metrics.excursions(trades, bars.assign(spread=0.0))
    shorts = (trades["side"] < 0).to_numpy()
    assert (other["mae"][shorts] < metrics.excursions(trades, bars)["mae"][shorts]).any()


def test_without_trades_there_are_none_and_a_trade_off_the_bars_is_refused() -> None:
    trades, bars = simulated(1)
    empty = metrics.excursions(trades.iloc[:0], bars)
    assert list(empty.columns) == ["mae", "mfe"] and len(empty) == 0
    with pytest.raises(DataError, match=r"t_exit at .*, where there is no bar"):
        metrics.excursions(trades, bars.loc[: trades["t_exit"].iloc[-1] - pd.Timedelta(minutes=1)])
