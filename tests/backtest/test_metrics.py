"""Metrics agree with published numbers, keep their laws, and say None where they cannot be computed."""

import time
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtest import metrics
from market import sessions
from market.errors import DataError, UsageError
from tests.markets import COSTS, random_bars

# Carl Bacon, Practical Portfolio Performance Measurement and Attribution, 2nd ed. (2008): 24 months of returns.
BACON_PERCENT = """
    0.3 2.6 1.1 -1.0 1.5 2.5 1.6 6.7 -1.4 4.0 -0.5 8.1 4.0 -3.7 -6.1 1.7 -4.9 -2.2 7.0 5.8 -6.5 2.4 -0.5 -0.9
"""
BACON = np.array(BACON_PERCENT.split(), dtype=float) / 100
# Rollinger and Hoffman, Sortino: A Sharper Ratio; pypbo's yearly returns; investexcel.net's omega example.
SORTINO = [0.17, 0.15, 0.23, -0.05, 0.12, 0.09, 0.13, -0.04]
SHARPE = np.array([0.259, 0.198, 0.364, -0.081, 0.057, 0.055, 0.188, 0.317, 0.24, 0.184, -0.01, 0.526])
OMEGA = np.array([0.0089, 0.0012, -0.002, 0.01, -0.0002, 0.02, 0.03, 0.01, -0.003, 0.01, 0.0102, -0.01])

R_METRICS = ["profit_factor", "win_rate", "sharpe", "sortino", "expectancy", "break_even_win_rate", "payoff_ratio"]
trade_results = st.lists(st.integers(-400, 600).map(lambda hundredths: hundredths / 100), min_size=1, max_size=60)
factors = st.floats(0.01, 100.0)


def bars_of(values: list[float], freq: str = "1h", start: str = "2024-01-02") -> pd.Series:
    return pd.Series(values, index=pd.date_range(start, periods=len(values), freq=freq, tz="UTC", name="ts"))


def trades_of(rows: list[tuple[str, str, int, float]]) -> pd.DataFrame:
    entries, exits = (pd.DatetimeIndex([row[i] for row in rows], tz="UTC") for i in (0, 1))
    table = {"t_entry": entries, "t_exit": exits, "side": [row[2] for row in rows], "r": [row[3] for row in rows]}
    return pd.DataFrame(table).assign(pnl=[100.0 * row[3] for row in rows], size=1.0, entry=100.0, stop=99.0)


@pytest.mark.parametrize(
    ("got", "published", "tolerance"),
    [
        (metrics.profit_factor(BACON), 1.7797833935, 1e-9),  # Bernardo–Ledoit, printed 1.78
        (metrics.sortino(BACON - 0.005), 0.15663707566, 1e-9),  # Kappa of order 2, MAR 0.5 %, printed 0.157
        (metrics.win_rate(BACON - 0.005), 13 / 24, 1e-12),  # upside frequency, MAR 0.5 %, printed 0.542
        (metrics.profit_factor(BACON - 0.005), 1.29179331307, 1e-9),  # Omega–Sharpe + 1, MAR 0.5 %, printed 0.29
        (metrics.profit_factor(OMEGA - 0.01), 0.463901689, 1e-8),
        (metrics.sortino(SORTINO), 4.417261, 1e-6),
        (metrics.sharpe(SHARPE - 0.05), 0.834364, 1e-6),
    ],
)
def test_published_numbers_come_out(got: float | None, published: float, tolerance: float) -> None:
    assert got == pytest.approx(published, rel=tolerance)


@pytest.mark.parametrize(
    ("wrong", "published"),
    [
        (lambda: np.mean(SHARPE - 0.05) / np.std(SHARPE - 0.05), 0.834364),
        (lambda: np.mean(SORTINO) / np.sqrt(np.mean(np.square([r for r in SORTINO if r < 0]))), 4.417261),
        (lambda: np.mean(SORTINO) / np.std([r for r in SORTINO if r < 0], ddof=1), 4.417261),
        (lambda: metrics.profit_factor(np.log1p(OMEGA - 0.01)), 0.463901689),
        (lambda: np.mean(BACON > 0), 13 / 24),
    ],
    ids=["sharpe over n", "sortino over losses", "sortino by their spread", "omega of logarithms", "wins above 0"],
)
def test_mistake_30_another_librarys_formula_is_not_the_published_one(wrong: object, published: float) -> None:
    assert wrong() != pytest.approx(published, rel=1e-4)  # type: ignore[operator]


def test_unequal_payoffs_are_worth_what_the_strategy_risk_chapter_says() -> None:
    """López de Prado (2018), ch. 15: 70 % of wins of 0.5 % against losses of 1 %, 260 a year: 1.173."""
    r = np.repeat([0.005, -0.01], [70_000, 30_000])
    assert metrics.annual_sharpe(r, years=100_000 / 260) == pytest.approx(1.173, abs=5e-4)


def test_the_running_sum_of_r_is_marked_at_each_close() -> None:
    equity = bars_of([1000.0, 1000.0, 990.0, 1005.0, 1010.0, 1010.0, 1000.0, 1010.0, 1015.0], "1h")
    rows = {"size": 1.0, "entry": 100.0, "stop": [90.0, 95.0, 90.0]}
    trades = pd.DataFrame(
        {"t_exit": equity.index[[4, 7, 8]], "r": [1.0, 0.0, 0.5], "pnl": [10.0, 0.0, 5.0]} | rows,
        index=equity.index[[2, 6, 8]].rename("t_entry"),
    )
    path = metrics.marked_r(trades, equity)
    assert path.tolist() == [0.0, 0.0, -1.0, 0.5, 1.0, 1.0, -1.0, 1.0, 1.5]
    assert metrics.marked_drawdown_r(trades, equity) == 2.0 and metrics.drawdown_r(trades["r"]) == 0.0
    assert metrics.marked_drawdown_r(trades.iloc[:0], equity) is None
    assert metrics.marked_drawdown_r(trades.iloc[1:2], equity.iloc[5:] * 0 + 1000.0) == 0.0
    with pytest.raises(DataError, match="one after another"):
        metrics.marked_r(pd.concat([trades, trades]), equity)


def test_bacons_d_ratio_follows_from_win_rate_and_profit_factor() -> None:
    wins, factor = metrics.win_rate(BACON), metrics.profit_factor(BACON)
    assert wins and factor
    assert (1 - wins) / wins / factor == pytest.approx(0.401332946972, rel=1e-9)


def test_bacons_d_ratio_follows_from_win_rate_and_payoff_too() -> None:
    wins, payoff = metrics.win_rate(BACON), metrics.payoff_ratio(BACON)
    assert wins and payoff
    assert ((1 - wins) / wins) ** 2 / payoff == pytest.approx(0.401332946972, rel=1e-9)


def test_bacons_pain_index_lies_between_no_fall_and_the_drawdown() -> None:
    """The pain index (printed 0.04) is the mean fall of the compounded account, so its largest is above it."""
    account = np.cumprod(np.append(1.0, 1.0 + BACON))
    falls = 1.0 - account / np.maximum.accumulate(account)
    assert falls[1:].mean() == pytest.approx(0.0399896906873, rel=1e-9)
    assert metrics.max_drawdown(bars_of(list(account))) == pytest.approx(falls.max())
    assert metrics.drawdown_of_returns(BACON, risk=1.0) == pytest.approx(falls.max())


def test_a_sharpe_per_trade_is_made_annual_by_the_trades_that_happened() -> None:
    r = np.tile([1.0, -1.0, 1.0, 0.0], 250)
    ratio = metrics.sharpe(r)
    assert ratio is not None
    assert metrics.annual_sharpe(r, years=4.0) == pytest.approx(ratio * np.sqrt(250))
    assert metrics.annual_sharpe(r, years=0.0) is None and metrics.annual_sharpe([1.0], years=1.0) is None


@pytest.mark.parametrize(("wins", "trades", "annual"), [(0.55, 396, 2.0), (0.621, 400, 4.98)])
def test_a_bet_of_one_r_is_worth_what_the_literature_says_a_year(wins: float, trades: int, annual: float) -> None:
    """López de Prado (2018), ch. 15: 0.1005 a bet at 55 %; at 62.1 % (profit factor 1.64) 400 trades make about 5."""
    won = round(wins * 1000)
    r = np.repeat([1.0, -1.0], [won, 1000 - won])
    assert metrics.annual_sharpe(r, years=1000 / trades) == pytest.approx(annual, abs=0.02)


def test_a_bet_won_at_55_percent_has_the_sharpe_of_the_strategy_risk_chapter() -> None:
    """López de Prado (2018), Advances in Financial Machine Learning, ch. 15: 0.1005 a bet, so 2 from 396 bets."""
    ratio = metrics.sharpe([1.0] * 55_000 + [-1.0] * 45_000)
    assert ratio and ratio * np.sqrt(396) == pytest.approx(2.0, abs=1e-3)


@pytest.mark.parametrize("name", R_METRICS)
def test_without_trades_nothing_is_computable(name: str) -> None:
    assert getattr(metrics, name)([]) is None


@pytest.mark.parametrize("name", ["profit_factor", "sortino", "break_even_win_rate", "payoff_ratio"])
def test_without_a_loss_there_is_no_ratio_to_losses(name: str) -> None:
    assert getattr(metrics, name)([1.0, 2.0, 0.0]) is None


@pytest.mark.parametrize("r", [[0.3], [0.1] * 10, [-0.7] * 3])
def test_without_variation_there_is_no_sharpe(r: list[float]) -> None:
    assert metrics.sharpe(r) is None


@pytest.mark.parametrize("name", R_METRICS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_a_number_is_refused_rather_than_skipped(name: str, bad: float) -> None:
    with pytest.raises(DataError, match="finite"):
        getattr(metrics, name)([1.0, bad])


@given(trade_results)
def test_repeating_every_trade_leaves_shares_and_averages(r: list[float]) -> None:
    for name in ("profit_factor", "win_rate", "expectancy", "sortino", "break_even_win_rate"):
        once, twice = (getattr(metrics, name)(values) for values in (r, r + r))
        assert twice == (None if once is None else pytest.approx(once, rel=1e-9, abs=1e-12))
    once, twice = metrics.sharpe(r), metrics.sharpe(r + r)
    if once is not None:
        assert twice == pytest.approx(once * np.sqrt((2 * len(r) - 1) / (2 * len(r) - 2)), rel=1e-9, abs=1e-12)


@given(trade_results, factors)
def test_larger_stakes_change_no_ratio(r: list[float], factor: float) -> None:
    scaled = np.array(r) * factor
    for name in ("profit_factor", "win_rate", "sharpe", "sortino", "break_even_win_rate"):
        once = getattr(metrics, name)(r)
        assert getattr(metrics, name)(scaled) == (None if once is None else pytest.approx(once, rel=1e-9, abs=1e-12))
    assert metrics.expectancy(scaled) == pytest.approx(np.mean(r) * factor, rel=1e-9, abs=1e-12)


@given(trade_results)
def test_payoff_and_break_even_say_the_same(r: list[float]) -> None:
    payoff, needed, factor = metrics.payoff_ratio(r), metrics.break_even_win_rate(r), metrics.profit_factor(r)
    assert (payoff is None) == (needed is None)
    if payoff is not None and needed is not None and factor is not None:
        assert needed == pytest.approx(1 / (1 + payoff))
        wins = metrics.win_rate(r)
        assert wins is not None and factor == pytest.approx(payoff * wins / (1 - wins))


@given(trade_results)
def test_the_longest_losing_run_and_the_fall_in_r_are_those_of_a_plain_walk(r: list[float]) -> None:
    run = longest = 0
    total = top = fall = 0.0
    for value in r:
        run = run + 1 if value < 0 else 0
        total += value
        longest, top = max(longest, run), max(top, total)
        fall = max(fall, top - total)
    assert metrics.longest_losing_run(r) == longest
    assert metrics.drawdown_r(r) == pytest.approx(fall, abs=1e-9)


def test_a_losing_run_and_a_fall_need_a_trade() -> None:
    assert metrics.longest_losing_run([]) is None and metrics.drawdown_r([]) is None
    assert metrics.longest_losing_run([1.0, 0.0]) == 0 and metrics.drawdown_r([1.0]) == 0.0


@given(trade_results, factors)
def test_doubling_what_each_trade_is_worth_doubles_the_fall_in_r_and_no_sharpe(r: list[float], factor: float) -> None:
    scaled = np.array(r) * factor
    assert metrics.drawdown_r(scaled) == pytest.approx((metrics.drawdown_r(r) or 0.0) * factor, rel=1e-9, abs=1e-9)
    assert metrics.longest_losing_run(scaled) == metrics.longest_losing_run(r)


@given(trade_results)
def test_the_other_side_of_every_trade_mirrors(r: list[float]) -> None:
    other = [-value for value in r]
    ratio, mirrored = metrics.sharpe(r), metrics.sharpe(other)
    assert mirrored == (None if ratio is None else pytest.approx(-ratio))
    factor, inverse = metrics.profit_factor(r), metrics.profit_factor(other)
    if factor and inverse:
        assert factor * inverse == pytest.approx(1.0)


@given(trade_results)
def test_signs_agree(r: list[float]) -> None:
    mean, factor, wins = metrics.expectancy(r), metrics.profit_factor(r), metrics.win_rate(r)
    assert mean is not None and wins is not None
    if abs(mean) < 1e-9:
        return
    if factor is not None:
        assert (factor > 1) == (mean > 0)
    for name in ("sharpe", "sortino"):
        value = getattr(metrics, name)(r)
        assert value is None or (value > 0) == (mean > 0)
    needed = metrics.break_even_win_rate(r)
    assert needed is None or (wins > needed) == (mean > 0)


@given(trade_results, st.randoms())
def test_the_order_of_trades_matters_to_the_drawdown_alone(r: list[float], random: object) -> None:
    shuffled = list(r)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for name in R_METRICS:
        once = getattr(metrics, name)(r)
        assert getattr(metrics, name)(shuffled) == (None if once is None else pytest.approx(once, rel=1e-9, abs=1e-12))


def plain_drawdown(values: list[float]) -> float:
    """Return the largest fall between any row and any later one."""
    return max(
        (1 - low / high for i, high in enumerate(values) for low in values[i:]),
        default=0.0,
    )


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=40))
def test_the_drawdown_is_the_largest_fall_between_any_two_rows(values: list[float]) -> None:
    assert metrics.max_drawdown(bars_of(values)) == pytest.approx(plain_drawdown(values), abs=1e-12)


@given(trade_results, st.floats(0.0005, 0.02))
def test_compounding_returns_is_the_drawdown_of_the_account(r: list[float], risk: float) -> None:
    account = [1.0]
    for value in r:
        account.append(account[-1] * (1 + risk * value))
    assert metrics.drawdown_of_returns(r, risk) == pytest.approx(plain_drawdown(account), abs=1e-12)


def test_a_lost_account_fell_by_everything() -> None:
    assert metrics.drawdown_of_returns([1.0, -3.0, 5.0], risk=0.5) == 1.0
    assert metrics.drawdown_of_returns([], risk=0.5) is None


def test_an_account_that_only_rises_has_no_calmar() -> None:
    assert metrics.calmar(bars_of([100.0, 101.0, 102.0], "30D")) is None
    assert metrics.max_drawdown(bars_of([100.0, 101.0, 102.0])) == 0.0


def test_calmar_is_annual_growth_over_the_largest_fall() -> None:
    equity = bars_of([100.0, 110.0, 99.0, 121.0], "243.5D")  # 730.5 days, two years
    assert metrics.calmar(equity) == pytest.approx((np.sqrt(1.21) - 1) / 0.1)
    assert metrics.calmar(bars_of([100.0, 90.0, 105.0])) is None


@pytest.mark.parametrize("lowest", [0.0, -5.0])
def test_an_account_that_was_ever_lost_has_no_calmar(lowest: float) -> None:
    assert metrics.calmar(bars_of([100.0, lowest, 110.0], "243.5D")) is None


def test_equity_must_begin_with_money() -> None:
    with pytest.raises(DataError, match="begins at 0"):
        metrics.total_return(bars_of([0.0, 1.0]))


def test_no_rows_give_no_number() -> None:
    empty = bars_of([])
    for name in ("max_drawdown", "calmar", "total_return", "time_under_water", "longest_under_water"):
        assert getattr(metrics, name)(empty) is None
    assert metrics.daily_sharpe(empty, np.array([], dtype=int)) is None


def test_the_daily_sharpe_is_that_of_daily_closes() -> None:
    rng = np.random.default_rng(3)
    equity = bars_of(list(1e5 * np.cumprod(1 + 1e-3 * rng.standard_normal(24 * 400))))
    days = equity.index.asi8 // 86_400_000_000 if equity.index.unit == "us" else equity.index.asi8 // 86_400_000_000_000
    closes = equity.groupby(days).last()
    returns = closes.pct_change().fillna(closes.iloc[0] / equity.iloc[0] - 1)
    expected = returns.mean() / returns.std() * np.sqrt(365.25)
    assert metrics.daily_sharpe(equity, days) == pytest.approx(expected)


def test_the_daily_sharpe_counts_the_days_that_were_traded() -> None:
    equity = bars_of([100.0, 101.0, 100.5, 102.0, 103.0, 102.5, 104.0])
    daily, weekly = np.arange(7), np.arange(7) * 7
    dense, sparse = metrics.daily_sharpe(equity, daily), metrics.daily_sharpe(equity, weekly)
    assert dense and sparse
    assert dense / sparse == pytest.approx(np.sqrt(43 / 7))
    assert metrics.daily_sharpe(equity, np.zeros(7)) is None
    assert metrics.daily_sharpe(bars_of([5.0] * 7), daily) is None


def test_coarser_bars_with_the_same_daily_closes_change_no_daily_figure() -> None:
    rng = np.random.default_rng(5)
    fine = bars_of(list(1e5 * np.cumprod(1 + 3e-4 * rng.standard_normal(96 * 120))), "15min", "2024-01-02 00:15")
    fine.iloc[0] = 1e5
    for minutes in (30, 60, 240):
        coarse = pd.concat([fine.iloc[:1], fine.iloc[minutes // 15 - 1 :: minutes // 15]])
        for name in ("daily_sharpe", "daily_sortino"):
            one, other = (
                getattr(metrics, name)(equity, sessions.trading_day(pd.DatetimeIndex(equity.index), "crypto"))
                for equity in (fine, coarse)
            )
            assert one == pytest.approx(other, rel=1e-9)
        assert metrics.total_return(fine) == pytest.approx(metrics.total_return(coarse))


def test_the_daily_sortino_is_that_of_daily_returns_with_every_day_counted() -> None:
    equity = bars_of([100.0, 103.0, 101.97, 101.97, 105.0], "1D")
    returns = np.array([0.0, 0.03, -0.01, 0.0, 105.0 / 101.97 - 1])
    expected = returns.mean() / np.sqrt(np.mean(np.minimum(returns, 0) ** 2)) * np.sqrt(365.25)
    assert metrics.daily_sortino(equity, np.arange(5)) == pytest.approx(expected)
    assert metrics.daily_sortino(bars_of([1.0, 2.0]), np.arange(2)) is None
    assert metrics.daily_sortino(bars_of([2.0, 1.0]), np.zeros(2)) is None


def test_monthly_returns_multiply_to_the_growth_of_the_account() -> None:
    rng = np.random.default_rng(6)
    equity = bars_of(list(1e5 * np.cumprod(1 + 1e-3 * rng.standard_normal(24 * 100))))
    monthly = metrics.monthly_returns(equity)
    assert monthly.index.tolist() == ["2024-01", "2024-02", "2024-03", "2024-04"]
    assert np.prod(1 + monthly) - 1 == pytest.approx(metrics.total_return(equity))
    assert len(metrics.monthly_returns(bars_of([]))) == 0


def test_the_fall_in_money() -> None:
    assert metrics.drawdown_money(bars_of([100.0, 150.0, 120.0, 200.0, 180.0])) == 30.0
    assert metrics.drawdown_money(bars_of([])) is None


def test_time_under_water() -> None:
    equity = bars_of([100.0, 90.0, 95.0, 100.0, 105.0, 104.0], "1D")
    assert metrics.time_under_water(equity) == 0.5
    assert metrics.longest_under_water(equity) == 3.0
    assert metrics.longest_under_water(bars_of([1.0, 2.0, 2.0, 3.0])) == 0.0
    assert metrics.longest_under_water(bars_of([3.0, 2.0, 1.0], "1D")) == 2.0


TRADES = trades_of(
    [
        ("2024-01-02 03:00", "2024-01-02 05:00", 1, 1.4),  # asia
        ("2024-01-02 10:00", "2024-01-02 10:00", -1, -1.0),  # london, within one bar
        ("2024-01-02 15:00", "2024-01-02 16:00", 1, -1.0),  # new york
        ("2024-02-01 15:00", "2024-02-01 19:00", 1, 0.5),
    ]
)


def test_durations_are_hours_between_entry_and_exit() -> None:
    assert metrics.durations(TRADES).tolist() == [2.0, 0.0, 1.0, 4.0]
    assert metrics.durations(TRADES.set_index("t_entry")).tolist() == [2.0, 0.0, 1.0, 4.0]


def test_exposure_counts_each_bar_with_a_position_once() -> None:
    equity = bars_of([100.0] * 24, "1h", "2024-01-02 01:00")
    assert metrics.exposure(TRADES.iloc[:3], equity) == pytest.approx((3 + 1 + 2) / 24)
    overlapping = pd.concat([TRADES.iloc[:3], TRADES.iloc[:1]])
    assert metrics.exposure(overlapping, equity) == pytest.approx((3 + 1 + 2) / 24)
    assert metrics.exposure(TRADES.iloc[:0], equity) == 0.0
    assert metrics.exposure(TRADES.iloc[:0], bars_of([])) is None


def test_trades_per_day_counts_days_without_a_trade() -> None:
    assert metrics.trades_per_day(TRADES, np.repeat(np.arange(8), 3)) == 0.5
    assert metrics.trades_per_day(TRADES, np.array([])) is None


def test_turnover_counts_both_sides_in_dollars() -> None:
    bars = random_bars(1, 50)
    trades = pd.DataFrame(
        {"t_exit": bars.index[[20]], "size": 0.5, "entry": 2000.0, "exit": 2010.0},
        index=bars.index[[10]].rename("t_entry"),
    )
    money = metrics.traded(trades, bars, COSTS)
    assert money.tolist() == [pytest.approx(0.5 * 100 * 4010)]
    assert metrics.turnover(money, bars_of([1e5, 1.1e5])) == pytest.approx(200_500 / 105_000)
    yen = metrics.traded(trades, bars, COSTS._replace(quote_currency="JPY"))
    at = bars["close"].to_numpy()
    assert yen.tolist() == [pytest.approx(50 * (2000 / at[10] + 2010 / at[20]))]
    assert metrics.turnover(money, bars_of([])) is None
    with pytest.raises(DataError, match="no bar"):
        metrics.traded(trades, bars.iloc[:20], COSTS)


def test_costs_are_a_share_of_what_was_made_before_them_or_nothing_is() -> None:
    table = pd.DataFrame({"pnl": [90.0, -40.0], "cost": [10.0, 15.0]})
    assert metrics.cost_share(table) == pytest.approx(25 / 75)
    assert metrics.cost_share(table.assign(pnl=-50.0)) is None
    assert metrics.cost_share(table.iloc[:0]) is None


def test_hours_and_weekdays_are_those_of_the_bar_that_was_entered() -> None:
    rows = [("2024-01-02 04:00", "2024-01-02 05:00", 1, 1.0), ("2024-01-07 23:30", "2024-01-08 05:00", 1, 1.0)]
    trades = trades_of(rows)
    assert metrics.breakdown(trades, "hour").index.tolist() == ["03", "23"]
    assert metrics.breakdown(trades, "weekday", "metal").index.tolist() == ["Mon", "Tue"]


def wilder_and_wilder(count: int = 4000) -> pd.DataFrame:
    """Return bars whose ranges are small, then medium, then large, in turns of 100 bars."""
    width = np.resize(np.repeat([0.5, 1.0, 2.0], 100), count)
    close = np.full(count, 2000.0)
    columns = {"open": close, "high": close + width, "low": close - width, "close": close, "spread": 0.1}
    index = pd.date_range("2024-01-02", periods=count, freq="15min", tz="UTC", unit="us", name="ts")
    return pd.DataFrame(columns, index=index)


def test_regimes_are_thirds_of_the_past_of_the_bar_that_decided() -> None:
    bars = wilder_and_wilder()
    entries = np.array([5, 150, 3080, 3180, 3280])
    trades = pd.DataFrame({"r": 1.0}, index=bars.index[entries].rename("t_entry"))
    assert metrics.regimes(trades, bars, 14).tolist() == ["unknown", "unknown", "calm", "usual", "wild"]
    table = metrics.by_regime(trades, bars, 14)
    assert table["trades"].to_dict() == {"calm": 1, "usual": 1, "wild": 1, "unknown": 2}
    assert table.index.name == "regime"


@given(st.integers(300, 3900))
def test_no_regime_knows_what_comes_after_its_decision(entry: int) -> None:
    bars = wilder_and_wilder()
    trades = pd.DataFrame({"r": 1.0}, index=bars.index[[entry]].rename("t_entry"))
    after = bars.copy()
    after.iloc[entry:, :3] *= 1.7
    assert metrics.regimes(trades, after, 14).tolist() == metrics.regimes(trades, bars, 14).tolist()
    before = bars.copy()
    before.iloc[entry - 1, before.columns.get_loc("high")] += 1000.0
    assert metrics.regimes(trades, before, 14).tolist() == ["wild"]


def test_a_regime_needs_the_bar_of_the_entry() -> None:
    bars = wilder_and_wilder(500)
    trades = pd.DataFrame({"r": 1.0}, index=(bars.index[[400]] + pd.Timedelta(minutes=1)).rename("t_entry"))
    with pytest.raises(DataError, match="no bar"):
        metrics.regimes(trades, bars, 14)


def test_breakdowns_say_who_earned_what() -> None:
    sides = metrics.breakdown(TRADES, by="side")
    assert sides.index.tolist() == ["long", "short"] and sides.index.name == "side"
    assert sides.loc["long"].to_dict() == pytest.approx(
        {"trades": 3, "win_rate": 2 / 3, "profit_factor": 1.9, "expectancy": 0.3, "total_r": 0.9}
    )
    assert sides.loc["short", "profit_factor"] == 0.0
    assert metrics.breakdown(TRADES, by="session").index.tolist() == ["asia", "london", "new_york"]
    months = metrics.breakdown(TRADES, by="month")
    assert months.index.tolist() == ["2024-01", "2024-02"]
    assert months.loc["2024-02", "profit_factor"] is None


@pytest.mark.parametrize("by", metrics.BREAKDOWNS)
def test_every_breakdown_adds_up_and_bears_no_trades(by: str) -> None:
    table = metrics.breakdown(TRADES, by)
    assert table["trades"].sum() == len(TRADES)
    assert table["total_r"].sum() == pytest.approx(TRADES["r"].sum())
    empty = metrics.breakdown(TRADES.iloc[:0], by)
    assert len(empty) == 0 and list(empty.columns) == list(table.columns)


def test_a_breakdown_holds_numbers_but_where_one_is_not_computable() -> None:
    lost = TRADES.assign(r=-1.0)
    for table in (metrics.breakdown(lost, by="month"), metrics.breakdown(lost, by="hour")):
        assert table["trades"].dtype == np.int64
        assert (table.drop(columns="trades").dtypes == np.float64).all()
    some = metrics.breakdown(TRADES, by="month")
    assert some["profit_factor"].tolist()[1] is None and some["expectancy"].dtype == np.float64


def test_an_unknown_breakdown_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="Did you mean month"):
        metrics.breakdown(TRADES, by="months")


def test_the_summary_holds_every_metric_and_no_nan() -> None:
    equity = bars_of([*np.linspace(1e5, 1.01e5, 24 * 40), 1e5])
    table = metrics.summary(TRADES, equity, "metal")
    assert table["trades"] == 4 and table["sharpe_per_trade"] == metrics.sharpe(TRADES["r"])
    assert all(value is None or np.isfinite(value) for value in table.values())
    quiet = metrics.summary(TRADES.iloc[:0], equity, "metal")
    assert list(quiet) == list(table)
    assert quiet["profit_factor"] is None and quiet["total_r"] == 0.0 and quiet["trades_per_day"] == 0.0


def daily_trades(days: int) -> pd.DataFrame:
    """Return two trades on each of so many days, one lost and one won."""
    begins = pd.date_range("2024-01-03 10:00", periods=days)
    rows = [(begin + pd.Timedelta(hours=at), r) for begin in begins for at, r in ((0, -1.0), (3, 1.4))]
    return trades_of([(f"{begin}", f"{begin + pd.Timedelta(hours=2)}", 1, r) for begin, r in rows])


@pytest.mark.parametrize(("days", "known"), [(0, False), (1, False), (19, False), (20, True), (31, True)])
def test_figures_of_a_year_need_trades_on_twenty_days(days: int, known: bool) -> None:
    equity = bars_of([*np.linspace(1e5, 1.01e5, 24 * 40), 1e5])
    found = metrics.summary(daily_trades(days) if days else TRADES.iloc[:0], equity, "crypto")
    assert metrics.FEWEST_DAYS == 20
    assert {found[name] is not None for name in ("calmar", "daily_sharpe", "daily_sortino")} == {known}
    assert metrics.calmar(equity) is not None, "the equity alone does not know its trades"


def test_the_interval_is_the_same_for_the_same_seed() -> None:
    r = np.random.default_rng(0).choice([1.3, -1.1], 300)
    first, again = (metrics.block_bootstrap_interval(r, metrics.profit_factor, seed=4) for _ in range(2))
    assert first == again
    assert first != metrics.block_bootstrap_interval(r, metrics.profit_factor, seed=5)
    assert first and first[0] < (metrics.profit_factor(r) or 0) < first[1]


def test_the_interval_of_a_mean_is_the_textbooks() -> None:
    r = np.random.default_rng(1).standard_normal(2000)
    interval = metrics.block_bootstrap_interval(r, metrics.expectancy, block=1, paths=4000)
    expected = r.mean() + np.array([-1.645, 1.645]) * r.std() / np.sqrt(2000)
    assert interval == pytest.approx(tuple(expected), abs=0.002)


def test_blocks_widen_the_interval_where_trades_hang_together() -> None:
    shocks = np.random.default_rng(2).standard_normal(3000)
    r = np.convolve(shocks, np.ones(10) / 10, mode="valid")
    single, blocks = (metrics.block_bootstrap_interval(r, metrics.expectancy, block=block) for block in (1, 50))
    assert single and blocks
    assert blocks[1] - blocks[0] > 2 * (single[1] - single[0])


def test_an_interval_needs_what_its_statistic_needs() -> None:
    assert metrics.block_bootstrap_interval([1.0], metrics.win_rate) is None
    assert metrics.block_bootstrap_interval([1.0, 2.0, 3.0], metrics.profit_factor) is None
    assert metrics.block_bootstrap_interval([1.0] * 50 + [-1.0], metrics.profit_factor, block=1) is None


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"level": 1.5}, "level of an interval lies between 0 and 1, found 1.5"),
        ({"level": 1.0}, "found 1:"),
        ({"level": 0.0}, "found 0:"),
        ({"level": np.nan}, "found nan:"),
        ({"paths": 0}, "whole number of paths, 1 at least, found 0"),
        ({"paths": 2.5}, "whole number of paths, 1 at least, found 2.5"),
        ({"block": 0}, "whole number of block, 1 at least, found 0"),
        ({"block": -3}, "found -3"),
        ({"block": np.nan}, "found nan"),
    ],
)
def test_an_interval_that_cannot_be_drawn_is_refused(asked: dict[str, float], told: str) -> None:
    for r in ([1.0, -1.0] * 20, []):
        with pytest.raises(UsageError, match=told):
            metrics.block_bootstrap_interval(r, metrics.expectancy, **asked)


def test_two_thousand_trades_take_under_a_third_of_a_second() -> None:
    r = np.random.default_rng(0).choice([1.3, -1.1], 2000)
    begin = time.perf_counter()
    metrics.block_bootstrap_interval(r, metrics.profit_factor)
    metrics.block_bootstrap_interval(r, partial(metrics.drawdown_of_returns, risk=0.005))
    assert time.perf_counter() - begin < 0.6
