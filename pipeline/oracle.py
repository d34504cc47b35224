"""The oracle: a trader who knows the hidden signal of a simulated market, and nothing of the future.

It trades by the same rules as a model: same exits, costs, limits and way to thresholds. What it earns is about what
there was to be earned: a model far below it is weak, and one far above it has seen something that it should not have.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr

from backtest import metrics
from backtest.engine import run
from training import thresholds
from training.plan import Plan
from training.thresholds import Choice


class Oracle(NamedTuple):
    """The trades of the oracle in the judged window, their profit factor (None: not computable), its thresholds."""

    trades: pd.DataFrame
    profit_factor: float | None
    choice: Choice


def trade(bars: pd.DataFrame, signal: pd.Series, plan: Plan, oos_start: pd.Timestamp, cut_off: pd.Timestamp) -> Oracle:
    """Trade the hidden `signal` in (oos_start, cut_off], with thresholds chosen on the bars before.

    `bars` and `signal` are indexed by the same close stamps; `signal` is of mean 0 and variance 1. Where no threshold
    had a positive net expectancy before the window, the oracle does not trade either.
    """
    venue, score = plan.venue, scored(signal)
    choice = thresholds.choose(bars.loc[:oos_start], score.loc[:oos_start], venue, plan.research.folds)
    judged = score[(score.index > oos_start) & (score.index <= cut_off)]
    policy = choice.policy(venue.guards)
    result = run(bars.loc[:cut_off], judged, policy, venue.exits, venue.costs, venue.risk, venue.market)
    return Oracle(result.trades, metrics.profit_factor(result.trades["r"].to_numpy()), choice)


def scored(signal: pd.Series) -> pd.DataFrame:
    """Return the score table of a signal: the share of a standard normal below it; both sides are expected to pay."""
    up = np.round(ndtr(signal.to_numpy()), 6)
    columns = {"score": up, "expected_r_long": 1.0, "expected_r_short": 1.0, "confidence": np.maximum(up, 1.0 - up)}
    return pd.DataFrame(columns, index=signal.index)
