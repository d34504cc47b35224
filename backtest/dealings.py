"""How much was traded and what it cost: durations, exposure, turnover and costs of a trades table.

`t_entry` may be the table's index or a column. What cannot be computed is None.
"""

import numpy as np
import pandas as pd

from market.errors import DataError
from market.execution import Costs, usd_per_quote


def durations(trades: pd.DataFrame) -> np.ndarray:
    """Return the hours from the bar of the entry to the bar of the exit for each trade; 0 within one bar."""
    return ((stamps(trades, "t_exit") - stamps(trades, "t_entry")) / pd.Timedelta(hours=1)).to_numpy()


def exposure(trades: pd.DataFrame, equity: pd.Series) -> float | None:
    """Return the share of bars in which a position stood, entry and exit bars included; None without bars."""
    if not len(equity):
        return None
    if not len(trades):
        return 0.0
    opened = equity.index.searchsorted(stamps(trades, "t_entry"))
    closed = equity.index.searchsorted(stamps(trades, "t_exit"))
    change = np.zeros(len(equity) + 1)
    np.add.at(change, opened, 1.0)
    np.add.at(change, closed + 1, -1.0)
    return float(np.mean(np.cumsum(change)[:-1] > 0))


def trades_per_day(trades: pd.DataFrame, trading_day: np.ndarray) -> float | None:
    """Return trades per trading day; `trading_day` holds the day of each bar of the span; None without bars."""
    days = len(np.unique(trading_day))
    return len(trades) / days if days else None


def traded(trades: pd.DataFrame, bars: pd.DataFrame, costs: Costs) -> np.ndarray:
    """Return the money that changed hands in each trade, its entry and its exit together, in USD.

    `bars` (by `ts`) hold the bars of entry and exit, whose rate converts where prices are not in USD.
    """
    rate = pd.Series(usd_per_quote(bars, costs), index=bars.index)
    money = np.zeros(len(trades))
    for stamp, price in (("t_entry", "entry"), ("t_exit", "exit")):
        at = stamps(trades, stamp)
        missing = ~at.isin(rate.index)
        if missing.any():
            raise DataError(f"A trade has its {stamp} at {at[missing][0]}, where there is no bar.")
        money += trades[price].to_numpy(float) * rate.loc[at].to_numpy()
    return money * trades["size"].to_numpy(float) * costs.contract_size


def turnover(traded: np.ndarray, equity: pd.Series) -> float | None:
    """Return the money that changed hands over the average equity, buying and selling both counted.

    Grinold and Kahn (2000), Active Portfolio Management, ch. 16, without halving. None without equity.

    >>> turnover(np.array([150.0, 50.0]), pd.Series([90.0, 110.0]))
    2.0
    """
    average = float(equity.mean()) if len(equity) else 0.0
    return float(np.sum(traded) / average) if average > 0 else None


def cost_share(trades: pd.DataFrame) -> float | None:
    """Return what was paid in costs over what the trades made before them; None where they made nothing.

    Costs are spread, slippage, commission and swap; 1 and more means that they ate all of it.

    >>> cost_share(pd.DataFrame({"pnl": [90.0, -40.0], "cost": [10.0, 15.0]}))
    0.3333333333333333
    """
    cost = float(trades["cost"].sum())
    gross = float(trades["pnl"].sum()) + cost
    return cost / gross if gross > 0 else None


def stamps(trades: pd.DataFrame, name: str) -> pd.DatetimeIndex:
    """Return `t_entry` or `t_exit` of each trade, an index or a column."""
    return pd.DatetimeIndex(trades.index if trades.index.name == name else trades[name])
