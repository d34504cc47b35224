"""From scores to a policy: thresholds that are given, or chosen by what trading them would have brought out of fold."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtest import metrics
from backtest.engine import run_tape
from backtest.policy import Policy
from backtest.risk import Risk
from market.execution import Costs, Exits
from market.tape import Tape, tape

MINIMUM_TRADES = 60
SAFE_TRADES = MINIMUM_TRADES + 2 * math.sqrt(MINIMUM_TRADES)

ONE_OPINION = 1e-3  # directional probabilities within a tenth of a percent of each other are one opinion

_CANDIDATES = np.round(np.arange(0.50, 0.905, 0.01), 2)


class Venue(NamedTuple):
    """Where and how is traded: exits, costs, risk, the guards of the policy, and the market's hours."""

    exits: Exits
    costs: Costs
    risk: Risk
    guards: Policy
    market: str


class Choice(NamedTuple):
    """Thresholds with what they brought on the predictions they were chosen on; `long` is None for "no trade"."""

    long: float | None
    short: float | None
    trades: int
    expectancy: float | None

    def described(self) -> dict[str, float] | str:
        """Return the thresholds by side, or "no trade"."""
        return "no trade" if self.long is None or self.short is None else {"long": self.long, "short": self.short}

    def policy(self, guards: Policy) -> Policy:
        """Return `guards` with these thresholds; "no trade" can never be reached."""
        if self.long is None or self.short is None:
            return guards._replace(long_threshold=np.inf, short_threshold=-np.inf)
        return guards._replace(long_threshold=self.long, short_threshold=self.short)


def choose(bars: pd.DataFrame, score: pd.DataFrame, venue: Venue, blocks: float) -> Choice:
    """Return the symmetric thresholds with the best net expectancy among those with enough trades.

    `bars` must end where the score may be known. A judged block needs 60 trades; enough is two standard deviations of a
    count more than that for each of the `blocks` block lengths that the scores span. Where no candidate has positive
    expectancy the answer is "no trade", with the best that was found. Thresholds that do not decide (see `decide`) are
    no candidates.
    """
    arrays, ts = _tape(bars, venue)
    pairs = [(float(long), round(1.0 - float(long), 6)) for long in _CANDIDATES]
    tried = [_outcome(arrays, ts, score, venue, *pair) for pair in pairs if decide(score["score"].to_numpy(), *pair)]
    enough = [one for one in tried if one.trades >= SAFE_TRADES * max(blocks, 1.0) and one.expectancy is not None]
    if not enough:
        return Choice(None, None, max((one.trades for one in tried), default=0), None)
    best = max(enough, key=lambda one: one.expectancy or -np.inf)
    return best if (best.expectancy or 0.0) > 0 else best._replace(long=None, short=None)


def given(bars: pd.DataFrame, score: pd.DataFrame, venue: Venue, long: float, short: float) -> Choice:
    """Return fixed thresholds with what they brought on `score`, "no trade" where they do not decide (see `decide`)."""
    if not decide(score["score"].to_numpy(), long, short):
        return Choice(None, None, 0, None)
    return _outcome(*_tape(bars, venue), score, venue, long, short)


def decide(score: np.ndarray, long: float, short: float) -> bool:
    """Return whether thresholds make something of `score`: not the same of every row, nor sides of one opinion.

    A model that knows nothing of direction says the share of ups. Where that is above the threshold it would be long at
    every bar: a rising market would pay it, and be taken for knowledge.

    >>> decide(np.array([0.55, 0.56]), 0.5, 0.5), decide(np.array([0.55, 0.56]), 0.555, 0.445)
    (False, True)
    """
    known = score[np.isfinite(score)]
    if len(known) == 0 or np.ptp(known) < ONE_OPINION:
        return False
    return bool(np.ptp(np.where(known >= long, 1, np.where(known <= short, -1, 0))) > 0)


def _tape(bars: pd.DataFrame, venue: Venue) -> tuple[Tape, pd.DatetimeIndex]:
    return tape(bars, venue.costs, venue.exits.atr_period, venue.market), pd.DatetimeIndex(bars.index)


def _outcome(
    arrays: Tape, ts: pd.DatetimeIndex, score: pd.DataFrame, venue: Venue, long: float, short: float
) -> Choice:
    choice = Choice(long, short, 0, None)
    policy = choice.policy(venue.guards)
    trades = run_tape(arrays, ts, score, policy, venue.exits, venue.costs, venue.risk).trades
    return choice._replace(trades=len(trades), expectancy=metrics.expectancy(trades["r"].to_numpy()))
