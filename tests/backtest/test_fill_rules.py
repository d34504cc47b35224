"""One tiny market for each fill rule: what happens at a tie, a gap, the entry bar, the time barrier, the end."""

import pandas as pd
import pytest

from backtest import Policy, Risk
from backtest.engine import run, simulate
from market.errors import DataError
from market.execution import Costs, Exits, as_floats
from market.tape import tape
from tests.markets import bars_of, stamps

FREE = as_floats(Costs(0, 0, 0, 0, 0, 0.01, 0.1, 0, 100, 0.01))
CALM = [(100.0, 100.5, 99.5, 100.0)] * 4
EXITS = Exits(take_profit=2.0, stop_loss=1.0, bars=3, atr_period=2)
RISK = Risk(max_trades_per_day=1000)


def one_trade(
    *rows: tuple[float, float, float, float], side: int = 1, spread: float = 0.0, costs=FREE, market="crypto"
):
    """Trade `side` once, decided at the close of the fourth calm bar (ATR 1), through `rows`."""
    bars = bars_of([*CALM, *rows], spread)
    score = pd.Series(float("nan"), index=bars.index)
    score.iloc[3] = 1.0 if side > 0 else 0.0
    trades, _ = simulate(bars, score, Policy(0.6, 0.4), EXITS, costs, RISK, market)
    assert len(trades) == 1
    trade = trades.iloc[0]
    return trade["reason"], trade["exit"], round(trade["r"], 9), bars.index.get_loc(trade["t_exit"]) - 3


FAR = (100.0, 100.5, 99.5, 100.0)


@pytest.mark.parametrize(
    ("what", "side", "rows", "expected"),
    [
        ("a long reaches its target", 1, [FAR, (100, 102.5, 100, 102)], ("target", 102.0, 2.0, 2)),
        ("a long reaches its stop", 1, [FAR, (100, 100.5, 98.5, 99)], ("stop", 99.0, -1.0, 2)),
        ("a short reaches its target", -1, [FAR, (100, 100, 97.5, 98)], ("target", 98.0, 2.0, 2)),
        ("a short reaches its stop", -1, [FAR, (100, 101.5, 100, 101)], ("stop", 101.0, -1.0, 2)),
        ("an exact touch counts", 1, [FAR, (100, 102.0, 100, 101)], ("target", 102.0, 2.0, 2)),
        ("one tick short does not", 1, [FAR, (100, 101.99, 100, 101), FAR], ("time", 100.0, 0.0, 3)),
        ("a tie is a stop", 1, [FAR, (100, 103, 98, 100)], ("stop", 99.0, -1.0, 2)),
        ("a tie on the entry bar is a stop", 1, [(100, 103, 98, 100)], ("stop", 99.0, -1.0, 1)),
        ("the entry bar counts", 1, [(100, 102.5, 99.5, 102)], ("target", 102.0, 2.0, 1)),
        ("a gap through the stop fills at the open", 1, [FAR, (97, 98, 96, 97)], ("stop", 97.0, -3.0, 2)),
        ("a gap through the target fills at the open", 1, [FAR, (104, 105, 103, 104)], ("target", 104.0, 4.0, 2)),
        ("a gap to the target is filled before the stop", 1, [FAR, (104, 105, 98, 99)], ("target", 104.0, 4.0, 2)),
        ("a short gaps through its stop", -1, [FAR, (103, 104, 102, 103)], ("stop", 103.0, -3.0, 2)),
        ("time is up at the close of the third bar", 1, [FAR, FAR, (100, 101, 99.5, 100.5)], ("time", 100.5, 0.5, 3)),
        ("the data ends first", 1, [FAR, (100, 101, 99.5, 100.7)], ("end", 100.7, 0.7, 2)),
    ],
)
def test_fill_rule(what, side, rows, expected):
    reason, exit_, r, bars_held = one_trade(*rows, side=side)
    assert (reason, exit_, r, bars_held) == pytest.approx(expected), what


def test_a_long_pays_the_spread_at_its_entry_and_leaves_on_the_bid():
    reason, exit_, r, _ = one_trade(FAR, (100, 102.24, 100, 102), FAR, spread=0.25)
    assert (reason, r) == ("time", -0.25)
    reason, exit_, r, _ = one_trade(FAR, (100, 102.25, 100, 102), spread=0.25)
    assert (reason, exit_, r) == ("target", 102.25, 2.0)


def test_a_short_is_tested_on_the_ask():
    reason, exit_, r, _ = one_trade((100, 100.5, 99.9, 100), (100, 100.75, 100, 100), side=-1, spread=0.25)
    assert (reason, exit_, r) == ("stop", 101.0, -1.0)
    reason, _, _, _ = one_trade((100, 100.5, 99.9, 100), (100, 100.74, 97.76, 98), FAR, side=-1, spread=0.25)
    assert reason == "time"


def test_slippage_is_adverse_at_entry_stop_and_time_and_absent_at_the_target():
    slow = FREE._replace(slippage=0.1)
    assert one_trade(FAR, (100, 103, 100, 102), costs=slow)[:3] == ("target", 102.1, 2.0)
    assert one_trade(FAR, (100, 100.5, 98, 99), costs=slow)[:3] == ("stop", pytest.approx(99.0), pytest.approx(-1.1))
    assert one_trade(FAR, FAR, FAR, costs=slow)[:3] == ("time", pytest.approx(99.9), pytest.approx(-0.2))


def test_commission_is_paid_per_lot_on_both_sides():
    _, _, r, _ = one_trade(FAR, (100, 103, 100, 102), costs=FREE._replace(commission=5.0))
    assert r == pytest.approx(2.0 - 2 * 5.0 / 100)


def test_the_minimum_stop_widens_the_stop_and_shrinks_the_size():
    wide = FREE._replace(minimum_stop=2.0)
    bars = bars_of([*CALM, FAR, (100, 100.5, 97.5, 98)])
    score = pd.Series([float("nan")] * 3 + [1.0] + [float("nan")] * 2, index=bars.index)
    tight = simulate(bars, score, Policy(0.6, 0.4), EXITS, FREE, RISK, "crypto")[0].iloc[0]
    widened = simulate(bars, score, Policy(0.6, 0.4), EXITS, wide, RISK, "crypto")[0].iloc[0]
    assert (tight["stop"], widened["stop"]) == (99.0, 98.0)
    assert widened["size"] == tight["size"] / 2


def test_swap_is_charged_at_five_in_new_york_and_three_times_on_wednesday():
    costs = FREE._replace(swap_long=-10.0, swap_short=4.0)
    rows = [*CALM, *[FAR] * 6]
    for day, nights in (("2024-01-08", 1), ("2024-01-10", 3)):  # Monday, Wednesday; the roll is at 22:00 UTC
        bars = bars_of(rows, start=f"{day} 20:45")
        score = pd.Series([float("nan")] * 3 + [1.0] + [float("nan")] * 6, index=bars.index)
        long = simulate(bars, score, Policy(0.6, 0.4), EXITS, costs, RISK, "forex")[0].iloc[0]
        short = simulate(bars, 1.0 - score, Policy(0.6, 0.4), EXITS, costs, RISK, "forex")[0].iloc[0]
        assert long["r"] == pytest.approx(-0.10 * nights)
        assert short["r"] == pytest.approx(0.04 * nights)
        crypto = simulate(bars, score, Policy(0.6, 0.4), EXITS, costs, RISK, "crypto")[0].iloc[0]
        assert crypto["r"] == 0.0


def test_no_entry_on_the_last_bar_before_a_session_gap():
    bars = bars_of([*CALM, FAR, FAR], start="2024-01-08 21:15")  # the fourth bar closes at the daily break of gold
    score = pd.Series([float("nan")] * 3 + [1.0, float("nan"), float("nan")], index=bars.index)
    result = run(bars, score, Policy(0.6, 0.4), EXITS, FREE, RISK, "metal")
    assert len(result.trades) == 0
    assert result.refusals["market_shut"] == 1


def test_cooldown_counts_bars_after_the_exit():
    bars = bars_of([*CALM, *[FAR] * 12])
    score = pd.Series(1.0, index=bars.index)
    entries = {}
    for cooldown in (0, 2):
        policy = Policy(0.6, 0.4, cooldown=cooldown)
        trades, _ = simulate(bars, score, policy, EXITS, FREE, RISK, "crypto")
        exits = bars.index.get_indexer(pd.DatetimeIndex(trades["t_exit"]))
        entries[cooldown] = bars.index.get_indexer(trades.index)[1:] - exits[:-1]
    assert set(entries[0]) == {1}
    assert set(entries[2]) == {3}


def test_a_wide_spread_refuses_and_says_so():
    bars = bars_of([*CALM, FAR], spread=0.51)
    result = run(bars, pd.Series(1.0, index=bars.index), Policy(0.6, 0.4), EXITS, FREE, RISK, "crypto")
    assert len(result.trades) == 0
    assert result.refusals["spread"] >= 1


def test_a_position_below_one_lot_step_is_refused():
    bars = bars_of([*CALM, FAR, FAR])
    result = run(
        bars, pd.Series(1.0, index=bars.index), Policy(0.6, 0.4), EXITS, FREE, RISK._replace(equity=100.0), "crypto"
    )
    assert len(result.trades) == 0
    assert result.refusals["size"] >= 1


def test_five_losses_in_a_row_end_the_day_and_the_next_day_starts_afresh():
    bars = bars_of([(100, 100.2, 90, 100)] * 80, start="2024-01-08 12:15")
    risk = RISK._replace(daily_loss=1.0)
    always_stopped = Exits(take_profit=2.0, stop_loss=0.5, bars=3, atr_period=2)
    score = pd.Series(1.0, index=bars.index)
    result = run(bars, score, Policy(0.6, 0.4, cooldown=0), always_stopped, FREE, risk, "crypto")
    day = tape(bars, FREE, 2, "crypto").day
    entered = pd.Series(day[bars.index.get_indexer(result.trades.index)]).value_counts()
    assert entered.loc[day[0]] == 5
    assert result.refusals["consecutive_losses"] > 0
    assert entered.tolist() == [5, 5]


def test_equity_is_marked_at_what_closing_now_would_pay():
    bars = bars_of([*CALM, (100, 100.5, 99.5, 100.2), FAR], spread=0.1)
    score = pd.Series([float("nan")] * 3 + [1.0, float("nan"), float("nan")], index=bars.index)
    trades, equity = simulate(bars, score, Policy(0.6, 0.4), EXITS, FREE, RISK, "crypto")
    size = trades["size"].iloc[0]
    assert equity["equity"].iloc[4] == pytest.approx(100_000 + size * 100 * (100.2 - 100.1))
    assert equity["open_risk"].iloc[4] == pytest.approx(0.005, rel=0.01)


def test_yen_are_paid_out_in_dollars_at_their_own_price():
    yen = FREE._replace(quote_currency="JPY")
    bars = bars_of([*CALM, FAR, (100, 103, 100, 102)])
    score = pd.Series([float("nan")] * 3 + [1.0, float("nan"), float("nan")], index=bars.index)
    trade = simulate(bars, score, Policy(0.6, 0.4), EXITS, yen, RISK, "crypto")[0].iloc[0]
    assert trade["size"] == 500.0
    assert trade["r"] == pytest.approx(2.0)
    assert trade["pnl"] == pytest.approx(500.0 * 100 * 2.0 / 102.0)


def test_a_score_that_stands_at_no_bar_is_refused():
    bars = bars_of(CALM)
    with pytest.raises(DataError, match="stands at no bar"):
        simulate(bars, pd.Series([1.0], index=stamps(1, "2030-01-01")), Policy(0.6, 0.4), EXITS, FREE, RISK)


def test_nan_in_what_is_needed_refuses():
    bars = bars_of([*CALM, FAR, FAR])
    score = pd.DataFrame(
        {"score": 1.0, "expected_r_long": float("nan"), "expected_r_short": 1.0, "confidence": 1.0}, index=bars.index
    )
    result = run(bars, score, Policy(0.6, 0.4), EXITS, FREE, RISK, "crypto")
    assert result.refusals.get("negative_expectation", 0) == len(bars)
