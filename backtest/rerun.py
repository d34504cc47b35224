"""A backtest made ready to be run hundreds of times with something changed: arrays once, figures without tables."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from backtest import metrics
from backtest.checked import checked
from backtest.engine import NO_EXTRA, play
from backtest.observed import Scores, aligned
from backtest.policy import Policy
from backtest.ratios import largest_fall
from backtest.risk import Risk
from backtest.trade_table import COST, EXIT, PRICE, SIZE, STOP, R
from market.errors import UsageError
from market.execution import Costs, Exits
from market.tape import DEFAULT_MARKET, Tape, tape


class Case(NamedTuple):
    """What is run again: the tape of the scored bars, the scores on it, the rules. What is changed is a new one."""

    tape: Tape
    scores: Scores
    policy: Policy
    exits: Exits
    costs: Costs
    risk: Risk


class Outcome(NamedTuple):
    """What a run made: a row a trade in exit order (`backtest.trade_table`), equity marked at each close."""

    rows: np.ndarray
    equity: np.ndarray

    @property
    def r(self) -> np.ndarray:
        """Return the net result of each trade in R."""
        return self.rows[:, R]


class Figures(NamedTuple):
    """What is compared between runs; None is not computable (no trade, no loss, no variation)."""

    trades: int
    profit_factor: float | None
    expectancy: float | None
    sharpe_per_trade: float | None
    win_rate: float | None
    max_drawdown: float


class Paid(NamedTuple):
    """What each trade paid, spread, slippage, commission and swap, for its round trip: USD a lot, price units, R."""

    usd_per_lot: np.ndarray
    price: np.ndarray
    r: np.ndarray


def case(
    bars: pd.DataFrame,
    score: pd.DataFrame | pd.Series,
    policy: Policy,
    exits: Exits,
    costs: Costs,
    risk: Risk,
    market: str = DEFAULT_MARKET,
) -> Case:
    """Return the case of what `backtest.simulate` would run, checked as there.

    Bars before the first score are left out: they have warmed up the ATR. Raises UsageError for settings, DataError
    for bars or scores (`backtest.checked`).
    """
    bars = checked(bars, score, policy, exits, costs, risk)
    scores, start = aligned(score, pd.DatetimeIndex(bars.index))
    arrays = tape(bars, costs, exits.atr_period, market, policy.clamped)
    return Case(
        Tape(*(values[start:] for values in arrays)),
        Scores(*(values[start:] for values in scores)),
        policy,
        exits,
        costs,
        risk,
    )


def rerun(case: Case, extra_slippage: np.ndarray = NO_EXTRA) -> Outcome:
    """Run a case by the engine's own loop, with `extra_slippage` on the fills of each bar (`backtest.engine.play`).

    Raises UsageError where some of it is below 0 or NaN: a fill that is better than the costs say proves nothing.
    """
    if len(extra_slippage) and not extra_slippage.min() >= 0.0:
        raise UsageError(f"Extra slippage is {extra_slippage.min():g} somewhere: wanted 0 at least on every bar.")
    rules = (case.policy, case.exits, case.costs, case.risk)
    played = play(case.tape, case.scores, 0, *rules, extra_slippage=extra_slippage)
    return Outcome(played.rows, played.marks[0])


def figures(outcome: Outcome) -> Figures:
    """Return the figures of a run; the fall is that of equity marked at each close."""
    r = outcome.r
    return Figures(
        len(r),
        metrics.profit_factor(r),
        metrics.expectancy(r),
        metrics.sharpe(r),
        metrics.win_rate(r),
        largest_fall(outcome.equity),
    )


def paid(case: Case, outcome: Outcome) -> Paid:
    """Return what each trade of `case` paid; R is the distance from its entry to its stop."""
    rows = outcome.rows
    usd_per_lot = rows[:, COST] / rows[:, SIZE]
    price = usd_per_lot / (case.costs.contract_size * case.tape.usd_per_quote[rows[:, EXIT].astype(np.int64)])
    return Paid(usd_per_lot, price, price / np.abs(rows[:, PRICE] - rows[:, STOP]))
