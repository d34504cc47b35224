"""A trade while it is made, a row of numbers, and the table that the rows become: for one series and for many."""

import numpy as np
import pandas as pd

from market.compiled import compiled
from market.execution import REASONS, Fill

ENTRY, EXIT, SIDE, SIZE, PRICE, OUT, STOP, TARGET, COST, R, PNL, REASON, SCORE = range(13)
COLUMNS = 13


@compiled
def write_entry(row: np.ndarray, i: int, size: float, filled: Fill) -> None:
    """Write what was opened on bar `i` into the row of its trade."""
    row[ENTRY] = i
    row[SIDE] = filled.opened
    row[SIZE] = size
    row[PRICE] = filled.entry
    row[STOP] = filled.stop
    row[TARGET] = filled.target


@compiled
def write_exit(row: np.ndarray, i: int, filled: Fill) -> None:
    """Write what was closed on bar `i` into the row of its trade."""
    row[EXIT] = i
    row[OUT] = filled.exit
    row[REASON] = filled.reason
    row[COST] = filled.cost
    row[R] = filled.r
    row[PNL] = filled.pnl


def trade_table(rows: np.ndarray, ts: pd.DatetimeIndex) -> pd.DataFrame:
    """Return `rows`, a trade each, as the trades table; `ts` holds the closes of the bars that the rows count."""
    columns = {
        "t_exit": ts[rows[:, EXIT].astype(np.int64)],
        "side": rows[:, SIDE].astype(np.int8),
        "size": rows[:, SIZE],
        "entry": rows[:, PRICE],
        "exit": rows[:, OUT],
        "stop": rows[:, STOP],
        "target": rows[:, TARGET],
        "cost": rows[:, COST],
        "r": rows[:, R],
        "pnl": rows[:, PNL],
        "reason": pd.array(np.array(REASONS, dtype=object)[rows[:, REASON].astype(np.int64)], dtype="str"),
        "score": rows[:, SCORE],
    }
    return pd.DataFrame(columns, index=ts[rows[:, ENTRY].astype(np.int64)].rename("t_entry"))
