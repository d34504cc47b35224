"""Whether a trading result survives worse fills: the engine again with worse slippage, latency, costs and luck.

Every scenario is a whole run of the same rules by the same loop (`backtest.engine.play`): nothing is rescaled.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from backtest import break_even as dying
from backtest import leak_signature
from backtest.bootstrap import bootstrapped
from backtest.break_even import BreakEven
from backtest.leak_signature import Signature
from backtest.policy import Policy
from backtest.ratios import varies
from backtest.rerun import Case, Figures, Outcome, case, figures, rerun
from backtest.risk import Risk
from backtest.worse_fills import dearer, extra_slippage, late, with_lost_orders, with_spread_floor
from market.execution import Costs, Exits
from market.stress_settings import StressBounds

UNDISTURBED, JITTER, JITTER_5 = "undisturbed", "jitter", "jitter_5"

_NO_TRADE, _NO_LOSS, _FEW = "no trade was closed", "no trade lost", "fewer than two trades"
_BAD = 0.05  # share of the worst re-runs, and of the histories beyond each end of an interval


class Scenario(NamedTuple):
    """The figures of a scenario; those of `jitter` are medians, each on its own, of `jitter_5` bad ends: 1 in 20."""

    name: str
    trades: int
    profit_factor: float | None
    expectancy: float | None
    sharpe_per_trade: float | None
    win_rate: float | None
    max_drawdown: float


class Interval(NamedTuple):
    """Bounds that hold nine of ten histories of the block bootstrap over trades; one in twenty is beyond each."""

    low: float
    high: float


class Verdict(NamedTuple):
    """A bound of the stress test, what was got and whether that is good; None is not computable, which fails."""

    name: str
    got: float | None
    wanted: float
    direction: Literal[">=", "<="]
    passed: bool
    note: str = ""


class Stress(NamedTuple):
    """What worse fills make of a result.

    `jittered` holds a value a re-run of each of `Figures`; `bootstrapped` the interval of each but the number of
    trades, the fall marked at exits; None where it is not computable.
    """

    scenarios: tuple[Scenario, ...]
    jittered: dict[str, tuple[float | None, ...]]
    bootstrapped: dict[str, Interval | None]
    break_even: BreakEven
    leak: Signature
    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """Return whether every bound holds."""
        return all(verdict.passed for verdict in self.verdicts)


class Findings(NamedTuple):
    """What the bounds are asked of."""

    scenarios: dict[str, Figures]
    bootstrapped: dict[str, Interval | None]
    leak: Signature


class Bound(NamedTuple):
    """A bound's title for people, its good side, what is measured and why that may be None."""

    title: str
    direction: Literal[">=", "<="]
    measure: Callable[[Findings], tuple[float | None, str]]


def stress(
    bars: pd.DataFrame,
    score: pd.DataFrame | pd.Series,
    policy: Policy,
    exits: Exits,
    costs: Costs,
    risk: Risk,
    market: str,
    bounds: StressBounds,
    seed: int = 0,
) -> Stress:
    """Return what worse fills make of the result that `backtest.simulate` has from the same arguments.

    Scenarios (`backtest.worse_fills`): slippage jitter with lost orders, one and two bars of latency, all costs a
    quarter dearer and doubled, a worse broker's spread; besides the costs at which the edge dies, the signature of a
    leak and a block bootstrap of the trades. Deterministic in `seed`. Raises UsageError for settings, DataError for
    bars or scores that nobody can trade by.
    """
    given = case(bars, score, policy, exits, costs, risk, market)
    undisturbed, later = rerun(given), rerun(late(given, 1))
    jittered = _jittered(given, bounds, seed)
    scenarios = {
        UNDISTURBED: figures(undisturbed),
        JITTER: _quantiles(jittered, 0.5),
        JITTER_5: _quantiles(jittered, _BAD),
        "latency_1": figures(later),
        "latency_2": figures(rerun(late(given, 2))),
        "costs_25": figures(rerun(dearer(given, 1.25))),
        "costs_2x": figures(rerun(dearer(given, 2.0))),
        "worse_broker": figures(rerun(with_spread_floor(given, bounds.worse_spread * costs.spread_floor))),
    }
    found = Findings(
        scenarios,
        _bootstrapped(undisturbed, risk, bounds.paths, seed),
        leak_signature.signature(given, undisturbed, later),
    )
    return Stress(
        tuple(Scenario(name, *one) for name, one in scenarios.items()),
        dict(zip(Figures._fields, zip(*jittered, strict=True), strict=True)),
        found.bootstrapped,
        dying.break_even(given, undisturbed),
        found.leak,
        tuple(_verdict(name, bound, found, getattr(bounds, name)) for name, bound in BOUNDS.items()),
    )


def _jittered(given: Case, bounds: StressBounds, seed: int) -> list[Figures]:
    """Return the figures of each re-run with jittered slippage and lost orders, each of draws of its own."""
    return [figures(_disturbed(given, bounds, np.random.default_rng([seed, run]))) for run in range(bounds.runs)]


def _disturbed(given: Case, bounds: StressBounds, draws: np.random.Generator) -> Outcome:
    slippage = extra_slippage(given, bounds.slippage, draws)
    return rerun(with_lost_orders(given, bounds.skipped, draws), slippage)


def _quantiles(runs: list[Figures], share: float) -> Figures:
    """Return each figure at that share from its bad end; what cannot be computed stands at that end."""
    columns = dict(zip(Figures._fields, zip(*runs, strict=True), strict=True))
    falls = columns.pop("max_drawdown")
    found = {name: _lower(values, share) for name, values in columns.items()}
    trades = int(found.pop("trades") or 0)
    return Figures(trades, **found, max_drawdown=float(np.quantile(falls, 1.0 - share, method="higher")))


def _lower(values: tuple[float | None, ...], share: float) -> float | None:
    ordered = [-np.inf if value is None else value for value in values]
    found = float(np.quantile(ordered, share, method="lower"))
    return None if found == -np.inf else found


def _bootstrapped(undisturbed: Outcome, risk: Risk, paths: int, seed: int) -> dict[str, Interval | None]:
    """Return the interval of each figure of an account that is marked at exits, over resampled histories of trades."""
    if not varies(undisturbed.r):
        return dict.fromkeys(Figures._fields[1:])
    drawn = bootstrapped(undisturbed.r, risk.per_trade, paths, seed=seed).rename(columns={"mean": "expectancy"})
    return {name: _interval(drawn[name].dropna(), paths) for name in Figures._fields[1:]}


def _interval(known: pd.Series, paths: int) -> Interval | None:
    if len(known) < (1.0 - _BAD) * paths:
        return None
    low, high = known.quantile([_BAD, 1.0 - _BAD])
    return Interval(float(low), float(high))


def _verdict(name: str, bound: Bound, found: Findings, wanted: float) -> Verdict:
    got, why = bound.measure(found)
    if got is None:
        return Verdict(name, None, wanted, bound.direction, False, why)
    return Verdict(name, got, wanted, bound.direction, got >= wanted if bound.direction == ">=" else got <= wanted)


def _factor_of(scenario: str) -> Callable[[Findings], tuple[float | None, str]]:
    def measure(found: Findings) -> tuple[float | None, str]:
        one = found.scenarios[scenario]
        return one.profit_factor, _NO_LOSS if one.trades else _NO_TRADE

    return measure


def _drawdown(found: Findings) -> tuple[float | None, str]:
    interval = found.bootstrapped["max_drawdown"]
    return (None if interval is None else interval.high), _too_few(found)


def _leak(found: Findings) -> tuple[float | None, str]:
    return found.leak.deviations, _too_few(found)


def _too_few(found: Findings) -> str:
    return _FEW if found.scenarios[UNDISTURBED].trades else _NO_TRADE


BOUNDS: dict[str, Bound] = {
    "profit_factor_jitter_5": Bound("Profit factor, slippage jitter, 1 in 20", ">=", _factor_of(JITTER_5)),
    "latency_1_profit_factor": Bound("Profit factor, one bar late", ">=", _factor_of("latency_1")),
    "latency_2_profit_factor": Bound("Profit factor, two bars late", ">=", _factor_of("latency_2")),
    "costs_25_profit_factor": Bound("Profit factor, costs +25 %", ">=", _factor_of("costs_25")),
    "costs_2x_profit_factor": Bound("Profit factor, costs ×2", ">=", _factor_of("costs_2x")),
    "worse_broker_profit_factor": Bound("Profit factor, a worse broker's spread", ">=", _factor_of("worse_broker")),
    "drawdown_95": Bound("Max drawdown, reshuffled trades, 1 in 20", "<=", _drawdown),
    "leak_deviations": Bound("Lost to one bar like a leak, standard errors", "<=", _leak),
}
