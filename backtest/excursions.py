"""How far a trade went against its holder and how far with him before it ended, in R.

Maximum adverse and favourable excursion: Sweeney (1997), Maximum Adverse Excursion, Wiley. Prices are those at which
the side could have closed: the bid for a long, bid + spread for a short. The distance is counted from the price paid,
so a trade begins with its spread and slippage against it; the exit's own slippage is not counted.
"""

import numpy as np
import pandas as pd

from backtest.dealings import stamps
from market.errors import DataError

_TOUCH = 1e-9  # of the risk


def excursions(trades: pd.DataFrame, bars: pd.DataFrame) -> pd.DataFrame:
    """Return `mae` and `mfe` of each trade, both as multiples of its initial risk, never negative, in its order.

    `bars` (by `ts`, with open high low spread) hold every bar of every trade. An entry is at the open, so the entry bar
    counts whole. Inside a bar the adverse extreme is taken to come first, as in the fill rules: a bar that ends at
    the stop gives no more with the trade than its open, one that ends at the target counts whole against it; neither
    goes beyond stop and target. Where a bar opens beyond one of them, that open is all of it. The risk is the distance
    from entry to stop: half a tick at most from the one that sizes. Raises DataError where there is no bar.
    """
    first, last = (_positions(trades, bars, name) for name in ("t_entry", "t_exit"))
    side = trades["side"].to_numpy(float)
    entry, stop, target = (side * trades[name].to_numpy(float) for name in ("entry", "stop", "target"))
    opens, worst, best = _mirrored(bars, side > 0, last)
    risk = entry - stop
    near = _TOUCH * risk
    gone = (opens <= stop + near) | (opens >= target - near)
    stopped = (trades["reason"] == "stop").to_numpy()
    adverse = np.where(gone, opens, np.maximum(worst, stop))
    favourable = np.where(gone | stopped, opens, np.minimum(best, target))
    low, high = _before(bars, side > 0, first, last)
    mae = np.maximum(entry - np.minimum(adverse, low), 0.0) / risk
    mfe = np.maximum(np.maximum(favourable, high) - entry, 0.0) / risk
    return pd.DataFrame({"mae": mae, "mfe": mfe}, index=trades.index)


def _positions(trades: pd.DataFrame, bars: pd.DataFrame, name: str) -> np.ndarray:
    at = bars.index.get_indexer(stamps(trades, name))
    if (at < 0).any():
        raise DataError(f"A trade has its {name} at {stamps(trades, name)[at < 0][0]}, where there is no bar.")
    return at


def _mirrored(bars: pd.DataFrame, long: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return open, adverse and favourable extreme of the bars `at` on the trades' sides, those of shorts negated."""
    opens, high, low, spread = (bars[name].to_numpy(float)[at] for name in ("open", "high", "low", "spread"))
    mirrored = [np.where(long, bid, -(other + spread)) for bid, other in ((opens, opens), (low, high), (high, low))]
    return mirrored[0], mirrored[1], mirrored[2]


def _before(bars: pd.DataFrame, long: np.ndarray, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the extremes, adverse and favourable, of the bars from the entry to the one before the exit.

    Where there is none, +∞ and −∞. Those of shorts are negated asks.
    """
    if not len(first):
        return np.array([]), np.array([])
    high, low, spread = (bars[name].to_numpy(float) for name in ("high", "low", "spread"))
    spans = np.column_stack([first, last]).ravel()
    lowest, highest = np.minimum.reduceat(low, spans)[::2], np.maximum.reduceat(high, spans)[::2]
    lowest_ask = np.minimum.reduceat(low + spread, spans)[::2]
    highest_ask = np.maximum.reduceat(high + spread, spans)[::2]
    adverse, favourable = np.where(long, lowest, -highest_ask), np.where(long, highest, -lowest_ask)
    none = first == last
    return np.where(none, np.inf, adverse), np.where(none, -np.inf, favourable)
