"""Gates fail closed, hold their bounds exactly, and say what is missing."""

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from backtest import metrics
from market.errors import UsageError
from market.gate_settings import PROMISED, Gates
from market.sessions import trading_day
from market.tape import DEFAULT_MARKET
from registry.evidence import Measured
from registry.gates import GATES, Gate, judge, judged, status, what_it_would_take
from registry.measures import passing_risk
from tests.registry.cards import BOUNDS, EVERY, account, gate

TINY = 1e-9
FOLDS = [{"fold": number, "profit_factor": 1.5, "trades": 60, "losses": 20} for number in range(1, 11)]


def by_name(gates: list[Gate]) -> dict[str, Gate]:
    return {one.name: one for one in gates}


def winners(share: float, n: int = 400) -> np.ndarray:
    """Return R of `n` trades that win 1.4 with `share`, evenly spread."""
    won = np.floor(np.arange(1, n + 1) * share) > np.floor(np.arange(n) * share)
    return np.where(won, 1.4, -1.0)


@pytest.mark.parametrize("name", GATES)
def test_the_bound_itself_passes_and_a_hair_beyond_it_fails(name: str) -> None:
    wanted, sign = EVERY[name], 1 if GATES[name].direction == ">=" else -1
    assert judged(name, Measured(wanted), wanted).passed
    assert judged(name, Measured(wanted + sign * TINY), wanted).passed
    assert not judged(name, Measured(wanted - sign * TINY), wanted).passed


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("got", [None, float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_fails_closed(name: str, got: float | None) -> None:
    one = judged(name, Measured(got, "because", (0.0, 1.0)), EVERY[name])
    assert not one.passed
    assert one.got is None and one.interval is None and one.note
    assert what_it_would_take(one, 100).startswith("not computable: ")


@pytest.mark.parametrize("name", GATES)
def test_every_benchmark_has_a_bound_in_the_configuration_and_says_what_it_would_take(name: str) -> None:
    profiles = tomllib.loads(Path("config/gates.toml").read_text())
    asked = [profiles[profile][name] for profile in PROMISED if name in profiles[profile]]
    assert EVERY[name] in asked
    short = 0.8 * EVERY[name] if GATES[name].direction == ">=" else 1.25 * EVERY[name] + 1e-6
    failed = judged(name, Measured(short), EVERY[name])
    assert not failed.passed and what_it_would_take(failed, 150)
    assert what_it_would_take(judged(name, Measured(EVERY[name]), EVERY[name]), 150) == ""


def test_a_gate_that_contradicts_its_numbers_cannot_be_built() -> None:
    with pytest.raises(ValidationError, match="is not passed=True"):
        Gate(name="win_rate", got=0.4, wanted=0.52, direction=">=", passed=True)
    with pytest.raises(ValidationError, match="is not passed=True"):
        Gate(name="win_rate", got=None, wanted=0.52, direction=">=", passed=True)


def test_a_good_account_is_ready_and_every_number_stands_with_its_interval() -> None:
    trades, equity = account(winners(0.6), risk=0.002)
    gates = judge(
        trades, equity, [fold | {"profit_factor": 1.4 + 0.01 * fold["fold"]} for fold in FOLDS], BOUNDS, 0.002
    )
    assert [one.name for one in gates] == list(BOUNDS)
    assert status(gates) == "READY"
    for one in gates:
        assert one.interval is not None and one.interval[0] <= one.interval[1], one.name


def test_the_numbers_are_those_of_the_definition() -> None:
    r = winners(0.55)
    trades, equity = account(r)
    found = by_name(judge(trades, equity, FOLDS, BOUNDS, 0.005))
    marked = equity["equity"].to_numpy()
    assert found["profit_factor"].got == pytest.approx(1.4 * (r > 0).sum() / (r < 0).sum())
    assert found["sharpe_per_trade"].got == pytest.approx(r.mean() / r.std(ddof=1))
    assert found["win_rate"].got == pytest.approx(0.55)
    assert found["trades"].got == 400
    assert found["max_drawdown"].got == pytest.approx(np.max(1 - marked / np.maximum.accumulate(marked)))
    assert found["fold_profit_factor_variation"].got == 0.0


def test_a_daily_sharpe_is_that_of_thirty_days_or_more_and_a_mean_r_is_a_mean() -> None:
    r = winners(0.55)
    trades, equity = account(r)
    bounds = {"expectancy": 0.2, "daily_sharpe": 1.8}
    found = by_name(judge(trades, equity, FOLDS, bounds, 0.005))
    assert found["expectancy"].got == pytest.approx(r.mean())
    days = trading_day(pd.DatetimeIndex(equity.index), DEFAULT_MARKET)
    assert found["daily_sharpe"].got == pytest.approx(metrics.daily_sharpe(equity["equity"], days))
    low, high = found["daily_sharpe"].interval or (np.nan, np.nan)
    assert low < found["daily_sharpe"].got < high
    short = by_name(judge(*account(r[:100]), FOLDS, bounds, 0.005))["daily_sharpe"]
    assert (short.got, short.passed) == (None, False) and short.note.endswith("trading days, wanted at least 30")
    still = by_name(judge(trades, equity.assign(equity=1e5), FOLDS, bounds, 0.005))["daily_sharpe"]
    assert (still.got, still.note) == (None, "equity is the same every day")


def test_the_same_evidence_gives_the_same_intervals() -> None:
    trades, equity = account(winners(0.55))
    assert judge(trades, equity, FOLDS, BOUNDS, 0.005) == judge(trades, equity, FOLDS, BOUNDS, 0.005)


def test_trades_are_judged_in_the_order_of_their_exits() -> None:
    trades, equity = account(winners(0.55))
    shuffled = trades.sample(frac=1.0, random_state=1)
    assert judge(shuffled, equity, FOLDS, BOUNDS, 0.005) == judge(trades, equity, FOLDS, BOUNDS, 0.005)


def test_without_a_trade_nothing_passes() -> None:
    trades, equity = account(winners(0.6))
    gates = judge(trades.head(0), equity, FOLDS, BOUNDS, 0.005)
    assert status(gates) == "FAILED"
    assert [one.name for one in gates if one.passed] == ["fold_profit_factor_variation"]
    assert by_name(gates)["max_drawdown"].note == "no trade was closed"


def test_without_a_loss_there_is_no_profit_factor_and_it_fails() -> None:
    trades, equity = account(np.full(300, 1.4))
    found = by_name(judge(trades, equity, FOLDS, BOUNDS, 0.005))
    assert found["profit_factor"].got is None and found["profit_factor"].note == "no trade lost"
    assert found["sharpe_per_trade"].got is None


def test_one_r_that_is_no_number_fails_every_statistic_of_trades() -> None:
    trades, equity = account(winners(0.6))
    trades.iloc[7, trades.columns.get_loc("r")] = np.nan
    found = by_name(judge(trades, equity, FOLDS, BOUNDS, 0.005))
    for name in ("profit_factor", "max_drawdown", "sharpe_per_trade", "win_rate"):
        assert not found[name].passed and found[name].note == "1 trades have no finite R"


def test_equity_that_is_no_number_fails_the_drawdown() -> None:
    trades, equity = account(winners(0.6))
    equity.iloc[9, 0] = np.nan
    assert not by_name(judge(trades, equity, FOLDS, BOUNDS, 0.005))["max_drawdown"].passed


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"trades": 59}, "under 60 trades in fold 3"),
        ({"trades": 0, "losses": 0, "profit_factor": None}, "under 60 trades in fold 3"),
        ({"losses": 0, "profit_factor": None}, "no loss in fold 3"),
        ({"profit_factor": None}, "no profit factor in fold 3"),
        ({"profit_factor": float("nan")}, "no profit factor in fold 3"),
    ],
)
def test_one_fold_that_cannot_be_judged_fails_the_variation(changes: dict[str, float | None], why: str) -> None:
    folds = [fold | (changes if fold["fold"] == 3 else {}) for fold in FOLDS]
    trades, equity = account(winners(0.6))
    found = by_name(judge(trades, equity, folds, BOUNDS, 0.005))["fold_profit_factor_variation"]
    assert (found.got, found.passed, found.note) == (None, False, why)


def test_a_fold_of_exactly_sixty_trades_is_judged_and_variation_is_sd_over_mean() -> None:
    folds = [fold | {"profit_factor": 1.0 + fold["fold"] % 2} for fold in FOLDS]
    trades, equity = account(winners(0.6))
    found = by_name(judge(trades, equity, folds, BOUNDS, 0.005))["fold_profit_factor_variation"]
    assert found.got == pytest.approx(np.std([1.0, 2.0] * 5, ddof=1) / 1.5)


@pytest.mark.parametrize("folds", [[], FOLDS[:1]])
def test_variation_needs_two_folds(folds: list[dict[str, float]]) -> None:
    trades, equity = account(winners(0.6))
    assert (
        "wanted at least 2" in by_name(judge(trades, equity, folds, BOUNDS, 0.005))["fold_profit_factor_variation"].note
    )


def test_if_only_the_drawdown_fails_the_note_says_at_what_risk_it_passes() -> None:
    r = np.concatenate([np.full(4, -1.0), np.tile([1.4, 1.4, 1.4, -1.0, -1.0], 60)])
    trades, equity = account(r, risk=0.02)
    gates = judge(trades, equity, FOLDS, BOUNDS, 0.02)
    assert [one.name for one in gates if not one.passed] == ["max_drawdown"]
    assert by_name(gates)["max_drawdown"].note == "passes at 1.53 % risk a trade (judged at 2.00 %)"
    for risk, passes in ((0.0153, True), (0.0154, False)):
        assert by_name(judge(*account(r, risk=risk), FOLDS, BOUNDS, risk))["max_drawdown"].passed is passes


def test_if_more_than_the_drawdown_fails_no_risk_is_promised() -> None:
    trades, equity = account(winners(0.45), risk=0.02)
    assert by_name(judge(trades, equity, FOLDS, BOUNDS, 0.02))["max_drawdown"].note == ""


def test_an_account_that_no_risk_can_save_is_told_so() -> None:
    falling = pd.Series(1e5 * np.cumprod(np.full(2000, 1.0 - 0.0005)))
    assert passing_risk(falling, 0.0005, 0.06) is None


def test_bounds_must_be_finite_and_those_of_gates_and_some() -> None:
    trades, equity = account(winners(0.6))
    with pytest.raises(UsageError, match="Did you mean win_rate"):
        judge(trades, equity, FOLDS, BOUNDS | {"win_rat": 0.5}, 0.005)
    with pytest.raises(UsageError, match="Gate profit_factor has no finite bound"):
        judge(trades, equity, FOLDS, BOUNDS | {"profit_factor": float("nan")}, 0.005)
    with pytest.raises(UsageError, match="No gate is asked"):
        judge(trades, equity, FOLDS, {}, 0.005)


def test_the_registry_of_gates_and_the_settings_know_the_same_ones() -> None:
    assert list(GATES) == list(Gates.model_fields)
    assert {name for names in PROMISED.values() for name in names} == set(GATES)


def test_a_verdict_needs_every_gate() -> None:
    all_passed = [gate(name, BOUNDS[name]) for name in BOUNDS]
    assert status(all_passed) == "READY"
    assert status(all_passed[1:]) == "FAILED"
    assert status([]) == "FAILED"
