"""Which configurations a run was chosen among: those of the ledger whose daily results cover the run's own days."""

from collections.abc import Sequence

import pandas as pd

from registry import deflation
from registry.ledger import Entry
from registry.significance import Tried

SHARED = 0.80  # of the run's days: tuning in the last folds and in the final model reaches as far


def tried(entries: Sequence[Entry], daily: pd.DataFrame, model: str, cost: deflation.Deflation) -> Tried:
    """Return what the run of the bundle `model` was chosen among; `daily` are the kept results of every trial."""
    trials = [one for one in entries if one.kind == "trial"]
    own = [one.name for one in trials if one.part == "run" and one.model == model and one.name in daily]
    averaged = deflation.by_configuration(trials, daily)[0]
    days = daily.index[daily[own[-1]].notna()] if own else daily.index[:0]
    inside = averaged.loc[days]
    covering = inside.columns[(inside.notna().mean() >= SHARED) & bool(len(days))]
    return Tried(cost.configurations, max(cost.effective_trials, 1.0), inside[covering].dropna())
