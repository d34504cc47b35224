"""How often the benchmarks would be passed by trades like these: without an edge, and with the edge that they claim."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from backtest.significance import Judged, simulated_gate_chance
from market.errors import DataError, UsageError
from registry.measures import FOLD_TRADES, NO_TRADE, SEED

HISTORIES = 4000


def chances(
    trades: pd.DataFrame, folds: Sequence[Mapping[str, Any]], bounds: Mapping[str, float], risk_per_trade: float
) -> dict[str, Any]:
    """Return the chance of each benchmark of `bounds`, and of `every` one, for histories drawn from `trades`.

    `luck` are trades of this kind moved to a mean of 0 R, `power` as they are; {"why": …} where that cannot be told.
    As many trades as there were, and folds of as many as the median fold had, 60 at least, for the gate asks no fewer.
    """
    if not len(trades):
        return {"why": NO_TRADE}
    r = trades.sort_values("t_exit", kind="stable")["r"].to_numpy(np.float64)
    of_a_fold = int(np.median([fold["trades"] for fold in folds])) if folds else 0
    judged = Judged(len(r), risk_per_trade, max(len(folds), 2), max(of_a_fold, FOLD_TRADES), HISTORIES, SEED)
    mean = float(r.mean())
    try:
        luck, power = (simulated_gate_chance(r, centre, bounds, judged) for centre in (0.0, mean))
    except (DataError, UsageError) as error:
        return {"why": str(error).rstrip(".")}
    return {"expectancy": mean, "trades": len(r), "histories": HISTORIES, "luck": luck, "power": power}
