"""What a model thinks of direction before calibration takes its opinions away, and which sides that wants."""

import numpy as np
import pandas as pd

from training.ensemble import Ensemble
from training.thresholds import Choice

LAST, FIRST = 1000, 200  # bars whose scores say what is high and low, and how many of them at least
LONG, SHORT = 1.0, 0.0
BY_SIDE = Choice(0.75, 0.25, 0, None)  # trades them


def opinion(model: Ensemble, X: pd.DataFrame) -> pd.Series:
    """Return the share of up in what members give to up and down, before calibration; NaN where they say nothing."""
    p = np.sum([model.weights[name] * voice for name, voice in model.raw(X).items()], axis=0)
    sided = p[:, 0] + p[:, 2]
    return pd.Series(np.divide(p[:, 2], sided, out=np.full(len(p), np.nan), where=sided > 0), index=X.index)


def wanted(score: pd.Series, tail: float) -> pd.Series:
    """Return 1 where `score` is above all but the share `tail` of the last bars' scores, 0 where below, else NaN.

    Only bars before count, so that nothing is known before it can be; the first bars want nothing.

    >>> wanted(pd.Series([*range(300)]), 0.2).tolist()[199:202]
    [nan, 1.0, 1.0]
    """
    before = score.shift().rolling(LAST, min_periods=FIRST)
    high, low = score > before.quantile(1.0 - tail), score < before.quantile(tail)
    return pd.Series(np.where(high, LONG, np.where(low, SHORT, np.nan)), index=score.index)
