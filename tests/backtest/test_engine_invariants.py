"""What holds of any run on any market; and the usual mistakes of backtests, each planted in a twin and caught by it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backtest import Policy, Risk, metrics
from backtest.engine import run
from market.errors import DataError
from market.execution import Costs, Exits
from market.tape import tape
from registry import gates
from registry.figures import FIGURES
from tests.markets import COSTS, bars_of, random_bars, stamps
from tests.oracles import trades as oracle

LOOSE = Risk(max_trades_per_day=1000, max_consecutive_losses=1000, daily_loss=1.0)
WANTED = Policy(0.6, 0.4, cooldown=0)
FREE = COSTS._replace(slippage=0.0, commission=0.0, swap_long=0.0, swap_short=0.0)
NEAR = 1e-9


class Run(NamedTuple):
    """A market, the score traded on it, and what came of it."""

    bars: pd.DataFrame
    score: pd.Series
    exits: Exits
    costs: Costs
    trades: pd.DataFrame
    equity: np.ndarray


def a_run(seed: int, exits: Exits = Exits(1.0, 0.6, 20), costs: Costs = COSTS, policy: Policy = WANTED) -> Run:  # noqa: B008
    bars = random_bars(seed)
    score = pd.Series(np.random.default_rng(seed + 1).random(len(bars)), index=bars.index)
    result = run(bars, score, policy, exits, costs, LOOSE, "metal")
    return Run(bars, score, exits, costs, result.trades, result.equity["equity"].to_numpy())


def told_by_oracle(one: Run) -> Run:
    """Return the run as the plain-Python reading of the rules tells it, which a test may have broken."""
    arrays = tape(one.bars, one.costs, one.exits.atr_period, "metal")
    said = oracle.backtest(
        one.bars[["open", "high", "low", "close", "spread"]].to_dict("records"),
        arrays.atr.tolist(),
        [{"score": s, "expected_r_long": 1.0, "expected_r_short": 1.0, "confidence": max(s, 1 - s)} for s in one.score],
        WANTED._asdict() | {"blocked_sessions": []},
        one.exits._asdict(),
        {name: value for name, value in one.costs._asdict().items() if name != "quote_currency"},
        LOOSE._asdict(),
        arrays.day.tolist(),
        None,
        arrays.shut.tolist(),
        arrays.nights.tolist(),
    )
    trades = pd.DataFrame(said["trades"])
    trades["t_exit"] = one.bars.index[trades["exit_bar"]]
    trades.index = one.bars.index[trades["entry_bar"]].rename("t_entry")
    return one._replace(trades=trades, equity=np.array(said["equity"]))


def bars_at(one: Run, stamps: pd.Index) -> pd.DataFrame:
    return one.bars.loc[stamps].reset_index(drop=True)


def offered(one: Run, stamps: pd.Index, name: str) -> np.ndarray:
    """Return a price of the bars at `stamps` as each trade leaves on it: the bid for a long, the ask for a short."""
    bars = bars_at(one, stamps)
    return (bars[name] + bars["spread"].where(one.trades["side"].to_numpy() < 0, 0.0)).to_numpy()


def entries_follow_decisions(one: Run) -> None:
    places = one.bars.index.get_indexer(one.trades.index)
    assert (one.score.to_numpy()[places - 1] == one.trades["score"]).all()
    side = one.trades["side"].to_numpy()
    paid = one.costs.slippage + np.where(side > 0, one.bars["spread"].to_numpy()[places], 0.0)
    np.testing.assert_allclose(one.trades["entry"], one.bars["open"].to_numpy()[places] + side * paid, atol=NEAR)


def exits_lie_in_their_bars(one: Run) -> None:
    """A price before slippage lies in its bar, and a barrier that the open has passed fills at that open."""
    trades, ends = one.trades, pd.Index(one.trades["t_exit"])
    side = trades["side"].to_numpy()
    slipped = np.where(trades["reason"] == "target", 0.0, one.costs.slippage)
    price = trades["exit"].to_numpy() + side * slipped
    assert (price <= offered(one, ends, "high") + NEAR).all() and (price >= offered(one, ends, "low") - NEAR).all()
    opened = offered(one, ends, "open")
    stop, target = side * trades["stop"].to_numpy(), side * trades["target"].to_numpy()
    gapped = (side * opened <= stop + NEAR) | (side * opened >= target - NEAR)
    np.testing.assert_allclose(price[gapped], opened[gapped], atol=NEAR)


def ties_are_stops(one: Run) -> None:
    trades, ends = one.trades, pd.Index(one.trades["t_exit"])
    side = trades["side"].to_numpy()
    opened, high, low = (side * offered(one, ends, name) for name in ("open", "high", "low"))
    worst, best = np.minimum(high, low), np.maximum(high, low)
    stop, target = side * trades["stop"].to_numpy(), side * trades["target"].to_numpy()
    both = (opened > stop + NEAR) & (opened < target - NEAR) & (worst <= stop + NEAR) & (best >= target - NEAR)
    assert both.sum() > 3
    assert (trades["reason"].to_numpy()[both] == "stop").all()


def costs_are_charged_twice(one: Run) -> None:
    """Without costs a trade brings its way in price; what it brings less is commission and slippage of both sides."""
    side, distance = one.trades["side"].to_numpy(), (one.trades["entry"] - one.trades["stop"]).abs().to_numpy()
    way = side * (one.trades["exit"] - one.trades["entry"]).to_numpy() / distance
    np.testing.assert_allclose(way - one.trades["r"], 2 * one.costs.commission / one.costs.contract_size / distance)


def slippage_never_helps(one: Run) -> None:
    side = one.trades["side"].to_numpy()
    stopped = (one.trades["reason"] == "stop").to_numpy()
    better = side * (one.trades["exit"] - one.trades["stop"]).to_numpy()
    assert (better[stopped] <= -one.costs.slippage + NEAR).all()
    entered = side * (one.trades["entry"].to_numpy() - bars_at(one, one.trades.index)["open"].to_numpy())
    assert (entered >= one.costs.slippage - NEAR).all()


def equity_is_marked_while_a_trade_is_open(one: Run) -> None:
    """Equity moves while a position is open (but where it happens to be worth nothing), and is cash at each exit."""
    begin, end = one.bars.index.get_indexer(one.trades.index), one.bars.index.get_indexer(one.trades["t_exit"])
    cash = LOOSE.equity + np.r_[0.0, one.trades["pnl"].cumsum().to_numpy()]
    unmoved, held = 0, 0
    for number, (first, after) in enumerate(zip(begin, end, strict=True)):
        unmoved, held = unmoved + np.isclose(one.equity[first:after], cash[number]).sum(), held + after - first
        assert one.equity[after] == pytest.approx(cash[number + 1])
    assert unmoved <= 1 + 0.1 * held


def falls_are_those_of_every_bar(one: Run) -> None:
    """What is marked at each close falls at least as far as what is looked at now and then, in money and in R."""
    closed = pd.Series(LOOSE.equity + np.r_[0.0, one.trades["pnl"].cumsum()])
    equity = pd.Series(one.equity, index=one.bars.index)
    assert metrics.max_drawdown(equity) >= metrics.max_drawdown(closed) - NEAR
    path = metrics.marked_r(one.trades, equity)
    fall = metrics.marked_drawdown_r(one.trades, equity)
    assert path.iloc[-1] == pytest.approx(one.trades["r"].sum(), abs=1e-6)
    if fall is not None:
        assert fall >= metrics.drawdown_r(one.trades["r"]) - NEAR
        summed = 0.0
        for number, close in enumerate(one.trades["t_exit"]):
            summed += one.trades["r"].iloc[number]
            assert path.loc[close] == pytest.approx(summed, abs=1e-6)


def money_is_conserved(one: Run) -> None:
    initial, final = LOOSE.equity, one.equity[-1]
    assert one.trades["pnl"].sum() == pytest.approx(final - initial, abs=1e-6)
    before = initial + one.trades["pnl"].cumsum().shift(fill_value=0.0)
    distance = (one.trades["entry"] - one.trades["stop"]).abs()
    share = one.trades["size"] * one.costs.contract_size * distance / before
    assert (share <= LOOSE.per_trade * (1 + NEAR)).all()
    assert np.log1p(share * one.trades["r"]).sum() == pytest.approx(np.log(final / initial), abs=1e-12)


ALWAYS = [
    entries_follow_decisions,
    exits_lie_in_their_bars,
    slippage_never_helps,
    equity_is_marked_while_a_trade_is_open,
    falls_are_those_of_every_bar,
    money_is_conserved,
]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 100_000),
    take_profit=st.sampled_from([0.4, 1.0, 1.4, 3.0]),
    stop_loss=st.sampled_from([0.4, 1.0, 2.0]),
    horizon=st.sampled_from([1, 2, 7, 50]),
    costs=st.sampled_from([COSTS, FREE]),
)
def test_what_holds_of_any_run(seed, take_profit, stop_loss, horizon, costs):
    one = a_run(seed, Exits(take_profit, stop_loss, horizon), costs)
    for check in ALWAYS:
        check(one)


def early_entry(order, bars, costs):
    position = honest["_open_position"](order, bars, costs)
    slipped = position["entry"] - bars[position["entry_bar"]]["open"]
    return position | {"entry": bars[order["decision"]]["close"] + slipped}


def target_first(position, bar, costs):
    if position["side"] == oracle.LONG:
        reached = bar["high"] >= position["target"]
    else:
        reached = bar["low"] + bar["spread"] <= position["target"]
    return (position["target"], "target") if reached else honest_barriers(position, bar, costs)


def stop_at_its_price(position, bar, costs):
    told = honest_barriers(position, bar, costs)
    if told is None or told[1] != "stop":
        return told
    return position["stop"] - position["side"] * costs["slippage"], "stop"


def honest_barriers(position, bar, costs):
    name = "_long_barriers" if position["side"] == oracle.LONG else "_short_barriers"
    return honest[name](position, bar, costs)


def commission_once(position, i, closed, costs, usd_per_quote):
    return honest["_settle"](position, i, closed, costs | {"commission": costs["commission"] / 2}, usd_per_quote)


def only_closed_trades_move_equity(position, i, closed, costs, usd_per_quote):
    trade = honest["_settle"](position, i, closed, costs, usd_per_quote)
    return trade | {"pnl": 0.0} if closed[1] == "mark" else trade


def added_up(account, trade):
    """Book a trade as if its stake had been a share of the first equity."""
    honest["_book"](account, trade | {"pnl": trade["pnl"] * LOOSE.equity / account["cash"]})


def slippage_either_way(position, bars, i, exits, costs):
    told = honest["_exit"](position, bars, i, exits, costs)
    if told is None or told[1] != "stop" or i % 2:
        return told
    return told[0] + 2 * position["side"] * costs["slippage"], told[1]


honest: dict[str, Callable] = {
    name: getattr(oracle, name)
    for name in ("_open_position", "_long_barriers", "_short_barriers", "_settle", "_exit", "_book")
}
BARRIERS = ("_long_barriers", "_short_barriers")
MISTAKES = [
    ("mistake 9: entry at the close of the signal's bar", entries_follow_decisions, ("_open_position",), early_entry),
    ("mistake 10: the target first on a tie", ties_are_stops, BARRIERS, target_first),
    ("mistake 11: costs on one side only", costs_are_charged_twice, ("_settle",), commission_once),
    ("mistake 12: a gap through the stop filled at the stop", exits_lie_in_their_bars, BARRIERS, stop_at_its_price),
    (
        "mistake 14: drawdown of closed trades only",
        equity_is_marked_while_a_trade_is_open,
        ("_settle",),
        only_closed_trades_move_equity,
    ),
    ("mistake 15: results added up that were compounded", money_is_conserved, ("_book",), added_up),
    ("mistake 26: slippage that helps half of the time", slippage_never_helps, ("_exit",), slippage_either_way),
]


@pytest.mark.parametrize(("mistake", "check", "names", "broken"), MISTAKES, ids=[one[0] for one in MISTAKES])
def test_the_engine_is_free_of_a_mistake_and_its_broken_twin_is_caught(mistake, check, names, broken, monkeypatch):
    one = a_run(3, Exits(0.6, 0.5, 20), COSTS._replace(swap_long=0.0, swap_short=0.0))
    check(one)
    check(told_by_oracle(one))
    for name in names:
        monkeypatch.setattr(oracle, name, broken)
    with pytest.raises(AssertionError):
        check(told_by_oracle(one))


def target_first_on_a_tie(position, bar, costs):
    """Take the target of a bar that touches both barriers, and what the rules say of every other bar."""
    told, side = honest_barriers(position, bar, costs), position["side"]
    opened = bar["open"] + (bar["spread"] if side == oracle.SHORT else 0.0)
    if told is None or told[1] != "stop" or side * (opened - position["stop"]) <= NEAR:
        return told
    optimistic = target_first(position, bar, costs)
    return optimistic if optimistic is not None and optimistic[1] == "target" else told


def test_mistake_10_the_share_of_ties_is_all_that_their_order_can_do_to_the_win_rate(monkeypatch):
    """Stop first and target first, both told: the same trades but for the ties, which are counted."""
    one = a_run(3, Exits(0.6, 0.5, 20), COSTS._replace(swap_long=0.0, swap_short=0.0))
    ties = run(one.bars, one.score, WANTED, one.exits, one.costs, LOOSE, "metal").ties
    stop_first = told_by_oracle(one).trades
    for name in BARRIERS:
        monkeypatch.setattr(oracle, name, target_first_on_a_tie)
    target_is_first = told_by_oracle(one).trades
    assert stop_first.index.equals(target_is_first.index) and (stop_first["t_exit"] == target_is_first["t_exit"]).all()
    differ = (stop_first["reason"] != target_is_first["reason"]).to_numpy()
    gained = (target_is_first["r"] > 0).sum() - (stop_first["r"] > 0).sum()
    assert 3 < ties == differ.sum()
    assert 0 < gained <= ties, "ties bound what an optimist gains"
    for name in BARRIERS:
        monkeypatch.setattr(oracle, name, target_first)
    further = (told_by_oracle(one).trades["r"] > 0).sum() - (stop_first["r"] > 0).sum()
    assert further > ties, "who takes the target of a bar that opened beyond the stop takes more than ties"


def same_when_every_trade_is_doubled(sharpe: Callable) -> None:
    r = a_run(5).trades["r"].to_numpy()
    assert sharpe(np.repeat(r, 2)) == pytest.approx(sharpe(r), rel=1 / len(r))


def test_mistake_13_a_sharpe_per_trade_is_not_annualised():
    same_when_every_trade_is_doubled(metrics.sharpe)
    with pytest.raises(AssertionError):
        same_when_every_trade_is_doubled(lambda r: metrics.sharpe(r) * np.sqrt(len(r)))


def measured(one: Run, every: int, sharpe: Callable[[pd.Series], float] | None = None) -> list[float | None]:
    """Return the Sharpe ratios that gates measure (or that of the account's rows) where each `every` bars is one."""
    rows = np.arange(len(one.equity)) % every == (len(one.equity) - 1) % every
    rows[0] = True
    equity = pd.DataFrame({"equity": one.equity[rows], "open_risk": 0.0}, index=one.bars.index[rows])
    bounds = {"sharpe_per_trade": 0.25, "daily_sharpe": 1.8}
    found = [gate.got for gate in gates.judge(one.trades, equity, [], bounds, LOOSE.per_trade, market="crypto")]
    return found if sharpe is None else [sharpe(equity["equity"])]


def test_mistake_13_the_length_of_bars_changes_no_sharpe_and_one_of_bars_is_caught():
    """Quarter-hours told as hours and as four hours: the trades are the same, and so are the closes of days."""
    bars = random_bars(5, 96 * 40, "2024-01-08 00:15")
    score = pd.Series(np.random.default_rng(6).random(len(bars)), index=bars.index)
    result = run(bars, score, WANTED, Exits(1.0, 0.6, 20), FREE, LOOSE, "crypto")
    one = Run(bars, score, Exits(1.0, 0.6, 20), FREE, result.trades, result.equity["equity"].to_numpy())

    def of_bars(equity: pd.Series) -> float:
        returns = equity.pct_change().dropna()
        return float(returns.mean() / returns.std() * np.sqrt(96 * 365.25))

    quarters = measured(one, 1)
    assert None not in quarters
    for every in (4, 16):
        assert measured(one, every) == pytest.approx(quarters, rel=1e-3)
        assert measured(one, every, of_bars) != pytest.approx(measured(one, 1, of_bars), rel=0.1)


def test_mistake_15_what_is_added_up_and_what_is_compounded_are_two_figures_of_two_names():
    """Growth is the product of what each trade did to the account; the sum of R knows no account at all."""
    one = a_run(7)
    told = metrics.summary(one.trades, pd.Series(one.equity, index=one.bars.index), "metal")
    grown = np.prod(1.0 + one.trades["pnl"] / (LOOSE.equity + one.trades["pnl"].cumsum().shift(fill_value=0.0)))
    assert told["total_return"] == pytest.approx(grown - 1.0, rel=1e-12)
    assert told["total_r"] == pytest.approx(one.trades["r"].sum(), rel=1e-12)
    assert told["total_return"] != pytest.approx(LOOSE.per_trade * told["total_r"], rel=0.01)
    assert [FIGURES[name][0] for name in ("total_r", "total_return")] == ["Sum of R", "Growth of equity"]


def test_mistake_14_a_fall_that_recovers_before_the_exit_is_a_drawdown():
    bars = bars_of([*[(100.0, 100.5, 99.5, 100.0)] * 15, (100, 100.5, 99.2, 99.3), (99.3, 102.5, 99.3, 102)])
    score = pd.Series(1.0, index=bars.index[14:15])
    result = run(bars, score, WANTED, Exits(2.0, 1.0, 5), FREE, LOOSE, "crypto")
    closed = pd.Series(LOOSE.equity + np.r_[0.0, result.trades["pnl"].cumsum()])
    assert result.trades["reason"].tolist() == ["target"]
    assert (np.maximum.accumulate(closed) == closed).all()
    assert metrics.max_drawdown(result.equity["equity"]) == pytest.approx(0.7 * LOOSE.per_trade)
    assert metrics.drawdown_r(result.trades["r"]) == 0.0
    assert metrics.marked_drawdown_r(result.trades, result.equity["equity"]) == pytest.approx(0.7)


def test_mistake_14_a_fall_that_is_looked_at_once_a_day_is_caught():
    one = a_run(3, Exits(3.0, 2.0, 50))
    equity = pd.Series(one.equity, index=one.bars.index)
    of_bars = metrics.max_drawdown(equity)
    assert of_bars > 1.01 * metrics.max_drawdown(equity.groupby(equity.index.floor("D")).last())
    marked = metrics.marked_drawdown_r(one.trades, equity)
    assert marked > 1.01 * metrics.drawdown_r(one.trades["r"])


def damaged(bars: pd.DataFrame, how: str) -> pd.DataFrame:
    if how == "unsorted":
        return bars.iloc[[1, 0, *range(2, len(bars))]]
    if how == "duplicate":
        return bars.iloc[[0, 0, *range(1, len(bars))]]
    return bars.tz_localize(None)


def is_refused(bars: pd.DataFrame) -> bool:
    score = pd.Series(1.0, index=bars.index.unique())
    try:
        run(bars, score, WANTED, Exits(1.0, 1.0, 5), COSTS, LOOSE, "crypto")
    except DataError:
        return True
    except Exception:  # whatever else goes wrong is no answer
        return False
    return False


@pytest.mark.parametrize("how", ["unsorted", "duplicate", "without UTC"])
def test_mistake_22_stamps_that_are_not_in_order_are_refused(how, monkeypatch):
    bars = random_bars(1)
    assert is_refused(damaged(bars, how))
    monkeypatch.setattr("backtest.checked.check_score", lambda score: None)
    for module in ("backtest.checked", "market.tape"):
        monkeypatch.setattr(f"{module}.indexed", lambda bars: bars)
    assert not is_refused(damaged(bars, how))


def one_bar_earlier(bars: pd.DataFrame, score: pd.Series, labelled: pd.Series) -> None:
    """Feed the bars labelled by their open: every trade is the same, one bar earlier."""
    exits, quarter = Exits(1.0, 0.6, 20), pd.Timedelta(minutes=15)
    by_close = run(bars, score, WANTED, exits, FREE, LOOSE, "crypto").trades
    by_open = run(bars.set_axis(bars.index - quarter), labelled, WANTED, exits, FREE, LOOSE, "crypto").trades
    assert len(by_close) == len(by_open) and (by_open.index + quarter == by_close.index).all()
    assert (by_open["pnl"].to_numpy() == by_close["pnl"].to_numpy()).all()


def test_mistake_22_bars_labelled_by_their_open_are_one_bar_off():
    bars = random_bars(2)
    score = pd.Series(np.random.default_rng(2).random(len(bars)), index=bars.index)
    one_bar_earlier(bars, score, score.set_axis(score.index - pd.Timedelta(minutes=15)))
    with pytest.raises(AssertionError):
        one_bar_earlier(bars, score, score.iloc[:-1])


def no_fill_where_there_was_no_bar(traded: pd.DataFrame, real: pd.DataFrame) -> None:
    score = pd.Series(np.random.default_rng(6).random(len(real)), index=real.index)
    result = run(traded, score, WANTED, Exits(0.6, 0.5, 20), COSTS, LOOSE, "crypto")
    stamps = [*result.trades.index, *result.trades["t_exit"]]
    assert len(stamps) > 50 and set(stamps) <= set(real.index)


def test_mistake_29_missing_bars_are_not_filled_with_stale_ones():
    whole = random_bars(6)
    real = whole[np.random.default_rng(7).random(len(whole)) > 0.2]
    no_fill_where_there_was_no_bar(real, real)
    with pytest.raises(AssertionError):
        no_fill_where_there_was_no_bar(real.reindex(whole.index).ffill(), real)


def test_mistake_11_a_flat_price_costs_exactly_its_round_trips():
    bars = bars_of([(100.0, 100.5, 99.5, 100.0)] * 100, spread=0.25)
    costs = COSTS._replace(swap_long=0.0, swap_short=0.0)
    result = run(bars, pd.Series(1.0, index=bars.index), WANTED, Exits(5.0, 5.0, 3), costs, LOOSE, "crypto")
    assert len(result.trades) > 20
    each = 0.25 + 2 * costs.slippage + 2 * costs.commission / costs.contract_size
    np.testing.assert_allclose(result.trades["pnl"], -each * costs.contract_size * result.trades["size"])


def test_mistake_11_a_spread_that_is_ignored_is_caught():
    def costs_its_round_trips(spread: float) -> None:
        bars = bars_of([(100.0, 100.5, 99.5, 100.0)] * 100, spread=spread)
        result = run(bars, pd.Series(1.0, index=bars.index), WANTED, Exits(5.0, 5.0, 3), FREE, LOOSE, "crypto")
        np.testing.assert_allclose(result.trades["pnl"], -0.25 * FREE.contract_size * result.trades["size"])

    costs_its_round_trips(0.25)
    with pytest.raises(AssertionError):
        costs_its_round_trips(0.0)


def of_random_entries(spread: float) -> pd.DataFrame:
    """Return the trades of random entries on a gapless random walk, each bar of thirty steps."""
    rng = np.random.default_rng(11)
    steps = (2000.0 + np.cumsum(rng.normal(0.0, 0.02, 40_000 * 30))).round(2).reshape(40_000, 30)
    opened = np.r_[2000.0, steps[:-1, -1]]
    high, low = np.maximum(opened, steps.max(axis=1)), np.minimum(opened, steps.min(axis=1))
    columns = {"open": opened, "high": high, "low": low, "close": steps[:, -1], "spread": spread}
    bars = pd.DataFrame(columns, index=stamps(len(steps)))
    score = pd.Series(rng.choice([0.0, 1.0], len(bars)), index=bars.index)
    costs = FREE._replace(minimum_stop=0.01)
    return run(bars, score, WANTED, Exits(2.0, 2.0, 10_000), costs, LOOSE, "crypto").trades


def lose_what_they_cost(trades: pd.DataFrame, spread: float) -> None:
    """The mean R of entries that know nothing is −cost ÷ stop, within three standard errors."""
    beyond = trades["r"] + spread / (trades["entry"] - trades["stop"]).abs()
    assert len(trades) > 2000 and abs(beyond.mean()) < 3 * beyond.std() / np.sqrt(len(beyond))


def test_mistake_11_random_entries_lose_what_they_cost_and_none_that_are_free():
    lose_what_they_cost(of_random_entries(0.05), 0.05)
    free = of_random_entries(0.0)
    lose_what_they_cost(free, 0.0)
    with pytest.raises(AssertionError):
        lose_what_they_cost(free, 0.05)


def same_decisions(one: Run, dear_costs: Costs) -> None:
    dear = one.bars.assign(**{name: one.bars[name] * 10 for name in ("open", "high", "low", "close", "spread")})
    other = run(dear, one.score, WANTED, one.exits, dear_costs, LOOSE, "metal").trades
    assert other.index.equals(one.trades.index) and (other["reason"] == one.trades["reason"]).all()
    step = 1.01 * one.costs.lot_step  # a barrier on the edge of two ticks may fall on the other one
    np.testing.assert_allclose(other["size"], one.trades["size"], rtol=0.0, atol=step)
    np.testing.assert_allclose(other["r"], one.trades["r"], rtol=0.0, atol=0.02)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000))
@example(seed=5294)  # its first target lies on the edge between two ticks
def test_ten_times_the_price_changes_no_decision(seed):
    same_decisions(a_run(seed), TEN_TIMES)


TEN_TIMES = COSTS._replace(slippage=0.2, tick_size=0.1, minimum_stop=3.0, contract_size=10.0)


@pytest.mark.parametrize("broken", [{"minimum_stop": 0.3}, {"slippage": 0.02}, {"contract_size": 100.0}])
def test_ten_times_the_price_at_the_old_costs_is_caught(broken):
    with pytest.raises(AssertionError):
        same_decisions(a_run(4, Exits(0.6, 0.1, 20)), TEN_TIMES._replace(**broken))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000), cut=st.integers(50, 390))
def test_what_comes_later_changes_no_trade_that_has_ended(seed, cut):
    one = a_run(seed)
    early = run(one.bars.iloc[:cut], one.score.iloc[:cut], WANTED, one.exits, one.costs, LOOSE, "metal")
    ended = one.trades[one.trades["t_exit"] < one.bars.index[cut - 1]]
    pd.testing.assert_frame_equal(early.trades.iloc[: len(ended)], ended)
    np.testing.assert_array_equal(early.equity["equity"].to_numpy()[: cut - 1], one.equity[: cut - 1])
