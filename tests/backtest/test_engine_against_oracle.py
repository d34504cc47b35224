"""The compiled loop says what a plain-Python reading of the rules says, on random markets, trade by trade."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backtest import Policy, Risk
from backtest.engine import run
from market.errors import DataError, UsageError
from market.execution import Costs, Exits
from market.tape import tape
from tests.markets import COSTS, YEN, random_bars
from tests.oracles import sessions as clock
from tests.oracles import trades as oracle

QUARTER = pd.Timedelta(minutes=15)
PRICES = ["open", "high", "low", "close", "spread"]
LOOSE = Risk(max_trades_per_day=1000, max_consecutive_losses=1000, daily_loss=1.0)


def both(
    bars: pd.DataFrame,
    score: pd.Series,
    policy: Policy,
    exits: Exits,
    costs: Costs,
    risk: Risk,
    market: str,
    finer: pd.DataFrame | None = None,
) -> tuple:
    """Run the engine and the oracle on the same market."""
    result = run(bars, score, policy, exits, costs, risk, market, "pessimistic" if finer is None else "finer", finer)
    arrays = tape(bars, costs, exits.atr_period, market)
    scores = [
        {"score": s, "expected_r_long": 1.0, "expected_r_short": 1.0, "confidence": max(s, 1.0 - s)} for s in score
    ]
    said = oracle.backtest(
        bars[PRICES].to_dict("records"),
        arrays.atr.tolist(),
        scores,
        policy._asdict() | {"blocked_sessions": [2] if policy.blocked_sessions else []},
        exits._asdict(),
        {name: value for name, value in costs._asdict().items() if name != "quote_currency"},
        risk._asdict(),
        arrays.day.tolist(),
        arrays.session.tolist(),
        arrays.shut.tolist(),
        [0.0, *(float(clock.nights(a, b, market)) for a, b in pairwise(bars.index))],
        arrays.usd_per_quote.tolist(),
        nights_before_open(bars, market),
        nights_inside(bars, market),
        None if finer is None else [inside(ts, finer) for ts in bars.index],
    )
    return result, said


def nights_before_open(bars: pd.DataFrame, market: str) -> list[float]:
    """Return the nights between each bar's open and the close before it."""
    length = shortest(bars)
    return [0.0, *(float(clock.nights(a, max(a, b - length), market)) for a, b in pairwise(bars.index))]


def nights_inside(bars: pd.DataFrame, market: str) -> list[float]:
    """Return the nights inside each bar that it is traded on after."""
    length = shortest(bars)
    return [0.0, *(float(clock.nights_inside(max(a, b - length), b, market)) for a, b in pairwise(bars.index))]


def shortest(bars: pd.DataFrame) -> pd.Timedelta:
    return min(b - a for a, b in pairwise(bars.index))


def inside(ts: pd.Timestamp, finer: pd.DataFrame) -> list[dict[str, float]]:
    """Return the finer bars that close within the quarter of an hour that ends at `ts`."""
    return finer.loc[ts - QUARTER + pd.Timedelta(microseconds=1) : ts, PRICES].to_dict("records")


def quarters(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return bars with holes of up to a day, and the five-minute bars that they are made of, some of those spoilt."""
    rng = np.random.default_rng(seed)
    fine = random_bars(seed, 1500, "2024-01-08 00:05", 5)
    made = fine.groupby(fine.index.ceil("15min")).agg(
        {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "spread": "last"}
    )
    kept = np.ones(len(made), dtype=bool)
    for begin, length in zip(rng.integers(30, len(made), 3), rng.integers(1, 96, 3), strict=True):
        kept[begin : begin + length] = False
    spoilt = rng.random(len(fine)) < 0.05
    fine.loc[spoilt, "high"] += 0.5
    return made[kept].rename_axis("ts"), fine[rng.random(len(fine)) > 0.05]


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
    assert (result.ties, result.ties_settled) == (said["ties"], said["ties_settled"])


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


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    take_profit=st.sampled_from([0.3, 0.5, 1.0]),
    stop_loss=st.sampled_from([0.3, 0.6, 1.0]),
    horizon=st.sampled_from([1, 7, 50]),
    market=st.sampled_from(["metal", "index", "crypto"]),
    costs=st.sampled_from([COSTS, YEN, COSTS._replace(slippage=0.0, commission=0.0)]),
    with_finer=st.booleans(),
)
@example(371, 0.3, 1.0, 7, "metal", COSTS, False)  # the data end at a roll
def test_engine_and_oracle_agree_over_closures_and_where_finer_bars_settle_ties(
    seed, take_profit, stop_loss, horizon, market, costs, with_finer
):
    bars, fine = quarters(seed)
    score = pd.Series(np.random.default_rng(seed + 1).random(len(bars)), index=bars.index)
    exits = Exits(take_profit, stop_loss, horizon)
    finer = fine if with_finer else None
    result, said = both(bars, score, Policy(0.6, 0.4, cooldown=0), exits, costs, LOOSE, market, finer)
    assert_same(result, said, bars)


def in_yen(costs: Costs = YEN, seed: int = 5) -> tuple:
    """Trade a random market that is quoted in yen, by the engine and by the oracle."""
    bars = random_bars(seed)
    score = pd.Series(np.random.default_rng(seed + 1).random(len(bars)), index=bars.index)
    return *both(bars, score, Policy(0.6, 0.4, cooldown=0), Exits(1.4, 1.0, 50), costs, LOOSE, "metal"), bars


def test_costs_in_yen_are_a_part_of_what_is_at_risk_and_do_not_swamp_it():
    result, said, bars = in_yen()
    assert_same(result, said, bars)
    rate = 1.0 / bars["close"].loc[pd.Index(result.trades["t_exit"])].to_numpy()
    at_risk = result.trades["size"] * YEN.contract_size * rate * (result.trades["entry"] - result.trades["stop"]).abs()
    share = result.trades["cost"] / at_risk
    assert 0.05 < share.median() < 0.4 and 0.25 < (result.trades["r"] > 0).mean() < 0.6
    assert len(result.trades) > 30


def rated(name: str, place: int, wrong: Callable[[float], float]) -> Callable:
    """Return a step of the oracle that is given a wrong rate as its argument `place`."""
    step = getattr(oracle, name)
    return lambda *given: step(*given[:place], wrong(given[place]), *given[place + 1 :])


@pytest.mark.parametrize(
    ("name", "place", "wrong"),
    [
        ("_settle", 4, lambda rate: 1.0001 * rate),
        ("_settle", 4, lambda rate: 1.0 / 2000.0),
        ("_size", 6, lambda rate: 1.001 * rate),
        ("_size", 6, lambda rate: 1.0 / rate),
    ],
    ids=["a hundredth of a per cent", "always the first rate", "a tenth in the size", "turned over in the size"],
)
def test_a_wrong_rate_of_the_yen_is_caught(name, place, wrong, monkeypatch):
    monkeypatch.setattr(oracle, name, rated(name, place, wrong))
    with pytest.raises(AssertionError):
        assert_same(*in_yen())


def test_a_commission_that_is_taken_for_yen_is_caught(monkeypatch):
    def in_quote(position, i, closed, costs, rate):
        return honest(position, i, closed, costs | {"commission": costs["commission"] * rate}, rate)

    honest = oracle._settle
    monkeypatch.setattr(oracle, "_settle", in_quote)
    with pytest.raises(AssertionError):
        assert_same(*in_yen())


def over_quarters(seed: int) -> tuple:
    bars, fine = quarters(seed)
    score = pd.Series(1.0, index=bars.index)
    return *both(bars, score, Policy(0.6, 0.4, cooldown=0), Exits(0.5, 0.4, 50), COSTS, LOOSE, "metal", fine), bars


def test_finer_bars_settle_many_ties_and_leave_some():
    result, said, bars = over_quarters(1)
    assert_same(result, said, bars)
    assert 10 < result.ties_settled < result.ties < len(result.trades)


def test_finer_bars_that_are_walked_backwards_are_caught(monkeypatch):
    def backwards(position, bar, finer, costs):
        if honest(position, bar, finer, costs) is None:
            return None
        reached = (oracle._long_barriers(position, one, costs) for one in reversed(finer))
        return next(one for one in reached if one is not None)

    honest = oracle._untied
    monkeypatch.setattr(oracle, "_untied", backwards)
    result, said, bars = over_quarters(1)
    with pytest.raises(AssertionError):
        assert_same(result, said, bars)


def that_do_not_add_up(fine: pd.DataFrame, name: str, last: bool) -> pd.DataFrame:
    """Return the finer bars with one price of each quarter of an hour a tick off, so that they are not the bar."""
    spoilt, quarter = fine.copy(), fine.index.ceil("15min")
    at = ~quarter.duplicated(keep="last" if last else "first")
    spoilt.loc[at, name] += {"high": 50.0, "low": -50.0}.get(name, 0.01)
    return spoilt


@pytest.mark.parametrize(("name", "last"), [("open", False), ("high", True), ("low", True), ("close", True)])
def test_finer_bars_that_do_not_add_up_settle_nothing_and_a_twin_that_lets_them_is_caught(name, last, monkeypatch):
    bars, fine = quarters(1)
    score = pd.Series(1.0, index=bars.index)
    rules = (score, Policy(0.6, 0.4, cooldown=0), Exits(0.5, 0.4, 50), COSTS, LOOSE, "metal")
    result, said = both(bars, *rules, that_do_not_add_up(fine, name, last))
    assert_same(result, said, bars)
    assert result.ties > 10 and result.ties_settled == 0
    pd.testing.assert_frame_equal(result.trades, run(bars, *rules).trades, check_exact=True)
    monkeypatch.setattr(oracle, "_untied", trusting)
    with pytest.raises(AssertionError):
        assert_same(*both(bars, *rules, that_do_not_add_up(fine, name, last)), bars)


def trusting(position, bar, finer, costs):
    """Settle a tie by whatever finer bars there are, whether they are that bar or not."""
    barriers = oracle._long_barriers if position["side"] == oracle.LONG else oracle._short_barriers
    reached = (barriers(position, one | {"spread": bar["spread"]}, costs) for one in finer)
    return next((one for one in reached if one is not None), None)


def test_a_night_of_an_early_close_that_only_survivors_pay_for_is_caught(monkeypatch):
    result, said, bars = over_quarters(1)
    assert_same(result, said, bars)
    monkeypatch.setitem(globals(), "nights_before_open", lambda bars, market: [0.0] * len(bars))
    result, said, bars = over_quarters(1)
    with pytest.raises(AssertionError):
        assert_same(result, said, bars)


def over_four_hours(seed: int, horizon: int = 3, market: str = "metal", costs: Costs = COSTS) -> tuple:
    """Trade bars of four hours, within which the day rolls over."""
    bars = random_bars(seed, 300, "2024-01-08 04:00", 240)
    score = pd.Series(np.random.default_rng(seed + 1).random(len(bars)), index=bars.index)
    rules = (Policy(0.6, 0.4, cooldown=0), Exits(1.0, 0.8, horizon), costs, LOOSE, market)
    return *both(bars, score, *rules), bars


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    horizon=st.sampled_from([1, 2, 3, 8]),
    market=st.sampled_from(["metal", "forex", "index", "crypto"]),
    costs=st.sampled_from([COSTS, COSTS._replace(swap_long=300.0, swap_short=-500.0)]),
)
def test_engine_and_oracle_agree_on_bars_in_which_a_night_ends(seed, horizon, market, costs):
    assert_same(*over_four_hours(seed, horizon, market, costs))


@pytest.mark.parametrize("charged", [0.0, 2.0])
def test_a_night_inside_the_last_bar_of_a_trade_that_is_not_paid_or_paid_twice_is_caught(charged, monkeypatch):
    whole = nights_inside
    monkeypatch.setitem(
        globals(), "nights_inside", lambda bars, market: [charged * nights for nights in whole(bars, market)]
    )
    with pytest.raises(AssertionError):
        assert_same(*over_four_hours(1))


def test_a_night_inside_the_last_bar_that_is_paid_out_where_a_barrier_came_first_is_caught(monkeypatch):
    monkeypatch.setattr(oracle, "min", lambda before, after: after, raising=False)
    with pytest.raises(AssertionError):
        assert_same(*over_four_hours(1, costs=COSTS._replace(swap_long=300.0, swap_short=300.0)))


@pytest.mark.parametrize(
    ("ties", "finer", "told"),
    [
        ("optimistic", None, "choose one of pessimistic, finer"),
        ("finer", None, "needs finer bars"),
        ("finer", "the same", "give finer ones"),
    ],
)
def test_ties_that_cannot_be_settled_as_wanted_are_refused(ties, finer, told):
    bars = random_bars(1)
    given = None if finer is None else bars
    with pytest.raises((UsageError, DataError), match=told):
        run(bars, bars["close"] * 0.0, Policy(0.6, 0.4), Exits(1.0, 1.0, 5), COSTS, Risk(), "crypto", ties, given)


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
