"""How many independent bets the models of a fleet are: the correlation of what they earn each day."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from backtest import multiplicity
from backtest.correlation import utc_day
from market import tables
from pipeline.workspace import Workspace

_MOST_ALIKE = 5


def of(targets: Mapping[str, Workspace]) -> dict[str, Any]:
    """Return the mean correlation of all pairs' daily returns, the effective number of models and the pairs most alike.

    Of judged windows, on the UTC days that both of a pair have; `pairs` holds those with so many common days, others
    count as unlike. A model that did not trade is no bet at all: `traded` are the others, which alone are counted.
    """
    every = {name: daily_returns(_equity(target)) for name, target in targets.items()}
    daily = pd.DataFrame({name: returns for name, returns in every.items() if returns.any()})
    if daily.empty:
        none = {"days": 0, "mean_correlation": 0.0, "effective": 0.0, "most_alike": [], "pairs": []}
        return {"models": len(every), "traded": 0} | none
    mean = multiplicity.mean_correlation(daily.to_numpy())
    known = daily.corr(min_periods=multiplicity.LEAST_COMMON_DAYS).to_numpy()
    names = list(daily)
    pairs = [
        {"first": names[a], "second": names[b], "correlation": round(float(known[a, b]), 4)}
        for a, b in zip(*np.triu_indices(len(names), 1), strict=True)
        if np.isfinite(known[a, b])
    ]
    return {
        "models": len(every),
        "traded": len(names),
        "days": int((daily.notna().sum(axis=1) > 1).sum()),
        "mean_correlation": round(mean, 4),
        "effective": round(multiplicity.effective_number(len(names), mean), 2),
        "most_alike": sorted(pairs, key=lambda one: -one["correlation"])[:_MOST_ALIKE],
        "pairs": pairs,
    }


def daily_returns(equity: pd.Series) -> pd.Series:
    """Return the return of each UTC day on which there are rows, the first day's from the first row.

    >>> ts = pd.DatetimeIndex(["2024-01-02 10:00", "2024-01-02 11:00", "2024-01-03 10:00"], tz="UTC").as_unit("us")
    >>> daily_returns(pd.Series([100.0, 110.0, 99.0], index=ts)).tolist()
    [0.1, -0.1]
    """
    day = utc_day(pd.DatetimeIndex(equity.index).as_unit("us").asi8)
    last = equity.to_numpy()[np.flatnonzero(np.diff(day, append=day[-1] + 1))] if len(day) else np.array([])
    before = np.append(equity.to_numpy()[:1], last[:-1])
    days = np.unique(day).astype("datetime64[D]").astype("datetime64[us]")
    return pd.Series(np.round((last - before) / before, 12), index=pd.DatetimeIndex(days, tz="UTC"))


def _equity(target: Workspace) -> pd.Series:
    return tables.read_table(target.run / "equity.parquet", tables.EQUITY)["equity"]
