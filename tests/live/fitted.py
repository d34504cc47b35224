"""A real model for the runner: three members on features of every group, fitted quickly, made to trade often."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

import feature_store
import labels
from backtest import Policy, Risk
from labels import EVERY_BAR, Sampling
from market.execution import Exits
from market.instruments import instrument
from registry.champion import Bundle
from training.calibration import IDENTITY
from training.ensemble import Ensemble, Outcomes
from training.members import MEMBERS, Sample

WEIGHTS = {"xgboost": 0.4, "lightgbm": 0.4, "logistic": 0.2}
FREE = Risk(daily_loss=1.0, max_consecutive_losses=1_000_000, max_trades_per_day=1_000_000)


def bundle(
    series: str,
    bars: pd.DataFrame,
    count: int = 0,
    rounds: int = 100,
    groups: Sequence[str] | None = None,
    companions: Mapping[str, pd.DataFrame] | None = None,
    sampling: Sampling = EVERY_BAR,
) -> Bundle:
    """Return a model fitted on the events of `bars`, on `count` features of `groups` (0: every one; None: all groups).

    What outcomes are said to pay is made up, so that it trades whatever it believes, and no limit of a day stops it.
    """
    table = feature_store.compute(bars, groups, companions=companions).dropna()
    names = list(table.columns) if count == 0 else list(table.columns[:: table.shape[1] // count][:count])
    exits, costs = Exits(1.4, 1.0, 50), instrument("XAUUSD").costs
    made = labels.triple_barrier(bars, exits, costs, labels.sampled(bars, sampling), "metal")
    rows = table.index.intersection(made.index)
    X = np.ascontiguousarray(table.loc[rows, names].to_numpy())
    sample = Sample(X, made.loc[rows, "y"].to_numpy(), np.ones(len(rows)))
    members = {name: MEMBERS[name].fit(sample, held_out=None, rounds=rounds, seed=1) for name in WEIGHTS}
    paid = Outcomes((-1.0, 0.1, 1.4), (1.4, 0.1, -1.0))
    groups = sorted({name.partition("__")[0] for name in names})
    return Bundle(
        series=series,
        run_id="fitted",
        sha256="0" * 64,
        model=Ensemble(tuple(names), members, WEIGHTS, dict.fromkeys(WEIGHTS, IDENTITY), paid),
        policy=Policy(0.5, 0.5),
        risk=FREE,
        exits=exits,
        costs=costs,
        market="metal",
        lookback=feature_store.lookback(groups),
        meta={"window": {"cut_off": rows[-1].isoformat()}, "companions": {symbol: {} for symbol in companions or {}}},
        sampling=sampling,
    )
