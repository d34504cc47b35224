"""A fold of the walk-forward, fitted on what came before its block and judged on it."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtest import metrics
from backtest.engine import run
from training import calibration, ensemble, fold
from training.dataset import Dataset, base_rate, drop_labels_past
from training.journals import Journals
from training.parts import Part
from training.plan import Plan
from training.skill import skill
from training.trials import Trial


class Judged(NamedTuple):
    """A judged fold: its figures (JSON values), calibrated predictions of its block, the members' raw ones, trials."""

    figures: dict[str, Any]
    predictions: pd.DataFrame
    raw: dict[str, np.ndarray]
    rounds: dict[str, int]
    trials: list[Trial]


def judge(
    number: int,
    part: Part,
    data: Dataset,
    bars: pd.DataFrame,
    plan: Plan,
    edges: pd.DatetimeIndex,
    store: Journals | None = None,
) -> Judged:
    """Fit fold `number` on the rows of `data` that train in `part` and judge it on its block, on a fresh account."""
    train_part, block = data.take(part.train), data.take(part.test)
    train_end = train_part.X.index[-1]
    known = bars.loc[: train_part.t1.max()]
    span = (train_end - edges[0]) / (edges[1] - edges[0])
    fitted = fold.fit(train_part, known, plan, span, part.name, store)
    model = fitted.ensemble
    predictions = model.predict(block.X)
    venue = plan.venue
    result = run(
        bars.loc[: edges[number + 1]],
        ensemble.score(predictions, model.outcomes),
        fitted.choice.policy(venue.guards),
        venue.exits,
        venue.costs,
        venue.risk,
        venue.market,
    )
    rates = base_rate(train_part)
    figures = {
        "fold": number,
        "train_start": train_part.X.index[0].isoformat(),
        "train_end": train_end.isoformat(),
        "test_start": block.X.index[0].isoformat(),
        "test_end": block.X.index[-1].isoformat(),
        "rows": len(train_part.y),
        "purged": part.audit.purged,
        "embargoed": part.audit.embargoed,
        "test_rows": len(block.y),
        "rounds": fitted.rounds,
        "calibrations": {name: calibration.named(one) for name, one in model.calibrations.items()},
        "thresholds": fitted.choice.described(),
        "cost_r": cost_in_r(result.trades),
        "inner_trades": fitted.choice.trades,
        "inner_expectancy": fitted.choice.expectancy,
        "features": list(model.features),
        "refusals": result.refusals,
        "losses": int((result.trades["r"] < 0).sum()),
    }
    figures["base_rate"] = rates.tolist()
    figures["splits"] = [part.told(), *(inner.told(part.name) for inner in fitted.splits)]
    figures["trials"] = [trial.told() for trial in fitted.trials]
    figures |= skill(drop_labels_past(block, edges[number + 1]), predictions, rates, venue.exits.bars)
    figures |= metrics.summary(result.trades, result.equity["equity"], venue.market)
    return Judged(figures, predictions.assign(fold=number), model.raw(block.X), fitted.rounds, fitted.trials)


def cost_in_r(trades: pd.DataFrame) -> float | None:
    """Return what trading cost in multiples of the risk taken, everything included; None without trades."""
    at_risk = (trades["pnl"] / trades["r"].where(trades["r"] != 0)).sum()
    return float(trades["cost"].sum() / at_risk) if len(trades) and at_risk > 0 else None
