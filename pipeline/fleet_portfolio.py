"""The READY models of a fleet on one account: each by the rules it was judged by, all under limits that they share."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from backtest import metrics
from backtest.correlation import Correlation
from backtest.portfolio import Book, Result, simulate
from backtest.risk import Risk
from market import tables
from pipeline.fleet_independence import daily_returns
from pipeline.verdict import bundle_folder
from pipeline.workspace import Workspace
from registry import champion
from registry.card import Card
from registry.champion import Bundle
from registry.report.svg import thinned

_DAYS_PER_YEAR = 365.25
_POINTS = 600  # of the equity that is drawn


def of(targets: Mapping[str, Workspace], ready: Mapping[str, Card]) -> dict[str, Any]:
    """Return what the `ready` models earn on one account in their judged windows; {"why": …} where there is none.

    Each trades from its first judged bar to its last. Limits are the strictest that any of them was judged by, open
    risk that of correlated positions. It was not judged together: this chooses nothing and is no gate.
    """
    if not ready:
        return {"why": "No model is READY: there is nothing to put on an account."}
    loaded = {
        name: champion.load_bundle(bundle_folder(targets[name], card.bundle_sha256), card.bundle_sha256, card.run_id)
        for name, card in ready.items()
    }
    books = [_book(targets[name], bundle) for name, bundle in loaded.items()]
    risk = strictest([bundle.risk for bundle in loaded.values()])
    return _told(simulate(books, risk, Correlation()), risk)


def strictest(risks: list[Risk]) -> Risk:
    """Return the lowest of each number.

    >>> strictest([Risk(per_trade=0.01), Risk(daily_loss=0.01)])[1:4]
    (0.005, 0.05, 0.01)
    """
    return Risk(*(min(values) for values in zip(*risks, strict=True)))


def _book(target: Workspace, bundle: Bundle) -> Book:
    end = pd.Timestamp(bundle.meta["window"]["cut_off"])
    bars = tables.read_table(target.bars, tables.BARS).loc[:end]
    score = tables.read_table(target.run / "score.parquet", tables.SCORE)
    return Book(target.series.name, bars, score, bundle.policy, bundle.exits, bundle.costs, bundle.market)


def _told(result: Result, risk: Risk) -> dict[str, Any]:
    equity, trades = result.equity["equity"], result.trades
    daily = daily_returns(equity)
    years = max(len(daily), 1) / max((daily.index[-1] - daily.index[0]).days + 1, 1) * _DAYS_PER_YEAR
    spread = float(daily.std(ddof=1)) if len(daily) > 1 else 0.0
    counted = trades["series"].value_counts()
    return {
        "series": sorted({*result.refusals}),
        "first": equity.index[0].isoformat(),
        "last": equity.index[-1].isoformat(),
        "trades": len(trades),
        "trades_by_series": {name: int(counted.get(name, 0)) for name in sorted(result.refusals)},
        "profit_factor": metrics.profit_factor(trades["r"]),
        "win_rate": metrics.win_rate(trades["r"]),
        "total_return": float(equity.iloc[-1] / equity.iloc[0] - 1.0),
        "max_drawdown": metrics.max_drawdown(equity),
        "daily_sharpe": float(daily.mean() / spread * years**0.5) if spread else None,
        "equity": _drawn(equity),
        "refused": {reason: sum(one.get(reason, 0) for one in result.refusals.values()) for reason in _reasons(result)},
        "risk": risk._asdict(),
    }


def _drawn(equity: pd.Series) -> dict[str, list[Any]]:
    """Return the rows that draw like all: `ts` as ISO 8601 text and `value`."""
    kept = equity.iloc[thinned(equity.to_numpy(), _POINTS)]
    return {"ts": [stamp.isoformat() for stamp in kept.index], "value": kept.round(2).tolist()}


def _reasons(result: Result) -> list[str]:
    return sorted({reason for one in result.refusals.values() for reason in one} - {"none"})
