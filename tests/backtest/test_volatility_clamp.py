"""The clamp of volatility: what the oracle says on random markets, and what it may not change."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import Policy, Risk, portfolio
from backtest.engine import Result, run
from market import tape as tapes
from market.execution import Exits
from tests.backtest import test_engine_against_oracle as engine
from tests.backtest import test_portfolio as portfolios
from tests.markets import COSTS, random_bars
from tests.oracles import trades as oracle

LOOSE = Risk(max_trades_per_day=1000, max_consecutive_losses=1000, daily_loss=1.0)
WANTED = Policy(0.6, 0.4, cooldown=0)
EXITS = Exits(1.0, 0.6, 20)
BOUNDS = st.sampled_from([(1.0, 0.0), (math.inf, 1.0), (1.1, 0.9), (1.02, 0.98), (3.0, 0.1), (math.inf, 0.0)])


def clamped(maximum: float, minimum: float) -> Policy:
    return WANTED._replace(max_volatility=maximum, min_volatility=minimum)


def market(seed: int, count: int = 700) -> tuple[pd.DataFrame, pd.Series]:
    """Return random bars, calmer and wilder by turns, more than volatility looks back on, with scores."""
    bars = random_bars(seed, count)
    width = 1.0 + 0.5 * np.sin(np.arange(count) / 60.0)
    middle = (bars["open"] + bars["close"]) / 2.0
    for name in ("high", "low"):
        bars[name] = np.round(middle + (bars[name] - middle) * np.maximum(width, 1.0), 2)
    return bars, pd.Series(np.random.default_rng(seed + 1).random(count), index=bars.index)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), bounds=BOUNDS, period=st.sampled_from([2, 14]), cooldown=st.sampled_from([0, 5]))
def test_engine_and_oracle_agree_on_how_lively_a_market_may_be(seed, bounds, period, cooldown):
    bars, score = market(seed)
    policy = clamped(*bounds)._replace(cooldown=cooldown)
    result, said = engine.both(bars, score, policy, EXITS._replace(atr_period=period), COSTS, LOOSE, "metal")
    engine.assert_same(result, said, bars)


def of_the_bar_before(atr, i, policy):
    return honest(atr, i - 1, policy)


def of_a_hundred_bars(atr, i, policy):
    return honest([math.nan] * (i - 99) + atr[max(i - 99, 0) : i + 1], i, policy)


def on_the_other_side(atr, i, policy):
    swapped = {"max_volatility": policy["min_volatility"] or math.inf, "min_volatility": policy["max_volatility"]}
    return honest(atr, i, policy | swapped)


honest = oracle._too_wild_or_too_calm


@pytest.mark.parametrize("broken", [of_the_bar_before, of_a_hundred_bars, on_the_other_side])
def test_an_engine_that_clamps_by_another_volatility_is_caught(broken, monkeypatch):
    bars, score = market(3)
    given = (bars, score, clamped(1.05, 0.0), EXITS, COSTS, LOOSE, "metal")
    engine.assert_same(*engine.both(*given), bars)
    monkeypatch.setattr(oracle, "_too_wild_or_too_calm", broken)
    with pytest.raises(AssertionError):
        engine.assert_same(*engine.both(*given), bars)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), bounds=BOUNDS)
def test_a_portfolio_and_its_oracle_agree_too_and_one_book_is_the_engine_bit_for_bit(seed, bounds):
    bounds = {"max_volatility": bounds[0], "min_volatility": bounds[1]}
    books = [
        book._replace(policy=book.policy._replace(**bounds) if k else book.policy)
        for k, book in enumerate(portfolios.random_books(seed, 3))
    ]
    risk = LOOSE._replace(max_positions=2)
    portfolios.assert_same(portfolio.simulate(books, risk), portfolios.second_opinion(books, risk), books)
    book = books[-1]
    alone = run(book.bars, book.score, book.policy, book.exits, book.costs, risk, book.market)
    both = portfolio.simulate([book], risk)
    pd.testing.assert_frame_equal(both.trades.drop(columns="series"), alone.trades, check_exact=True)
    assert both.refusals == {book.series: alone.refusals}


def traded(bars: pd.DataFrame, score: pd.Series, policy: Policy) -> Result:
    return run(bars, score, policy, EXITS, COSTS, LOOSE, "metal")


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_bounds_that_nothing_reaches_change_nothing_once_volatility_is_known(seed):
    bars, score = market(seed)
    known = score.iloc[14 + 99 :]
    free, bounded = (traded(bars, known, policy) for policy in (WANTED, clamped(1e9, 1e-9)))
    for name in ("trades", "equity"):
        pd.testing.assert_frame_equal(getattr(free, name), getattr(bounded, name), check_exact=True)
    assert free.refusals == bounded.refusals
    assert traded(bars, score, clamped(1e9, 0.0)).refusals["volatility"] > 0
    assert "volatility" not in traded(bars, score, WANTED).refusals


def dearer(bars: pd.DataFrame) -> pd.DataFrame:
    """Return the same market at ten times the price."""
    return bars.assign(**{name: bars[name] * 10 for name in ("open", "high", "low", "close", "spread")})


def same_decisions_at_ten_times_the_price(seed: int) -> None:
    bars, score = market(seed)
    dear_costs = COSTS._replace(slippage=0.2, tick_size=0.1, minimum_stop=3.0, contract_size=10.0)
    cheap = run(bars, score, clamped(1.1, 0.9), EXITS, COSTS, LOOSE, "metal")
    dear = run(dearer(bars), score, clamped(1.1, 0.9), EXITS, dear_costs, LOOSE, "metal")
    assert len(cheap.trades) > 10 and cheap.refusals["volatility"] > 10
    assert dear.trades.index.equals(cheap.trades.index) and dear.refusals == cheap.refusals


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_ten_times_the_price_changes_no_decision(seed):
    same_decisions_at_ten_times_the_price(seed)


def test_a_volatility_against_a_fixed_range_is_caught(monkeypatch):
    same_decisions_at_ten_times_the_price(4)
    usual = np.nanmean(tapes.tape(market(4)[0], COSTS, 14, "metal").atr)
    monkeypatch.setattr(tapes, "volatility", lambda atr: atr / usual)
    bars, score = market(4)
    assert len(traded(bars, score, clamped(1.1, 0.9)).trades) > 10
    with pytest.raises((AssertionError, KeyError)):
        same_decisions_at_ten_times_the_price(4)
