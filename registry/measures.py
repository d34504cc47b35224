"""How benchmarks of trades, of the account and of folds are measured, each with its 90 % block-bootstrap interval."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from backtest import metrics
from registry.evidence import Evidence, Measured

FOLD_TRADES = 60
FEWEST_DAYS = 30  # trading days of a daily Sharpe ratio
LEVEL, PATHS, SEED = 0.90, 1000, 20190102
DAYS_OF_BLOCK = 7
RISK_STEP = 0.0001

NO_TRADE = "no trade was closed"
NO_SPREAD = "fewer than two trades, or every trade has the same R"


def of_trades(statistic: metrics.Statistic, otherwise: str) -> Callable[[Evidence], Measured]:
    """Return the measure of a statistic of R; where it is None, `otherwise` is why."""

    def measure(evidence: Evidence) -> Measured:
        why = _unusable(evidence.r)
        if why:
            return Measured(None, why)
        got = statistic(evidence.r)
        return Measured(None, otherwise) if got is None else Measured(got, "", _interval(evidence.r, statistic))

    return measure


def drawdown(evidence: Evidence) -> Measured:
    """Return the largest fall of marked equity."""
    why = _unusable(evidence.r) or _no_account(evidence)
    if why:
        return Measured(None, why)
    interval = _interval(evidence.r, lambda r: metrics.drawdown_of_returns(r, evidence.risk_per_trade))
    return Measured(metrics.max_drawdown(evidence.equity), "equity has no drawdown", interval)


def daily_sharpe(evidence: Evidence) -> Measured:
    """Return the Sharpe ratio of daily returns, a year, of 30 trading days at least; its interval is of days."""
    why = _unusable(evidence.r) or _no_account(evidence)
    if why:
        return Measured(None, why)
    returns = metrics.daily_returns(evidence.equity, evidence.days)
    if len(returns) < FEWEST_DAYS:
        return Measured(None, f"{len(returns)} trading days, wanted at least {FEWEST_DAYS}")
    got, of_a_day = metrics.daily_sharpe(evidence.equity, evidence.days), metrics.sharpe(returns)
    if got is None or not of_a_day:
        return Measured(got, "equity is the same every day")
    interval = _interval(returns, metrics.sharpe)
    scale = got / of_a_day
    return Measured(got, "", None if interval is None else (scale * interval[0], scale * interval[1]))


def trades(evidence: Evidence) -> Measured:
    """Return the number of closed trades."""
    if len(evidence.r) == 0:
        return Measured(0.0)
    interval = _interval(evidence.daily, lambda exits: float(exits.sum()), DAYS_OF_BLOCK)
    return Measured(float(len(evidence.r)), "", interval)


def fold_variation(evidence: Evidence) -> Measured:
    """Return the coefficient of variation of the folds' profit factors."""
    why = unjudgeable_folds(evidence.folds)
    if why:
        return Measured(None, why)
    factors = np.array([fold["profit_factor"] for fold in evidence.folds], dtype=np.float64)
    return Measured(variation(factors), "the folds have no profit at all", _interval(factors, variation, block=1))


def variation(factors: np.ndarray) -> float | None:
    """Return the coefficient of variation (sd with ddof 1 ÷ mean) of profit factors; None where the mean is not > 0.

    >>> variation(np.array([1.0, 2.0, 3.0]))
    0.5
    """
    mean = float(np.mean(factors))
    return float(np.std(factors, ddof=1)) / mean if mean > 0 else None


def unjudgeable_folds(folds: Sequence[Mapping[str, Any]]) -> str:
    """Return why the folds' profit factors cannot be compared, or "": too few folds or trades, no loss, no number."""
    if len(folds) < 2:
        return f"{len(folds)} folds, wanted at least 2"
    numbered = [(fold.get("fold", at), fold) for at, fold in enumerate(folds, start=1)]
    few = [str(number) for number, fold in numbered if fold["trades"] < FOLD_TRADES]
    lossless = [str(number) for number, fold in numbered if fold["trades"] >= FOLD_TRADES and not fold["losses"] > 0]
    rest = [item for item in numbered if item[1]["trades"] >= FOLD_TRADES and item[1]["losses"] > 0]
    absent = [str(number) for number, fold in rest if not _finite(fold["profit_factor"])]
    reasons = {f"under {FOLD_TRADES} trades": few, "no loss": lossless, "no profit factor": absent}
    return "; ".join(f"{what} in fold {', '.join(which)}" for what, which in reasons.items() if which)


def passing_risk(equity: pd.Series, risk_per_trade: float, wanted: float) -> float | None:
    """Return the largest risk a trade, in steps of 0.01 %, at which the marked drawdown would be within `wanted`.

    Each bar's return is taken as a multiple of the judged risk and compounded at the other one, so at the judged risk
    it is the judged drawdown. None where even 0.01 % is too much.
    """
    marked = equity.to_numpy(np.float64)
    returns = np.diff(marked) / marked[:-1] / risk_per_trade
    low, high = 0, round(risk_per_trade / RISK_STEP) + 1
    while high - low > 1:
        middle = (low + high) // 2
        fall = metrics.drawdown_of_returns(returns, middle * RISK_STEP)
        low, high = (middle, high) if fall is not None and fall <= wanted else (low, middle)
    return low * RISK_STEP if low else None


def _unusable(r: np.ndarray) -> str:
    if len(r) == 0:
        return NO_TRADE
    return "" if np.isfinite(r).all() else f"{int((~np.isfinite(r)).sum())} trades have no finite R"


def _no_account(evidence: Evidence) -> str:
    equity = evidence.equity
    sound = len(equity) and np.isfinite(equity).all() and equity.iloc[0] > 0
    return "" if sound else "equity is missing, not finite, or begins at nothing"


def _interval(values: np.ndarray, statistic: metrics.Statistic, block: int | None = None) -> tuple[float, float] | None:
    return metrics.block_bootstrap_interval(values, statistic, level=LEVEL, paths=PATHS, block=block, seed=SEED)


def _finite(value: float | None) -> bool:
    return value is not None and bool(np.isfinite(value))
