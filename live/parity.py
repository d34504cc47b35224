"""Parity: the live journal against the backtest, bar by bar and trade by trade, to the first thing that differs."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from live.brokers import Execution
from live.journal import Decision

BAR_FIELDS = ("open", "high", "low", "close", "volume", "spread")
SCORE_FIELDS = ("score", "expected_r_long", "expected_r_short", "confidence")
TRADE_FIELDS = ("t_exit", "side", "size", "entry", "exit", "stop", "target", "cost", "r", "pnl", "reason", "score")


class Divergence(NamedTuple):
    """The first difference: at the close `ts`, in `what` (bar, missing bar, trade …), field by field."""

    ts: pd.Timestamp
    what: str
    field: str
    live: Any
    backtest: Any


class Parity(NamedTuple):
    """Trades of either side, those equal in every field, scores that differ, and the first divergence."""

    total: int
    matched: int
    bars: int
    scores_differing: int
    first_divergence: Divergence | None


def compare(
    decisions: list[Decision],
    executions: list[Execution],
    bars: pd.DataFrame,
    score: pd.DataFrame,
    trades: pd.DataFrame,
) -> Parity:
    """Return how the live journal compares with the backtest's `trades` of `score` on `bars`.

    `bars` and `score` are what the backtest saw from the first to the last decision. Every field of a trade must be the
    same, bit for bit: stamps, side, size, prices, cost, R, pnl, reason and score.
    """
    seen = table_of(decisions)
    live = trades_of(executions, decisions)
    found = [*_bars_apart(seen, bars), *_trades_apart(live, trades)]
    scores_apart = _scores_apart(seen, score)
    differing = {divergence.ts for divergence in _trades_apart(live, trades)}
    total = len(live.index.union(trades.index))
    return Parity(
        total=total,
        matched=total - len(differing),
        bars=len(seen),
        scores_differing=len(scores_apart),
        first_divergence=min(found, key=lambda one: (one.ts, one.what), default=None),
    )


def table_of(decisions: list[Decision]) -> pd.DataFrame:
    """Return decisions as a table indexed by `ts`."""
    table = pd.DataFrame(decisions, columns=list(Decision._fields))
    table.index = stamps(table.pop("ts")).rename("ts")
    return table


def trades_of(executions: list[Execution], decisions: list[Decision]) -> pd.DataFrame:
    """Return the trades table that `executions` of one series make; a position that is still open is no trade yet."""
    scores = {one.ts: one.score for one in decisions if one.side != 0}
    decided = sorted(scores)
    rows, entry = [], None
    for one in executions:
        if one.kind == "open":
            entry = one
        elif entry is not None:
            score = scores[decided[int(np.searchsorted(decided, entry.ts)) - 1]]
            prices = (entry.price, one.price, one.stop, one.target)
            money = (one.cost, one.r, one.pnl, one.reason, score)
            rows.append((entry.ts, one.ts, entry.side, entry.size, *prices, *money))
            entry = None
    table = pd.DataFrame(rows, columns=["t_entry", *TRADE_FIELDS])
    table["t_exit"] = stamps(table["t_exit"])
    table.index = stamps(table.pop("t_entry")).rename("t_entry")
    return table


def stamps(microseconds: pd.Series) -> pd.DatetimeIndex:
    """Return whole microseconds since 1970 as UTC stamps."""
    return pd.DatetimeIndex(np.asarray(microseconds, dtype=np.int64).astype("datetime64[us]")).tz_localize("UTC")


def _bars_apart(seen: pd.DataFrame, bars: pd.DataFrame) -> list[Divergence]:
    """Return the first bar that only one side has, and the first field of the first bar that differs."""
    found = []
    for missing, live, backtest in (
        (bars.index.difference(seen.index), "missing", "there"),
        (seen.index.difference(bars.index), "there", "missing"),
    ):
        if len(missing):
            found.append(Divergence(missing[0], "bar", "ts", live, backtest))
    both = seen.index.intersection(bars.index)
    for name in BAR_FIELDS:
        live, backtest = seen.loc[both, name].to_numpy(dtype=float), bars.loc[both, name].to_numpy(dtype=float)
        apart = np.flatnonzero(live != backtest)
        if len(apart):
            at = int(apart[0])
            found.append(Divergence(both[at], "bar", name, float(live[at]), float(backtest[at])))
    return found


def _scores_apart(seen: pd.DataFrame, score: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the stamps of the decisions whose score is another one; where `score` has no row, none is wanted."""
    live, backtest = (part[list(SCORE_FIELDS)].to_numpy(dtype=float) for part in (seen, score.reindex(seen.index)))
    same = (live == backtest) | (np.isnan(live) & np.isnan(backtest))
    return pd.DatetimeIndex(seen.index[~same.all(axis=1)])


def _trades_apart(live: pd.DataFrame, backtest: pd.DataFrame) -> list[Divergence]:
    """Return the first difference of every trade that is not the same on both sides."""
    found = []
    for ts in live.index.union(backtest.index):
        if ts not in backtest.index:
            found.append(Divergence(ts, "trade", "t_entry", "there", "missing"))
        elif ts not in live.index:
            found.append(Divergence(ts, "trade", "t_entry", "missing", "there"))
        else:
            one, other = live.loc[ts], backtest.loc[ts]
            apart = [name for name in TRADE_FIELDS if one[name] != other[name]]
            found += [Divergence(ts, "trade", apart[0], one[apart[0]], other[apart[0]])] if apart else []
    return found
