"""The running sum of R with the open trade in it, marked at each close as equity is: for the trades of one series."""

import numpy as np
import pandas as pd

from backtest.dealings import stamps
from backtest.ratios import finite
from market.errors import DataError


def marked_r(trades: pd.DataFrame, equity: pd.Series) -> pd.Series:
    """Return at each row of `equity` the R of all trades closed by then, and what the open one would bring, in R.

    `trades` (in exit order, one at a time) and `equity` (by `ts`, from before the first entry) are of one account. An
    open trade is worth its equity over cash, in units of the money that it risks: pnl ÷ r, or for a trade that ended at
    exactly 0 its size × distance at the others' price. All 0 without trades, or where each of them ended at 0. Raises
    DataError where trades overlap or begin before equity does.
    """
    begins, ends = stamps(trades, "t_entry"), stamps(trades, "t_exit")
    if len(trades) and (begins[0] <= equity.index[0] or (begins[1:] <= ends[:-1]).any()):
        raise DataError("The running sum of R needs trades one after another, the first after equity's first row.")
    r, pnl = finite(trades["r"]), finite(trades["pnl"])
    closed = ends.searchsorted(equity.index, side="right")
    total = np.concatenate(([0.0], np.cumsum(r)))[closed]
    if not (r != 0.0).any():
        return pd.Series(total, index=equity.index)
    values = finite(equity)
    cash = values[0] + np.concatenate(([0.0], np.cumsum(pnl)))[closed]
    number = np.minimum(closed, len(trades) - 1)
    is_open = (closed < len(trades)) & np.asarray(begins[number] <= equity.index)
    return pd.Series(total + np.where(is_open, (values - cash) / _stakes(trades, r, pnl)[number], 0.0), equity.index)


def marked_drawdown_r(trades: pd.DataFrame, equity: pd.Series) -> float | None:
    """Return the largest fall of `marked_r` from its highest before (at first 0), in R; None without trades.

    `drawdown_r` looks at exits alone and is never more. Magdon-Ismail and Atiya (2004), Maximum Drawdown, Risk 17(10).
    """
    if not len(trades):
        return None
    path = marked_r(trades, equity).to_numpy()
    return float(np.max(np.maximum.accumulate(np.maximum(path, 0.0)) - path))


def _stakes(trades: pd.DataFrame, r: np.ndarray, pnl: np.ndarray) -> np.ndarray:
    """Return the money that each trade risked."""
    distance = (trades["entry"] - trades["stop"]).abs().to_numpy() * trades["size"].to_numpy(float)
    known = r != 0.0
    price = np.median(pnl[known] / (r[known] * distance[known]))
    return np.divide(pnl, r, out=distance * price, where=known)
