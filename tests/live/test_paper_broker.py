"""The paper broker trades as the backtest does, bar by bar, whatever happens to the program that asks it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import Policy, Risk
from backtest.engine import run
from live.brokers import Execution, Order, Rejected
from live.brokers import paper as paper_module
from live.brokers.paper import PaperBroker, Terms
from market.errors import DataError, UsageError
from market.execution import Costs, Exits
from market.tape import Tape, bar_at, tape
from tests.markets import COSTS, YEN, random_bars
from tests.oracles import trades as oracle

EXITS = Exits(1.4, 1.0, 12)
SERIES = "XAUUSD_15T"
TERMS = {SERIES: Terms(EXITS, COSTS)}
FIGURES = ["size", "entry", "stop", "target", "exit", "cost", "r", "pnl"]


def backtested(bars: pd.DataFrame, seed: int, exits: Exits, costs: Costs, market: str) -> tuple:
    """Return the backtest of random scores, and the tape it ran on."""
    score = pd.Series(np.random.default_rng(seed).random(len(bars)), index=bars.index)
    risk = Risk(max_trades_per_day=1000, max_consecutive_losses=1000, daily_loss=1.0)
    result = run(bars, score, Policy(0.6, 0.4, cooldown=0, max_spread_atr=5.0), exits, costs, risk, market)
    return result, tape(bars, costs, exits.atr_period, market)


def orders_of(trades: pd.DataFrame, ts: pd.DatetimeIndex, atr: np.ndarray) -> dict[int, Order]:
    """Return the order that led to each trade, by the bar on which it was decided."""
    decided = ts.get_indexer(trades.index) - 1
    rows = zip(decided, trades["side"], trades["size"], strict=True)
    return {int(i): Order(f"order-{i}", SERIES, int(side), size, float(atr[i]), ts[i].value) for i, side, size in rows}


def driven(broker: PaperBroker, arrays: Tape, orders: dict[int, Order], ts: pd.DatetimeIndex) -> list[float]:
    """Show every bar to the broker, submit each order after its bar, and return the unrealised result at each close."""
    unrealised = []
    for i in range(len(ts)):
        broker.see(SERIES, ts[i].value, bar_at(arrays, i))
        if i == len(ts) - 1:
            broker.finish(SERIES)
        held = broker.positions()
        unrealised.append(held[SERIES].unrealised if held else 0.0)
        if i in orders:
            broker.submit(orders[i])
    return unrealised


def as_trades(executions: list[Execution]) -> pd.DataFrame:
    """Return pairs of entry and exit as a trades table."""
    rows = [
        {"t_entry": entry.ts, "t_exit": exit_.ts, "side": entry.side, "entry": entry.price, "exit": exit_.price}
        | {name: getattr(exit_, name) for name in ("size", "stop", "target", "cost", "r", "pnl", "reason")}
        for entry, exit_ in zip(executions[::2], executions[1::2], strict=True)
    ]
    return pd.DataFrame(rows)


def assert_same_trades(executions: list[Execution], trades: pd.DataFrame) -> None:
    assert [one.number for one in executions] == list(range(1, 2 * len(trades) + 1))
    assert [one.kind for one in executions] == ["open", "close"] * len(trades)
    found = as_trades(executions)
    assert found["t_entry"].tolist() == [ts.value for ts in trades.index]
    assert found["t_exit"].tolist() == [ts.value for ts in trades["t_exit"]]
    assert found["side"].tolist() == trades["side"].tolist()
    assert found["reason"].tolist() == trades["reason"].tolist()
    for name in FIGURES:
        assert found[name].tolist() == trades[name].tolist(), name


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    take_profit=st.sampled_from([0.5, 1.4, 3.0]),
    stop_loss=st.sampled_from([0.4, 1.0, 2.0]),
    horizon=st.sampled_from([1, 2, 7, 50]),
    market=st.sampled_from(["metal", "crypto"]),
    costs=st.sampled_from([COSTS, YEN]),
)
def test_its_executions_are_the_backtests_trades_bit_for_bit(seed, take_profit, stop_loss, horizon, market, costs):
    bars, exits = random_bars(seed, 250), Exits(take_profit, stop_loss, horizon)
    result, arrays = backtested(bars, seed, exits, costs, market)
    broker = PaperBroker(":memory:", {SERIES: Terms(exits, costs)})
    orders = orders_of(result.trades, bars.index, arrays.atr)
    unrealised = driven(broker, arrays, orders, bars.index)
    executions = broker.executions(0)
    assert len(result.trades)
    assert_same_trades(executions, result.trades)
    cash, closed = Risk().equity, {one.ts: one.pnl for one in executions if one.kind == "close"}
    for ts, mark, equity in zip(bars.index, unrealised, result.equity["equity"], strict=True):
        cash += closed.get(ts.value, 0.0)
        assert cash + mark == equity


@pytest.mark.parametrize("costs", [COSTS, YEN], ids=["dollar", "yen"])
@pytest.mark.parametrize("seed", range(3))
def test_a_reading_of_the_rules_in_plain_python_agrees(seed, costs):
    bars = random_bars(seed, 250)
    result, arrays = backtested(bars, seed, EXITS, costs, "metal")
    broker = PaperBroker(":memory:", {SERIES: Terms(EXITS, costs)})
    orders = orders_of(result.trades, bars.index, arrays.atr)
    driven(broker, arrays, orders, bars.index)
    found = as_trades(broker.executions(0))
    for (i, order), trade in zip(sorted(orders.items()), found.itertuples(), strict=True):
        told = oracle.lone_trade(
            bars[["open", "high", "low", "close", "spread"]].to_dict("records"),
            i,
            order.side,
            order.atr,
            EXITS._asdict(),
            {name: value for name, value in costs._asdict().items() if name != "quote_currency"},
            arrays.nights.tolist(),
            arrays.usd_per_quote.tolist(),
            order.size,
        )
        assert (trade.reason, trade.t_exit) == (told["reason"], bars.index[told["exit_bar"]].value)
        for name in ("entry", "exit", "stop", "target", "r", "pnl"):
            assert getattr(trade, name) == pytest.approx(told[name], rel=1e-9, abs=1e-9), name


def test_a_broker_that_spares_the_entry_bar_is_caught(monkeypatch):
    def sparing(state, bar, exits, costs):
        filled = honest(state, bar, exits, costs)
        spared = filled.opened != 0 and filled.reason != 0
        return filled._replace(reason=0, exit=0.0, r=0.0, pnl=0.0, cost=0.0) if spared else filled

    honest = paper_module.fill
    monkeypatch.setattr(paper_module, "fill", sparing)
    bars = random_bars(3, 250)
    result, arrays = backtested(bars, 3, Exits(0.5, 0.4, 50), COSTS, "metal")
    broker = PaperBroker(":memory:", {SERIES: Terms(Exits(0.5, 0.4, 50), COSTS)})
    with pytest.raises((AssertionError, Rejected)):
        driven(broker, arrays, orders_of(result.trades, bars.index, arrays.atr), bars.index)
        assert_same_trades(broker.executions(0), result.trades)


class Market:
    """A broker with bars to show it one after the other."""

    def __init__(self, broker: PaperBroker, seed: int = 1) -> None:
        self.broker, self.bars, self.next = broker, random_bars(seed, 200), 0
        self.tape = tape(self.bars, COSTS, 14, "metal")

    def move(self, count: int = 1, series: str = SERIES) -> None:
        for _ in range(count):
            self.broker.see(series, self.bars.index[self.next].value, bar_at(self.tape, self.next))
            self.next += 1

    @property
    def bar(self):
        return bar_at(self.tape, self.next - 1)


def order(name: str, side: int = 1, size: float = 0.5, series: str = SERIES, atr: float = 20.0) -> Order:
    return Order(name, series, side, size, atr, 0)


@pytest.fixture
def market() -> Market:
    market = Market(
        PaperBroker(":memory:", {name: Terms(Exits(1.4, 1.0, 1000), COSTS) for name in (SERIES, "EURUSD_1H")})
    )
    market.move()
    return market


def test_a_bar_that_was_seen_or_is_older_changes_nothing():
    seen_once, seen_often = (Market(PaperBroker(":memory:", TERMS)) for _ in range(2))
    for name in map(str, range(40)):
        for one in (seen_once, seen_often):
            one.move(4)
            if not one.broker.positions():
                one.broker.submit(order(name))
        seen_often.next -= 3
        seen_often.move(3)
    assert seen_once.broker.executions(0) == seen_often.broker.executions(0)
    assert len(seen_once.broker.executions(0)) > 20


def test_what_it_was_told_survives_in_its_file(tmp_path):
    path = tmp_path / "venue" / "paper.db"
    first = Market(PaperBroker(path, TERMS))
    first.move()
    first.broker.submit(order("a", size=0.3))
    first.move()
    held = first.broker.positions()
    again = PaperBroker(path, TERMS)
    assert again.positions() == held
    assert again.find("a") == "filled"
    assert again.executions(0) == first.broker.executions(0)


def test_a_second_handle_sees_what_the_first_does(tmp_path):
    one = Market(PaperBroker(tmp_path / "paper.db", TERMS))
    other = PaperBroker(tmp_path / "paper.db", TERMS)
    one.move()
    other.submit(order("a"))
    one.move()
    assert other.positions()[SERIES].client_id == "a"
    assert [each.number for each in other.executions(0)] == [1]


def test_a_failure_on_a_bar_leaves_the_bar_unseen(market, monkeypatch):
    market.broker.submit(order("a"))
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(paper_module, "apply", lambda state, filled: 1 / 0)
        market.move()
    assert market.broker.executions(0) == []
    assert market.broker.find("a") == "working"
    market.move()
    assert market.broker.find("a") == "filled"


def test_flattening_closes_at_the_last_close_at_once(market):
    market.broker.submit(order("a", side=-1))
    market.move()
    worth = market.broker.positions()[SERIES].unrealised
    market.broker.submit(order("close", side=0, size=0.0, atr=0.0))
    exit_ = market.broker.executions(1)[0]
    assert (exit_.kind, exit_.reason, exit_.client_id, exit_.side) == ("close", "flatten", "a", -1)
    assert (exit_.price, exit_.pnl) == (market.bar.close + market.bar.spread + COSTS.slippage, worth)
    assert market.broker.positions() == {}
    assert (market.broker.find("a"), market.broker.find("close")) == ("closed", "closed")


def test_flattening_a_pending_entry_cancels_it(market):
    market.broker.submit(order("a"))
    market.broker.submit(order("close", side=0, size=0.0, atr=0.0))
    market.move()
    assert market.broker.find("a") == "cancelled"
    assert market.broker.executions(0) == []


def test_the_end_of_the_data_closes_what_is_open(market):
    market.broker.submit(order("a"))
    market.move()
    market.broker.finish(SERIES)
    market.broker.finish(SERIES)
    assert [one.reason for one in market.broker.executions(0)] == ["none", "end"]


def test_series_do_not_disturb_each_other(market):
    market.broker.submit(order("a"))
    market.broker.submit(order("b", side=-1, series="EURUSD_1H"))
    market.move(2)
    assert set(market.broker.positions()) == {SERIES}
    market.move(1, "EURUSD_1H")
    assert set(market.broker.positions()) == {SERIES, "EURUSD_1H"}
    assert [one.client_id for one in market.broker.executions(0)] == ["a", "b"]


def test_a_position_is_at_risk_by_its_distance_to_the_stop(market):
    market.broker.submit(order("a"))
    market.move()
    held = market.broker.positions()[SERIES]
    assert held.at_risk == pytest.approx(0.5 * 100.0 * (held.entry - held.stop), abs=2 * COSTS.tick_size * 50)


def test_positions_without_terms_are_refused(tmp_path):
    PaperBroker(tmp_path / "paper.db", TERMS).submit(order("a"))
    with pytest.raises(UsageError, match=f"holds positions or orders of {SERIES}"):
        PaperBroker(tmp_path / "paper.db", {})


def test_a_file_of_another_program_is_refused(tmp_path):
    (tmp_path / "paper.db").write_bytes(b"ts,open,high,low,close\n" * 100)
    with pytest.raises(DataError, match=r"paper\.db is not a database"):
        PaperBroker(tmp_path / "paper.db", TERMS)
