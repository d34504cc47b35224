"""The go-live benchmarks: what is measured on out-of-sample trades, against which bound, and what a failure lacks.

Every gate fails closed: a number that cannot be computed or is not finite fails, and says why.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, model_validator

from backtest import metrics
from market.errors import UsageError, nearest
from registry import shortfall

FOLD_TRADES = 60
LEVEL, PATHS, SEED = 0.90, 1000, 20190102
DAYS_OF_BLOCK = 7
RISK_STEP = 0.0001

_NO_TRADE = "no trade was closed"
_NO_SPREAD = "fewer than two trades, or every trade has the same R"

Direction = Literal[">=", "<="]


class Gate(BaseModel):
    """A judged benchmark: got against wanted, its 90 % block-bootstrap interval, and a note where one is needed.

    `got` is None where it is not computable; the note then says why. A gate whose verdict contradicts its numbers
    cannot be built.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    got: float | None
    wanted: float
    direction: Direction
    passed: bool
    interval: tuple[float, float] | None = None
    note: str = ""

    @model_validator(mode="after")
    def _verdict_follows_from_numbers(self) -> Self:
        if self.passed != meets(self.got, self.wanted, self.direction):
            raise ValueError(f"{self.name}: got {self.got} {self.direction} {self.wanted} is not passed={self.passed}")
        return self


class Evidence(NamedTuple):
    """What is judged: net R in exit order, exits a calendar day, marked equity, folds, share of equity at risk."""

    r: np.ndarray
    daily: np.ndarray
    equity: pd.Series
    folds: Sequence[Mapping[str, Any]]
    risk_per_trade: float


class Measured(NamedTuple):
    """A measured number or None, with the reason, and its interval."""

    got: float | None
    why: str = ""
    interval: tuple[float, float] | None = None


class Benchmark(NamedTuple):
    """A gate's definition: its title for people, which side is good, how it is measured and printed, what it takes."""

    title: str
    direction: Direction
    measure: Callable[[Evidence], Measured]
    show: Callable[[float], str]
    takes: Callable[[float, float, int], str]


def judge(
    trades: pd.DataFrame,
    equity: pd.DataFrame,
    folds: Sequence[Mapping[str, Any]],
    bounds: Mapping[str, float],
    risk_per_trade: float,
) -> list[Gate]:
    """Return every gate of `GATES`, in its order, judged against `bounds`.

    `trades` and `equity` are the out-of-sample tables of one fresh account that risked `risk_per_trade` (a share of
    equity) a trade; equity is marked at each close. Each of `folds` holds `profit_factor` (or None), `trades` and
    `losses`. If only the drawdown fails, its note says at what risk it would pass. Raises UsageError where `bounds` are
    not exactly those of the gates.
    """
    _check_bounds(bounds)
    evidence = gather(trades, equity, folds, risk_per_trade)
    gates = [judged(name, benchmark.measure(evidence), bounds[name]) for name, benchmark in GATES.items()]
    if [gate.name for gate in gates if not gate.passed] == ["max_drawdown"]:
        return [_with_passing_risk(gate, evidence) if not gate.passed else gate for gate in gates]
    return gates


def status(gates: Sequence[Gate]) -> Literal["READY", "FAILED"]:
    """Return READY where every gate of `GATES` is there and each one given is passed, else FAILED."""
    complete = {gate.name for gate in gates} >= set(GATES)
    return "READY" if complete and all(gate.passed for gate in gates) else "FAILED"


def judged(name: str, measured: Measured, wanted: float) -> Gate:
    """Return the gate `name` for what was measured; a number that is not finite counts as not computable."""
    got, why = measured.got, measured.why
    if got is not None and not np.isfinite(got):
        got, why = None, "the number is not finite"
    return Gate(
        name=name,
        got=got,
        wanted=wanted,
        direction=GATES[name].direction,
        passed=meets(got, wanted, GATES[name].direction),
        interval=measured.interval if got is not None else None,
        note="" if got is not None else why,
    )


def meets(got: float | None, wanted: float, direction: Direction) -> bool:
    """Return whether `got` is on the good side of `wanted`, the bound itself included; None and NaN are not.

    >>> meets(0.52, 0.52, ">="), meets(None, 0.52, ">="), meets(0.07, 0.06, "<=")
    (True, False, False)
    """
    if got is None or not np.isfinite(got):
        return False
    return bool(got >= wanted) if direction == ">=" else bool(got <= wanted)


def what_it_would_take(gate: Gate, trades: int) -> str:
    """Return in a few words what a failed gate lacks, over `trades` out-of-sample trades; "" where it passed."""
    if gate.passed:
        return ""
    if gate.got is None:
        return f"not computable: {gate.note}" if gate.note else "not computable"
    if gate.name == "max_drawdown" and gate.note:
        return gate.note
    return GATES[gate.name].takes(gate.got, gate.wanted, trades)


def gather(
    trades: pd.DataFrame, equity: pd.DataFrame, folds: Sequence[Mapping[str, Any]], risk_per_trade: float
) -> Evidence:
    """Return the tables as arrays: R in exit order, exits a calendar day of the window, equity at each close."""
    trades = trades.sort_values("t_exit", kind="stable")
    days = pd.DatetimeIndex(trades["t_exit"]).floor("D")
    spanned = days.union(pd.DatetimeIndex(equity.index).floor("D")).unique()
    span = (spanned[-1] - spanned[0]).days + 1 if len(days) else 0
    daily = np.bincount((days - spanned[0]).days if span else [], minlength=span).astype(np.float64)
    return Evidence(trades["r"].to_numpy(np.float64), daily, equity["equity"], folds, risk_per_trade)


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
        low, high = (middle, high) if meets(fall, wanted, "<=") else (low, middle)
    return low * RISK_STEP if low else None


def _with_passing_risk(gate: Gate, evidence: Evidence) -> Gate:
    if gate.got is None or not (evidence.equity > 0).all():
        return gate
    risk = passing_risk(evidence.equity, evidence.risk_per_trade, gate.wanted)
    note = (
        "fails at any risk of 0.01 % or more"
        if risk is None
        else f"passes at {shortfall.percent(risk, 2)} risk a trade"
    )
    return gate.model_copy(update={"note": f"{note} (judged at {shortfall.percent(evidence.risk_per_trade, 2)})"})


def _check_bounds(bounds: Mapping[str, float]) -> None:
    for name in bounds:
        if name not in GATES:
            raise UsageError(f"No gate named {name!r}: there are {', '.join(GATES)}.{nearest(name, GATES)}")
    for name in GATES:
        if name not in bounds or not np.isfinite(bounds[name]):
            raise UsageError(f"Gate {name} has no finite bound ({bounds.get(name)}): set it in config/gates.toml.")


def _interval(values: np.ndarray, statistic: metrics.Statistic, block: int | None = None) -> tuple[float, float] | None:
    return metrics.block_bootstrap_interval(values, statistic, level=LEVEL, paths=PATHS, block=block, seed=SEED)


def _unusable(r: np.ndarray) -> str:
    if len(r) == 0:
        return _NO_TRADE
    return "" if np.isfinite(r).all() else f"{int((~np.isfinite(r)).sum())} trades have no finite R"


def _of_trades(statistic: metrics.Statistic, otherwise: str) -> Callable[[Evidence], Measured]:
    def measure(evidence: Evidence) -> Measured:
        why = _unusable(evidence.r)
        if why:
            return Measured(None, why)
        got = statistic(evidence.r)
        return Measured(None, otherwise) if got is None else Measured(got, "", _interval(evidence.r, statistic))

    return measure


def _drawdown(evidence: Evidence) -> Measured:
    why = _unusable(evidence.r)
    if not why and not (len(evidence.equity) and np.isfinite(evidence.equity).all() and evidence.equity.iloc[0] > 0):
        why = "equity is missing, not finite, or begins at nothing"
    if why:
        return Measured(None, why)
    interval = _interval(evidence.r, lambda r: metrics.drawdown_of_returns(r, evidence.risk_per_trade))
    return Measured(metrics.max_drawdown(evidence.equity), "equity has no drawdown", interval)


def _trades(evidence: Evidence) -> Measured:
    if len(evidence.r) == 0:
        return Measured(0.0)
    return Measured(
        float(len(evidence.r)), "", _interval(evidence.daily, lambda exits: float(exits.sum()), DAYS_OF_BLOCK)
    )


def _fold_variation(evidence: Evidence) -> Measured:
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


def _percent(value: float) -> str:
    return shortfall.percent(value, 1)


def _finite(value: float | None) -> bool:
    return value is not None and bool(np.isfinite(value))


GATES: dict[str, Benchmark] = {
    "profit_factor": Benchmark(
        "Profit factor", ">=", _of_trades(metrics.profit_factor, "no trade lost"), "{:.2f}".format, shortfall.gains
    ),
    "max_drawdown": Benchmark("Max drawdown", "<=", _drawdown, _percent, shortfall.fall),
    "sharpe_per_trade": Benchmark(
        "Sharpe per trade", ">=", _of_trades(metrics.sharpe, _NO_SPREAD), "{:.3f}".format, shortfall.mean_result
    ),
    "win_rate": Benchmark("Win rate", ">=", _of_trades(metrics.win_rate, _NO_TRADE), _percent, shortfall.wins),
    "trades": Benchmark("Trades", ">=", _trades, "{:.0f}".format, shortfall.count),
    "fold_profit_factor_variation": Benchmark(
        "Fold PF variation", "<=", _fold_variation, "{:.2f}".format, shortfall.likeness
    ),
}
