"""Everything that is told of a backtest, as plain values: figures, intervals, breakdowns, costs, refusals."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtest import metrics
from backtest import policy as policies
from backtest.engine import Result
from market import sessions
from pipeline import backtest_ties
from pipeline.backtest_ties import AS_STOPS, Settling
from pipeline.judged import Judged
from registry.measures import LEVEL, PATHS, SEED
from registry.plain_values import plain

BY = (*metrics.BREAKDOWNS, "regime")
INTERVALS = {
    "expectancy": metrics.expectancy,
    "profit_factor": metrics.profit_factor,
    "win_rate": metrics.win_rate,
    "sharpe_per_trade": metrics.sharpe,
    "longest_losing_run": metrics.longest_losing_run,
    "drawdown_r": metrics.drawdown_r,
}

_DAYS_PER_YEAR = 365.25


class Played(NamedTuple):
    """A backtest that has run: bars up to its end, the closes on which it decided, its result, its excursions.

    `settling` is what settled its ties.
    """

    bars: pd.DataFrame
    inside: pd.DatetimeIndex
    result: Result
    excursions: pd.DataFrame
    settling: Settling = AS_STOPS


def answer(series: str, bars_sha256: str, judged: Judged, played: Played) -> dict[str, Any]:
    """Return what is told of a backtest as JSON knows it; None is what cannot be computed."""
    rules, result = judged.rules, played.result
    rows = {name: _breakdown(name, judged, played) for name in BY}
    found = {
        "series": series,
        "kind": judged.kind,
        "name": judged.name,
        "judged": judged.told,
        "run_id": None if judged.bundle is None else judged.bundle.run_id,
        "sha256": judged.sha256,
        "bars_sha256": bars_sha256,
        "first": played.inside[0].isoformat(),
        "last": played.inside[-1].isoformat(),
        "bars": len(played.inside),
        "figures": _figures(judged, played),
        "intervals": _intervals(result.trades["r"].to_numpy(float)),
        "excursions": _excursions(result.trades, played.excursions),
        "breakdown": {name: table.reset_index().to_dict("records") for name, table in rows.items()},
        "months": metrics.monthly_returns(result.equity["equity"]).to_dict(),
        "exits_by_reason": result.trades["reason"].value_counts().sort_index().to_dict(),
        "refusals": result.refusals,
        "ties": backtest_ties.told(result, played.settling),
        "policy": policies.stored(rules.policy),
        "exits": rules.exits._asdict(),
        "costs": rules.costs._asdict(),
        "risk": rules.risk._asdict(),
    }
    return plain(found)


def _figures(judged: Judged, played: Played) -> dict[str, Any]:
    trades, equity = played.result.trades, played.result.equity["equity"]
    years = (played.inside[-1] - played.inside[0]) / pd.Timedelta(days=_DAYS_PER_YEAR)
    days = sessions.trading_day(pd.DatetimeIndex(equity.index), judged.rules.market)
    money = metrics.traded(trades, played.bars, judged.rules.costs)
    cost = trades["cost"].to_numpy(float)
    return metrics.summary(trades, equity, judged.rules.market) | {
        "pnl": float(trades["pnl"].sum()),
        "annual_sharpe": metrics.annual_sharpe(trades["r"].to_numpy(float), years),
        "turnover": metrics.turnover(money, equity),
        "cost": float(cost.sum()),
        "cost_share": metrics.cost_share(trades),
        "trading_days": len(np.unique(days)),
    }


def _intervals(r: np.ndarray) -> dict[str, Any]:
    """Return the interval that holds each statistic in nine of ten histories like this one, or None."""
    return {
        name: metrics.block_bootstrap_interval(r, statistic, level=LEVEL, paths=PATHS, seed=SEED)
        for name, statistic in INTERVALS.items()
    }


def _excursions(trades: pd.DataFrame, found: pd.DataFrame) -> dict[str, Any]:
    """Return what winners and losers went through before they ended, in R; None where there was no such trade."""
    won = (trades["r"] > 0).to_numpy()
    return {name: _went_through(found[which]) for name, which in (("winners", won), ("losers", ~won))}


def _went_through(found: pd.DataFrame) -> dict[str, float] | None:
    if not len(found):
        return None
    tenths = (("median", 0.5), ("nine_in_ten", 0.9))
    return {f"{name}_{what}": float(found[name].quantile(share)) for name in found for what, share in tenths}


def _breakdown(by: str, judged: Judged, played: Played) -> pd.DataFrame:
    if by == "regime":
        return metrics.by_regime(played.result.trades, played.bars, judged.rules.exits.atr_period)
    return metrics.breakdown(played.result.trades, by, judged.rules.market)
