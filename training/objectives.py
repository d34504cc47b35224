"""What a trial is judged by: its out-of-fold probabilities on the inner folds so far, calibrated without a fold's own.

Raw probabilities of a member are not compared: it learnt from weights that even the classes out, and how sure it is of
itself calibration mends anyway. So each inner fold is calibrated by what was fitted on the others (the first, while it
is alone, on itself: four numbers from thousands of rows, only ever compared with the like), as the fold's own ensemble
will be. What is left to judge is what calibration cannot give: the order of the probabilities.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from market.settings import Thresholds
from training import calibration, ensemble, thresholds
from training.ensemble import PROBABILITIES, Outcomes
from training.thresholds import MINIMUM_TRADES, Choice, Venue

WORST = -1.0  # R a trade: the whole of what is risked

_SMALLEST = 1e-15


class Rows(NamedTuple):
    """Labelled rows that are judged: `ts`, y (−1 0 1), w (uniqueness), r (long, short; net R)."""

    ts: pd.DatetimeIndex
    y: np.ndarray
    w: np.ndarray
    r: np.ndarray


class Trade(NamedTuple):
    """By what probabilities become trades: bars, venue, the recipe's thresholds, what outcomes have paid.

    `bars` may hold nothing that comes after the training part; `blocks` is how many block lengths the part spans.
    """

    bars: pd.DataFrame
    venue: Venue
    thresholds: Thresholds | str
    paid: Outcomes
    blocks: float


def joined(rows: Sequence[Rows]) -> Rows:
    """Return the rows of inner folds, which follow each other, as one."""
    ts = rows[0].ts.append([one.ts for one in rows[1:]])
    return Rows(ts, *(np.concatenate([one[at] for one in rows]) for at in range(1, 4)))


def cross_calibrated(raw: Sequence[np.ndarray], rows: Sequence[Rows]) -> np.ndarray:
    """Return the probabilities `raw` (rows × 3, an array an inner fold), each calibrated by what the others tell."""
    calibrated = []
    for at, p in enumerate(raw):
        others = [one for one in range(len(raw)) if one != at] or [at]
        known = joined([rows[one] for one in others])
        learnt = calibration.fit(np.vstack([raw[one] for one in others]), known.y, known.w)
        calibrated.append(calibration.calibrated(p, learnt))
    return np.vstack(calibrated)


def log_loss(p: np.ndarray, rows: Rows) -> float:
    """Return the log-loss of down, flat and up in nats, weighted by uniqueness; less is better.

    >>> rows = Rows(pd.DatetimeIndex([]), np.array([1, 0]), np.array([1.0, 3.0]), np.zeros((2, 2)))
    >>> round(log_loss(np.array([[0.25, 0.25, 0.5], [0.0, 1.0, 0.0]]), rows), 6)  # ln 2 ÷ 4
    0.173287
    """
    likelihood = p[np.arange(len(p)), rows.y.astype(np.int64) + 1]
    return float(-np.average(np.log(np.maximum(likelihood, _SMALLEST)), weights=rows.w))


def expectancy(p: np.ndarray, rows: Rows, trade: Trade, share: float) -> float:
    """Return the net R a trade at the recipe's thresholds, fitted on these rows where it says so; more is better.

    `share` is how much of the training part the rows are. Where no threshold has a positive expectancy it is that of
    the best, which says how far away one is; never under `WORST`, which is also the answer to too few trades.
    """
    predictions = pd.DataFrame(p, columns=list(PROBABILITIES), index=rows.ts)
    score = ensemble.score(predictions, trade.paid)
    blocks = max(trade.blocks * share, 1.0)
    choice = _choice(trade.bars.loc[: score.index[-1]], score, trade, blocks)
    if choice.expectancy is None or choice.trades < MINIMUM_TRADES * blocks:
        return WORST
    return max(choice.expectancy, WORST)


def _choice(bars: pd.DataFrame, score: pd.DataFrame, trade: Trade, blocks: float) -> Choice:
    if isinstance(trade.thresholds, Thresholds):
        return thresholds.given(bars, score, trade.venue, trade.thresholds.long, trade.thresholds.short)
    return thresholds.choose(bars, score, trade.venue, blocks)
