"""The identity: a label is the backtest's lone trade from that bar, the same prices, exit bar, reason and net R.

Every event is traded alone by the backtest's own loop, long and short. Broken twins settle as is commonly done wrong.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import Policy, Risk
from backtest.engine import run, run_tape
from labels import triple_barrier
from labels.barriers import lone_trades
from market.execution import REASONS, STOP, TARGET, TIME, Bar, Costs, Exits, State, opened, order, settle, tied, touched
from market.tape import Tape, bar_at, tape
from tests.markets import COSTS, random_bars
from tests.real_bars import gold

ALWAYS = Policy(1.0, 0.0, cooldown=0, max_spread_atr=np.inf)
RICH = Risk(equity=1e9)
EXITS = Exits(1.4, 1.0, 50)
SIDES = {1: "long", -1: "short"}


class Trade(NamedTuple):
    """What must be the same."""

    t_exit: pd.Timestamp
    reason: str
    r: float
    entry: float
    exit: float


class Market(NamedTuple):
    """Bars as the kernels read them, without the refusal to enter before a gap: what would have come of it is asked."""

    arrays: Tape
    ts: pd.DatetimeIndex
    exits: Exits
    costs: Costs


def market_of(bars: pd.DataFrame, exits: Exits, costs: Costs = COSTS) -> Market:
    arrays = tape(bars, costs, exits.atr_period, "metal", clamped=False)
    return Market(arrays._replace(shut=np.zeros_like(arrays.shut)), pd.DatetimeIndex(bars.index), exits, costs)


def traded(market: Market, event: int, side: int) -> Trade:
    """Return the lone trade that the backtest makes of a score at the bar `event` alone."""
    span = slice(event, event + market.exits.bars + 1)
    score = pd.Series([float(side > 0)], market.ts[event : event + 1])
    part = Tape(*(values[span] for values in market.arrays))
    trades = run_tape(part, market.ts[span], score, ALWAYS, market.exits, market.costs, RICH).trades
    assert trades["side"].tolist() == [side]
    return Trade(*trades[list(Trade._fields)].iloc[0])


def labelled(market: Market, bars: pd.DataFrame, events: np.ndarray) -> dict[tuple[int, int], Trade]:
    """Return what the labels table tells of each event and side, and the prices of which it was made."""
    stamps = market.ts[events]
    table = triple_barrier(bars, market.exits, market.costs, stamps, "metal")
    assert table.index.equals(stamps)
    told = {}
    for side, name in SIDES.items():
        prices = lone_trades(market.arrays, events, side, market.exits, market.costs)
        columns = (table[f"t1_{name}"], table[f"reason_{name}"], table[f"r_{name}"], prices.entry, prices.exit)
        told |= {(int(event), side): Trade(*row) for event, *row in zip(events, *columns, strict=True)}
    return told


def differing(market: Market, told: dict[tuple[int, int], Trade]) -> list[tuple[int, int]]:
    """Return the events and sides of which the backtest tells something else, to the last bit."""
    return [at for at, trade in told.items() if traded(market, *at) != trade]


def usable(market: Market) -> np.ndarray:
    return np.flatnonzero(market.arrays.atr[: -market.exits.bars] > 0.0)


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    take_profit=st.sampled_from([0.3, 1.0, 1.4, 3.0]),
    stop_loss=st.sampled_from([0.4, 1.0, 2.5]),
    horizon=st.sampled_from([1, 2, 5, 50]),
)
def test_every_label_of_a_random_market_is_its_lone_trade(seed, take_profit, stop_loss, horizon):
    bars = random_bars(seed, 40 + horizon, start="2024-01-10 16:15")  # three nights of swap end at 22:00
    market = market_of(bars, Exits(take_profit, stop_loss, horizon))
    assert differing(market, labelled(market, bars, usable(market))) == []


@pytest.mark.parametrize("exits", [EXITS, Exits(0.6, 2.0, 20)], ids=["usual", "near target"])
def test_on_real_gold_every_label_is_its_lone_trade(exits):
    bars = gold("15T").iloc[-60_000:]
    market = market_of(bars, exits)
    events = np.sort(np.concatenate(list(drawn(market).values())))
    assert len(events) >= 1000
    assert differing(market, labelled(market, bars, events)) == []


def drawn(market: Market) -> dict[str, np.ndarray]:
    """Return up to 250 events of each kind, none of them twice."""
    events, random = usable(market), np.random.default_rng(1)
    found: dict[str, np.ndarray] = {}
    for kind, rows in kinds(market, events).items():
        free = np.setdiff1d(events[rows], [event for taken in found.values() for event in taken])
        found[kind] = random.choice(free, min(len(free), 250), replace=False)
        assert len(found[kind]) >= 50, kind
    return found


def kinds(market: Market, events: np.ndarray) -> dict[str, np.ndarray]:
    """Return which events are followed by a gap in time, end where a bar touches both barriers, and so on."""
    arrays, masks = market.arrays, []
    for side in SIDES:
        out = lone_trades(arrays, events, side, market.exits, market.costs)
        ends = out.exit_bar
        spanned = (arrays.high - arrays.low)[ends] > sum(market.exits[:2]) * arrays.atr[events]
        opening = arrays.open[ends] + (arrays.spread[ends] if side < 0 else 0.0)
        beyond = (
            (np.abs(out.exit - opening) <= 1.01 * market.costs.slippage) & (out.reason != TIME) & (ends > events + 1)
        )
        nights = np.cumsum(arrays.nights)
        masks.append([spanned & (out.reason == STOP), beyond, nights[ends] > nights[events]])
    tie, beyond, swap = np.any(masks, axis=0)
    gap = np.diff(market.ts.asi8)[events] > 900_000_000
    return {"gap": gap, "tie": tie, "opened beyond": beyond, "swap": swap, "any": np.ones(len(events), bool)}


def test_the_front_door_of_the_backtest_tells_the_same():
    bars = random_bars(11, 400)
    market = market_of(bars, EXITS)
    shut = tape(bars, COSTS, EXITS.atr_period, "metal").shut
    for (event, side), told in labelled(market, bars, usable(market)[::7]).items():
        score = pd.Series([float(side > 0)], market.ts[event : event + 1])
        trades = run(bars.iloc[: event + EXITS.bars + 1], score, ALWAYS, EXITS, COSTS, RICH, "metal").trades
        made = [Trade(*row) for row in trades[list(Trade._fields)].itertuples(index=False)]
        assert made == ([] if shut[event] else [told])


# Twins: plain Python on the verbs of the one physics, without swap, each with one thing that is commonly done wrong.

UNSWAPPED = COSTS._replace(swap_long=0.0, swap_short=0.0)
TIGHT = Exits(1.0, 0.8, 3)
Touch = Callable[[State, Bar, bool, Costs], tuple[int, float, float]]


def settled(
    market: Market, event: int, side: int, touch: Touch = touched, spread: int = 1, looked: int = 1, bars: int = 3
) -> Trade:
    """Return the lone trade. Bars counted from the decision: `spread` is charged at the entry, `looked` may end it."""
    first = bar_at(market.arrays, event + 1)
    charged = first._replace(spread=bar_at(market.arrays, event + spread).spread)
    position = opened(order(side, 1.0, market.arrays.atr[event]), charged, market.exits, market.costs)
    for i in range(event + looked, event + bars + 1):
        bar = bar_at(market.arrays, i)
        reason, price, slippage = touch(position, bar, i == event + bars, market.costs)
        if reason:
            done = settle(position, position.swap, reason, price, slippage, bar, market.costs)
            return Trade(market.ts[i], REASONS[reason], done.r, position.entry, done.exit)
    raise AssertionError("the time barrier ends every trade")


def target_first(position: State, bar: Bar, last: bool, costs: Costs) -> tuple[int, float, float]:
    if tied(position, bar, costs):
        return TARGET, position.target, 0.0
    return touched(position, bar, last, costs)


def gap_filled_at_the_barrier(position: State, bar: Bar, last: bool, costs: Costs) -> tuple[int, float, float]:
    reason, price, slippage = touched(position, bar, last, costs)
    return reason, {STOP: position.stop, TARGET: position.target}.get(reason, price), slippage


TWINS = {
    "the spread of the decision bar": {"spread": 0},
    "the entry bar not looked at": {"looked": 2},
    "the target first on a tie": {"touch": target_first},
    "a gap filled at the barrier": {"touch": gap_filled_at_the_barrier},
    "the time barrier one bar late": {"bars": TIGHT.bars + 1},
    "the time barrier one bar early": {"bars": TIGHT.bars - 1},
}


@pytest.fixture(scope="module")
def wild() -> Market:
    return market_of(random_bars(21, 200), TIGHT, UNSWAPPED)


def told_by(market: Market, **twin: object) -> dict[tuple[int, int], Trade]:
    events = usable(market)[:-1]
    return {(int(event), side): settled(market, event, side, **twin) for event in events for side in SIDES}


def test_trades_settled_rightly_in_plain_python_are_the_same(wild):
    assert differing(wild, told_by(wild)) == []


@pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)
def test_labels_that_are_settled_otherwise_are_caught(twin, wild):
    assert len(differing(wild, told_by(wild, **twin))) >= 3


@pytest.mark.parametrize("side", SIDES)
def test_barriers_that_differ_stand_where_they_belong_on_both_sides(side):
    bars = random_bars(22, 400).assign(spread=0.0)
    free = UNSWAPPED._replace(commission=0.0, slippage=0.0, minimum_stop=0.0)
    market = market_of(bars, Exits(3.0, 0.5, 20), free)
    events = usable(market)
    out = lone_trades(market.arrays, events, side, market.exits, free)
    reach = side * (out.exit - out.entry) / market.arrays.atr[events]
    tick = 1.01 * free.tick_size / market.arrays.atr[events]
    assert (reach >= 3.0 - tick)[out.reason == TARGET].all()
    assert (reach <= -0.5 + tick)[out.reason == STOP].all()
    assert min((out.reason == TARGET).sum(), (out.reason == STOP).sum()) > 5


FREE = UNSWAPPED._replace(commission=0.0, slippage=0.0, minimum_stop=0.0)
LOOSE = Risk(equity=1e7, max_trades_per_day=10_000, max_consecutive_losses=10_000, daily_loss=1.0)


NEAR_END = Exits(1.4, 1.0, 8)


def the_oracle_of_labels_never_loses(bars: pd.DataFrame, told: Exits) -> None:
    """Trade what labels of `told` say, at no cost: each trade wins, and ends where its label said it would."""
    table = triple_barrier(bars, told, FREE, market="crypto")
    sides = table["y"][table["y"] != 0]
    score = (sides > 0).astype(float).reindex(bars.index)
    trades = run(bars, score, Policy(0.6, 0.4, 0, np.inf), NEAR_END, FREE, LOOSE, "crypto").trades
    decided = table.loc[bars.index[bars.index.get_indexer(trades.index) - 1]]
    long = trades["side"].to_numpy() > 0
    assert len(trades) > 50 and 0.2 < long.mean() < 0.8
    assert (trades["r"] > 0).all(), "every trade of the oracle wins"
    assert (trades["t_exit"].to_numpy() == np.where(long, decided["t1_long"], decided["t1_short"])).all()
    np.testing.assert_array_equal(trades["r"], np.where(long, decided["r_long"], decided["r_short"]))


def test_the_oracle_of_labels_wins_every_trade_and_each_ends_where_its_label_does():
    bars = random_bars(31, 1500).assign(spread=0.0)
    the_oracle_of_labels_never_loses(bars, NEAR_END)
    for other in ({"take_profit": 1.2}, {"stop_loss": 1.3}, {"bars": 50}):
        with pytest.raises(AssertionError):
            the_oracle_of_labels_never_loses(bars, NEAR_END._replace(**other))
