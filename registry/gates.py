"""Gates: what is measured on out-of-sample trades and on what luck would have done, against which bound.

Which gates are asked is a profile of `config/gates.toml`; a gate is an entry of `GATES`. Every gate fails closed: a
number that cannot be computed or is not finite fails, and says why.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, model_validator

from backtest import metrics
from market.errors import UsageError, nearest
from market.gate_settings import PROMISED, SIX
from market.tape import DEFAULT_MARKET
from registry import measures, proofs, shortfall, stability
from registry.evidence import Evidence, Measured, Proof, gather
from registry.measures import NO_SPREAD, NO_TRADE, of_trades, passing_risk

Direction = Literal[">=", "<="]


class Gate(BaseModel):
    """A judged benchmark: got against wanted, its 90 % block-bootstrap interval, and a note where one is needed.

    `got` is None where it is not computable; the note then says why. A gate that is not `asked` has nothing that it
    could be asked of: it is passed, and the note says why. A gate whose verdict contradicts its numbers cannot be
    built.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    got: float | None
    wanted: float
    direction: Direction
    passed: bool
    interval: tuple[float, float] | None = None
    note: str = ""
    asked: bool = True

    @model_validator(mode="after")
    def _verdict_follows_from_numbers(self) -> Self:
        if not self.asked:
            if self.got is not None or not self.note or not self.passed or self.name not in MAY_BE_UNASKED:
                raise ValueError(f"{self.name}: a gate that is not asked has no number, says why, and is one of few")
        elif self.passed != meets(self.got, self.wanted, self.direction):
            raise ValueError(f"{self.name}: got {self.got} {self.direction} {self.wanted} is not passed={self.passed}")
        return self


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
    proof: Proof | None = None,
    market: str = DEFAULT_MARKET,
) -> list[Gate]:
    """Return every gate that `bounds` name, in the order of `GATES`.

    `trades` and `equity` are the out-of-sample tables of one fresh account that risked `risk_per_trade` (a share of
    equity) a trade; equity is marked at each close. Each of `folds` holds `profit_factor` (or None), `trades`,
    `losses`, and for the gates that compare folds `expectancy` and `sharpe_per_trade`. `proof` is what gates on luck
    ask: without it they fail. If only the drawdown fails, its note says at what risk it would pass. Raises UsageError
    for a bound that is not finite, that no gate knows, or none at all.
    """
    _check_bounds(bounds)
    evidence = gather(trades, equity, folds, risk_per_trade, proof, market)
    gates = [judged(name, one.measure(evidence), bounds[name]) for name, one in GATES.items() if name in bounds]
    if [gate.name for gate in gates if not gate.passed] == ["max_drawdown"]:
        return [_with_passing_risk(gate, evidence) if not gate.passed else gate for gate in gates]
    return gates


def status(gates: Sequence[Gate], profile: str = SIX) -> Literal["READY", "FAILED"]:
    """Return READY where every gate that the name of the profile promises is there, and each one given is passed."""
    complete = bool(gates) and {gate.name for gate in gates} >= set(PROMISED.get(profile, ()))
    return "READY" if complete and all(gate.passed for gate in gates) else "FAILED"


def judged(name: str, measured: Measured, wanted: float) -> Gate:
    """Return the gate `name` for what was measured; a number that is not finite counts as not computable."""
    direction = GATES[name].direction
    if measured.unasked:
        return Gate(
            name=name, got=None, wanted=wanted, direction=direction, passed=True, note=measured.unasked, asked=False
        )
    got, why = measured.got, measured.why
    if got is not None and not np.isfinite(got):
        got, why = None, "the number is not finite"
    passed = meets(got, wanted, direction)
    return Gate(
        name=name,
        got=got,
        wanted=wanted,
        direction=direction,
        passed=passed,
        interval=measured.interval if got is not None else None,
        note=why if got is None else "" if passed else measured.lacks,
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
    return gate.note or GATES[gate.name].takes(gate.got, gate.wanted, trades)


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
    if not bounds:
        raise UsageError("No gate is asked: name some in config/gates.toml, or everything passes.")
    for name, bound in bounds.items():
        if name not in GATES:
            raise UsageError(f"No gate named {name!r}: there are {', '.join(GATES)}.{nearest(name, GATES)}")
        if not np.isfinite(bound):
            raise UsageError(f"Gate {name} has no finite bound ({bound}): set it in config/gates.toml.")


def _percent(value: float) -> str:
    return shortfall.percent(value, 1)


_NUMBER, _RATIO, _COUNT = "{:.2f}".format, "{:.3f}".format, "{:.0f}".format

MAY_BE_UNASKED = ("overfitting",)

GATES: dict[str, Benchmark] = {
    "profit_factor": Benchmark(
        "Profit factor", ">=", of_trades(metrics.profit_factor, "no trade lost"), _NUMBER, shortfall.gains
    ),
    "max_drawdown": Benchmark("Max drawdown", "<=", measures.drawdown, _percent, shortfall.fall),
    "sharpe_per_trade": Benchmark(
        "Sharpe per trade", ">=", of_trades(metrics.sharpe, NO_SPREAD), _RATIO, shortfall.mean_result
    ),
    "win_rate": Benchmark("Win rate", ">=", of_trades(metrics.win_rate, NO_TRADE), _percent, shortfall.wins),
    "trades": Benchmark("Trades", ">=", measures.trades, _COUNT, shortfall.count),
    "fold_profit_factor_variation": Benchmark(
        "Fold PF variation", "<=", measures.fold_variation, _NUMBER, shortfall.likeness
    ),
    "expectancy": Benchmark(
        "Mean R", ">=", of_trades(metrics.expectancy, NO_TRADE), "{:+.3f}".format, shortfall.mean_r
    ),
    "daily_sharpe": Benchmark("Daily Sharpe, a year", ">=", measures.daily_sharpe, _NUMBER, shortfall.of_days),
    "deflated_sharpe": Benchmark(
        "Deflated Sharpe", ">=", proofs.of_luck("deflated", "probability"), _RATIO, shortfall.sureness
    ),
    "overfitting": Benchmark("Overfit and losing", "<=", proofs.overfitting, _percent, shortfall.choice),
    "permutation_p": Benchmark("Permutation p", "<=", proofs.permutation_p, "{:.4f}".format, shortfall.chance),
    "stress": Benchmark("Stress, broken", "<=", proofs.stress, _COUNT, shortfall.broken),
    "fold_heterogeneity_p": Benchmark(
        "Folds alike, p of Q", ">=", stability.fold_heterogeneity_p, _RATIO, shortfall.alike
    ),
    "folds_earning": Benchmark("Folds that earn", ">=", stability.folds_earning, _percent, shortfall.earning),
    "looks": Benchmark("Looks at window", "<=", proofs.looks, _COUNT, shortfall.unseen),
}
