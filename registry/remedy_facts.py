"""The facts on which rules of remedies look: what failed, and what the folds of the run say about why."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from registry.gates import Gate
from registry.measures import FOLD_TRADES

NO_TRADE = "no trade"


class Facts(NamedTuple):
    """What the rules look at; numbers that were not measured are None. `earning` folds had a mean R above 0."""

    failed: dict[str, Gate]
    folds: int
    skilled: int | None
    without_trade: int
    thin: int
    trades: float | None
    expectancy: float | None
    cost_share: float | None
    fold_profit_factor: float | None
    oos_profit_factor: float | None
    risk_per_trade: float | None
    earning: int
    computed: bool


def gather(
    gates: Sequence[Gate],
    folds: Sequence[Mapping[str, Any]],
    oos: Mapping[str, float | int | None],
    risk_per_trade: float | None,
    computed: bool,
) -> Facts:
    """Return the facts that the rules need, medians over the folds where they are of folds.

    `computed` says whether changes of how is traded were tried on the folds.
    """
    lows = [fold["skill_low"] for fold in folds if "skill_low" in fold]
    trades = _median(folds, "trades")
    expectancy, cost = _median(folds, "expectancy"), _median(folds, "cost_r")
    gross = None if expectancy is None or cost is None else expectancy + cost
    return Facts(
        failed={gate.name: gate for gate in gates if not gate.passed},
        folds=len(folds),
        skilled=sum(low is not None and low > 0 for low in lows) if lows else None,
        without_trade=sum(fold.get("thresholds", "") in (None, NO_TRADE) for fold in folds),
        thin=sum(fold.get("trades", FOLD_TRADES) < FOLD_TRADES for fold in folds),
        trades=trades,
        expectancy=expectancy,
        cost_share=cost / gross if cost is not None and gross is not None and gross > 0 else None,
        fold_profit_factor=_median(folds, "profit_factor"),
        oos_profit_factor=oos.get("profit_factor"),
        risk_per_trade=risk_per_trade,
        earning=sum((fold.get("expectancy") or 0.0) > 0.0 for fold in folds),
        computed=computed,
    )


def _median(folds: Sequence[Mapping[str, Any]], name: str) -> float | None:
    values = [fold[name] for fold in folds if fold.get(name) is not None]
    return float(np.median(values)) if values else None
