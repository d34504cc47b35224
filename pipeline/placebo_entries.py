"""What fixed thresholds would have earned, against the same entries with sides drawn at random.

The thresholds of the product answer "no trade" in nearly every world that holds nothing, and calibration takes from a
model the opinions that its folds did not bear out. Of no trades nothing can be measured. So the members' own
probabilities are traded besides: long where up against down is among the highest of the last bars, short where it is
among the lowest, whatever is expected of it. The reference wants to trade at the same bars, by the same rules and
costs, as often long; only the sides are a coin's. What is left between the two is what the model knows of direction:
nothing, unless something leaks.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtest import metrics
from backtest.engine import run_tape
from market.tape import tape
from pipeline.placebo_judging import Judged, Steps
from pipeline.placebo_views import BY_SIDE, LONG, opinion
from training.thresholds import Venue

_LEAST_TRADES = 20


class Random(NamedTuple):
    """Mean R and Sharpe ratio per trade of each draw of random sides."""

    mean_r: np.ndarray
    sharpe: np.ndarray


def measured(
    bars: pd.DataFrame, judged: Judged, venue: Venue, steps: Steps, tail: float, draws: int, seed: int
) -> dict[str, Any] | None:
    """Return what fixed thresholds earned on the judged window, and by how much more than random sides; JSON values.

    `bars` end with the judged window. None where the model has no view: its scores are all the same, or it hardly
    trades. `p` is the share of draws that earned at least as much, this one counted as half. `gross_r` is the mean
    result with its costs put back: nothing but the pessimism of ties should be left of it.
    """
    sides = steps.view(opinion(judged.trained.ensemble, judged.X), tail, bars, venue)
    if sides.isna().all():
        return None
    trades = steps.trade(bars, sides, BY_SIDE, venue).trades
    r = trades["r"].to_numpy()
    random = random_sides(bars, sides, venue, draws, seed)
    own = metrics.sharpe(r)
    if len(r) < _LEAST_TRADES or own is None or len(random.mean_r) < draws:
        return None
    return {
        "trades": len(r),
        "mean_r": float(r.mean()),
        "sharpe": own,
        "random_r": float(random.mean_r.mean()),
        "random_sharpe": float(random.sharpe.mean()),
        "excess_r": float(r.mean() - random.mean_r.mean()),
        "excess_r_error": float(np.hypot(r.std(ddof=1) / np.sqrt(len(r)), _error(random.mean_r))),
        "excess_sharpe": float(own - random.sharpe.mean()),
        "excess_sharpe_error": float(np.hypot(1.0 / np.sqrt(len(r)), _error(random.sharpe))),
        "gross_r": _gross(trades),
        "p": float((np.sum(random.mean_r >= r.mean()) + 0.5) / (draws + 1)),
    }


def random_sides(bars: pd.DataFrame, sides: pd.Series, venue: Venue, draws: int, seed: int) -> Random:
    """Return what the entries of `sides` earn with sides drawn at random, as often long; a value a draw.

    A draw without two trades that differ is left out.
    """
    rng, wants = np.random.default_rng([seed, 2]), sides.notna().to_numpy()
    share = float(sides.mean())
    arrays, ts = tape(bars, venue.costs, venue.exits.atr_period, venue.market), pd.DatetimeIndex(bars.index)
    policy, found = BY_SIDE.policy(venue.guards), []
    for _ in range(draws):
        drawn = pd.Series(np.where(wants, (rng.random(len(sides)) < share) * LONG, np.nan), sides.index)
        r = run_tape(arrays, ts, drawn, policy, venue.exits, venue.costs, venue.risk).trades["r"].to_numpy()
        if (sharpe := metrics.sharpe(r)) is not None:
            found.append((r.mean(), sharpe))
    return Random(*np.array(found).reshape(-1, 2).T)


def _gross(trades: pd.DataFrame) -> float:
    """Return the mean result in R with its costs put back, each trade by the money that it risked."""
    at_risk = (trades["pnl"] / trades["r"].where(trades["r"] != 0)).sum()
    return float((trades["pnl"] + trades["cost"]).sum() / at_risk)


def _error(draws: np.ndarray) -> float:
    return float(draws.std(ddof=1) / np.sqrt(len(draws)))
