"""The compiled loop says what a plain-Python reading of the rules says, on random markets, trade by trade."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import Policy, Risk
from backtest.engine import run
from market.execution import Costs, Exits
from market.tape import tape
from tests.markets import COSTS, random_bars
from tests.oracles import trades as oracle

YEN = COSTS._replace(quote_currency="JPY", commission=350.0)


def both(
    bars: pd.DataFrame, score: pd.Series, policy: Policy, exits: Exits, costs: Costs, risk: Risk, market: str
) -> tuple:
    """Run the engine and the oracle on the same market."""
    result = run(bars, score, policy, exits, costs, risk, market)
    arrays = tape(bars, costs, exits.atr_period, market)
    scores = [
        {"score": s, "expected_r_long": 1.0, "expected_r_short": 1.0, "confidence": max(s, 1.0 - s)} for s in score
    ]
    said = oracle.backtest(
        bars[["open", "high", "low", "close", "spread"]].to_dict("records"),
        arrays.atr.tolist(),
        scores,
        policy._asdict() | {"blocked_sessions": [2] if policy.blocked_sessions else []},
        exits._asdict(),
        {name: value for name, value in costs._asdict().items() if name != "quote_currency"},
        risk._asdict(),
        arrays.day.tolist(),
        arrays.session.tolist(),
        arrays.shut.tolist(),
        arrays.nights.tolist(),
        arrays.usd_per_quote.tolist(),
    )
    return result, said


def assert_same(result, said, bars: pd.DataFrame) -> None:
    trades = result.trades
    assert len(trades) == len(said["trades"])
    positions = bars.index.get_indexer(trades.index), bars.index.get_indexer(pd.DatetimeIndex(trades["t_exit"]))
    for row, entry_bar, exit_bar, told in zip(
        trades.itertuples(), *(list(one) for one in positions), said["trades"], strict=True
    ):
        assert (entry_bar, exit_bar, row.side, row.reason) == (
            told["entry_bar"],
            told["exit_bar"],
            told["side"],
            told["reason"],
        )
        for name in ("size", "entry", "stop", "target", "exit", "r", "pnl"):
            assert getattr(row, name) == pytest.approx(told[name], rel=1e-9, abs=1e-9), name
    np.testing.assert_allclose(result.equity["equity"], said["equity"], rtol=1e-12)


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    take_profit=st.sampled_from([0.5, 1.0, 1.4, 3.0]),
    stop_loss=st.sampled_from([0.4, 1.0, 2.0]),
    horizon=st.sampled_from([1, 2, 7, 50]),
    cooldown=st.sampled_from([0, 1, 5]),
    market=st.sampled_from(["metal", "forex", "crypto"]),
    costs=st.sampled_from([COSTS, YEN, COSTS._replace(slippage=0.0, commission=0.0)]),
    limits=st.sampled_from([(20, 5, 0.02), (2, 2, 0.01), (1, 1, 0.5)]),
    account=st.sampled_from([(1.0, 1000.0), (0.02, 1000.0), (0.01, 0.5), (1.0, 0.1)]),
    blocked=st.sampled_from([(), ("london",)]),
)
def test_engine_and_oracle_agree_on_any_market(
    seed, take_profit, stop_loss, horizon, cooldown, market, costs, limits, account, blocked
):
    bars = random_bars(seed)
    score = pd.Series(np.random.default_rng(seed + 1).random(len(bars)), index=bars.index)
    score[score.between(0.47, 0.5)] = np.nan
    policy = Policy(0.6, 0.4, cooldown=cooldown, max_spread_atr=0.5, blocked_sessions=blocked, min_confidence=0.55)
    risk = Risk(
        max_trades_per_day=limits[0],
        max_consecutive_losses=limits[1],
        daily_loss=limits[2],
        max_drawdown=account[0],
        max_notional=account[1],
    )
    exits = Exits(take_profit, stop_loss, horizon)
    result, said = both(bars, score, policy, exits, costs, risk, market)
    assert_same(result, said, bars)


def test_an_engine_that_takes_the_target_first_on_a_tie_is_caught(monkeypatch):
    def target_first(position, bar, costs):
        if bar["high"] >= position["target"]:
            return position["target"], "target"
        return honest(position, bar, costs)

    honest = oracle._long_barriers
    monkeypatch.setattr(oracle, "_long_barriers", target_first)
    bars = random_bars(3)
    score = pd.Series(1.0, index=bars.index)
    result, said = both(bars, score, Policy(0.6, 0.4, cooldown=0), Exits(0.5, 0.4, 50), COSTS, Risk(), "crypto")
    with pytest.raises(AssertionError):
        assert_same(result, said, bars)


@pytest.mark.parametrize("seed", range(5))
def test_money_is_conserved(seed):
    bars = random_bars(seed, 2000)
    score = pd.Series(np.random.default_rng(seed).random(len(bars)), index=bars.index)
    risk = Risk(max_trades_per_day=1000, max_consecutive_losses=1000, daily_loss=1.0)
    result = run(bars, score, Policy(0.6, 0.4, cooldown=0), Exits(1.4, 1.0, 50), COSTS, risk, "metal")
    trades, equity = result.trades, result.equity["equity"]
    assert len(trades) > 100
    assert trades["pnl"].sum() == pytest.approx(equity.iloc[-1] - risk.equity, abs=1e-6)
    before = risk.equity + trades["pnl"].cumsum().shift(fill_value=0.0)
    share = trades["size"] * COSTS.contract_size * (trades["entry"] - trades["stop"]).abs() / before
    assert (share <= risk.per_trade * 1.001).all()
    at_risk = (trades["pnl"] / trades["r"]).to_numpy() / before.to_numpy()
    assert np.log1p(at_risk * trades["r"]).sum() == pytest.approx(np.log(equity.iloc[-1] / risk.equity), abs=1e-9)


def test_every_fill_lies_in_its_bar_or_at_a_gapped_open():
    bars = random_bars(11, 3000)
    score = pd.Series(np.random.default_rng(5).random(len(bars)), index=bars.index)
    free = COSTS._replace(slippage=0.0)
    result = run(bars, score, Policy(0.55, 0.45, cooldown=0), Exits(1.4, 1.0, 50), free, Risk(), "crypto")
    for t_entry, trade in result.trades.iterrows():
        entry_bar, exit_bar = bars.loc[t_entry], bars.loc[trade["t_exit"]]
        ask = exit_bar["spread"] if trade["side"] < 0 else 0.0
        assert exit_bar["low"] + ask - 1e-9 <= trade["exit"] <= exit_bar["high"] + ask + 1e-9
        assert trade["entry"] == pytest.approx(entry_bar["open"] + (entry_bar["spread"] if trade["side"] > 0 else 0.0))
        assert trade["t_exit"] >= t_entry


def test_scaling_all_prices_by_ten_changes_no_decision():
    bars = random_bars(7, 1500)
    score = pd.Series(np.random.default_rng(7).random(len(bars)), index=bars.index)
    dear = bars.assign(**{name: bars[name] * 10 for name in ("open", "high", "low", "close", "spread")})
    costs = COSTS._replace(commission=0.0)
    dear_costs = costs._replace(slippage=0.2, tick_size=0.1, minimum_stop=3.0, contract_size=10.0)
    first = run(bars, score, Policy(0.6, 0.4), Exits(1.4, 1.0, 50), costs, Risk(), "metal").trades
    second = run(dear, score, Policy(0.6, 0.4), Exits(1.4, 1.0, 50), dear_costs, Risk(), "metal").trades
    assert first.index.equals(second.index)
    assert (first["reason"] == second["reason"]).all()
    np.testing.assert_allclose(first["r"], second["r"], atol=1e-6)
