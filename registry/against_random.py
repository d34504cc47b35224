"""Whether the best configuration is better than random entries by the same rules, the search for it paid for."""

from typing import Any

import numpy as np
import pandas as pd

from backtest.ratios import varies
from backtest.significance import superior_predictive_ability
from market.errors import DataError, UsageError
from registry.measures import SEED
from registry.significance import FEWEST_HISTORIES, HISTORIES, LEVEL, WIDE, WIDEST, Tried
from training.ensemble import PROBABILITIES
from training.performance import out_of_fold


def coin(predictions: pd.DataFrame, labels: pd.DataFrame, end: pd.Timestamp) -> pd.Series:
    """Return what a coin's sides at the rows of `predictions` are expected to earn by day: net R, costs paid.

    The mean of going long at every row and of going short at every row, each as `training.performance.out_of_fold`
    has it; `labels` and `end` are as there.
    """
    short, long = (_always(predictions, side) for side in (0, 2))
    return (out_of_fold(long, labels, end) + out_of_fold(short, labels, end)) / 2.0


def superiority(tried: Tried, random: pd.Series) -> dict[str, Any]:
    """Return whether any configuration is better than `random` entries by day; {"why": …} where it cannot be asked.

    Hansen's p and the number of configurations that are better by themselves (Romano and Wolf), each difference
    divided by its own standard deviation.
    """
    daily = tried.daily
    differences = daily.sub(random.reindex(daily.index), axis=0).dropna()
    moving = [name for name in differences if varies(differences[name].to_numpy(np.float64))]
    if not moving or len(moving) > WIDEST:
        told = "no daily results of this run are kept" if not moving else f"{len(moving):,} configurations are too many"
        return {"why": told}
    paths = max(HISTORIES * WIDE // max(len(moving), WIDE), FEWEST_HISTORIES)
    try:
        found = superior_predictive_ability(differences[moving].to_numpy(), None, LEVEL, paths, seed=SEED)
    except (DataError, UsageError) as error:
        return {"why": str(error).rstrip(".")}
    return {"p": found.consistent, "superior": len(found.superior), "configurations": len(moving)}


def _always(predictions: pd.DataFrame, side: int) -> pd.DataFrame:
    certain = np.zeros((len(predictions), len(PROBABILITIES)))
    certain[:, side] = 1.0
    return pd.DataFrame(certain, predictions.index, list(PROBABILITIES))
