"""What a backtest knows at a close: the score table as arrays, and the observation that the policy decides on."""

from typing import NamedTuple

import numpy as np

from backtest.policy import Observation
from market.compiled import compiled
from market.tape import Tape


class Scores(NamedTuple):
    """A score table as arrays, a value a bar; NaN where there is no score, which is no view."""

    score: np.ndarray
    expected_r_long: np.ndarray
    expected_r_short: np.ndarray
    confidence: np.ndarray


@compiled
def observed(tape: Tape, scores: Scores, i: int, bars_since_exit: int) -> Observation:
    """Return what is known at the close of bar `i`."""
    return Observation(
        scores.score[i],
        scores.expected_r_long[i],
        scores.expected_r_short[i],
        scores.confidence[i],
        tape.spread[i],
        tape.atr[i],
        tape.session[i],
        tape.shut[i],
        bars_since_exit,
        tape.volatility[i],
    )
