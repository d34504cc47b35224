"""A label is the backtest's lone trade from that bar: the same price, exit bar, reason and net R."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import Policy, Risk, simulate
from labels import absent, average_uniqueness, triple_barrier
from labels import barriers as barriers_module
from market.errors import DataError
from market.execution import Exits
from tests.markets import COSTS, bars_of, random_bars

REAL = Path("../shared/data/bars/mt5_a/XAUUSD/XAUUSD_15T.parquet")
EXITS = Exits(1.4, 1.0, 50)


def lone_trades_differ(bars: pd.DataFrame, labels: pd.DataFrame, exits: Exits, events: np.ndarray, market: str) -> list:
    """Trade each event alone in the backtest, both sides, and return what differs from its label."""
    differing = []
    risk = Risk(equity=1e9)
    for event in events:
        for side, name in ((1.0, "long"), (0.0, "short")):
            score = pd.Series([side], index=[bars.index[event]])
            score = score.reindex(bars.index[event:])
            policy = Policy(1.0, 0.0, max_spread_atr=1e9)
            upto = bars.iloc[: event + exits.bars + 1]
            trades, _ = simulate(upto, score.loc[: upto.index[-1]], policy, exits, COSTS, risk, market)
            if len(trades) == 0:
                continue
            trade, row = trades.iloc[0], labels.loc[bars.index[event]]
            told = (row[f"t1_{name}"], row[f"reason_{name}"], row[f"r_{name}"])
            if (trade["t_exit"], trade["reason"], trade["r"]) != told:
                differing.append((bars.index[event], name, told, trade.to_dict()))
    return differing


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    take_profit=st.sampled_from([0.5, 1.4, 3.0]),
    stop_loss=st.sampled_from([0.4, 1.0]),
    horizon=st.sampled_from([1, 5, 50]),
)
def test_a_label_is_the_lone_trade_of_the_backtest(seed, take_profit, stop_loss, horizon):
    bars = random_bars(seed, 250)
    exits = Exits(take_profit, stop_loss, horizon)
    labels = triple_barrier(bars, exits, COSTS, market="metal")
    events = np.random.default_rng(seed).choice(np.arange(20, 250 - horizon - 1), 12, replace=False)
    assert lone_trades_differ(bars, labels, exits, events, "metal") == []


@pytest.mark.skipif(not REAL.exists(), reason="real bars are not there: ../shared/data")
def test_on_real_gold_every_label_is_its_lone_trade():
    raw = pd.read_parquet(REAL).iloc[-20_000:]
    ts = (raw["timestamp"] + pd.Timedelta(minutes=15)).astype("datetime64[us, UTC]").rename("ts")
    bars = raw.drop(columns="timestamp").set_index(pd.DatetimeIndex(ts))
    bars["spread"] = bars["spread"].clip(lower=0.25)
    labels = triple_barrier(bars, EXITS, COSTS, market="metal")
    events = np.random.default_rng(1).choice(np.arange(20, len(bars) - 60), 300, replace=False)
    assert lone_trades_differ(bars, labels, EXITS, events, "metal") == []


def test_labels_settled_without_the_entry_bar_are_caught():
    bars = random_bars(1, 250)
    late = bars.copy()
    late["open"] = bars["open"].shift(-1).fillna(bars["close"])
    late["high"], late["low"] = late[["open", "high"]].max(axis=1), late[["open", "low"]].min(axis=1)
    labels = triple_barrier(late, EXITS, COSTS, market="metal")
    assert lone_trades_differ(bars, labels, EXITS, np.arange(20, 60), "metal") != []


RISE = [(100.0, 100.5, 99.5, 100.0)] * 3


@pytest.mark.parametrize(
    ("what", "rows", "y"),
    [
        ("only a long ends at its target", [(100, 103, 99.8, 103)] * 3, 1),
        ("only a short does", [(100, 100.2, 97, 97)] * 3, -1),
        ("neither does", [(100, 100.2, 99.8, 100)] * 3, 0),
        ("one bar stops both", [(100, 104, 96, 100)] * 3, 0),
    ],
)
def test_class_of_a_label(what, rows, y):
    bars = bars_of([*RISE, *rows])
    labels = triple_barrier(bars, Exits(1.5, 1.0, 3, 2), COSTS._replace(commission=0.0, slippage=0.0))
    assert labels["y"].iloc[0] == y, what


def test_rows_without_atr_or_horizon_are_absent_and_counted():
    bars = random_bars(2, 200)
    labels = triple_barrier(bars, EXITS, COSTS)
    assert absent(bars, labels, EXITS) == {"no_atr": 14, "no_horizon": 50, "not_an_event": 0}
    assert len(labels) == 200 - 64
    assert (labels[["t1_long", "t1_short"]].gt(labels.index.to_series(), axis=0)).all(axis=None)


def test_events_are_labelled_alone_and_weighted_among_themselves():
    bars = random_bars(4, 300)
    events = bars.index[[30, 90, 150]]
    labels = triple_barrier(bars, EXITS, COSTS, events=events)
    assert labels.index.equals(events)
    assert (labels["weight"] == 1.0).all()
    with pytest.raises(DataError, match="is not the stamp of a bar"):
        triple_barrier(bars, EXITS, COSTS, events=events + pd.Timedelta(minutes=1))


def test_labels_change_with_nothing_after_they_end():
    bars = random_bars(5, 300)
    labels = triple_barrier(bars, EXITS, COSTS)
    cut = bars.index[200]
    later = bars.copy()
    later.loc[later.index > cut, ["open", "high", "low", "close"]] *= 3.0
    ended = labels[labels[["t1_long", "t1_short"]].max(axis=1) <= cut].index
    again = triple_barrier(later, EXITS, COSTS).loc[ended]
    pd.testing.assert_frame_equal(labels.loc[ended].drop(columns="weight"), again.drop(columns="weight"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 15)), min_size=1, max_size=30))
def test_average_uniqueness_equals_its_definition(spans):
    t0 = np.array([start for start, _ in spans])
    t1 = t0 + np.array([length for _, length in spans])
    alive = {bar: sum(a <= bar <= b for a, b in zip(t0, t1, strict=True)) for bar in range(60)}
    expected = [np.mean([1 / alive[bar] for bar in range(a, b + 1)]) for a, b in zip(t0, t1, strict=True)]
    np.testing.assert_allclose(average_uniqueness(t0, t1), expected, rtol=1e-12)


def test_kernels_are_compiled_for_one_signature():
    triple_barrier(random_bars(6, 100), Exits(1, 1, 5), COSTS._replace(spread_floor=0, minimum_stop=1))
    triple_barrier(random_bars(6, 100), EXITS, COSTS)
    assert len(barriers_module._outcomes.signatures) == 1
